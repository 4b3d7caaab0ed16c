/* One record of the page: its two sides, its maps, and what they are made of. Read when it is first shown. */

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
  constructor(number) {
    this.number = number;
    const data = JSON.parse(byId(`record-${number}`).textContent);
    this.id = data.id;
    this.source = data.source;
    this.target = data.target;
    this.special = data.special;
    this.data = data.places;
    this.places = PLACES.filter((place) => place in data.places);
    this.unpacked = new Map();
    this.merged = new Map();
  }

  /** What is kept of a place: {layers, heads, shape, kept, error, vectors}. */
  facts(place) {
    return this.data[place];
  }

  /** The rows and the columns of a place before they are grouped. */
  sides(place) {
    const side = (data, name) => ({ ...data, name, wordOf: data.word_of_token, first: 0 });
    const source = side(this.source, 'source');
    const written = side(this.target, 'target');
    const read = {
      ...written,
      tokens: [START, ...written.tokens.slice(0, -1)],
      wordOf: [null, ...written.wordOf.slice(0, -1)],
      first: 1,
    };
    return { encoder: [source, source], decoder: [written, read], cross: [written, source] }[place];
  }

  /** The weights of one head, T x S; layer and head are positions among those kept. */
  weights(place, layer, head) {
    const all = this.array(place, 'weights', this.facts(place).weights);
    const [, heads, rows, columns] = this.facts(place).shape;
    const start = (layer * heads + head) * rows * columns;
    return all.subarray(start, start + rows * columns);
  }

  /** The query (T x K), key or value (S x K) of one head; null where it was not kept. */
  vectors(place, name, layer, head) {
    const kept = this.facts(place).vectors;
    if (!kept || !kept[name]) return null;
    const all = this.array(place, name, kept[name]);
    const [layers, heads, rows, columns] = this.facts(place).shape;
    const own = name === 'key' || name === 'value' ? kept.key_heads : heads;
    const size = all.length / (layers * own);
    const start = (layer * own + Math.floor((head * own) / heads)) * size;
    return all.subarray(start, start + size);
  }

  /** Merge some heads of a place: the mean of their maps. `heads` are flat positions, layer * H + head. */
  map(place, heads, unit, special) {
    const name = `${place} ${heads} ${unit} ${special}`;
    if (!this.merged.has(name)) {
      if (this.merged.size > 400) this.merged.clear();
      this.merged.set(name, this.merge(place, heads, unit, special));
    }
    return this.merged.get(name);
  }

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
    const map = { sentence: this, place, heads, rows, columns, weights, masses, unit, special };
    map.highest = weights.reduce((most, weight) => Math.max(most, weight), 0);
    return map;
  }

  array(place, name, packed) {
    const key = `${place} ${name}`;
    if (!this.unpacked.has(key)) this.unpacked.set(key, unpack(packed));
    return this.unpacked.get(key);
  }
}

/** Whether the decoder may not see a column yet: it is read after the row is written. */
function isHidden(map, row, column) {
  if (map.place !== 'decoder') return false;
  return map.columns[column].tokens[0] > map.rows[row].tokens.at(-1);
}

/** Name some heads: "layer 1, head 0", "layer 1, mean of 4 heads". */
function nameHeads(sentence, place, heads) {
  const { layers, heads: numbers } = sentence.facts(place);
  const layerOf = (flat) => Math.floor(flat / numbers.length);
  if (heads.length === 1) return `layer ${layers[layerOf(heads[0])]}, head ${numbers[heads[0] % numbers.length]}`;
  const inOneLayer = heads.every((flat) => layerOf(flat) === layerOf(heads[0]));
  if (heads.length === layers.length * numbers.length) return `mean of all ${heads.length} heads`;
  return `${inOneLayer ? `layer ${layers[layerOf(heads[0])]}, ` : ''}mean of ${heads.length} heads`;
}
