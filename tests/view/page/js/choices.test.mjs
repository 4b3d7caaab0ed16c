/* What keys and clicks make of what is shown: heads, records, comparisons, steps. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areClose, randomRecord, SOURCE, TARGET } from './records.mjs';
import { load } from './scripts.mjs';

const SHORT = {
  text: 'bebió agua',
  tokens: ['▁bebió', '▁agua', '</s>'],
  words: ['bebió', 'agua'],
  gaps: [0, 1],
  word_of_token: [0, 1, null],
};

/** A page that shows its first record as start.js does, but draws nothing. */
function open({ records = [randomRecord().record], ...data } = {}) {
  const page = load({ records, ...data });
  page.watchers.length = 0;
  page.change({ heads: page.firstHeads(page.current()) });
  const press = (key) => {
    for (const [, , acts] of page.SHORTCUTS) acts[key]?.();
  };
  return { page, state: page.state, press };
}

test('letters change what they say', () => {
  const { state, press } = open();
  const after = (keys, name) => [...keys].map((key) => (press(key), state[name]));
  assert.deepEqual(after('123', 'place'), ['encoder', 'decoder', 'cross']);
  assert.deepEqual(after('ww', 'unit'), ['subwords', 'words']);
  assert.deepEqual(after('sss', 'special'), ['column', 'drop', 'keep']);
  assert.deepEqual(after('aa', 'several'), [true, false]);
  assert.deepEqual(after('vcvv', 'layout'), ['three', 'compare', 'three', 'one']);
  assert.deepEqual(after('ttt', 'theme'), ['light', 'dark', 'system']);
});

test('a place that was not kept cannot be chosen', () => {
  const { state, press } = open({ records: [randomRecord({ places: ['cross'] }).record] });
  press('1');
  assert.equal(state.place, 'cross');
});

test('every shortcut has its keys in the help', () => {
  const { page } = open();
  for (const [keys, , acts] of page.SHORTCUTS) assert.deepEqual(keys.split(' ').sort(), Object.keys(acts).sort());
});

test('letters are left to whoever types, and to the browser', () => {
  const { page, state } = open();
  page.startKeys();
  const body = page.make('body');
  const press = (key, more = {}) => page.document.dispatch('keydown', { key, target: body, ...more });
  page.byId('shortcuts').checked = true;
  for (const more of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }]) press('w', more);
  press('w', { target: page.make('input', { type: 'search' }) });
  press('w', { target: page.make('select') });
  page.byId('shortcuts').checked = false;
  press('w');
  assert.equal(state.unit, 'words');
  page.byId('shortcuts').checked = true;
  press('w', { target: {} }); // the document itself, which is no element
  assert.equal(state.unit, 'subwords');
});

test('steps go from the first word to the last, and then all is written', () => {
  const { state, press } = open();
  const walk = (keys) => [...keys].map((key) => (press(key), state.step));
  assert.deepEqual(walk('.....'), [1, 2, 3, null, 1]);
  assert.deepEqual(walk(',,'), [1, 1]);
  press('1');
  assert.deepEqual(walk('..'), [1, 1], 'the encoder alone has no steps');
});

test('beside the encoder, steps are still those of the translation', () => {
  const short = randomRecord({ source: SHORT, target: TARGET }).record; // 3 words are read, 4 are written
  const { page, state, press } = open({ records: [short] });
  page.change({ layout: 'three', place: 'encoder' });
  const walk = (keys) => [...keys].map((key) => (press(key), state.step));
  assert.deepEqual(walk('....,'), [1, 2, 3, null, 3]);
});

test('a head is added to the average and taken out, but for the last', () => {
  const { page, state } = open();
  page.chooseHeads('cross', [4]);
  page.toggleHead('cross', 1);
  assert.deepEqual(state.heads.cross, [1, 4]);
  page.toggleHead('cross', 4);
  page.toggleHead('cross', 1);
  assert.deepEqual(state.heads.cross, [1]);
});

