/* query, key, value -> scores -> masked scores -> attention weights -> context, for one query of one head. */

/**
 * Follow one query through a head, in double precision from the numbers on the page.
 *
 * @returns {query, rows: [{key, products, dot, score, bias, maskedScore, exponential, weight, value}], highest, total,
 *           context, scaling}; `value` and `context` are null where the page has none. A row for each key.
 */
function attend(sentence, place, layer, head, query) {
  const { width, scaling, is_causal: isCausal } = sentence.facts(place).vectors;
  const [, , , columns] = sentence.facts(place).shape;
  const of = (name, index) => {
    const all = sentence.vectors(place, name, layer, head);
    return all && Array.from(all.subarray(index * width, (index + 1) * width));
  };
  const bias = sentence.vectors(place, 'bias', layer, head);
  const q = of('query', query);
  const rows = Array.from({ length: columns }, (_, index) => {
    const key = of('key', index);
    const products = q.map((number, dimension) => number * key[dimension]);
    const dot = sum(products);
    const score = dot * scaling;
    const added = bias ? bias[query * columns + index] : isCausal && index > query ? -Infinity : 0;
    return { key, products, dot, score, bias: added, maskedScore: score + added, value: of('value', index) };
  });
  const highest = Math.max(...rows.map((row) => row.maskedScore));
  for (const row of rows) row.exponential = Math.exp(row.maskedScore - highest);
  const total = sum(rows.map((row) => row.exponential));
  for (const row of rows) row.weight = row.exponential / total;
  const context = rows[0].value && q.map((_, dimension) => sum(rows.map((row) => row.weight * row.value[dimension])));
  return { query: q, rows, highest, total, context, scaling };
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/**
 * Take a cell of a merged map apart: which weights of single heads and tokens it is the sum of, largest first.
 *
 * @returns [{layer, head, query, key, weight, share}]: the shares add up to the number in the cell
 */
function takeApart(map, row, column) {
  const { sentence, place, heads } = map;
  const [, headCount, , width] = sentence.facts(place).shape;
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
