/* One record of the page: its two sides, its maps, and what they are made of. Read when it is first shown. */

/** @typedef {'encoder' | 'decoder' | 'cross'} Place */

/**
 * What the page keeps of a place. Letters: L layers, H heads, G heads that have keys of their own, T queries, S keys,
 * K width of a head.
 *
 * @typedef {object} PlaceFacts
 * @property {number[]} layers their numbers in the model
 * @property {number[]} heads
 * @property {[number, number, number, number]} shape L, H, T, S
 * @property {string} kept what an export kept: "weights", "qk", "top-4"
 * @property {Packed} weights (L,H,T,S)
 * @property {number} error by how much they differ from those they were made from, at most
 * @property {PlaceVectors | null} vectors
 */

/**
 * What the weights of a place are made of.
 *
 * @typedef {object} PlaceVectors
 * @property {Packed} query (L,H,T,K)
 * @property {Packed} key (L,G,S,K)
 * @property {Packed | null} value (L,G,S,K)
 * @property {Packed | null} bias (L,H,T,S), added to the scores
 * @property {number} width K
 * @property {number} key_heads G
 * @property {number} scaling
 * @property {boolean} is_causal whether query i sees the keys 0 to i alone
 * @property {number} error by how much weights made from them differ from the true ones, at most
 */

/** @typedef {'query' | 'key' | 'value' | 'bias'} VectorName */

/**
 * One side of a sentence pair, as payload.py writes it.
 *
 * @typedef {{text: string, tokens: string[], words: string[], gaps: number[], word_of_token: (number | null)[]}}
 *   SideData
 */

/**
 * A sentence pair, as payload.py writes it; with the places that were kept.
 *
 * @typedef {{id: string, source: SideData, target: SideData, special: Special, places: Record<Place, PlaceFacts>}}
 *   RecordData
 */

/**
 * A map as it is shown: the mean of some heads of a place, merged into rows and columns; or a difference of two.
 *
 * @typedef {object} MergedMap
 * @property {Sentence} sentence
 * @property {Place} place
 * @property {number[]} heads flat positions, layer * H + head
 * @property {Group[]} rows
 * @property {Group[]} columns
 * @property {Float32Array} weights rows x columns numbers
 * @property {Float32Array[]} masses for each head, what its rows were divided by
 * @property {Unit} unit
 * @property {Special} special
 * @property {number} highest
 * @property {boolean} [isDifference]
 */

/** @type {Place[]} */
const PLACES = ['encoder', 'decoder', 'cross'];
const PLACE_TITLES = { encoder: 'Encoder self-attention', decoder: 'Decoder self-attention', cross: 'Cross-attention' };
const PLACE_SAYS = {
  encoder: 'Every word of the source looks at every word of the source, itself included.',
  decoder:
    'Before it writes a word, the decoder looks at what it has read so far: ' +
    'the start mark and the words already written.',
  cross:
    'Before it writes a word, the decoder looks at the source: ' +
    'queries come from the translation, keys and values from the source.',
};

class Sentence {
  /** @param {number} number */
  constructor(number) {
    this.number = number;
    /** @type {RecordData} */
    const data = JSON.parse(byId(`record-${number}`).textContent);
    this.id = data.id;
    this.source = data.source;
    this.target = data.target;
    this.special = data.special;
    this.data = data.places;
    this.places = PLACES.filter((place) => place in data.places);
    /** @type {Map<string, Float32Array>} */
    this.unpacked = new Map();
    /** @type {Map<string, MergedMap>} */
    this.merged = new Map();
  }

  /**
   * What is kept of a place.
   *
   * @param {Place} place
   */
  facts(place) {
    return this.data[place];
  }

  /**
   * The rows and the columns of a place before they are grouped.
   *
   * @param {Place} place
   * @returns {[Side, Side]}
   */
  sides(place) {
    /** @type {(data: SideData, name: string) => Side} */
    const side = (data, name) => ({ ...data, name, wordOf: data.word_of_token, first: 0 });
    const source = side(this.source, 'source');
    const written = side(this.target, 'target');
    /** @type {Side} */
    const read = {
      ...written,
      tokens: [START, ...written.tokens.slice(0, -1)],
      wordOf: [null, ...written.wordOf.slice(0, -1)],
      first: 1,
    };
    /** @type {Record<Place, [Side, Side]>} */
    const sides = { encoder: [source, source], decoder: [written, read], cross: [written, source] };
    return sides[place];
  }

