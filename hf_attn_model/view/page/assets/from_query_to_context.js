/* One weight of one head, in the order in which it is made: query and key, scores, softmax, values, context. */

let isSorted = false; // dimensions by the size of their product

/**
 * All steps from query and key to the context.
 *
 * @param {MergedMap} map
 * @param {Part} part
 */
function sayMaking(map, part) {
  const { sentence, place } = map;
  const facts = sentence.facts(place);
  const steps = attend(sentence, place, part.layer, part.head, part.query);
  const one = steps.rows[part.key];
  const [rowSide, columnSide] = sentence.sides(place);
  const [query, key] = [rowSide.tokens[part.query], columnSide.tokens[part.key]];
  const before = part.query ? rowSide.tokens[part.query - 1] : START;
  const who =
    place === 'encoder'
      ? [word(query)]
      : ['the decoder at the step that reads ', word(before), ' and writes ', word(query)];
  const head = `Layer ${facts.layers[part.layer]}, head ${facts.heads[part.head]}`;
  return [
    make('p', {}, `${head}: the query of `, ...who, ' meets the key of ', word(key), '.'),
    make(
      'ol',
      { className: 'making' },
      step('Query times key', compareVectors(steps.query, one)),
      step('Added up', addUp(one)),
      step('Scaled', scale(steps, one)),
      step('Masked', mask(one)),
      step('Softmax over the row', soften(steps, part, columnSide)),
      step('Checked', check(map, part, one)),
      step('Weight times value: the context', average(steps, part, columnSide)),
    ),
  ];
}

/** @type {(title: string, content: Element[]) => Element} */
const step = (title, content) => make('li', {}, make('h3', { textContent: title }), ...content);

/** @param {Content[]} parts */
const equation = (...parts) => make('p', { className: 'equation' }, ...parts);

/** @param {string} text */
const remark = (text) => make('p', { className: 'quiet small', textContent: text });

/**
 * A wide table in a box of its own that keys can scroll.
 *
 * @param {string} name
 * @param {Element} content
 */
function scroller(name, content) {
  return make('div', { className: 'scroller', tabIndex: 0, role: 'region', 'aria-label': name }, content);
}

/**
 * A bar from a middle line: to the right for plus, to the left for minus.
 *
 * @param {number} number
 * @param {number} highest the one whose bar is longest
 */
function signedBar(number, highest) {
  const bar = make('span', { className: `bar ${number < 0 ? 'minus' : 'plus'}` });
  bar.style.width = `${highest ? (50 * Math.abs(number)) / highest : 0}%`;
  return make('td', { className: 'wide' }, make('span', { className: 'signed', 'aria-hidden': 'true' }, bar));
}

/**
 * A bar from the left, for what cannot be negative.
 *
 * @param {number} number
 * @param {number} highest
 */
function plainBar(number, highest) {
  const bar = make('span', { className: 'bar plus' });
  bar.style.width = `${highest ? (100 * number) / highest : 0}%`;
  return make('td', { className: 'wide' }, make('span', { className: 'unsigned', 'aria-hidden': 'true' }, bar));
}

/**
 * A line of coloured cells, one for each dimension, behind its name.
 *
 * @param {Content} name
 * @param {number[]} numbers
 * @param {number} highest
 */
function strip(name, numbers, highest, className = '') {
  const canvas = make('canvas', { className: 'strip', width: numbers.length, height: 1, 'aria-hidden': 'true' });
  const pen = penOf(canvas);
  numbers.forEach((number, x) => {
    pen.fillStyle = palette.differences.css[Palette.level(number, highest, true)];
    pen.fillRect(x, 0, 1, 1);
  });
  return make('div', { className: `strip-line ${className}` }, make('span', { className: 'small' }, name), canvas);
}

/** @param {number[]} numbers */
const largest = (numbers) => Math.max(...numbers.map(Math.abs));

/**
 * @param {number[]} query
 * @param {KeyRow} one
 */
function compareVectors(query, { key, products }) {
  const [ofBoth, ofProducts] = [largest([...query, ...key]), largest(products)];
  const order = products.map((_, dimension) => dimension);
  if (isSorted) order.sort((one, other) => Math.abs(products[other]) - Math.abs(products[one]));
  const rows = order.map((dimension) =>
    rowOf(
      '',
      String(dimension),
      written(query[dimension]),
      written(key[dimension]),
      written(products[dimension], 4, true),
      signedBar(products[dimension], ofProducts),
    ),
  );
  const table = tableOf('sums dimensions', ['dimension', 'query', 'key', 'product'], rows, { hasPictures: true });
  const signs = 'Where they agree in sign the product is positive, where not it is negative. ';
  const strips = [strip('query', query, ofBoth), strip('key', key, ofBoth), strip('product', products, ofProducts)];
  return [
    make('p', {}, `Both have ${query.length} numbers. `, signs, sortButton()),
    make('div', { className: 'strips' }, ...strips),
    scroller('Query, key and product of each dimension', table),
  ];
}

