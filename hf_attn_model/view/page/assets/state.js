/* What is shown, and who draws it again when that changes. Everything is drawn in the next frame, once. */

/** {records: [[id, source, target, places]], heads, colours, source_error, is_film} */
const page = JSON.parse(byId('page-data').textContent);

const state = {
  record: 0,
  place: 'cross',
  heads: {}, // by place: flat positions, layer * H + head, of the heads that are averaged
  several: false, // a click adds a head to the average
  unit: 'words',
  special: 'keep',
  layout: 'one', // "three" places side by side, or "compare"
  compare: { record: null, layer: null, head: null }, // what B is; see compare.js
  step: null, // how many rows of the translation are written; null: all
  active: null, // what is pointed at: {place, row, column, isCell}, words as {side, key, label}
  cell: null, // what is explained: {view, place, row, column}
  part: 0, // which of the numbers that make up the cell
  theme: 'system',
  printing: false,
};

const watchers = [];
const changed = new Set();
let frame = null;

/** Call `draw` whenever one of these parts of the state has changed; in the order of the calls to `watch`. */
function watch(names, draw) {
  watchers.push({ names: names.split(' '), draw });
}

/** Change the state. Equal values change nothing. */
function change(patch) {
  for (const [name, value] of Object.entries(patch)) {
    if (JSON.stringify(state[name]) === JSON.stringify(value)) continue;
    state[name] = value;
    changed.add(name);
  }
  schedule();
}

/** Let everything that depends on a part of the state be drawn again, though it has not changed. */
function touch(name) {
  changed.add(name);
  schedule();
}

function schedule() {
  if (changed.size && frame === null) frame = requestAnimationFrame(redraw);
}

/** Draw what has changed, now. */
function redraw() {
  cancelAnimationFrame(frame);
  frame = null;
  const now = new Set(changed);
  changed.clear();
  for (const { names, draw } of watchers) if (names.some((name) => now.has(name))) draw(now);
}

const opened = new Map();

/** A record, read when it is first asked for; the last few stay open. */
function sentenceAt(number) {
  if (!opened.has(number)) {
    if (opened.size > 8) opened.delete(opened.keys().next().value);
    opened.set(number, new Sentence(number));
  }
  return opened.get(number);
}

const current = () => sentenceAt(state.record);

/** The map of a place as the page is set. */
const mapOf = (place = state.place) => current().map(place, state.heads[place], state.unit, state.special);

/** What was measured of a head of cross-attention, by its flat position; undefined where nothing was. */
function knownHead(sentence, flat) {
  const { layers, heads } = sentence.facts('cross');
  return page.heads[`${layers[Math.floor(flat / heads.length)]}:${heads[flat % heads.length]}`];
}

const isDark = () =>
  !state.printing &&
  (state.theme === 'dark' || (state.theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches));

let palette = null;

/** How many rows of a map are shown at the present step. */
const rowsShown = (map) =>
  map.place === 'encoder' || state.step === null ? map.rows.length : Math.min(state.step, map.rows.length);

const wordOf = (side, { key, label }) => ({ side: side.name, key, label });

/** The words of a cell, as `state.active` and `state.cell` name them. */
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
 */
function locate(map, words) {
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

/** What is followed: what is pointed at, else the cell explained, else the step just written. */
function followed() {
  if (state.active) return state.active;
  if (state.cell) return { ...state.cell, isCell: true };
  if (state.step === null || state.place === 'encoder') return null;
  const map = mapOf();
  return { ...wordsOfCell(map, rowsShown(map) - 1, -1), isCell: false, isStep: true };
}

let saying = null;

/** Tell a screen reader, once the keys rest. */
function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    byId('live').textContent = text;
  }, 120);
}
