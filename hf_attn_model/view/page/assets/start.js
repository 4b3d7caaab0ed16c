/* The page begins. */

const CHOICES = /** @type {const} */ (['place', 'unit', 'layout']); // names of radio buttons, and of parts of the state

/**
 * The radio buttons of a choice.
 *
 * @param {string} name
 * @returns {NodeListOf<HTMLInputElement>}
 */
const radios = (name) => document.querySelectorAll(`input[name=${name}]`);

function startChoices() {
  for (const name of CHOICES) {
    for (const input of radios(name)) {
      const forgets = {
        place: { cell: null, active: null },
        unit: { cell: null, active: null, step: null },
        layout: {},
      }[name];
      input.addEventListener('change', () => change({ [name]: input.value, ...forgets }));
    }
  }
  byId('special').addEventListener('change', () => {
    change({ special: /** @type {Special} */ (byId('special').value), cell: null, step: null });
  });
  byId('several').addEventListener('click', () => change({ several: !state.several }));
  byId('how').addEventListener('click', explainFollowed);
  byId('table-box').addEventListener('toggle', drawTables);
}

function markChoices() {
  for (const name of CHOICES) {
    for (const input of radios(name)) {
      input.checked = input.value === state[name];
      if (name === 'place') input.disabled = !current().places.includes(/** @type {Place} */ (input.value));
    }
  }
  byId('special').value = state.special;
}

/** Say what the page is made of, and how exact it is. */
function drawFacts() {
  const facts = current().places.map((place) => current().facts(place));
  const worst = (/** @type {number[]} */ errors) => bound(Math.max(...errors));
  const says = [];
  const bits = facts[0].weights.type === 'u8' ? 8 : 16;
  const error = worst(facts.map((each) => each.error));
  says.push(`Weights are kept in ${bits} bits: each differs from the number it was made from by at most ${error}.`);
  if (page.source_error) {
    says.push(`The export it was made from differs from the model by at most ${bound(page.source_error)}.`);
  }
  if (facts[0].kept.startsWith('top-')) {
    const most = facts[0].kept.slice(4);
    says.push(`The export kept the ${most} largest weights of each row; the others are shown as 0.`);
  }
  const vectors = facts.map((each) => each.vectors).filter((each) => each !== null);
  if (vectors.length) {
    const what = vectors[0].value ? 'Queries, keys and values' : 'Queries and keys';
    const width = vectors[0].query.type === 'f32' ? 32 : 16;
    const most = worst(vectors.map((each) => each.error));
    says.push(
      `${what} are kept in ${width} bits: weights made from them differ from the true ones by at most ${most}.`,
    );
  }
  byId('facts').textContent = `${says.join(' ')} This page needs no network.`;
}

watch('record', drawFacts);
watch('record place unit special layout', markChoices);

// The palette must be new before anything is drawn with it.
watchers.unshift({ names: ['theme', 'printing'], draw: drawTheme });

function start() {
  const sentence = current();
  state.heads = firstHeads(sentence);
  state.place = last(sentence.places);
  state.special = sentence.special;
  drawTheme();
  startChoices();
  startSteps();
  startFilm();
  startKeys();
  buildList();
  for (const name of Object.keys(state)) changed.add(name);
  redraw();
  new ResizeObserver(() => change({ size: `${byId('maps').clientWidth} ${byId('pair').clientWidth}` })).observe(
    byId('maps'),
  );
  document.fonts?.ready.then(() => change({ size: 'fonts' }));
  performance.mark('ready');
}

start();
