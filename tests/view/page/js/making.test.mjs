/* How a number was made, as it is written: every equation holds, and ends in the number it explains. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areClose, randomRecord } from './records.mjs';
import { load } from './scripts.mjs';

const GREYS = ['#ffffff', '#000000'];
const COLOURS = { weights: GREYS, differences_light: GREYS, differences_dark: GREYS };

/** The texts of all elements of a kind. */
const texts = (element, kind) => [
  ...(kind(element) ? [element.textContent] : []),
  ...element.children.filter((child) => child.children).flatMap((child) => texts(child, kind)),
];
const isEquation = ({ className }) => className === 'equation';
const isTag = (tag) => (element) => element.tagName === tag;
const numbersIn = (text) => [...text.matchAll(/[−+]?\d+(?:\.\d+)?/g)].map(([found]) => Number(found.replace('−', '-')));

function explain(options, place, part) {
  const { record, numbers } = randomRecord(options);
  const page = load({ records: [record], facts: { colours: COLOURS } });
  page.drawTheme();
  const sentence = page.current();
  const flat = part.layer * 3 + part.head;
  const map = sentence.map(place, [flat], 'subwords', 'keep');
  const weight = map.weights[part.query * map.columns.length + part.key];
  const steps = page.attend(sentence, place, part.layer, part.head, part.query);
  const said = page.make('div', {}, ...page.sayMaking(map, { ...part, weight, share: weight }));
  return { said, steps, weight, numbers: numbers[place] };
}

test('each step of a weight', () => {
  const part = { layer: 1, head: 2, query: 3, key: 2 };
  const { said, steps, weight } = explain({}, 'cross', part);
  const one = steps.rows[part.key];
  const [added, scaled, masked, softmax, checked] = texts(said, isEquation).map(numbersIn);
  const positive = one.products.filter((product) => product > 0).reduce((all, product) => all + product, 0);
  assert.ok(areClose(added, [positive, positive - one.dot, one.dot], 6e-5));
  assert.ok(areClose(scaled, [one.dot, 0.3, one.score], 6e-5));
  assert.ok(areClose(masked, [one.score, 0, one.score], 6e-5));
  assert.ok(Math.abs(softmax.at(-1) - one.weight) <= 6e-5);
  assert.ok(areClose(checked, [one.weight, weight, Math.abs(one.weight - weight)], 6e-7));
});

test('the table of the softmax has a row for each key, and they sum to one', () => {
  const { said, steps } = explain({}, 'encoder', { layer: 0, head: 1, query: 2, key: 4 });
  const total = steps.rows.reduce((all, { exponential }) => all + exponential, 0);
  assert.deepEqual(texts(said, isTag('TFOOT')), [`together${total.toFixed(4)}1.0000`]);
  const keys = texts(said, ({ tagName, attributes }) => tagName === 'TH' && attributes.scope === 'row');
  const words = ['▁my', '▁do', 'g', '▁drank', '▁mil', 'k', '</s>'];
  assert.deepEqual(
    keys.filter((key) => words.includes(key)),
    words,
  );
});

test('the decoder is told of by what it reads and what it writes', () => {
  const at = (query) => explain({}, 'cross', { layer: 0, head: 0, query, key: 0 }).said.textContent;
  assert.match(at(0), /the step that reads <start> and writes ▁be meets the key of ▁my/);
  assert.match(at(2), /Layer 4, head 1: .* reads bió and writes ▁leche/);
});

test('a bias is told of, and a minus is written as one', () => {
  const signs = new Set();
  for (let key = 0; key < 7; key += 1) {
    const part = { layer: 1, head: 0, query: 1, key };
    const { said, numbers } = explain({ hasBias: true }, 'cross', part);
    const [, , T, S] = numbers.shape;
    const bias = numbers.bias[((part.layer * 3 + part.head) * T + part.query) * S + key];
    const [, , masked] = texts(said, isEquation);
    const [, sign, size] = masked.match(/ ([−+]) (\d\.\d{4}) = /);
    assert.ok(Math.abs((sign === '−' ? -1 : 1) * Number(size) - bias) < 6e-5);
    assert.match(said.textContent, /what the model adds for the distance/);
    signs.add(sign);
  }
  assert.equal(signs.size, 2);
});

test('without values the page says how to get them', () => {
  const { said } = explain({ hasValues: false }, 'cross', { layer: 0, head: 0, query: 0, key: 0 });
  assert.match(said.textContent, /no values\. hf-attn view/);
});
