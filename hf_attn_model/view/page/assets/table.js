/* The maps as tables: the same numbers for those who do not see colours. Made when they are opened. */

function drawTables() {
  if (!byId('table-box').open) {
    fill(byId('table'));
    return;
  }
  fill(
    byId('table'),
    ...shownMaps().map(({ map, title }) => {
      const number = (/** @type {number} */ row, /** @type {number} */ column) =>
        isHidden(map, row, column)
          ? 'hidden'
          : written(map.weights[row * map.columns.length + column], 4, map.isDifference);
      return make(
        'table',
        { className: 'numbers-table' },
        make('caption', {}, ...title),
        make(
          'thead',
          {},
          make('tr', {}, make('td'), ...map.columns.map((column) => make('th', { scope: 'col' }, word(column.label)))),
        ),
        make(
          'tbody',
          {},
          ...map.rows
            .slice(0, rowsShown(map))
            .map((row, r) =>
              make(
                'tr',
                {},
                make('th', { scope: 'row' }, word(row.label)),
                ...map.columns.map((_, c) => make('td', { textContent: number(r, c) })),
              ),
            ),
        ),
      );
    }),
  );
}

watch('record place heads unit special layout compare step', drawTables);
