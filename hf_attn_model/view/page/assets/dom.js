/* Elements and text. Nothing here takes HTML: whatever a token says, it stays text. */

/** @typedef {Element | string} Content What an element is filled with: elements, and strings, which become text. */
/** @typedef {Record<string, string | number | boolean | null>} Properties */

/**
 * The elements of page.html that are more than any element, by their ids.
 *
 * @typedef {{
 *   search: HTMLInputElement, step: HTMLInputElement, frame: HTMLInputElement, shortcuts: HTMLInputElement,
 *   special: HTMLSelectElement, lines: HTMLCanvasElement, help: HTMLDialogElement, 'table-box': HTMLDetailsElement,
 *   how: HTMLButtonElement, play: HTMLButtonElement, previous: HTMLButtonElement, next: HTMLButtonElement,
 * }} Elements
 */

/**
 * Find an element of page.html.
 *
 * @template {string} Id
 * @param {Id} id
 */
const byId = (id) => /** @type {(Elements & Record<string, HTMLElement>)[Id]} */ (document.getElementById(id));

/**
 * Make an element; strings among the children become text. Names of properties that no element has are attributes.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} properties
 * @param {Content[]} children
 */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && !name.startsWith('aria')) Object.assign(element, { [name]: value });
    else if (value !== null) element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/**
 * Empty an element and fill it again.
 *
 * @param {Element} element
 * @param {Content[]} children
 */
function fill(element, ...children) {
  element.replaceChildren(...children);
  return element;
}

/** @param {string} text */
const bold = (text) => make('b', { textContent: text });

/** @param {Content[]} children */
const quiet = (...children) => make('span', { className: 'quiet' }, ...children);

/** @param {string} text */
const code = (text) => make('code', { textContent: text });

/** @param {HTMLCanvasElement} canvas */
const penOf = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));

/**
 * A table: names of columns, rows, and rows below a line. `hasPictures` leaves the last column without a name.
 *
 * @param {string} className
 * @param {string[]} head
 * @param {HTMLTableRowElement[]} rows
 * @param {{foot?: HTMLTableRowElement[], hasPictures?: boolean}} more
 */
function tableOf(className, head, rows, { foot = [], hasPictures = false } = {}) {
  const names = head.map((name) => make('th', { scope: 'col', textContent: name }));
  return make(
    'table',
    { className },
    make('thead', {}, make('tr', {}, ...names, ...(hasPictures ? [make('td')] : []))),
    make('tbody', {}, ...rows),
    ...(foot.length ? [make('tfoot', {}, ...foot)] : []),
  );
}

/**
 * A row of a table: what names it, if anything does, and its cells, texts or elements.
 *
 * @param {string} className
 * @param {Content | null} name
 * @param {Content[]} cells
 */
function rowOf(className, name, ...cells) {
  const header = name === null ? [] : [make('th', { scope: 'row' }, name)];
  const isCell = (/** @type {Content} */ content) => typeof content !== 'string' && content.tagName === 'TD';
  const asCell = (/** @type {Content} */ content) => (isCell(content) ? content : make('td', {}, content));
  return make('tr', { className }, ...header, ...cells.map(asCell));
}

const UNSEEN =
  /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
const SPACE = /[^\S\u2028\u2029\ufeff]/gu;
const JOINERS_ALONE = /^[\u200c\u200d]+$/u;

/**
 * Make the characters of a token visible that are not: white space is "▁", a control character its number.
 *
 * @param {string} text
 */
function visible(text) {
  const numbered = (/** @type {string} */ found) =>
    `U+${Number(found.codePointAt(0)).toString(16).toUpperCase().padStart(4, '0')}`;
  if (text === '') return '∅';
  if (JOINERS_ALONE.test(text)) return [...text].map(numbered).join(' ');
  const shown = text.replace(SPACE, '▁').replace(UNSEEN, numbered);
  return /^\p{M}/u.test(shown) ? `◌${shown}` : shown; // an accent alone sits on a circle
}

/**
 * A sentence as it is, but for control characters; its spaces stay spaces.
 *
 * @param {string} text
 */
const visibleText = (text) =>
  text
    .split(' ')
    .map((part) => part && visible(part))
    .join(' ') || '∅';

/**
 * A token or word on the page: isolated, so that its direction changes nothing around it.
 *
 * @param {string} text
 */
const word = (text) => make('bdi', { textContent: visible(text) });

const RTL = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/**
 * The direction of a sentence: that of its first letter.
 *
 * @param {string} text
 */
function direction(text) {
  const letter = text.match(/\p{L}/u);
  return letter && RTL.test(letter[0]) ? 'rtl' : 'ltr';
}

/**
 * Write a number with a true minus sign.
 *
 * @param {number} number
 * @param {boolean} sign whether to write a plus, too
 */
function written(number, digits = 4, sign = false) {
  if (number === -Infinity) return '−∞';
  const text = Math.abs(number).toFixed(digits);
  if (number < 0 && Number(text) !== 0) return `−${text}`;
  return sign ? `+${text}` : text;
}

/**
 * Write a bound on an error: two digits, rounded up.
 *
 * @param {number} error
 */
function bound(error) {
  if (!error) return '0';
  const digits = 1 - Math.floor(Math.log10(error));
  return (Math.ceil(error * 10 ** digits - 1e-9) / 10 ** digits).toFixed(digits);
}

/**
 * Build a group of elements anew; who stood on one of them with the keyboard stays there.
 *
 * @template {HTMLElement} E
 * @param {() => E[]} items gives the elements of the group, before and after
 * @param {() => void} build
 * @param {(all: E[], old: E, here: number) => E | undefined} heir which of the new elements takes the focus of an old
 *   one; without it the one in the same place
 */
function rebuild(items, build, heir = (all, _, here) => all[Math.min(here, all.length - 1)]) {
  const old = items();
  const here = old.findIndex((item) => item === document.activeElement);
  build();
  if (here >= 0) heir(items(), old[here], here)?.focus();
}

/**
 * Let one element of a group take the tab stop; arrow keys walk from one to the next.
 *
 * @param {HTMLElement} group
 * @param {() => (HTMLElement & {disabled?: boolean})[]} items
 * @param {() => number} columns how many stand in a row
 */
function rove(group, items, columns = () => items().length) {
  group.addEventListener('focusin', (event) => {
    if (!items().some((item) => item === event.target)) return;
    for (const item of items()) item.tabIndex = item === event.target ? 0 : -1;
  });
  group.addEventListener('keydown', (event) => {
    const all = items().filter((item) => !item.disabled);
    const here = all.findIndex((item) => item === event.target);
    if (here < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const forward = getComputedStyle(group).direction === 'rtl' ? -1 : 1;
    const width = columns();
    const start = width < all.length ? here - (here % width) : 0;
    const end = width < all.length ? Math.min(start + width, all.length) - 1 : all.length - 1;
    /** @type {Record<string, number | undefined>} */
    const places = {
      ArrowRight: here + forward,
      ArrowLeft: here - forward,
      ArrowDown: here + (width < all.length ? width : 1),
      ArrowUp: here - (width < all.length ? width : 1),
      Home: start,
      End: end,
    };
    const to = places[event.key];
    if (to === undefined) return;
    event.preventDefault();
    all[to]?.focus();
  });
}
