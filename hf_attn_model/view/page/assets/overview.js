/* All heads of the three places: a grid of little maps for each, a row for a layer and a column for a head. */

/**
 * The grid of a place: its little maps by the flat position of their heads, and its elements as arrow keys walk.
 *
 * @typedef {{root: HTMLElement, boxes: HTMLElement[], stops: HTMLElement[]}} Grid
 */

/** @type {Map<Place, Grid>} */
const grids = new Map();

/**
 * Choose heads of a place, and show it.
 *
 * @param {Place} place
 * @param {number[]} heads flat positions
 */
function chooseHeads(place, heads) {
  change({ place, heads: { ...state.heads, [place]: heads } });
}

/**
 * Add a head to the average, or take it out; the last one stays.
 *
 * @param {Place} place
 * @param {number} flat
 */
function toggleHead(place, flat) {
  const now = state.heads[place];
  const next = now.includes(flat)
    ? now.filter((other) => other !== flat)
    : [...now, flat].sort((one, other) => one - other);
  chooseHeads(place, next.length ? next : now);
}

function buildGrids() {
  rebuild(
    () => [...grids.values()].flatMap(({ stops }) => stops),
    () => {
      grids.clear();
      fill(byId('grids'), ...current().places.map(buildGrid));
    },
  );
}

/** @param {Place} place */
function buildGrid(place) {
  const { layers, heads } = current().facts(place);
  const width = heads.length;
  /** @type {HTMLElement[]} */
  const boxes = [];
  /** @type {HTMLElement[]} */
  const stops = [];
  const rows = layers.map((layer, l) => {
    const ofLayer = heads.map((_, h) => l * width + h);
    const name = make('div', {
      role: 'rowheader',
      tabIndex: -1,
      className: 'layer',
      textContent: String(layer),
      title: `Layer ${layer}: the mean of its heads`,
    });
    name.setAttribute('aria-label', `Layer ${layer}: the mean of its heads`);
    onPress(name, () => chooseHeads(place, ofLayer));
    stops.push(name);
    const cells = heads.map((head, h) => {
      const flat = l * width + h;
      const known = place === 'cross' ? page.heads[`${layer}:${head}`] : null;
      const box = make('div', { role: 'gridcell', tabIndex: -1, className: 'head' }, make('canvas'));
      const says = `Layer ${layer}, head ${head}${known ? `: ${sayKnown(known)}` : ''}`;
      box.title = says;
      box.setAttribute('aria-label', says);
      if (known) box.dataset.role = known.role;
      onPress(box, (event) => {
        const adds =
          state.several || event.shiftKey || event.ctrlKey || event.metaKey || ('key' in event && event.key === ' ');
        if (adds && state.place === place) toggleHead(place, flat);
        else chooseHeads(place, [flat]);
      });
      boxes[flat] = box;
      stops.push(box);
      return box;
    });
    return make('div', { role: 'row', className: 'line' }, name, ...cells);
  });
  stops[1].tabIndex = 0;
  const numbers = make(
    'div',
    { role: 'row', className: 'line numbers' },
    make('div', { role: 'columnheader' }, make('span', { className: 'unseen', textContent: 'Layer' })),
    ...heads.map((head) =>
      make('div', { role: 'columnheader', textContent: String(head), 'aria-label': `Head ${head}` }),
    ),
  );
  const all = make('button', { type: 'button', className: 'all', textContent: 'all' });
  all.setAttribute('aria-label', `${PLACE_TITLES[place]}: the mean of all heads`);
  all.addEventListener('click', () =>
    chooseHeads(
      place,
      boxes.map((_, flat) => flat),
    ),
  );
  const title = make('h3', { id: `grid-${place}`, textContent: PLACE_TITLES[place] });
  const grid = make(
    'div',
    { role: 'grid', className: 'grid', 'aria-labelledby': `grid-${place}`, 'aria-multiselectable': 'true' },
    numbers,
    ...rows,
  );
  grid.style.setProperty('--heads', String(width));
  rove(
    grid,
    () => stops,
    () => width + 1,
  );
  const root = make(
    'div',
    { className: 'place' },
    make('div', { className: 'heading' }, title, all),
    grid,
    ...knownHeads(place, layers, heads),
  );
  root.dataset.place = place;
  grids.set(place, { root, boxes, stops });
  return root;
}

/**
 * Links to the heads that align best, where it was measured.
 *
 * @param {Place} place
 * @param {number[]} layers
 * @param {number[]} heads
 */
function knownHeads(place, layers, heads) {
  if (place !== 'cross') return [];
  const known = layers
    .flatMap((layer, l) =>
      heads.flatMap((head, h) => {
        const name = `${layer}:${head}`;
        const facts = page.heads[name];
        return facts ? [{ name, facts, flat: l * heads.length + h }] : [];
      }),
    )
    .sort((one, other) => one.facts.aer - other.facts.aer)
    .slice(0, 3);
  if (!known.length) return [];
  return [
    make(
      'p',
      { className: 'known small' },
      'Align best: ',
      ...known.flatMap(({ name, facts, flat }, i) => {
        const link = make('button', {
          type: 'button',
          className: 'link',
          textContent: `${name} (${sayError(facts)})`,
        });
        link.addEventListener('click', () => chooseHeads('cross', [flat]));
        return i ? [', ', link] : [link];
      }),
    ),
  ];
}

/**
 * Click, Enter and Space alike.
 *
 * @param {HTMLElement} element
 * @param {(event: MouseEvent | KeyboardEvent) => void} act
 */
function onPress(element, act) {
  element.addEventListener('click', act);
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    act(event);
  });
}

/** Draw every little map, a pixel for each cell. */
function drawGrids() {
  for (const [place, { boxes }] of grids) {
    boxes.forEach((box, flat) => {
      const canvas = /** @type {HTMLCanvasElement} */ (box.firstChild);
      drawLittle(canvas, current().map(place, [flat], state.unit, state.special));
    });
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {MergedMap} map
 */
function drawLittle(canvas, map) {
  const [rows, columns] = [map.rows.length, map.columns.length];
  canvas.width = columns;
  canvas.height = rows;
  const pen = penOf(canvas);
  const image = pen.createImageData(columns, rows);
  const shown = rowsShown(map) * columns;
  for (let i = 0; i < shown; i += 1) {
    if (isHidden(map, Math.floor(i / columns), i % columns)) continue;
    const [red, green, blue] = palette.weights[Palette.level(map.weights[i], map.highest, false)];
    image.data[4 * i] = red;
    image.data[4 * i + 1] = green;
    image.data[4 * i + 2] = blue;
    image.data[4 * i + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
}

/** Frame the heads that are shown. */
function markChosen() {
  for (const [place, { root, boxes }] of grids) {
    const isShown = place === state.place || state.layout === 'three';
    root.classList.toggle('shown', place === state.place);
    boxes.forEach((box, flat) =>
      box.setAttribute('aria-selected', String(isShown && state.heads[place].includes(flat))),
    );
  }
  byId('several').setAttribute('aria-pressed', String(state.several));
}

watch('record', buildGrids);
watch('record unit special step theme printing', drawGrids);
watch('record place heads several layout', markChosen);