test('the page begins with the best aligner, and with the sharpest heads elsewhere', () => {
  const { record, numbers } = randomRecord();
  const heads = { '4:1': { aer: 0.4 }, '6:3': { aer: 0.2 }, '6:1': { aer: 0.3 } };
  const { page } = open({ records: [record], facts: { heads } });
  const [, H, T, S] = numbers.encoder.shape;
  const words = SOURCE.words.map((_, word) => SOURCE.word_of_token.flatMap((of, i) => (of === word ? [i] : [])));
  const sharpness = Array.from({ length: 2 * H }, (_, flat) =>
    words
      .map((queries) => {
        const looks = words.map((keys) => {
          let total = 0;
          for (const query of queries)
            for (const key of keys) total += numbers.encoder.weights[(flat * T + query) * S + key];
          return total / queries.length;
        });
        return Math.max(...looks);
      })
      .reduce((one, other) => one + other),
  );
  const first = page.firstHeads(page.current());
  assert.deepEqual(first.cross, [5]);
  assert.deepEqual(first.encoder, [sharpness.indexOf(Math.max(...sharpness))]);
});

test('another record keeps the heads where it has as many', () => {
  const records = [randomRecord({ id: 'a' }), randomRecord({ id: 'b', seed: 2 }), randomRecord({ id: 'c', heads: 5 })];
  const { page, state } = open({ records: records.map(({ record }) => record) });
  page.chooseHeads('cross', [1, 5]);
  page.change({ step: 2, part: 3 });
  page.showRecord(1);
  assert.deepEqual([state.record, state.heads.cross, state.step, state.part], [1, [1, 5], null, 0]);
  page.showRecord(2);
  assert.deepEqual(state.heads, page.firstHeads(page.current()));
  page.showRecord(3);
  assert.equal(state.record, 2, 'there is no other');
});

test('a film stays at its step', () => {
  const records = [randomRecord({ id: 'a' }), randomRecord({ id: 'b', seed: 2 })].map(({ record }) => record);
  const { page, state } = open({ records, facts: { is_film: true } });
  page.change({ step: 2 });
  page.showRecord(1);
  assert.deepEqual([state.record, state.step], [1, 2]);
});

test('B is another record of the same source with the same head, else the next head', () => {
  const [a, other, again] = [{ id: 'a' }, { id: 'b', source: SHORT }, { id: 'c', target: SHORT }];
  const records = [a, other, again].map((options, seed) => randomRecord({ ...options, seed }).record);
  const { page } = open({ records });
  page.chooseHeads('cross', [4]);
  assert.deepEqual(page.compareRecords(), [0, 2]);
  assert.deepEqual(page.comparison(), { record: 2, layer: 1, head: 1 });
  page.showRecord(1);
  page.chooseHeads('cross', [5]);
  assert.deepEqual(page.comparison(), { record: 1, layer: 1, head: 0 });
  page.chooseHeads('cross', [3, 4]);
  assert.deepEqual(page.comparison(), { record: 1, layer: 1, head: 'all' });
  page.change({ compare: { record: 1, layer: 'all', head: 2 } });
  assert.deepEqual(page.comparedMap().heads, [2, 5]);
  page.change({ compare: { record: 1, layer: 1, head: 'all' } });
  assert.deepEqual(page.comparedMap().heads, [3, 4, 5]);
  page.change({ compare: { record: 1, layer: 7, head: 2 } });
  assert.deepEqual(page.comparison(), { record: 1, layer: 1, head: 'all' }, 'there is no such layer');
});

test('a difference is B minus A, over the words that both begin with', () => {
  const { page } = open();
  const [a, b] = [[1], [4]].map((heads) => page.current().map('cross', heads, 'words', 'keep'));
  const cut = { ...b, rows: [...b.rows.slice(0, 2), { ...b.rows[2], label: '!' }, b.rows[3]] };
  const difference = page.differenceOf(a, cut);
  assert.deepEqual(difference.rows, a.rows.slice(0, 2));
  assert.deepEqual(difference.columns, a.columns);
  const expected = Array.from({ length: 2 * 5 }, (_, i) => b.weights[i] - a.weights[i]);
  assert.ok(areClose([...difference.weights], expected));
  assert.ok(Math.abs(difference.highest - Math.max(...expected.map(Math.abs))) < 1e-7);
  assert.equal(page.differenceOf(a, { ...b, rows: b.rows.slice(1) }), null);
});

test('a cell that is picked in B is explained as one of B, however many maps were made since', () => {
  const { page, state } = open();
  page.change({ layout: 'compare' });
  const pick = (name, map) => {
    const view = new page.HeatMap(name, map, { title: [], highest: 1 }, page.handlers);
    page.current().merged.clear(); // as it is when a page of many heads draws them
    view.press({ key: 'Enter', preventDefault() {} });
    return state.cell.view;
  };
  assert.deepEqual([pick('B', page.comparedMap()), pick('A', page.mapOf())], ['B', 'A']);
});
