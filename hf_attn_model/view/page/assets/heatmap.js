/* One enlarged map: a canvas of cells between its labels, with bands that follow the word pointed at. */

const CELL = { least: matchMedia('(pointer: coarse)').matches ? 22 : 12, most: 52, printed: 38 };

/**
 * What to do when a cell is pointed at or picked, the latter in a view of some name.
 *
 * @typedef {object} CellHandlers
 * @property {(map: MergedMap, row: number, column: number) => void} point
 * @property {() => void} leave
 * @property {(map: MergedMap, row: number, column: number, view: string) => void} pick
 */

/** @typedef {{title: Content[], highest: number}} Look What stands above, and the weight of the strongest colour. */

class HeatMap {
  /**
   * @param {string} name of the view: "A", "B", "difference" or a place
   * @param {MergedMap} map
   * @param {Look} look
   * @param {CellHandlers} handlers
   */
  constructor(name, map, look, handlers) {
    this.name = name;
    this.map = map;
    this.look = look;
    this.handlers = handlers;
    this.cell = CELL.least;
    this.labelHeight = 0;
    /** @type {Element[]} */
    this.marked = [];
    this.cursor = { row: 0, column: 0 };
    this.title = make('figcaption');
    this.top = make('div', { className: 'column-labels', 'aria-hidden': 'true' });
    this.left = make('div', { className: 'row-labels', 'aria-hidden': 'true' });
    this.canvas = make('canvas');
    this.bands = ['row', 'column', 'cell'].map((kind) => make('div', { className: `band ${kind}`, hidden: true }));
    this.cells = make(
      'div',
      { className: 'cells', tabIndex: 0, role: 'application', 'aria-roledescription': 'heat map' },
      this.canvas,
      ...this.bands,
    );
    const grid = make('div', { className: 'map' }, make('div'), this.top, this.left, this.cells);
    this.scroller = make('div', { className: 'scroller' }, grid);
    this.root = make('figure', { className: 'heatmap' }, this.title, this.scroller);
    this.root.dataset.view = name;
    this.listen();
  }

  /**
   * @param {MergedMap} map
   * @param {Look} look
   */
  show(map, look) {
    this.map = map;
    this.look = look;
    fill(this.title, ...look.title);
    this.cursor.row = Math.min(this.cursor.row, map.rows.length - 1);
    this.cursor.column = Math.min(this.cursor.column, map.columns.length - 1);
    const [rows, columns] = [map.rows.length, map.columns.length];
    this.cells.setAttribute(
      'aria-label',
      `${this.title.textContent}: ${rows} rows, ${columns} columns. ` +
        'Arrow keys walk from cell to cell, Enter explains the number; the same numbers stand in the table below.',
    );
    this.lay();
    this.draw();
  }

  /** Choose the size of cells, and write the labels. */
  lay() {
    const { map } = this;
    const rowLabel = Math.min(144, Math.max(...map.rows.map((row) => measure(row.label)), 16)) + 20;
    const longest = Math.max(...map.columns.map((column) => measure(column.label)));
    const room = this.root.clientWidth - rowLabel - 2;
    const slanted = Math.min(longest, 120); // how long a slanted label is; it stands at 58 degrees
    const fits = (/** @type {number} */ cell) => longest < cell - 4;
    let cell = clamp(Math.floor(room / map.columns.length), CELL.least, CELL.most);
    if (!fits(cell)) cell = clamp(Math.floor((room - slanted * 0.53) / map.columns.length), CELL.least, CELL.most);
    this.cell = cell;
    this.root.style.setProperty('--cell', `${cell}px`);
    this.root.style.setProperty('--row-label', `${rowLabel}px`);
    this.labelHeight = fits(cell) ? 26 : slanted * 0.85 + 18;
    this.root.style.setProperty('--overhang', fits(cell) ? '0px' : `${slanted * 0.53}px`);
    this.top.classList.toggle('slanted', !fits(cell));
    this.root.classList.toggle('tiny', cell < 16);
    const name = (/** @type {Group} */ group) =>
      make('span', { className: group.isSpecial ? 'special' : '' }, word(group.label));
    fill(this.top, ...map.columns.map(name));
    fill(this.left, ...map.rows.map(name));
  }

