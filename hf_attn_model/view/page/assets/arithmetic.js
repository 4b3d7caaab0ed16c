/* query, key, value -> scores -> masked scores -> attention weights -> context, for one query of one head. */

/**
 * What a query meets at one key.
 *
 * @typedef {object} KeyRow
 * @property {number[]} key
 * @property {number[]} products of query and key, in each dimension
 * @property {number} dot their sum
 * @property {number} score the dot product, scaled
 * @property {number} bias what is added to it; -Infinity hides the key
 * @property {number} maskedScore
 * @property {number} exponential e to the masked score less the highest one
 * @property {number} weight the exponential's share of all of them
 */

/**
 * One query of one head, followed from its keys to its context.
 *
 * @typedef {object} Attended
 * @property {number[]} query
 * @property {KeyRow[]} rows one for each key
 * @property {number} scaling
 * @property {number} highest of the masked scores
 * @property {number} total of the exponentials
 * @property {number[][] | null} values one for each key; null where the page has none
 * @property {number[] | null} context null where the page has no values
 */

/**
 * Follow one query through a head, in double precision from the numbers on the page, which has them.
 *
 * @param {Sentence} sentence
 * @param {Place} place
 * @param {number} layer
 * @param {number} head
 * @param {number} query
 * @returns {Attended}
 */
function attend(sentence, place, layer, head, query) {
  const { width, scaling, is_causal: isCausal } = /** @type {PlaceVectors} */ (sentence.facts(place).vectors);
  const [, , , columns] = sentence.facts(place).shape;
  const [queries, keys] = /** @type {Float32Array[]} */ ([
    sentence.vectors(place, 'query', layer, head),
    sentence.vectors(place, 'key', layer, head),
  ]);
  const [allValues, bias] = [
    sentence.vectors(place, 'value', layer, head),
    sentence.vectors(place, 'bias', layer, head),
  ];
  const cut = (/** @type {Float32Array} */ all, /** @type {number} */ index) =>
    Array.from(all.subarray(index * width, (index + 1) * width));
  const q = cut(queries, query);
  const rows = Array.from({ length: columns }, (_, index) => {
    const key = cut(keys, index);
    const products = q.map((number, dimension) => number * key[dimension]);
    const dot = sum(products);
    const score = dot * scaling;
    const added = bias ? bias[query * columns + index] : isCausal && index > query ? -Infinity : 0;
    return { key, products, dot, score, bias: added, maskedScore: score + added, exponential: 0, weight: 0 };
  });
  const highest = Math.max(...rows.map((row) => row.maskedScore));
  for (const row of rows) row.exponential = Math.exp(row.maskedScore - highest);
  const total = sum(rows.map((row) => row.exponential));
  for (const row of rows) row.weight = row.exponential / total;
  const values = allValues && rows.map((_, index) => cut(allValues, index));
  const context = values && q.map((_, dimension) => sum(rows.map((row, i) => row.weight * values[i][dimension])));
  return { query: q, rows, scaling, highest, total, values, context };
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/**
 * A weight of one head and one pair of tokens, by their positions; its share is what it adds to a cell.
 *
 * @typedef {{layer: number, head: number, query: number, key: number, weight: number, share: number}} Part
 */

/**
 * Take a cell of a merged map apart: which weights of single heads and tokens it is the sum of, largest first. Their
 * shares add up to the number in the cell.
 *
 * @param {MergedMap} map
 * @param {number} row
 * @param {number} column
 */
function takeApart(map, row, column) {
  const { sentence, place, heads } = map;
  const [, headCount, , width] = sentence.facts(place).shape;
  /** @type {Part[]} */
  const parts = [];
  heads.forEach((flat, position) => {
    const [layer, head] = [Math.floor(flat / headCount), flat % headCount];
    const weights = sentence.weights(place, layer, head);
    const divisor = heads.length * map.rows[row].tokens.length * (map.masses[position][row] || 1);
    for (const query of map.rows[row].tokens) {
      for (const key of map.columns[column].tokens) {
        const weight = weights[query * width + key];
        parts.push({ layer, head, query, key, weight, share: weight / divisor });
      }
    }
  });
  return parts.sort((one, other) => other.share - one.share);
}
