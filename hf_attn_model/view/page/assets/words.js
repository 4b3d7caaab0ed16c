/* Tokens -> the groups that are a row or a column -> merged maps. The rules are those of maps/words.py. */

/** @typedef {'words' | 'subwords'} Unit */
/** @typedef {'keep' | 'column' | 'drop'} Special What becomes of tokens outside all words. */

/**
 * What is read from one side of a map: its tokens, and the words they belong to.
 *
 * @typedef {object} Side
 * @property {string} name "source" or "target"
 * @property {string} text
 * @property {string[]} tokens
 * @property {(number | null)[]} wordOf the word of each token; null outside all words
 * @property {string[]} words
 * @property {number[]} gaps for each word, 1 where a space stands before it
 * @property {number} first 1 where a start mark is read before the tokens
 */

/**
 * A row or a column: a word, or a token.
 *
 * @typedef {object} Group
 * @property {string} key the same for a word wherever it stands
 * @property {string} label
 * @property {number[]} tokens their positions
 * @property {boolean} gap whether a space stands before it
 * @property {boolean} isSpecial whether it is outside all words
 */

const START = '<start>';
const SPECIAL = '<special>';

/**
 * The last of a list.
 *
 * @template T
 * @param {T[]} list
 */
const last = (list) => list[list.length - 1];

/**
 * Group the tokens of one side.
 *
 * @param {Side} side
 * @param {Unit} unit
 * @param {Special} special
 */
function groupsOf(side, unit, special) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  side.tokens.forEach((token, position) => {
    const owner = side.wordOf[position];
    if (owner === null && special !== 'keep') return;
    const isWord = unit === 'words' && owner !== null;
    const key = isWord ? `w${owner}` : `t${position - side.first}`;
    const known = groups.get(key);
    if (known) {
      known.tokens.push(position);
      return;
    }
    const label = isWord ? side.words[owner] : token;
    const gap = isWord ? side.gaps[owner] === 1 : owner === null || /^[\s▁Ġ]/u.test(token);
    groups.set(key, { key, label, gap, tokens: [position], isSpecial: owner === null });
  });
  return [...groups.values()];
}

/**
 * The columns: as the rows, and under "column" one more for all tokens outside the words.
 *
 * @param {Side} side
 * @param {Unit} unit
 * @param {Special} special
 */
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
 * @param {Float32Array} weights T x S numbers
 * @param {number} width S
 * @param {Group[]} rows
 * @param {Group[]} columns
 * @param {Special} special
 * @returns {{weights: Float32Array, masses: Float32Array}} weights: rows x columns numbers; masses: what each row was
 *   divided by (1 unless special is "drop")
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
