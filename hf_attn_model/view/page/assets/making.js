/* "How was this number made?": a cell taken apart into weights of single heads and tokens, one of which is followed. */

const MOST_PARTS = 8;

/** @type {Element | null} what had the focus before */
let cameFrom = null;

/** Find the map and the cell that are explained; null where they are gone. */
function explained() {
  const { cell } = state;
  if (!cell || !current().places.includes(cell.place)) return null;
  const isOfB = cell.view === 'B' && state.layout === 'compare' && cell.place === state.place;
  const map = isOfB ? comparedMap() : mapOf(cell.place);
  const row = map.rows.findIndex((group) => group.key === cell.row?.key);
  const column = map.columns.findIndex((group) => group.key === cell.column?.key);
  return row < 0 || column < 0 || isHidden(map, row, column) ? null : { map, row, column };
}

/** Explain the cell that is followed, and go there. */
function explainFollowed() {
  const words = followed();
  if (!words || !words.isCell) return;
  const { view = 'A', place = state.place, row, column } = words;
  change({ cell: { view, place, row, column }, part: 0 });
  openMaking(true);
}

/** @param {boolean} takesFocus */
function openMaking(takesFocus) {
  if (!byId('making').contains(document.activeElement)) cameFrom = document.activeElement;
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      const panel = byId('making');
      if (panel.hidden) return;
      if (takesFocus) panel.focus({ preventScroll: true });
      const { top } = panel.getBoundingClientRect();
      if (top <= 0.75 * innerHeight && top >= 0) return;
      const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
      scrollBy({ top: top - 0.45 * innerHeight, behavior: isCalm ? 'auto' : 'smooth' });
    }),
  );
}

function closeMaking() {
  change({ cell: null });
  if (cameFrom instanceof HTMLElement) cameFrom.focus({ preventScroll: true });
  cameFrom = null;
}

function drawMaking() {
  const panel = byId('making');
  const found = explained();
  panel.hidden = !found;
  if (!found) return;
  const { map, row, column } = found;
  const close = make('button', { type: 'button', id: 'close-making', textContent: 'Close' });
  close.addEventListener('click', closeMaking);
  const parts = takeApart(map, row, column);
  const part = parts[Math.min(state.part, parts.length - 1)];
  const number = map.weights[row * map.columns.length + column];
  const isWhole = parts.length === 1 && map.special !== 'drop';
  const title = make('h2', { id: 'making-title', textContent: 'How was this number made?' });
  const where = `${PLACE_TITLES[map.place].toLowerCase()}, ${nameHeads(map.sentence, map.place, map.heads)}`;
  const looks = [word(map.rows[row].label), ' looks at ', word(map.columns[column].label), ' ', bold(written(number))];
  fill(
    panel,
    make('div', { className: 'heading' }, title, close),
    make('p', { className: 'sentence' }, ...looks, quiet(` · ${where}`)),
    ...(isWhole ? [] : [partsTable(map, row, parts, number)]),
    ...(map.sentence.facts(map.place).vectors ? sayMaking(map, part) : [howToGetVectors()]),
  );
}

/**
 * The weights of single heads and tokens that the number consists of; one of them is followed below.
 *
 * @param {MergedMap} map
 * @param {number} row
 * @param {Part[]} parts
 * @param {number} number
 */
function partsTable(map, row, parts, number) {
  const shown = parts.slice(0, MOST_PARTS);
  const others = parts.slice(MOST_PARTS);
  const wide = (/** @type {string} */ text) => make('td', { colSpan: 5, className: 'text', textContent: text });
  const foot = [
    ...(others.length
      ? [rowOf('', null, wide(`${others.length} others`), written(sum(others.map((part) => part.share))))]
      : []),
    rowOf('total', null, wide('together'), written(number)),
  ];
  const head = ['follow', 'layer:head', 'query', 'key', 'weight', 'adds'];
  const table = tableOf(
    'sums parts',
    head,
    shown.map((part, i) => partRow(map, part, i)),
    { foot },
  );
  const why = `It is put together: ${howPutTogether(map, row, parts)}.`;
  return make('div', {}, make('p', { textContent: why }), scroller('Parts of the number', table));
}

/**
 * @param {MergedMap} map
 * @param {number} row
 * @param {Part[]} parts
 */
function howPutTogether(map, row, parts) {
  const queries = map.rows[row].tokens.length;
  const reasons = [
    queries > 1 ? `the mean over the ${queries} tokens of its row` : '',
    parts.length > queries * map.heads.length ? 'the sum over the tokens of its column' : '',
    map.heads.length > 1 ? `the mean of ${map.heads.length} heads` : '',
    map.special === 'drop' ? 'divided by what its row pays to words, so that the row sums to 1' : '',
  ];
  return reasons.filter(Boolean).join('; ');
}

/**
 * @param {MergedMap} map
 * @param {Part} part
 * @param {number} i
 */
function partRow(map, part, i) {
  const { sentence, place } = map;
  const { layers, heads } = sentence.facts(place);
  const [rowSide, columnSide] = sentence.sides(place);
  const [query, key] = [rowSide.tokens[part.query], columnSide.tokens[part.key]];
  const pick = make('input', { type: 'radio', name: 'part', checked: i === state.part });
  const head = `layer ${layers[part.layer]}, head ${heads[part.head]}`;
  pick.setAttribute('aria-label', `Follow ${head}, ${visible(query)} to ${visible(key)}`);
  pick.addEventListener('change', () => change({ part: i }));
  const text = (/** @type {string} */ token) => make('td', { className: 'text' }, word(token));
  const numbers = [written(part.weight), written(part.share)];
  const name = `${layers[part.layer]}:${heads[part.head]}`;
  return rowOf(i === state.part ? 'chosen' : '', null, pick, name, text(query), text(key), ...numbers);
}

const VIEW_COMMAND = 'hf-attn view MODEL "a sentence" --out page.html';
const EXPORT_COMMAND = 'hf-attn export MODEL --data DATA --keep qk --out maps';

function howToGetVectors() {
  return make(
    'p',
    { className: 'note' },
    'This page keeps the weights alone. To see the queries, keys and values they come from, make it from the model, ',
    code(VIEW_COMMAND),
    ', or from an export that keeps queries and keys, ',
    code(EXPORT_COMMAND),
    '.',
  );
}

watch('record place heads unit special layout compare cell part theme', drawMaking);
