/* The page computes what the package computes: test_scripts.py writes a sentence, and what Python makes of it. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { areClose } from './records.mjs';
import { load } from './scripts.mjs';

const { PAGE_FIXTURE } = process.env;
const needs = { skip: !PAGE_FIXTURE && 'there is no fixture: pytest tests/view/page/test_scripts.py' };
const told = PAGE_FIXTURE ? JSON.parse(readFileSync(PAGE_FIXTURE, 'utf8')) : null;
const open = () => load({ records: [told.record], facts: { colours: told.colours } });

test('packed numbers', needs, () => {
  const { unpack } = open();
  const tolerances = { u8: 0.5 / 255, f16: 2 ** -12, f32: 2 ** -25 };
  for (const [type, tolerance] of Object.entries(tolerances))
    assert.ok(areClose([...unpack(told.packed[type])], told.numbers, tolerance + 1e-7), type);
});

test('words, subwords and special tokens, in every place and head', needs, () => {
  const sentence = open().current();
  assert.equal(told.merged.length, 3 * 2 * 3);
  for (const { place, unit, special, labels, weights } of told.merged) {
    const [, heads] = sentence.facts(place).shape;
    weights.forEach((layer, l) =>
      layer.forEach((head, h) => {
        const map = sentence.map(place, [l * heads + h], unit, special);
        const name = `${place} ${l} ${h} ${unit} ${special}`;
        assert.deepEqual(
          [map.rows, map.columns].map((groups) => groups.map(({ label }) => label)),
          labels,
          name,
        );
        assert.ok(areClose([...map.weights], head.flat(), 3.5e-4), name);
      }),
    );
  }
});

test('weights and contexts made from the vectors', needs, () => {
  const page = open();
  const sentence = page.current();
  for (const [place, layers] of Object.entries(told.rebuilt)) {
    layers.forEach((heads, layer) =>
      heads.forEach((rows, head) =>
        rows.forEach((weights, query) => {
          const attended = page.attend(sentence, place, layer, head, query);
          assert.ok(
            areClose(
              attended.rows.map(({ weight }) => weight),
              weights,
              1e-12,
            ),
          );
          assert.ok(areClose(attended.context, told.contexts[place][layer][head][query], 1e-9));
        }),
      ),
    );
  }
});

test('the page’s colours are light where its weights are small, and dark where they are large', needs, () => {
  const { Palette, luminance } = open();
  const [light, dark] = [false, true].map((isDark) => new Palette(told.colours, isDark));
  const lights = light.weights.map(luminance);
  assert.ok(lights.every((own, level) => level === 0 || own <= lights[level - 1] + 0.005));
  assert.ok(lights[0] > 0.8 && lights.at(-1) < 0.05);
  assert.deepEqual([...dark.weights], [...light.weights].reverse());
});
