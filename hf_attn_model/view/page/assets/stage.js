/* Which enlarged maps are shown: that of the place, three places side by side, or two maps and their difference. */

/** @type {HeatMap[]} */
let views = [];

/**
 * The maps to show now, each with what stands above it.
 *
 * @returns {{name: string, map: MergedMap, title: Content[]}[]}
 */
function shownMaps() {
  const sentence = current();
  /** @type {(map: MergedMap, letter?: string) => Content[]} */
  const described = (map, letter) => [
    ...(letter ? [bold(`${letter} `)] : []),
    make('span', { textContent: PLACE_TITLES[map.place] }),
    quiet(` · ${nameHeads(map.sentence, map.place, map.heads)}`),
    ...(letter && compareRecords().length > 1 ? [quiet(' · ', make('bdi', { textContent: map.sentence.id }))] : []),
    ...knownOf(map),
  ];
  if (state.layout === 'three') {
    return sentence.places.map((place) => ({ name: place, map: mapOf(place), title: described(mapOf(place)) }));
  }
  const a = mapOf();
  if (state.layout === 'one') return [{ name: 'A', map: a, title: described(a) }];
  const b = comparedMap();
  const difference = differenceOf(a, b);
  const shown = [
    { name: 'A', map: a, title: described(a, 'A') },
    { name: 'B', map: b, title: described(b, 'B') },
  ];
  if (!difference) return shown;
  const isWhole =
    difference.rows.length === Math.max(a.rows.length, b.rows.length) &&
    difference.columns.length === Math.max(a.columns.length, b.columns.length);
  const title = [bold('B − A '), quiet(isWhole ? 'difference' : 'difference, where both have the same words')];
  return [...shown, { name: 'difference', map: difference, title }];
}

/**
 * What is known of a single head of cross-attention.
 *
 * @param {MergedMap} map
 * @returns {Content[]}
 */
function knownOf(map) {
  if (map.place !== 'cross' || map.heads.length > 1) return [];
  const known = knownHead(map.sentence, map.heads[0]);
  return known ? [' ', make('span', { className: 'role', textContent: sayKnown(known) })] : [];
}

/** @param {KnownHead} known */
const sayError = (known) => `AER ${(100 * known.aer).toFixed(1)} %`;

/** @param {KnownHead} known */
const sayKnown = (known) => `${known.role}, ${sayError(known)} (${known.step} step)`;

/**
 * B minus A, over the rows and columns that both begin with; null where there are none.
 *
 * @param {MergedMap} a
 * @param {MergedMap} b
 * @returns {MergedMap | null}
 */
function differenceOf(a, b) {
  const inCommon = (/** @type {Group[]} */ one, /** @type {Group[]} */ other) => {
    const differs = one.findIndex(
      (group, i) => !other[i] || other[i].label !== group.label || other[i].key !== group.key,
    );
    return one.slice(0, differs < 0 ? one.length : differs);
  };
  const [rows, columns] = [inCommon(a.rows, b.rows), inCommon(a.columns, b.columns)];
  if (!rows.length || !columns.length) return null;
  const weights = Float32Array.from({ length: rows.length * columns.length }, (_, i) => {
    const [row, column] = [Math.floor(i / columns.length), i % columns.length];
    return b.weights[row * b.columns.length + column] - a.weights[row * a.columns.length + column];
  });
  const highest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  return { ...a, rows, columns, weights, highest, isDifference: true };
}

/**
 * What a map does with the cells that are pointed at and picked.
 *
 * @type {CellHandlers}
 */
const handlers = {
  point(map, row, column) {
    if (isHidden(map, row, column)) return handlers.leave();
    return change({ active: { place: map.place, ...wordsOfCell(map, row, column), isCell: true } });
  },
  leave: () => change({ active: null }),
  pick(map, row, column, name) {
    if (isHidden(map, row, column)) return;
    const view = name === 'B' ? 'B' : 'A';
    change({ place: map.place, cell: { view, place: map.place, ...wordsOfCell(map, row, column) }, part: 0 });
    openMaking(false);
  },
};

function drawStage() {
  rebuild(() => views.map((view) => view.cells), drawViews);
  drawFollowed();
}