function sortButton() {
  const sort = make('button', { type: 'button', className: 'link', id: 'sort-dimensions' });
  sort.textContent = isSorted ? 'in their order' : 'largest first';
  sort.setAttribute('aria-pressed', String(isSorted));
  sort.addEventListener('click', () => {
    isSorted = !isSorted;
    drawMaking();
    byId('sort-dimensions').focus();
  });
  return sort;
}

/** @param {KeyRow} one */
function addUp({ products, dot }) {
  const plus = sum(products.filter((product) => product > 0));
  return [
    equation(`${written(plus)} − ${written(plus - dot)} = `, bold(written(dot))),
    remark('all positive products, less all negative ones: the dot product'),
  ];
}

/**
 * @param {Attended} steps
 * @param {KeyRow} one
 */
function scale({ scaling, query }, { dot, score }) {
  const isUsual = Math.abs(scaling - query.length ** -0.5) < 1e-6;
  const usual = `times 1/√${query.length}, which keeps the scores of wide heads from growing: the score`;
  return [
    equation(`${written(dot)} × ${written(scaling, 5)} = `, bold(written(score))),
    remark(isUsual ? usual : 'times the scaling of this model: the score'),
  ];
}

/** @param {KeyRow} one */
function mask({ score, bias, maskedScore }) {
  const seen = 'this key may be seen: nothing is added; −∞ would hide it';
  const moved = 'what the model adds for the distance between the two: the masked score';
  return [
    equation(`${written(score)} ${bias < 0 ? '−' : '+'} ${written(Math.abs(bias))} = `, bold(written(maskedScore))),
    remark(bias === 0 ? seen : moved),
  ];
}

/**
 * @param {Attended} steps
 * @param {Part} part
 * @param {Side} side of the keys
 */
function soften({ rows, highest, total }, part, side) {
  const one = rows[part.key];
  const strongest = Math.max(...rows.map((row) => row.weight));
  const lines = rows.map((row, index) => {
    const numbers = [row.maskedScore, row.exponential, row.weight].map((number) => written(number));
    return rowOf(
      index === part.key ? 'chosen' : '',
      word(side.tokens[index]),
      ...numbers,
      plainBar(row.weight, strongest),
    );
  });
  const all = written(sum(rows.map((row) => row.weight)));
  const foot = [rowOf('total', 'together', '', written(total), all, '')];
  const head = ['key', 'masked score', 'e to the score less the highest', 'weight'];
  const share = `${written(one.exponential)} / ${written(total)}`;
  return [
    equation(
      `e^(${written(one.maskedScore)} − ${written(highest)}) / ${written(total)} = ${share} = `,
      bold(written(one.weight)),
    ),
    scroller('Softmax over the row', tableOf('sums', head, lines, { foot, hasPictures: true })),
  ];
}

/**
 * Hold the number made here against the one in the map.
 *
 * @param {MergedMap} map
 * @param {Part} part
 * @param {KeyRow} one
 */
function check(map, part, { weight }) {
  const { error, vectors } = map.sentence.facts(map.place);
  const { error: errorOfVectors } = /** @type {PlaceVectors} */ (vectors);
  const difference = make('b', { id: 'differs', textContent: written(Math.abs(weight - part.weight), 6) });
  const made = `made here ${written(weight, 6)}, in the map ${written(part.weight, 6)}: they differ by `;
  const ofVectors = `weights made from the vectors on this page differ by at most ${bound(errorOfVectors)}`;
  const why = `Rounding explains it: from the model’s, ${ofVectors}, and those in the map by at most ${bound(error)}.`;
  return [equation(made, difference), remark(why)];
}

/**
 * @param {Attended} steps
 * @param {Part} part
 * @param {Side} side of the keys
 */
function average({ rows, values, context }, part, side) {
  if (!values || !context) {
    const why = 'The export keeps queries and keys, but no values. ';
    return [make('p', { className: 'note' }, why, code(VIEW_COMMAND), ' shows them.')];
  }
  const shares = rows.map((row, index) => values[index].map((number) => row.weight * number));
  const [highest, ofContext] = [largest([...shares.flat(), ...context]), largest(context)];
  const strips = rows.map((_, index) =>
    strip(word(side.tokens[index]), shares[index], highest, index === part.key ? 'chosen' : ''),
  );
  const lines = context.map((number, dimension) => {
    const share = shares[part.key][dimension];
    const cells = [
      written(values[part.key][dimension]),
      written(share, 4, true),
      written(number - share, 4, true),
      written(number),
    ];
    return rowOf('', String(dimension), ...cells, signedBar(number, ofContext));
  });
  const head = ['dimension', 'value', 'weight × value', 'all other keys', 'context'];
  const says =
    'Each key has a value. Every value times its weight, added up, is the context: what this head carries on. ' +
    'Below, a line for each key and, last, their sum.';
  return [
    make('p', { textContent: says }),
    make('div', { className: 'strips' }, ...strips, strip('context', context, highest, 'total')),
    scroller('Weight times value, and the context', tableOf('sums dimensions', head, lines, { hasPictures: true })),
  ];
}
