/* The sentences of the page: a list to search, and one step forward or back. */

function buildList() {
  if (page.records.length < 2 || page.is_film) return;
  byId('list').hidden = false;
  byId('pager').hidden = false;
  const items = page.records.map(([id, source, target], number) => {
    const button = make(
      'button',
      { type: 'button', tabIndex: number ? -1 : 0 },
      make('span', { className: 'id small', textContent: visible(id) }),
      make('span', { className: 'source', dir: direction(source), textContent: visibleText(source) }),
      make('span', { className: 'target', dir: direction(target), textContent: visibleText(target) }),
    );
    button.addEventListener('click', () => showRecord(number));
    return make('li', {}, button);
  });
  fill(byId('records'), ...items);
  const buttons = () =>
    items.filter((item) => !item.hidden).map((item) => /** @type {HTMLButtonElement} */ (item.firstChild));
  rove(byId('records'), buttons);
  const texts = page.records.map((record) => record.slice(0, 3).join('\n').toLowerCase());
  byId('search').addEventListener('input', () => {
    const wanted = byId('search').value.trim().toLowerCase();
    items.forEach((item, number) => {
      item.hidden = !texts[number].includes(wanted);
    });
    const found = buttons();
    byId('found').textContent = wanted ? `${found.length} found` : '';
    if (found.length && !found.some((button) => button.tabIndex === 0)) found[0].tabIndex = 0;
  });
  byId('previous').addEventListener('click', () => showRecord(state.record - 1));
  byId('next').addEventListener('click', () => showRecord(state.record + 1));
}

/**
 * Show a record, with the heads chosen before where it has as many; a film stays at its word and its cell.
 *
 * @param {number} number
 */
function showRecord(number) {
  if (number < 0 || number >= page.records.length) return;
  const before = current();
  const sentence = sentenceAt(number);
  const sizes = (/** @type {Sentence} */ each) =>
    each.places.map((place) => [place, ...each.facts(place).shape.slice(0, 2)].join()).join();
  const heads = sizes(before) === sizes(sentence) && state.heads[state.place] ? state.heads : firstHeads(sentence);
  const place = sentence.places.includes(state.place) ? state.place : last(sentence.places);
  change({ record: number, heads, place, ...(page.is_film ? {} : { step: null, active: null, cell: null, part: 0 }) });
}

/**
 * The heads to begin with: the best known aligner in cross-attention; else the one that looks at words most sharply.
 *
 * @param {Sentence} sentence
 */
function firstHeads(sentence) {
  const chosen = Object.fromEntries(
    sentence.places.map((place) => {
      const { layers, heads } = sentence.facts(place);
      const flats = layers.flatMap((layer, l) => heads.map((head, h) => l * heads.length + h));
      const error = (/** @type {number} */ flat) => knownHead(sentence, flat)?.aer;
      if (place === 'cross' && flats.some((flat) => error(flat) !== undefined)) {
        return [place, [flats.reduce((best, flat) => ((error(flat) ?? 2) < (error(best) ?? 2) ? flat : best))]];
      }
      const sharpness = flats.map((flat) => {
        const map = sentence.map(place, [flat], 'words', 'column');
        const words = map.columns.filter((column) => !column.isSpecial).length;
        return sum(
          map.rows.map((_, r) =>
            Math.max(0, ...map.weights.subarray(r * map.columns.length, r * map.columns.length + words)),
          ),
        );
      });
      return [place, [sharpness.indexOf(Math.max(...sharpness))]];
    }),
  );
  return /** @type {Record<Place, number[]>} */ (chosen);
}

function markRecord() {
  document.title = `${visibleText(page.records[state.record][1])} – attention`;
  byId('position').textContent = `${state.record + 1} of ${page.records.length}`;
  byId('previous').disabled = state.record === 0;
  byId('next').disabled = state.record === page.records.length - 1;
  const items = /** @type {HTMLElement[]} */ ([...byId('records').children]);
  items.forEach((item, number) => {
    const [button] = item.children;
    if (number === state.record) {
      button.setAttribute('aria-current', 'true');
      const list = byId('records');
      const [top, bottom] = [item.offsetTop - list.offsetTop, item.offsetTop - list.offsetTop + item.offsetHeight];
      if (top < list.scrollTop || bottom > list.scrollTop + list.clientHeight) list.scrollTop = top - 40;
    } else button.removeAttribute('aria-current');
  });
}

watch('record', markRecord);