  draw() {
    const { map, cell, canvas, look } = this;
    const [rows, columns] = [map.rows.length, map.columns.length];
    const ratio = Math.min(devicePixelRatio || 1, 3);
    canvas.width = Math.round(columns * cell * ratio);
    canvas.height = Math.round(rows * cell * ratio);
    canvas.style.width = `${columns * cell}px`;
    canvas.style.height = `${rows * cell}px`;
    const pen = penOf(canvas);
    pen.scale(ratio, ratio);
    const colours = map.isDifference ? palette.differences : palette.weights;
    const gap = cell >= 20 ? 1 : 0.5;
    const shown = rowsShown(map);
    pen.font = `${cell >= 44 ? 12 : 11}px ${getComputedStyle(document.body).fontFamily}`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    for (let row = 0; row < shown; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        if (isHidden(map, row, column)) continue;
        const weight = map.weights[row * columns + column];
        const level = Palette.level(weight, look.highest, map.isDifference);
        pen.fillStyle = colours.css[level];
        pen.fillRect(column * cell, row * cell, cell - gap, cell - gap);
        if (cell < CELL.printed || Math.abs(weight) < 0.005) continue;
        pen.fillStyle = colours.ink[level];
        pen.fillText(written(weight, 2, map.isDifference), (column + 0.5) * cell, (row + 0.5) * cell + 0.5);
      }
    }
    [...this.left.children].forEach((label, row) => label.classList.toggle('future', row >= shown));
  }

  /**
   * Follow a row and a column, -1 for none; and the cell where they meet, if it is one that is pointed at.
   *
   * @param {number} row
   * @param {number} column
   * @param {boolean} isCell
   */
  follow(row, column, isCell) {
    const {
      cell,
      bands: [rowBand, columnBand, cellBand],
      map,
    } = this;
    /** @type {(band: HTMLElement, isShown: boolean, x: number, y: number, width: number, height: number) => void} */
    const place = (band, isShown, x, y, width, height) => {
      band.hidden = !isShown;
      if (!isShown) return;
      band.style.transform = `translate(${x * cell}px, ${y * cell}px)`;
      band.style.width = `${width * cell - 1}px`;
      band.style.height = `${height * cell - 1}px`;
    };
    const hasRow = row >= 0 && row < rowsShown(map);
    place(rowBand, hasRow, 0, row, map.columns.length, 1);
    place(columnBand, column >= 0, column, 0, 1, rowsShown(map));
    place(cellBand, isCell && hasRow && column >= 0, column, row, 1, 1);
    for (const label of this.marked) label.classList.remove('followed');
    this.marked = [hasRow && this.left.children[row], this.top.children[column]].filter((label) => !!label);
    for (const label of this.marked) label.classList.add('followed');
  }

  listen() {
    const at = (/** @type {MouseEvent} */ event) => {
      const box = this.cells.getBoundingClientRect();
      const column = Math.floor((event.clientX - box.left) / this.cell);
      const row = Math.floor((event.clientY - box.top) / this.cell);
      const isInside = row >= 0 && column >= 0 && row < rowsShown(this.map) && column < this.map.columns.length;
      return isInside ? { row, column } : null;
    };
    this.cells.addEventListener('pointermove', (event) => {
      const found = at(event);
      if (found) this.handlers.point(this.map, found.row, found.column);
      else this.handlers.leave();
    });
    this.cells.addEventListener('pointerleave', () => this.handlers.leave());
    this.cells.addEventListener('click', (event) => {
      const found = at(event);
      if (!found) return;
      this.cursor = found;
      this.handlers.pick(this.map, found.row, found.column, this.name);
    });
    this.cells.addEventListener('focus', () => {
      if (this.cells.matches(':focus-visible')) this.walk(this.cursor.row, this.cursor.column);
    });
    this.cells.addEventListener('blur', () => this.handlers.leave());
    this.cells.addEventListener('keydown', (event) => this.press(event));
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { row, column } = this.cursor;
    /** @type {Record<string, [number, number] | undefined>} */
    const places = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [row, 0],
      End: [row, this.map.columns.length - 1],
      PageUp: [0, column],
      PageDown: [rowsShown(this.map) - 1, column],
    };
    const to = places[event.key];
    if (to) this.walk(...to);
    else if (event.key === 'Enter' || event.key === ' ') this.handlers.pick(this.map, row, column, this.name);
    else return;
    event.preventDefault();
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  walk(row, column) {
    this.cursor = {
      row: clamp(row, 0, rowsShown(this.map) - 1),
      column: clamp(column, 0, this.map.columns.length - 1),
    };
    this.handlers.point(this.map, this.cursor.row, this.cursor.column);
    say(sayCell(this.map, this.cursor.row, this.cursor.column));
    const { cell, scroller } = this;
    const x = this.cursor.column * cell + this.left.offsetWidth;
    if (x - this.left.offsetWidth < scroller.scrollLeft) scroller.scrollLeft = x - this.left.offsetWidth;
    if (x + cell > scroller.scrollLeft + scroller.clientWidth) scroller.scrollLeft = x + cell - scroller.clientWidth;
  }
}

/** @type {(number: number, least: number, most: number) => number} */
const clamp = (number, least, most) => Math.max(least, Math.min(most, number));

/**
 * Say a cell in words.
 *
 * @param {MergedMap} map
 * @param {number} row
 * @param {number} column
 */
function sayCell(map, row, column) {
  const [from, to] = [visible(map.rows[row].label), visible(map.columns[column].label)];
  if (isHidden(map, row, column)) return `${from} may not look at ${to}: it is read later`;
  const number = map.weights[row * map.columns.length + column];
  return map.isDifference
    ? `${from}, ${to}: difference ${written(number, 4, true)}`
    : `${from} looks at ${to}: ${written(number)}`;
}

/** @type {CanvasRenderingContext2D | null} */
let ruler = null;

/**
 * How wide a label is.
 *
 * @param {string} text
 */
function measure(text) {
  ruler ??= penOf(make('canvas'));
  ruler.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(visible(text)).width;
}
