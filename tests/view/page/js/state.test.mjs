/* What is shown changes in one place, and whatever depends on it is drawn once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomRecord } from './records.mjs';
import { load } from './scripts.mjs';

/** A page with records, up to state.js; a frame is drawn by `nextFrame`. */
function open(count = 1, options = {}) {
  const records = Array.from({ length: count }, (_, i) => randomRecord({ id: String(i), seed: i, ...options }).record);
  const page = load({ records, upTo: 'state.js' });
  page.change({ heads: { encoder: [0], decoder: [0], cross: [0] } });
  const nextFrame = () => page.frames.splice(0).forEach((draw) => draw());
  nextFrame();
  return { page, nextFrame };
}

test('what depends on a change is drawn in the next frame, once, in order', () => {
  const { page, nextFrame } = open();
  const drawn = [];
  page.watch('place step', () => drawn.push('first'));
  page.watch('unit', () => drawn.push('never'));
  page.watch('step', () => drawn.push('second'));
  page.change({ place: 'encoder' });
  page.change({ step: 2 });
  assert.deepEqual(drawn, []);
  assert.equal(page.frames.length, 1);
  nextFrame();
  assert.deepEqual(drawn, ['first', 'second']);
  assert.deepEqual([page.state.place, page.state.step], ['encoder', 2]);
});

test('an equal value changes nothing', () => {
  const { page } = open();
  page.change({
    place: page.state.place,
    heads: structuredClone(page.state.heads),
    compare: { ...page.state.compare },
  });
  assert.equal(page.frames.length, 0);
  page.touch('theme');
  assert.equal(page.frames.length, 1);
});

test('what is drawn now is not drawn again in the next frame', () => {
  const { page, nextFrame } = open();
  let drawn = 0;
  page.watch('step', () => {
    drawn += 1;
  });
  page.change({ step: 1 });
  page.redraw();
  nextFrame();
  assert.equal(drawn, 1);
});

test('records are read when they are asked for, and a few stay open', () => {
  const { page } = open(11);
  const first = page.sentenceAt(0);
  assert.equal(page.sentenceAt(0), first);
  for (let number = 1; number < 11; number += 1) assert.equal(page.sentenceAt(number).number, number);
  assert.ok(page.opened.size <= 9);
  assert.equal(page.sentenceAt(10), page.sentenceAt(10));
  assert.notEqual(page.sentenceAt(0), first);
});

test('the encoder has all its rows at every step', () => {
  const { page } = open();
  page.change({ step: 2 });
  const rows = ['encoder', 'decoder', 'cross'].map((place) => page.rowsShown(page.mapOf(place)));
  assert.deepEqual(rows, [5, 2, 2]);
  page.change({ step: 99 });
  assert.equal(page.rowsShown(page.mapOf('cross')), 4);
});

test('a word pointed at in one place is found in the others', () => {
  const { page } = open();
  const [encoder, decoder, cross] = ['encoder', 'decoder', 'cross'].map((place) => page.mapOf(place));
  const at = (map, row, column) => ({ ...page.wordsOfCell(map, row, column), isCell: false });
  assert.deepEqual(page.locate(cross, at(cross, 1, 2)), { row: 1, column: 2 });
  const drank = at(cross, -1, 2);
  assert.deepEqual(page.locate(encoder, drank), { row: 2, column: 2 }, 'it looks, and is looked at');
  assert.deepEqual(page.locate(decoder, drank), { row: -1, column: -1 });
  const leche = at(cross, 1, -1);
  assert.deepEqual(page.locate(decoder, leche), { row: 1, column: 2 }, 'it is read one step later');
  assert.deepEqual(page.locate(decoder, { ...leche, isStep: true }), { row: 1, column: -1 });
  assert.deepEqual(page.locate(cross, null), { row: -1, column: -1 });
});

test('a word is found in another hypothesis, where it stands elsewhere', () => {
  const { page } = open();
  const map = page.mapOf('cross');
  const elsewhere = { side: 'target', key: 'w7', label: 'leche' };
  assert.equal(page.locate(map, { row: elsewhere, column: null, isCell: false }).row, 1);
});

test('what is pointed at is followed, then what is explained, then the step just written', () => {
  const { page } = open();
  assert.equal(page.followed(), null);
  page.change({ step: 2 });
  assert.deepEqual(page.followed().row.label, 'leche');
  const words = page.wordsOfCell(page.mapOf(), 0, 0);
  page.change({ cell: { view: 'A', place: 'cross', ...words } });
  assert.deepEqual([page.followed().row.label, page.followed().isCell], ['bebió', true]);
  page.change({ active: { ...page.wordsOfCell(page.mapOf(), -1, 3), isCell: false } });
  assert.deepEqual([page.followed().row, page.followed().column.label], [null, 'milk']);
});

test('what was measured of a head is found by its numbers in the model', () => {
  const known = { role: 'aligner', aer: 0.1, step: 'input' };
  const { record } = randomRecord();
  const page = load({ records: [record], facts: { heads: { '6:2': known } }, upTo: 'state.js' });
  assert.deepEqual(
    [3, 4, 5].map((flat) => page.knownHead(page.current(), flat)),
    [undefined, known, undefined],
  );
});
