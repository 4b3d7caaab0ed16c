/* Colours lie between the stops, and what is written on them can be read. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './scripts.mjs';

const { levels, Palette } = load({ upTo: 'colour.js' });
const STOPS = ['#000000', '#c06030', '#ffffff'];
const GREYS = { weights: ['#ffffff', '#000000'], differences_light: STOPS, differences_dark: [...STOPS].reverse() };

test('stops are met, and the way between them is even', () => {
  const colours = levels(['#102030', '#ff8000']);
  assert.equal(colours.length, 256);
  assert.deepEqual(colours[0], [0x10, 0x20, 0x30]);
  assert.deepEqual(colours.at(-1), [0xff, 0x80, 0x00]);
  colours.forEach(([red, green, blue], level) => {
    const mixed = (from, to) => Math.round(from + ((to - from) * level) / 255);
    assert.deepEqual([red, green, blue], [mixed(0x10, 0xff), mixed(0x20, 0x80), mixed(0x30, 0)]);
  });
  const [below, above] = [levels(STOPS)[127], levels(STOPS)[128]];
  assert.ok(below.every((channel, i) => Math.abs(channel - [0xc0, 0x60, 0x30][i]) < 2));
  assert.ok(above.every((channel, i) => Math.abs(channel - [0xc0, 0x60, 0x30][i]) < 2));
});

test('a dark page has the weights the other way round, and differences of its own', () => {
  const [light, dark] = [new Palette(GREYS, false), new Palette(GREYS, true)];
  assert.deepEqual([...dark.weights], [...light.weights].reverse());
  assert.deepEqual(light.weights[0], [255, 255, 255]);
  assert.equal(light.weights.css[255], 'rgb(0 0 0)');
  assert.deepEqual([...dark.differences], [...light.differences].reverse());
});

test('the ink is the one of more contrast', () => {
  const { weights, differences } = new Palette(GREYS, false);
  for (const ramp of [weights, differences]) {
    ramp.forEach((colour, level) => {
      const light = colour.map((channel) =>
        channel <= 10 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4,
      );
      const ground = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
      const [onBlack, onWhite] = [(ground + 0.05) / 0.05, 1.05 / (ground + 0.05)];
      if (Math.abs(onBlack - onWhite) > 0.05) assert.equal(ramp.ink[level], onBlack > onWhite ? '#000' : '#fff');
    });
  }
});

test('levels run from nothing to the highest weight, and from minus to plus', () => {
  assert.deepEqual(
    [0, 0.2, 0.4, 0.5].map((weight) => Palette.level(weight, 0.4, false)),
    [0, 128, 255, 255],
  );
  assert.deepEqual(
    [-0.4, -0.1, 0, 0.4].map((weight) => Palette.level(weight, 0.4, true)),
    [0, 96, 128, 255],
  );
  assert.equal(Palette.level(0, 0, false), 0, 'a map of zeros');
  assert.equal(Palette.level(0, 0, true), 128);
});
