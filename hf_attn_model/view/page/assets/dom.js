/* Elements and text. Nothing here takes HTML: whatever a token says, it stays text. */

const byId = (id) => document.getElementById(id);

/** Make an element; strings among the children become text. Names of properties that no element has are attributes. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && !name.startsWith('aria')) element[name] = value;
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Empty an element and fill it again. */
function fill(element, ...children) {
  element.replaceChildren(...children);
  return element;
}

const bold = (text) => make('b', { textContent: text });
const quiet = (...children) => make('span', { className: 'quiet' }, ...children);
const code = (text) => make('code', { textContent: text });

/** A table: names of columns, rows, and rows below a line. `hasPictures` leaves the last column without a name. */
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

/** A row of a table: what names it, if anything does, and its cells, texts or elements. */
function rowOf(className, name, ...cells) {
  const header = name === null ? [] : [make('th', { scope: 'row' }, name)];
  const asCell = (cell) => (cell.tagName === 'TD' ? cell : make('td', {}, cell));
  return make('tr', { className }, ...header, ...cells.map(asCell));
}

const UNSEEN =
  /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
const SPACE = /[^\S\u2028\u2029\ufeff]/gu;
const JOINERS_ALONE = /^[\u200c\u200d]+$/u;

/** Make the characters of a token visible that are not: white space is "▁", a control character its number. */
function visible(text) {
  const numbered = (found) => `U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  if (text === '') return '∅';
  if (JOINERS_ALONE.test(text)) return [...text].map(numbered).join(' ');
  const shown = text.replace(SPACE, '▁').replace(UNSEEN, numbered);
  return /^\p{M}/u.test(shown) ? `◌${shown}` : shown; // an accent alone sits on a circle
}

/** A sentence as it is, but for control characters; its spaces stay spaces. */
const visibleText = (text) =>
  text
    .split(' ')
    .map((part) => part && visible(part))
    .join(' ') || '∅';

/** A token or word on the page: isolated, so that its direction changes nothing around it. */
const word = (text) => make('bdi', { textContent: visible(text) });

const RTL = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/** The direction of a sentence: that of its first letter. */
function direction(text) {
  const letter = text.match(/\p{L}/u);
  return letter && RTL.test(letter[0]) ? 'rtl' : 'ltr';
}

/** Write a number with a true minus sign. */
function written(number, digits = 4, sign = false) {
  if (number === -Infinity) return '−∞';
  const text = Math.abs(number).toFixed(digits);
  if (number < 0 && Number(text) !== 0) return `−${text}`;
  return sign ? `+${text}` : text;
}

/** Write a bound on an error: two digits, rounded up. */
function bound(error) {
  if (!error) return '0';
  const digits = 1 - Math.floor(Math.log10(error));
  return (Math.ceil(error * 10 ** digits - 1e-9) / 10 ** digits).toFixed(digits);
}

/**
 * Build a group of elements anew; who stood on one of them with the keyboard stays there.
 *
 * @param items gives the elements of the group, before and after
 * @param heir says which of the new elements takes the focus of an old one; without it the one in the same place
 */
function rebuild(items, build, heir = (all, _, here) => all[Math.min(here, all.length - 1)]) {
  const old = items();
  const here = old.indexOf(document.activeElement);
  build();
  if (here >= 0) heir(items(), old[here], here)?.focus();
}

/** Let one element of a group take the tab stop; arrow keys walk from one to the next. */
function rove(group, items, columns = () => items().length) {
  group.addEventListener('focusin', (event) => {
    if (!items().includes(event.target)) return;
    for (const item of items()) item.tabIndex = item === event.target ? 0 : -1;
  });
  group.addEventListener('keydown', (event) => {
    const all = items().filter((item) => !item.disabled);
    const here = all.indexOf(event.target);
    if (here < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const forward = getComputedStyle(group).direction === 'rtl' ? -1 : 1;
    const width = columns();
    const start = width < all.length ? here - (here % width) : 0;
    const end = width < all.length ? Math.min(start + width, all.length) - 1 : all.length - 1;
    const to = {
      ArrowRight: here + forward,
      ArrowLeft: here - forward,
      ArrowDown: here + (width < all.length ? width : 1),
      ArrowUp: here - (width < all.length ? width : 1),
      Home: start,
      End: end,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    all[to]?.focus();
  });
}
