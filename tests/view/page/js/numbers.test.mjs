/* Packed arrays are read bit by bit as they were written. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './scripts.mjs';

const { unpack } = load({ upTo: 'numbers.js' });
const packed = (type, numbers) => ({ type, data: Buffer.from(numbers.buffer).toString('base64') });

/** Read a number of 16 bits by giving its bits to one of 32. */
function half(bits) {
  const [sign, exponent, fraction] = [(bits & 0x8000) << 16, (bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return (sign ? -1 : 1) * fraction * 2 ** -24;
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13));
  return view.getFloat32(0);
}

test('every number of 16 bits', () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  assert.deepEqual([...unpack(packed('f16', bits))], Array.from(bits, half)); // NaN is NaN, whatever its sign
});

test('bytes count steps of 1/255', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(
    unpack(packed('u8', bytes)),
    Float32Array.from(bytes, (byte) => byte / 255),
  );
});

test('numbers of 32 bits stay as they are', () => {
  const numbers = Float32Array.of(0, -0, 1 / 3, -1e-40, 3e38, Infinity, -Infinity, NaN);
  assert.deepEqual(unpack(packed('f32', numbers)), numbers);
});
