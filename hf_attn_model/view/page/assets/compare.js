/* What a map is compared with: another head, another layer, another record of the same source. */

/** The records with the same source as the one shown, itself first. */
function compareRecords() {
  const [, source] = page.records[state.record];
  const others = page.records
    .map((_, number) => number)
    .filter((number) => number !== state.record && page.records[number][1] === source);
  return [state.record, ...others.filter((number) => page.records[number][3].includes(state.place))];
}

/**
 * What B is: as chosen; where that is not there, another record with the same heads, else the next head.
 *
 * @returns {{record: number, layer: number | 'all', head: number | 'all'}}
 */
function comparison() {
  const records = compareRecords();
  const { record: wanted, layer, head } = state.compare;
  const record = wanted !== null && records.includes(wanted) ? wanted : (records[1] ?? records[0]);
  const { layers, heads } = sentenceAt(record).facts(state.place);
  /**
   * @param {number | 'all' | null} number
   * @param {number} count
   * @returns {number is number | 'all'}
   */
  const isThere = (number, count) => number === 'all' || (number !== null && number < count);
  if (isThere(layer, layers.length) && isThere(head, heads.length)) return { record, layer, head };
  const own = state.heads[state.place];
  const width = current().facts(state.place).heads.length;
  const same = Math.min(own[0] % width, heads.length - 1);
  return {
    record,
    layer: Math.min(Math.floor(own[0] / width), layers.length - 1),
    head: own.length > 1 ? 'all' : (same + (record === state.record ? 1 : 0)) % heads.length,
  };
}

function comparedMap() {
  const { record, layer, head } = comparison();
  const sentence = sentenceAt(record);
  const { layers, heads } = sentence.facts(state.place);
  const chosen = Array.from({ length: layers.length * heads.length }, (_, flat) => flat).filter(
    (flat) =>
      (layer === 'all' || Math.floor(flat / heads.length) === layer) &&
      (head === 'all' || flat % heads.length === head),
  );
  return sentence.map(state.place, chosen, state.unit, state.special);
}

/** Offer what B can be. */
function drawCompare() {
  const root = byId('compare');
  root.hidden = state.layout !== 'compare';
  if (root.hidden) return;
  const chosen = comparison();
  const { layers, heads } = sentenceAt(chosen.record).facts(state.place);
  /** @type {(name: 'record' | 'layer' | 'head', options: [number | 'all', string][]) => Element} */
  const choice = (name, options) => {
    const box = make(
      'select',
      { id: `compare-${name}` },
      ...options.map(([value, text]) => make('option', { value, textContent: text })),
    );
    box.value = String(chosen[name]);
    box.addEventListener('change', () => {
      change({ compare: { ...comparison(), [name]: box.value === 'all' ? 'all' : Number(box.value) } });
    });
    return make('label', { className: 'select' }, `${name[0].toUpperCase()}${name.slice(1)} `, box);
  };
  /** @type {[number, string][]} */
  const records = compareRecords().map((number) => {
    const [id, , target] = page.records[number];
    return [number, number === state.record ? `${id} (this one)` : `${id}: ${visibleText(target)}`];
  });
  /** @type {[number | 'all', string][]} */
  const layerChoices = layers.map((layer, i) => [i, `layer ${layer}`]);
  /** @type {[number | 'all', string][]} */
  const headChoices = heads.map((head, i) => [i, `head ${head}`]);
  rebuild(
    () => [...root.querySelectorAll('select')],
    () =>
      fill(
        root,
        make('p', {}, bold('A'), ' is the map chosen among all heads. ', bold('B'), ' is:'),
        ...(records.length > 1 ? [choice('record', records)] : []),
        choice('layer', [...layerChoices, ['all', 'all layers']]),
        choice('head', [...headChoices, ['all', 'mean of all heads']]),
      ),
    (all, old) => all.find(({ id }) => id === old.id),
  );
}

watch('record place heads layout compare', drawCompare);