  /**
   * The weights of one head, T x S; layer and head are positions among those kept.
   *
   * @param {Place} place
   * @param {number} layer
   * @param {number} head
   */
  weights(place, layer, head) {
    const all = this.array(place, 'weights', this.facts(place).weights);
    const [, heads, rows, columns] = this.facts(place).shape;
    const start = (layer * heads + head) * rows * columns;
    return all.subarray(start, start + rows * columns);
  }

  /**
   * The query (T x K), key or value (S x K), or the bias (T x S), of one head; null where it was not kept.
   *
   * @param {Place} place
   * @param {VectorName} name
   * @param {number} layer
   * @param {number} head
   */
  vectors(place, name, layer, head) {
    const kept = this.facts(place).vectors;
    const packed = kept && kept[name];
    if (!packed) return null;
    const all = this.array(place, name, packed);
    const [layers, heads] = this.facts(place).shape;
    const own = name === 'key' || name === 'value' ? kept.key_heads : heads;
    const size = all.length / (layers * own);
    const start = (layer * own + Math.floor((head * own) / heads)) * size;
    return all.subarray(start, start + size);
  }

  /**
   * Merge some heads of a place: the mean of their maps.
   *
   * @param {Place} place
   * @param {number[]} heads flat positions, layer * H + head
   * @param {Unit} unit
   * @param {Special} special
   * @returns {MergedMap}
   */
  map(place, heads, unit, special) {
    const name = `${place} ${heads} ${unit} ${special}`;
    let map = this.merged.get(name);
    if (!map) {
      if (this.merged.size > 400) this.merged.clear();
      map = this.merge(place, heads, unit, special);
      this.merged.set(name, map);
    }
    return map;
  }

  /** @type {Sentence['map']} */
  merge(place, heads, unit, special) {
    const [rowSide, columnSide] = this.sides(place);
    const rows = groupsOf(rowSide, unit, special);
    const columns = columnsOf(columnSide, unit, special);
    const [, headCount, , width] = this.facts(place).shape;
    const weights = new Float32Array(rows.length * columns.length);
    const masses = [];
    for (const flat of heads) {
      const own = this.weights(place, Math.floor(flat / headCount), flat % headCount);
      const merged = merge(own, width, rows, columns, special);
      masses.push(merged.masses);
      for (let i = 0; i < weights.length; i += 1) weights[i] += merged.weights[i] / heads.length;
    }
    const highest = weights.reduce((most, weight) => Math.max(most, weight), 0);
    return { sentence: this, place, heads, rows, columns, weights, masses, unit, special, highest };
  }

  /**
   * Unpack an array of a place, once.
   *
   * @param {Place} place
   * @param {VectorName | 'weights'} name
   * @param {Packed} packed
   */
  array(place, name, packed) {
    const key = `${place} ${name}`;
    let array = this.unpacked.get(key);
    if (!array) {
      array = unpack(packed);
      this.unpacked.set(key, array);
    }
    return array;
  }
}

/**
 * Whether the decoder may not see a column yet: it is read after the row is written.
 *
 * @param {MergedMap} map
 * @param {number} row
 * @param {number} column
 */
function isHidden(map, row, column) {
  if (map.place !== 'decoder') return false;
  return map.columns[column].tokens[0] > last(map.rows[row].tokens);
}

/**
 * Name some heads: "layer 1, head 0", "layer 1, mean of 4 heads".
 *
 * @param {Sentence} sentence
 * @param {Place} place
 * @param {number[]} heads flat positions
 */
function nameHeads(sentence, place, heads) {
  const { layers, heads: numbers } = sentence.facts(place);
  const layerOf = (/** @type {number} */ flat) => Math.floor(flat / numbers.length);
  if (heads.length === 1) return `layer ${layers[layerOf(heads[0])]}, head ${numbers[heads[0] % numbers.length]}`;
  const inOneLayer = heads.every((flat) => layerOf(flat) === layerOf(heads[0]));
  if (heads.length === layers.length * numbers.length) return `mean of all ${heads.length} heads`;
  return `${inOneLayer ? `layer ${layers[layerOf(heads[0])]}, ` : ''}mean of ${heads.length} heads`;
}
