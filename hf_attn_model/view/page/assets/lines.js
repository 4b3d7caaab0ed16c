/* The two sentences of a place, one above the other, and lines between the words: who looks at whom. */

const LEAST_AT_REST = 0.12; // weight from which on a line is drawn while nothing is followed

/** @typedef {{x: number, y: number}} Spot */

/** @type {Record<'keys' | 'queries', HTMLButtonElement[]>} in the order of the columns and rows */
const shownWords = { keys: [], queries: [] };

/** @type {Record<Place, [keysTitle: string, keysSay: string, queriesTitle: string, queriesSay: string]>} */
const SIDE_TITLES = {
  encoder: ['Source', 'is looked at: keys', 'Source', 'looks: queries'],
  decoder: ['Read so far', 'is looked at: keys', 'Translation', 'is written: queries'],
  cross: ['Source', 'is looked at: keys', 'Translation', 'looks: queries'],
};

function buildPair() {
  const map = mapOf();
  const [keysTitle, keysSay, queriesTitle, queriesSay] = SIDE_TITLES[map.place];
  /** @type {(id: string, text: string, says: string) => void} */
  const title = (id, text, says) => fill(byId(id), text, quiet(` ${says}`));
  title('keys-title', keysTitle, keysSay);
  title('queries-title', queriesTitle, queriesSay);
  byId('place-says').textContent = PLACE_SAYS[map.place];
  const [querySide, keySide] = map.sentence.sides(map.place);
  /** @type {(name: 'keys' | 'queries', groups: Group[], side: Side, axis: 'row' | 'column') => void} */
  const build = (name, groups, side, axis) =>
    rebuild(
      () => shownWords[name],
      () => {
        shownWords[name] = buildWords(byId(name), groups, side, axis);
      },
      ofSameToken,
    );
  build('keys', map.columns, keySide, 'column');
  build('queries', map.rows, querySide, 'row');
  drawPair();
}

/**
 * Find the word, or the subword, that has the first token of another one.
 *
 * @param {HTMLElement[]} all
 * @param {HTMLElement} old
 */
const ofSameToken = (all, old) =>
  all.find((each) => Number(each.dataset.last) >= Number(old.dataset.first)) ?? last(all);

/**
 * Make a button for each word, with spaces where the sentence has them.
 *
 * @param {HTMLElement} root
 * @param {Group[]} groups
 * @param {Side} side
 * @param {'row' | 'column'} axis
 */
function buildWords(root, groups, side, axis) {
  root.dir = direction(side.text);
  root.lang = '';
  const buttons = groups.map((group, position) => {
    const button = make(
      'button',
      { type: 'button', className: 'word', tabIndex: position ? -1 : 0 },
      word(group.label),
    );
    if (group.isSpecial) button.classList.add('special');
    if (group.gap || !position) button.classList.add('gap');
    [button.dataset.first, button.dataset.last] = [group.tokens[0], last(group.tokens)].map(String);
    /** @type {Pointed} */
    const words = { row: null, column: null, isCell: false, [axis]: wordOf(side, group) };
    button.addEventListener('pointerenter', (event) => event.pointerType === 'mouse' && change({ active: words }));
    button.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && change({ active: null }));
    button.addEventListener('blur', () => change({ active: null }));
    const follow = () => {
      change({ active: words });
      const clauses = readOut(words).map((clause) => (typeof clause === 'string' ? clause : clause.textContent));
      say(clauses.join(' '));
    };
    button.addEventListener('focus', follow);
    button.addEventListener('click', follow);
    return button;
  });
  fill(root, ...buttons);
  return buttons;
}

/**
 * Where every word stands, measured once after each layout.
 *
 * @typedef {{width: number, height: number, keys: Spot[], queries: Spot[], areLines: boolean}} Places
 */

/** @type {Places | null} */
let places = null;

