/* Tokens become words, words become rows and columns, and weights are summed over keys and averaged over queries. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areClose, randomNumbers, SOURCE } from './records.mjs';
import { load } from './scripts.mjs';

const { groupsOf, columnsOf, merge } = load({ upTo: 'words.js' });
const side = { ...SOURCE, name: 'source', wordOf: SOURCE.word_of_token, first: 0 };
const labels = (groups) => groups.map(({ label }) => label);

test('words have all their tokens, and what is outside them is alone or left out', () => {
  const words = [
    ['my', [0], false],
    ['dog', [1, 2], true],
    ['drank', [3], true],
    ['milk', [4, 5], true],
  ];
  const read = (special) => groupsOf(side, 'words', special).map(({ label, tokens, gap }) => [label, tokens, gap]);
  assert.deepEqual(read('keep'), [...words, ['</s>', [6], true]]);
  assert.deepEqual(read('column'), words);
  assert.deepEqual(read('drop'), words);
});

test('subwords are tokens, with a space where their mark stands', () => {
  const groups = groupsOf(side, 'subwords', 'keep');
  assert.deepEqual(labels(groups), SOURCE.tokens);
  assert.deepEqual(
    groups.map(({ tokens }) => tokens),
    SOURCE.tokens.map((_, i) => [i]),
  );
  assert.deepEqual(
    groups.map(({ gap }) => gap),
    [true, true, false, true, true, false, true],
  );
  assert.deepEqual(labels(groupsOf(side, 'subwords', 'drop')), SOURCE.tokens.slice(0, -1));
});

test('a word has the same key where it is read as where it is written', () => {
  const [start, ...others] = [null, ...side.wordOf.slice(0, -1)];
  const read = { ...side, tokens: ['<start>', ...side.tokens.slice(0, -1)], wordOf: [start, ...others], first: 1 };
  for (const unit of ['words', 'subwords']) {
    const keys = (of) => new Map(groupsOf(of, unit, 'drop').map(({ key, label }) => [key, label]));
    assert.deepEqual(keys(read), keys(side));
    assert.ok(!keys(side).has(groupsOf(read, unit, 'keep')[0].key));
  }
});

test('one column can stand for all that is outside the words', () => {
  const marks = { ...side, tokens: ['<en>', ...side.tokens], wordOf: [null, ...side.wordOf] };
  const columns = columnsOf(marks, 'words', 'column');
  assert.deepEqual(labels(columns), [...SOURCE.words, '<special>']);
  assert.deepEqual(columns.at(-1).tokens, [0, 7]);
  assert.equal(columns.at(-1).isSpecial, true);
  assert.deepEqual(columnsOf(marks, 'words', 'drop'), groupsOf(marks, 'words', 'drop'));
});

for (const special of ['keep', 'column', 'drop']) {
  test(`merged under "${special}"`, () => {
    const [random, size] = [randomNumbers(3), SOURCE.tokens.length];
    const weights = Float32Array.from({ length: size * size }, random);
    const [rows, columns] = [groupsOf(side, 'words', special), columnsOf(side, 'words', special)];
    const { weights: merged, masses } = merge(weights, size, rows, columns, special);
    const expected = [];
    for (const row of rows) {
      const line = columns.map(({ tokens }) => {
        let total = 0;
        for (let query = 0; query < size; query += 1)
          for (let key = 0; key < size; key += 1)
            if (row.tokens.includes(query) && tokens.includes(key)) total += weights[query * size + key];
        return total / row.tokens.length;
      });
      const mass = special === 'drop' ? line.reduce((one, other) => one + other) : 1;
      expected.push({ line: line.map((weight) => weight / mass), mass });
    }
    assert.ok(
      areClose(
        [...merged],
        expected.flatMap(({ line }) => line),
      ),
    );
    assert.ok(
      areClose(
        [...masses],
        expected.map(({ mass }) => mass),
      ),
    );
  });
}

test('a row that looks at no word stays zero where the rest is left out', () => {
  const [rows, columns] = [groupsOf(side, 'words', 'drop'), columnsOf(side, 'words', 'drop')];
  const { weights, masses } = merge(new Float32Array(49), 7, rows, columns, 'drop');
  assert.deepEqual([...weights, ...masses], Array(4 * 4 + 4).fill(0));
});
