/* Keys of one letter, the theme, help and print. */

/** @type {Unit[]} */
const UNITS = ['words', 'subwords'];
/** @type {Special[]} */
const SPECIALS = ['keep', 'column', 'drop'];
/** @type {Theme[]} */
const THEMES = ['system', 'light', 'dark'];
const THEME_TITLES = { system: 'as the system', light: 'light', dark: 'dark' };

/**
 * The one after the present one.
 *
 * @template {string} T
 * @param {T[]} all
 * @param {T} now
 */
const cycle = (all, now) => all[(all.indexOf(now) + 1) % all.length];

/** @type {[keys: string, says: string, acts: Record<string, () => void>][]} */
const SHORTCUTS = [
  [
    '1 2 3',
    'encoder, decoder, cross',
    { 1: () => choosePlace('encoder'), 2: () => choosePlace('decoder'), 3: () => choosePlace('cross') },
  ],
  ['w', 'words or subwords', { w: () => change({ unit: cycle(UNITS, state.unit), cell: null, step: null }) }],
  [
    's',
    'special tokens: shown, folded, left out',
    { s: () => change({ special: cycle(SPECIALS, state.special), cell: null, step: null }) },
  ],
  ['a', 'average several heads, or show one', { a: () => change({ several: !state.several }) }],
  [
    'v',
    'one map, or three places side by side',
    { v: () => change({ layout: state.layout === 'three' ? 'one' : 'three' }) },
  ],
  ['c', 'compare', { c: () => change({ layout: state.layout === 'compare' ? 'one' : 'compare' }) }],
  [
    ', .',
    'one step of the translation back or forward',
    {
      ',': () => hasSteps() && setStep((state.step ?? writtenMap().rows.length) - 1),
      '.': () => hasSteps() && setStep((state.step ?? 0) + 1),
    },
  ],
  ['p', 'write the translation by itself, or pause', { p: () => hasSteps() && writer.toggle() }],
  [
    'j k',
    page.is_film ? 'next and previous time of the training' : 'next and previous sentence',
    { j: () => showRecord(state.record + 1), k: () => showRecord(state.record - 1) },
  ],
  ['/', 'search the sentences', { '/': () => byId('search').focus() }],
  ['m', 'go to the map', { m: () => views[0].cells.focus() }],
  ['h', 'how the number was made', { h: () => explainFollowed() }],
  ['t', 'theme', { t: () => change({ theme: cycle(THEMES, state.theme) }) }],
  ['?', 'this help', { '?': () => byId('help').showModal() }],
];
const OTHER_KEYS = [
  ['arrows', 'walk over words, heads and cells; Home and End go to the ends'],
  ['Enter', 'on a cell: how it was made; on a head: show it; on a layer: the mean of its heads'],
  ['Space Shift+click', 'on a head: add it to the average, or take it out'],
  ['Escape', 'close what explains the number'],
];

/** @param {Place} place */
function choosePlace(place) {
  if (current().places.includes(place)) change({ place, cell: null, active: null });
}

function startKeys() {
  for (const name of /** @type {const} */ (['keys', 'queries'])) rove(byId(name), () => shownWords[name]);
  /** @type {Record<string, (() => void) | undefined>} */
  const acts = Object.assign({}, ...SHORTCUTS.map(([, , keys]) => keys));
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || byId('help').open) return;
    if (event.key === 'Escape' && state.cell) {
      closeMaking();
      return;
    }
    if (!byId('shortcuts').checked) return;
    if (event.target instanceof Element && event.target.matches('input[type=search], select')) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  fill(
    byId('key-list'),
    ...[...SHORTCUTS, ...OTHER_KEYS].map(([keys, says]) =>
      make(
        'tr',
        {},
        make(
          'th',
          { scope: 'row' },
          ...keys.split(' ').flatMap((key, i) => [i ? ' ' : '', make('kbd', { textContent: key })]),
        ),
        make('td', { textContent: says }),
      ),
    ),
  );
  byId('help-button').addEventListener('click', () => byId('help').showModal());
  byId('theme').addEventListener('click', () => change({ theme: cycle(THEMES, state.theme) }));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => touch('theme'));
  const print = (/** @type {boolean} */ isPrinting) => {
    state.printing = isPrinting;
    touch('printing');
    redraw();
  };
  addEventListener('beforeprint', () => print(true));
  addEventListener('afterprint', () => print(false));
}

function drawTheme() {
  document.documentElement.dataset.theme = state.theme;
  byId('theme').textContent = `Theme: ${THEME_TITLES[state.theme]}`;
  palette = new Palette(page.colours, isDark());
}