/** @returns {Places} */
function measureWords() {
  const box = byId('pair').getBoundingClientRect();
  /** @type {(element: Element, isBelow: boolean) => Spot} */
  const spot = (element, isBelow) => {
    const own = element.getBoundingClientRect();
    return { x: own.left + own.width / 2 - box.left, y: (isBelow ? own.bottom : own.top) - box.top };
  };
  const keys = shownWords.keys.map((element) => spot(element, true));
  const queries = shownWords.queries.map((element) => spot(element, false));
  const isLine = (/** @type {Spot[]} */ spots) => spots.every(({ y }) => Math.abs(y - spots[0].y) < 12);
  return { width: box.width, height: box.height, keys, queries, areLines: isLine(keys) && isLine(queries) };
}

function drawPair() {
  places = null;
  const shown = rowsShown(mapOf());
  const hasSteps = state.step !== null && state.place !== 'encoder';
  shownWords.queries.forEach((button, row) => {
    button.disabled = row >= shown;
    button.classList.toggle('now', hasSteps && row === shown - 1);
  });
  if (state.place === 'decoder')
    shownWords.keys.forEach((button, column) => {
      button.disabled = column > 0 && isHidden(mapOf(), shown - 1, column);
    });
  drawLines();
}

/** Tint the words and draw the lines of what is followed; at rest, all lines between sentences of one line each. */
function drawLines() {
  const { width: roomAcross, height, keys, queries, areLines } = (places ??= measureWords());
  const map = mapOf();
  const { row, column } = locate(map, followed());
  const hasRow = row >= 0 && row < rowsShown(map);
  const width = map.columns.length;
  const weight = (/** @type {number} */ r, /** @type {number} */ c) => map.weights[r * width + c];
  tint(shownWords.keys, (c) => (hasRow && !isHidden(map, row, c) ? weight(row, c) : null), map.highest, column);
  tint(
    shownWords.queries,
    (r) => (column >= 0 && r < rowsShown(map) && !isHidden(map, r, column) ? weight(r, column) : null),
    map.highest,
    row,
  );
  const canvas = byId('lines');
  const ratio = Math.min(devicePixelRatio || 1, 2);
  canvas.width = Math.round(roomAcross * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = penOf(canvas);
  pen.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  /** @type {(r: number, c: number, colour: string, least: number) => void} */
  const line = (r, c, colour, least) => {
    const share = weight(r, c) / (map.highest || 1);
    if (share < least) return;
    const [from, to] = [queries[r], keys[c]];
    pen.globalAlpha = Math.min(1, 0.12 + 0.8 * share);
    pen.lineWidth = 0.75 + 4.5 * share;
    pen.strokeStyle = colour;
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    const bend = Math.max(18, (from.y - to.y) / 2);
    pen.bezierCurveTo(from.x, from.y - bend, to.x, to.y + bend, to.x, to.y);
    pen.stroke();
  };
  pen.lineCap = 'round';
  if (!hasRow && column < 0) {
    if (!areLines) return;
    const quiet = style.getPropertyValue('--thread');
    for (let r = 0; r < rowsShown(map); r += 1)
      for (let c = 0; c < width; c += 1) if (weight(r, c) >= LEAST_AT_REST) line(r, c, quiet, 0);
    return;
  }
  if (column >= 0) {
    pen.setLineDash([1, 7]);
    for (let r = 0; r < rowsShown(map); r += 1)
      if (!hasRow || r !== row) line(r, column, style.getPropertyValue('--column'), 0.03);
    pen.setLineDash([]);
  }
  if (hasRow) for (let c = 0; c < width; c += 1) line(row, c, style.getPropertyValue('--row'), 0.02);
}

/**
 * Give each word the colour of its weight, or none; and mark the one followed.
 *
 * @param {HTMLElement[]} buttons
 * @param {(index: number) => number | null} weightOf
 * @param {number} highest
 * @param {number} followedOne
 */
function tint(buttons, weightOf, highest, followedOne) {
  buttons.forEach((button, i) => {
    const weight = weightOf(i);
    const level = weight === null || weight < 0.01 * highest ? null : Palette.level(weight, highest, false);
    button.style.backgroundColor = level === null ? '' : palette.weights.css[level];
    button.style.color = level === null ? '' : palette.weights.ink[level];
    button.classList.toggle('followed', i === followedOne);
  });
}

watch('record place heads unit special theme printing', buildPair);
watch('step size', drawPair);
watch('active cell', drawLines);
