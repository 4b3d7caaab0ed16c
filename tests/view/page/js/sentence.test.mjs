/* A record: its sides, and the numbers of each head cut out of packed arrays. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areClose, randomRecord, SOURCE, TARGET } from './records.mjs';
import { load } from './scripts.mjs';

const open = (options) => {
  const { record, numbers } = randomRecord(options);
  const { Sentence, isHidden, nameHeads } = load({ records: [record], upTo: 'sentence.js' });
  return { sentence: new Sentence(0), numbers, isHidden, nameHeads };
};

test('the decoder reads what is written one step later', () => {
  const { sentence } = open();
  const [[source, same], [written, read], [writes, looked]] = sentence.places.map((place) => sentence.sides(place));
  assert.deepEqual(source.tokens, SOURCE.tokens);
  assert.equal(same, source);
  assert.deepEqual([writes, looked], [written, source]);
  assert.deepEqual(read.tokens, ['<start>', ...TARGET.tokens.slice(0, -1)]);
  assert.deepEqual(read.wordOf, [null, ...TARGET.word_of_token.slice(0, -1)]);
});

test('places that were not kept are not there', () => {
  assert.deepEqual(open({ places: ['cross', 'encoder'] }).sentence.places, ['encoder', 'cross']);
});

test('weights and vectors of a head, where heads share keys', () => {
  const [heads, keyHeads] = [6, 2];
  const { sentence, numbers } = open({ heads, keyHeads, hasValues: false });
  const { shape, width, ...arrays } = numbers.cross;
  const [layers, , rows, columns] = shape;
  for (let layer = 0; layer < layers; layer += 1) {
    for (let head = 0; head < heads; head += 1) {
      const own = (array, height, across, count, index) =>
        Array.from({ length: height * across }, (_, i) => array[(layer * count + index) * height * across + i]);
      const shared = head < 3 ? 0 : 1;
      const { weights, query, key } = arrays;
      assert.deepEqual([...sentence.weights('cross', layer, head)], own(weights, rows, columns, heads, head));
      assert.deepEqual([...sentence.vectors('cross', 'query', layer, head)], own(query, rows, width, heads, head));
      assert.deepEqual([...sentence.vectors('cross', 'key', layer, head)], own(key, columns, width, keyHeads, shared));
      assert.equal(sentence.vectors('cross', 'value', layer, head), null);
    }
  }
});

test('a map of several heads is the mean of theirs', () => {
  const { sentence } = open();
  const heads = [0, 2, 5];
  const mean = sentence.map('decoder', heads, 'words', 'drop');
  const single = heads.map((head) => sentence.map('decoder', [head], 'words', 'drop').weights);
  const expected = Array.from(mean.weights, (_, i) => (single[0][i] + single[1][i] + single[2][i]) / 3);
  assert.ok(areClose([...mean.weights], expected));
  assert.equal(mean.highest, Math.max(...mean.weights));
  assert.equal(sentence.map('decoder', heads, 'words', 'drop'), mean, 'it is made once');
});

test('a cell is hidden where each of its keys is read after each of its queries, in the decoder alone', () => {
  const { sentence, isHidden } = open();
  for (const place of sentence.places) {
    for (const unit of ['words', 'subwords']) {
      const map = sentence.map(place, [0], unit, 'keep');
      map.rows.forEach((row, r) =>
        map.columns.forEach((column, c) => {
          const isLater = row.tokens.every((query) => column.tokens.every((key) => key > query));
          assert.equal(isHidden(map, r, c), place === 'decoder' && isLater, `${row.label}, ${column.label}`);
        }),
      );
    }
  }
});

test('heads are named by their numbers in the model', () => {
  const { sentence, nameHeads } = open();
  const name = (heads) => nameHeads(sentence, 'cross', heads);
  assert.equal(name([4]), 'layer 6, head 2');
  assert.equal(name([3, 4, 5]), 'layer 6, mean of 3 heads');
  assert.equal(name([0, 5]), 'mean of 2 heads');
  assert.equal(name([0, 1, 2, 3, 4, 5]), 'mean of all 6 heads');
});
