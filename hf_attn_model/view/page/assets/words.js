/* Tokens -> the groups that are a row or a column -> merged maps. The rules are those of maps/words.py. */

const START = '<start>';
const SPECIAL = '<special>';

/**
 * Group the tokens of one side.
 *
 * @param side {name, tokens, wordOf, words, gaps, first}: `first` is 1 where a start mark is read before the tokens.
 * @param unit "words" or "subwords"
 * @param special "keep", "column" or "drop": what becomes of tokens outside all words
 * @returns groups {label, tokens, key, gap, isSpecial}: `key` is the same for a word wherever it stands
 */
function groupsOf(side, unit, special) {
  const groups = new Map();
  side.tokens.forEach((token, position) => {
    const owner = side.wordOf[position];
    if (owner === null && special !== 'keep') return;
    const isWord = unit === 'words' && owner !== null;
    const key = isWord ? `w${owner}` : `t${position - side.first}`;
    if (!groups.has(key)) {
      const label = isWord ? side.words[owner] : token;
      const gap = isWord ? side.gaps[owner] === 1 : owner === null || /^[\s▁Ġ]/u.test(token);
      groups.set(key, { key, label, gap, tokens: [], isSpecial: owner === null });
    }
    groups.get(key).tokens.push(position);
  });
  return [...groups.values()];
}

/** The columns: as the rows, and under "column" one more for all tokens outside the words. */
function columnsOf(side, unit, special) {
  const groups = groupsOf(side, unit, special);
  if (special === 'column') {
    const tokens = side.tokens.map((_, position) => position).filter((position) => side.wordOf[position] === null);
    groups.push({ key: 'special', label: SPECIAL, gap: true, tokens, isSpecial: true });
  }
  return groups;
}

/**
 * Merge a map of tokens: summed over the keys of a group, averaged over its queries.
 *
 * @param weights T x S numbers
 * @returns {weights: rows x columns numbers, masses: what each row was divided by (1 unless special is "drop")}
 */
function merge(weights, width, rows, columns, special) {
  const merged = new Float32Array(rows.length * columns.length);
  const masses = new Float32Array(rows.length).fill(1);
  rows.forEach((row, r) => {
    columns.forEach((column, c) => {
      let sum = 0;
      for (const query of row.tokens) for (const key of column.tokens) sum += weights[query * width + key];
      merged[r * columns.length + c] = sum / row.tokens.length;
    });
    if (special !== 'drop') return;
    const line = merged.subarray(r * columns.length, (r + 1) * columns.length);
    masses[r] = line.reduce((sum, weight) => sum + weight, 0);
    if (masses[r] > 0)
      line.forEach((weight, c) => {
        line[c] = weight / masses[r];
      });
  });
  return { weights: merged, masses };
}
