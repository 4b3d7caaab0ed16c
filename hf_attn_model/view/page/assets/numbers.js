/* Packed arrays -> typed arrays. */

/**
 * An array as numbers.py packs it: numbers in base64, little-endian. A "u8" counts steps of 1/255.
 *
 * @typedef {{type: 'u8' | 'f16' | 'f32', data: string}} Packed
 */

/** @type {Float32Array | null} */
let halves = null;

/** Every number of 16 bits, by its bits. */
function halfTable() {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits += 1) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    let value = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
    if (exponent === 31) value = fraction ? NaN : Infinity;
    halves[bits] = bits & 32768 ? -value : value;
  }
  return halves;
}

/** @param {string} base64 */
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * Read a packed array.
 *
 * @param {Packed} packed
 */
function unpack(packed) {
  const bytes = bytesOf(packed.data);
  if (packed.type === 'f32') return new Float32Array(bytes.buffer);
  const numbers = packed.type === 'f16' ? new Uint16Array(bytes.buffer) : bytes;
  const values = new Float32Array(numbers.length);
  const table = packed.type === 'f16' ? halfTable() : null;
  for (let i = 0; i < numbers.length; i += 1) values[i] = table ? table[numbers[i]] : numbers[i] / 255;
  return values;
}
