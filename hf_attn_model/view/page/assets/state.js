/* What is shown, and who draws it again when that changes. Everything is drawn in the next frame, once. */

/** @typedef {'system' | 'light' | 'dark'} Theme */
/** @typedef {'one' | 'three' | 'compare'} Layout One map, three side by side, or two and their difference. */
/** @typedef {{role: string, aer: number, step: string}} KnownHead What was measured of a head: see align/known.py. */
/** @typedef {{side: string, key: string, label: string}} WordName A word, wherever it stands. */

/**
 * What the page holds, as write.py writes it.
 *
 * @typedef {object} Page
 * @property {[id: string, source: string, target: string, places: Place[]][]} records
 * @property {Record<string, KnownHead | undefined>} heads by "layer:head"
 * @property {ColourStops} colours
 * @property {number} source_error
 * @property {boolean} is_film
 */

/**
 * What is pointed at, or followed: a word, or the two of a cell.
 *
 * @typedef {object} Pointed
 * @property {WordName | null} row
 * @property {WordName | null} column
 * @property {boolean} isCell
 * @property {boolean} [isStep] the step just written
 * @property {Place} [place]
 * @property {'A' | 'B'} [view]
 */

/** @typedef {{view: 'A' | 'B', place: Place, row: WordName | null, column: WordName | null}} ExplainedCell */
/** @typedef {{record: number | null, layer: number | 'all' | null, head: number | 'all' | null}} Compared */

/**
 * What is shown.
 *
 * @typedef {object} State
 * @property {number} record
 * @property {Place} place
 * @property {Record<Place, number[]>} heads flat positions, layer * H + head, of the heads that are averaged
 * @property {boolean} several a click adds a head to the average
 * @property {Unit} unit
 * @property {Special} special
 * @property {Layout} layout
 * @property {Compared} compare what B is; see compare.js
 * @property {number | null} step how many rows of the translation are written; null: all
 * @property {Pointed | null} active what is pointed at
 * @property {ExplainedCell | null} cell what is explained
 * @property {number} part which of the numbers that make up the cell
 * @property {Theme} theme
 * @property {boolean} printing
 * @property {string} [size] of what is drawn into
 */

/** @type {Page} */
const page = JSON.parse(byId('page-data').textContent);

/** @type {State} */
const state = {
  record: 0,
  place: 'cross',
  heads: { encoder: [], decoder: [], cross: [] },
  several: false,
  unit: 'words',
  special: 'keep',
  layout: 'one',
  compare: { record: null, layer: null, head: null },
  step: null,
  active: null,
  cell: null,
  part: 0,
  theme: 'system',
  printing: false,
};

/** @type {{names: string[], draw: () => void}[]} */
const watchers = [];
/** @type {Set<string>} */
const changed = new Set();
/** @type {number | null} */
let frame = null;

/**
 * Call `draw` whenever one of these parts of the state has changed; in the order of the calls to `watch`.
 *
 * @param {string} names
 * @param {() => void} draw
 */
function watch(names, draw) {
  watchers.push({ names: names.split(' '), draw });
}

/**
 * Change the state. Equal values change nothing.
 *
 * @param {Partial<State>} patch
 */
function change(patch) {
  for (const [name, value] of Object.entries(patch)) {
    if (JSON.stringify(state[/** @type {keyof State} */ (name)]) === JSON.stringify(value)) continue;
    Object.assign(state, { [name]: value });
    changed.add(name);
  }
  schedule();
}

/**
 * Let everything that depends on a part of the state be drawn again, though it has not changed.
 *
 * @param {keyof State} name
 */
function touch(name) {
  changed.add(name);
  schedule();
}

function schedule() {
  if (changed.size && frame === null) frame = requestAnimationFrame(redraw);
}

/** Draw what has changed, now. */
function redraw() {
  if (frame !== null) cancelAnimationFrame(frame);
  frame = null;
  const now = new Set(changed);
  changed.clear();
  for (const { names, draw } of watchers) if (names.some((name) => now.has(name))) draw();
}

/** @type {Map<number, Sentence>} */
const opened = new Map();

/**
 * A record, read when it is first asked for; the last few stay open.
 *
 * @param {number} number
 */
function sentenceAt(number) {
  let sentence = opened.get(number);
  if (!sentence) {
    const [oldest] = opened.keys();
    if (opened.size > 8) opened.delete(oldest);
    sentence = new Sentence(number);
    opened.set(number, sentence);
  }
  return sentence;
}

const current = () => sentenceAt(state.record);

/** The map of a place as the page is set. */
const mapOf = (place = state.place) => current().map(place, state.heads[place], state.unit, state.special);

/**
 * What was measured of a head of cross-attention, by its flat position; undefined where nothing was.
 *
 * @param {Sentence} sentence
 * @param {number} flat
 */
function knownHead(sentence, flat) {
  const { layers, heads } = sentence.facts('cross');
  return page.heads[`${layers[Math.floor(flat / heads.length)]}:${heads[flat % heads.length]}`];
}

const isDark = () =>
  !state.printing &&
  (state.theme === 'dark' || (state.theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches));

/** @type {Palette} made by drawTheme, before anything is drawn */
let palette;

/**
 * How many rows of a map are shown at the present step.
 *
 * @param {MergedMap} map
 */
const rowsShown = (map) =>
  map.place === 'encoder' || state.step === null ? map.rows.length : Math.min(state.step, map.rows.length);

/** @type {(side: Side, group: Group) => WordName} */
const wordOf = (side, { key, label }) => ({ side: side.name, key, label });

/**
 * The words of a cell, as `state.active` and `state.cell` name them.
 *
 * @param {MergedMap} map
 * @param {number} row -1 for none
 * @param {number} column -1 for none
 */
function wordsOfCell(map, row, column) {
  const [rowSide, columnSide] = map.sentence.sides(map.place);
  return {
    row: row < 0 ? null : wordOf(rowSide, map.rows[row]),
    column: column < 0 ? null : wordOf(columnSide, map.columns[column]),
  };
}

/**
 * Find words in a map: {row, column}, -1 where there is none. In self-attention a word is a row and a column; a word
 * pointed at in one place is followed into the others.
 *
 * @param {MergedMap} map
 * @param {Pointed | null} words
 */
function locate(map, words) {
  /** @type {(groups: Group[], side: Side, ...wanted: (WordName | null)[]) => number} */
  const find = (groups, side, ...wanted) => {
    const found = wanted.find((each) => each && each.side === side.name);
    if (!found) return -1;
    const same = groups.findIndex((group) => group.key === found.key && group.label === found.label);
    return same >= 0 ? same : groups.findIndex((group) => group.label === found.label); // in another hypothesis
  };
  if (!words) return { row: -1, column: -1 };
  const [rowSide, columnSide] = map.sentence.sides(map.place);
  return {
    row: find(map.rows, rowSide, words.row, words.isStep ? null : words.column),
    column: find(map.columns, columnSide, words.column, words.isStep ? null : words.row),
  };
}

/**
 * What is followed: what is pointed at, else the cell explained, else the step just written.
 *
 * @returns {Pointed | null}
 */
function followed() {
  if (state.active) return state.active;
  if (state.cell) return { ...state.cell, isCell: true };
  if (state.step === null || state.place === 'encoder') return null;
  const map = mapOf();
  return { ...wordsOfCell(map, rowsShown(map) - 1, -1), isCell: false, isStep: true };
}

/** @type {number | undefined} */
let saying;

/**
 * Tell a screen reader, once the keys rest.
 *
 * @param {string} text
 */
function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    byId('live').textContent = text;
  }, 120);
}
