/* Records of random numbers, and the numbers themselves. L, H, G, T, S, K: see sentence.js. */

/** Numbers between 0 and 1 that are the same in every run (mulberry32). */
export function randomNumbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const array = (count, random, low = 0, high = 1) =>
  Float32Array.from({ length: count }, () => low + (high - low) * random());
const f32 = (numbers) => ({ type: 'f32', data: Buffer.from(numbers.buffer).toString('base64') });

/** "my dog drank milk": words of 1, 2, 1 and 2 tokens, and an end mark. */
export const SOURCE = {
  text: 'my dog drank milk',
  tokens: ['▁my', '▁do', 'g', '▁drank', '▁mil', 'k', '</s>'],
  words: ['my', 'dog', 'drank', 'milk'],
  gaps: [0, 1, 1, 1],
  word_of_token: [0, 1, 1, 2, 3, 3, null],
};
export const TARGET = {
  text: 'bebió leche.',
  tokens: ['▁be', 'bió', '▁leche', '.', '</s>'],
  words: ['bebió', 'leche', '.'],
  gaps: [0, 1, 0],
  word_of_token: [0, 0, 1, 2, null],
};

/**
 * A record: L=2 layers, H=3 heads, T=5, S=7, and vectors K=11 wide.
 *
 * @returns {{record: object, numbers: object}} what the page reads, and by place the arrays it is made of
 */
export function randomRecord({
  id = '0',
  source = SOURCE,
  target = TARGET,
  places = ['encoder', 'decoder', 'cross'],
  heads = 3,
  keyHeads = heads,
  hasValues = true,
  hasBias = false,
  seed = 1,
} = {}) {
  const random = randomNumbers(seed);
  const [layers, width] = [2, 11];
  const numbers = {};
  const facts = (place) => {
    const rows = (place === 'encoder' ? source : target).tokens.length;
    const columns = (place === 'decoder' ? target : source).tokens.length;
    const shape = [layers, heads, rows, columns];
    const own = {
      weights: array(layers * heads * rows * columns, random),
      query: array(layers * heads * rows * width, random, -2, 2),
      key: array(layers * keyHeads * columns * width, random, -2, 2),
      value: array(layers * keyHeads * columns * width, random, -2, 2),
      bias: array(layers * heads * rows * columns, random, -2, 2),
    };
    numbers[place] = { shape, width, ...own };
    const vectors = {
      query: f32(own.query),
      key: f32(own.key),
      value: hasValues ? f32(own.value) : null,
      bias: hasBias ? f32(own.bias) : null,
      width,
      key_heads: keyHeads,
      scaling: 0.3,
      is_causal: place === 'decoder',
      error: 1e-7,
    };
    const names = { layers: [4, 6], heads: Array.from({ length: heads }, (_, head) => head + 1) };
    return { ...names, shape, kept: 'weights', weights: f32(own.weights), error: 2e-4, vectors };
  };
  const kept = Object.fromEntries(places.map((place) => [place, facts(place)]));
  return { record: { id, source, target, special: 'keep', places: kept }, numbers };
}

/** Whether two lists of numbers are the same, but for rounding. */
export function areClose(one, other, tolerance = 1e-6) {
  return one.length === other.length && one.every((number, i) => Math.abs(number - other[i]) <= tolerance);
}