function drawViews() {
  const shown = shownMaps();
  if (views.map((view) => view.name).join() !== shown.map((each) => each.name).join()) {
    views = shown.map(({ name, map, title }) => new HeatMap(name, map, { title, highest: map.highest }, handlers));
    const root = byId('maps');
    root.dataset.layout = state.layout;
    fill(root, ...views.map((view) => view.root));
  }
  const width = Math.max(...shown.map(({ map }) => map.columns.length)) * CELL.least + 96; // what the widest map needs
  byId('maps').style.setProperty('--need', `${Math.max(width, 248)}px`);
  const highest = page.is_film
    ? 1
    : Math.max(...shown.filter(({ map }) => !map.isDifference).map(({ map }) => map.highest));
  shown.forEach(({ map, title }, i) => {
    views[i].show(map, { title, highest: map.isDifference ? map.highest : highest });
  });
  byId('maps').style.setProperty('--column-label', `${Math.max(...views.map((view) => view.labelHeight))}px`);
  drawLegend(highest, shown.find(({ map }) => map.isDifference)?.map.highest);
}

/**
 * What the colours mean.
 *
 * @param {number} highest of the weights
 * @param {number} [difference] the largest one, where there are any
 */
function drawLegend(highest, difference) {
  /** @type {(colours: Ramp, from: string, to: string, name: string) => Element} */
  const ramp = (colours, from, to, name) => {
    const canvas = make('canvas', { width: LEVELS, height: 1, 'aria-hidden': 'true' });
    const pen = penOf(canvas);
    colours.css.forEach((colour, x) => {
      pen.fillStyle = colour;
      pen.fillRect(x, 0, 1, 1);
    });
    return make('span', { className: 'ramp' }, `${name} ${from}`, canvas, to);
  };
  const parts = [ramp(palette.weights, '0', written(highest, 2), 'weight')];
  if (difference !== undefined) {
    parts.push(ramp(palette.differences, written(-difference, 2), written(difference, 2, true), 'B − A'));
  }
  fill(byId('legend'), ...parts);
}

/** Let every map follow the word pointed at, and write what is read there. */
function drawFollowed() {
  const words = followed();
  for (const view of views) {
    const { row, column } = locate(view.map, words);
    view.follow(row, column, Boolean(words?.isCell));
  }
  fill(byId('reading'), ...readOut(words));
  byId('how').disabled = !(words && words.isCell);
}

/**
 * Tell what is followed: a cell, or what a word looks at and who looks at it.
 *
 * @param {Pointed | null} words
 * @returns {Content[]}
 */
function readOut(words) {
  if (!words) return ['Point at a cell or a word, or walk with the arrow keys.'];
  const map = mapOf(words.isCell && state.layout === 'three' ? words.place : state.place);
  const { row, column } = locate(map, words);
  if (words.isCell && row >= 0 && column >= 0) {
    const others = state.layout === 'compare' ? views.slice(1) : [];
    const at = (/** @type {MergedMap} */ each) => {
      const found = locate(each, words);
      return found.row < 0 || found.column < 0 ? null : each.weights[found.row * each.columns.length + found.column];
    };
    const more = others.flatMap((view) => {
      const number = at(view.map);
      return number === null
        ? []
        : [` · ${view.map.isDifference ? 'B − A' : 'B'} `, bold(written(number, 4, view.map.isDifference))];
    });
    return [
      word(map.rows[row].label),
      ' looks at ',
      word(map.columns[column].label),
      more.length ? ': A ' : ': ',
      bold(written(map.weights[row * map.columns.length + column])),
      ...more,
    ];
  }
  return [
    ...(row >= 0 && row < rowsShown(map) ? looks(map, 'row', row) : []),
    ...(column >= 0 ? looks(map, 'column', column) : []),
  ];
}

const MOST_NAMED = 4;

/**
 * The strongest weights of a row or of a column, in words.
 *
 * @param {MergedMap} map
 * @param {'row' | 'column'} axis
 * @param {number} index
 */
function looks(map, axis, index) {
  const width = map.columns.length;
  /** @type {[Group, number][]} */
  const weights =
    axis === 'row'
      ? map.columns.map((group, c) => [group, map.weights[index * width + c]])
      : map.rows.slice(0, rowsShown(map)).map((group, r) => [group, map.weights[r * width + index]]);
  const strongest = weights
    .filter(([, weight]) => weight >= 0.005)
    .sort((one, other) => other[1] - one[1])
    .slice(0, MOST_NAMED);
  const named = strongest.flatMap(([group, weight], i) => [
    i ? ', ' : ' ',
    word(group.label),
    ` ${written(weight, 2)}`,
  ]);
  const subject = axis === 'row' ? map.rows[index] : map.columns[index];
  return [
    make(
      'span',
      { className: 'clause' },
      word(subject.label),
      axis === 'row' ? ' looks at' : ' is looked at by',
      ...(named.length ? named : [' nothing much']),
      '. ',
    ),
  ];
}

watch('record place heads unit special layout compare step theme printing size', drawStage);
watch('active cell', drawFollowed);
