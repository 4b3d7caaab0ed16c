/* What the page computes again: attention by a brute-force loop, and cells as sums of their parts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areClose, randomRecord } from './records.mjs';
import { load } from './scripts.mjs';

const open = (options) => {
  const { record, numbers } = randomRecord(options);
  const { Sentence, attend, takeApart } = load({ records: [record], upTo: 'arithmetic.js' });
  return { sentence: new Sentence(0), numbers, attend, takeApart };
};

/** Weights and context of one query, one number after the other. */
function bruteForce(numbers, { place, layer, head, query, keyHead = head, keyHeads, hasBias }) {
  const { shape, width: K, ...arrays } = numbers[place];
  const [, H, T, S] = shape;
  const at = (name, count, index, length, row, k) => arrays[name][((layer * count + index) * length + row) * K + k];
  const exponentials = [];
  for (let key = 0; key < S; key += 1) {
    let score = 0;
    for (let k = 0; k < K; k += 1)
      score += at('query', H, head, T, query, k) * at('key', keyHeads, keyHead, S, key, k) * 0.3;
    if (hasBias) score += arrays.bias[((layer * H + head) * T + query) * S + key];
    const isSeen = hasBias || place !== 'decoder' || key <= query;
    exponentials.push(isSeen ? Math.exp(score) : 0);
  }
  const total = exponentials.reduce((one, other) => one + other);
  const weights = exponentials.map((exponential) => exponential / total);
  const context = Array.from({ length: K }, (_, k) =>
    weights.reduce((all, weight, key) => all + weight * at('value', keyHeads, keyHead, S, key, k), 0),
  );
  return { weights, context };
}

for (const place of ['encoder', 'decoder', 'cross']) {
  for (const [keyHeads, hasBias] of [
    [3, false],
    [1, false],
    [3, true],
  ]) {
    test(`query to context: ${place}, ${keyHeads} heads of keys${hasBias ? ', and a bias' : ''}`, () => {
      const { sentence, numbers, attend } = open({ keyHeads, hasBias });
      const [layer, head] = [1, 2];
      for (let query = 0; query < numbers[place].shape[2]; query += 1) {
        const { rows, context } = attend(sentence, place, layer, head, query);
        const which = { place, layer, head, query, keyHeads, keyHead: keyHeads === 1 ? 0 : head, hasBias };
        const expected = bruteForce(numbers, which);
        const weights = rows.map(({ weight }) => weight);
        assert.ok(areClose(weights, expected.weights, 1e-12));
        assert.ok(areClose(context, expected.context, 1e-12));
      }
    });
  }
}

test('a context needs values', () => {
  const { sentence, attend } = open({ hasValues: false });
  const { rows, values, context } = attend(sentence, 'cross', 0, 0, 0);
  assert.equal(rows.length, 7);
  assert.deepEqual([values, context], [null, null]);
});

test('scores too large for an exponential make weights all the same', () => {
  const { record } = randomRecord();
  record.places.cross.vectors.scaling = 1000;
  const { Sentence, attend } = load({ records: [record], upTo: 'arithmetic.js' });
  const { rows } = attend(new Sentence(0), 'cross', 0, 0, 0);
  const [total] = [rows.reduce((all, { weight }) => all + weight, 0)];
  assert.ok(Math.abs(total - 1) < 1e-12);
});

for (const special of ['keep', 'column', 'drop']) {
  for (const heads of [[4], [0, 2, 5]]) {
    test(`the parts of every cell add up to it: "${special}", ${heads.length} heads`, () => {
      const { sentence, takeApart } = open();
      const map = sentence.map('cross', heads, 'words', special);
      map.rows.forEach((row, r) =>
        map.columns.forEach((column, c) => {
          const parts = takeApart(map, r, c);
          assert.equal(parts.length, heads.length * row.tokens.length * column.tokens.length);
          const shares = parts.map(({ share }) => share);
          const total = shares.reduce((one, other) => one + other, 0);
          assert.ok(Math.abs(total - map.weights[r * map.columns.length + c]) < 1e-6);
          assert.deepEqual(
            shares,
            [...shares].sort((one, other) => other - one),
          );
          for (const { layer, head, query, key, weight } of parts)
            assert.equal(weight, sentence.weights('cross', layer, head)[query * 7 + key]);
        }),
      );
    });
  }
}
