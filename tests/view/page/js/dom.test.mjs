/* What is made visible, and how numbers are written. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomNumbers } from './records.mjs';
import { load, PAGE, SOURCES } from './scripts.mjs';

const { visible, visibleText, direction, written, bound, make, rove, rebuild, document } = load({ upTo: 'dom.js' });

test('no token is invisible, and none loses a letter', () => {
  assert.equal(visible('a b'), 'a▁b');
  assert.equal(visible(''), '∅');
  assert.equal(visible('\u0000\u202e'), 'U+0000U+202E');
  assert.equal(visible('\u200d'), 'U+200D');
  assert.equal(visible('👩\u200d👧'), '👩\u200d👧', 'a joiner between two stays');
  assert.equal(visible('\u0301'), '◌\u0301');
  assert.equal(visible('猫'), '猫');
  assert.equal(visibleText('a  \u0007b'), 'a  U+0007b');
  assert.equal(visibleText(''), '∅');
});

test('a sentence runs as its first letter does', () => {
  assert.deepEqual(['... قط', 'cat قط', '123', 'שלום'].map(direction), ['rtl', 'ltr', 'ltr', 'rtl']);
});

test('numbers have a true minus sign, and zero has none', () => {
  assert.deepEqual([written(-0.25, 2), written(0.25, 2, true), written(-0.001, 2)], ['−0.25', '+0.25', '0.00']);
  assert.equal(written(-Infinity), '−∞');
  assert.equal(written(0.123456), '0.1235');
});

test('a bound is never below the error, and at most a tenth above it', () => {
  const random = randomNumbers(5);
  for (let i = 0; i < 997; i += 1) {
    const error = 10 ** (-8 * random());
    const told = Number(bound(error));
    assert.ok(told >= error * (1 - 1e-6) && told <= 1.1 * error, `${bound(error)} for ${error}`);
  }
  assert.deepEqual([bound(0), bound(0.00195), bound(2e-4)], ['0', '0.0020', '0.00020']);
});

test('elements are made of text, never of HTML', () => {
  const element = make('p', { className: 'a', 'aria-label': 'b', lang: null }, '<b>', make('b', { textContent: 'c' }));
  assert.deepEqual([element.tagName, element.className, element.attributes], ['P', 'a', { 'aria-label': 'b' }]);
  assert.equal(element.textContent, '<b>c');
});

test('arrow keys walk through a grid of 3 columns and 7 elements', () => {
  const group = make('div');
  const items = Array.from({ length: 7 }, () => make('button'));
  rove(
    group,
    () => items,
    () => 3,
  );
  const steps = {
    ArrowRight: [4, 5],
    ArrowLeft: [4, 3],
    ArrowDown: [2, 5],
    ArrowUp: [5, 2],
    Home: [5, 3],
    End: [3, 5],
  };
  for (const [key, [from, to]] of Object.entries(steps)) {
    for (const item of items) item.isFocused = false;
    group.dispatch('keydown', { key, target: items[from] });
    assert.deepEqual(items.map((item) => item.isFocused).indexOf(true), to, key);
  }
  group.dispatch('focusin', { target: items[5] });
  assert.deepEqual(
    items.map((item) => item.tabIndex),
    [-1, -1, -1, -1, -1, 0, -1],
  );
});

test('arrow keys leave out what is disabled', () => {
  const group = make('div');
  const items = Array.from({ length: 3 }, (_, i) => make('button', { disabled: i === 1 }));
  rove(group, () => items);
  group.dispatch('keydown', { key: 'ArrowRight', target: items[0] });
  assert.ok(items[2].isFocused);
});

test('who stood on an element stands on the one in its place when it is built anew', () => {
  let items = Array.from({ length: 5 }, () => make('button'));
  document.activeElement = items[4];
  rebuild(
    () => items,
    () => {
      items = items.slice(0, 3).map(() => make('button'));
    },
  );
  assert.deepEqual(
    items.map((item) => item.isFocused),
    [false, false, true],
  );
});

test('elements of page.html are what their types say', () => {
  const [, typed] = SOURCES[0].match(/@typedef \{\{(.*?)\}\} Elements/s);
  const pairs = [...typed.matchAll(/'?([\w-]+)'?: HTML(\w+)Element/g)];
  assert.ok(pairs.length > 10);
  for (const [, id, type] of pairs) {
    const [, tag] = PAGE.match(new RegExp(`<(\\w+)[^>]* id="${id}"`)) ?? assert.fail(`there is no ${id}`);
    assert.equal(tag, type.toLowerCase(), id);
  }
});

test('every element that the scripts look for is in page.html, or is made by them', () => {
  const code = SOURCES.join('\n');
  for (const [, id] of code.matchAll(/byId\('([\w-]+)'\)/g)) {
    const isThere = PAGE.includes(`id="${id}"`) || code.includes(`id: '${id}'`) || id === 'page-data';
    assert.ok(isThere, `there is no ${id}`);
  }
});
