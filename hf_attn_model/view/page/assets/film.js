/* A film: the records are one sentence pair at several times of a training, and a slider walks through them. */

const isLastFrame = () => state.record === page.records.length - 1;

const film = new Player(
  'play-film',
  'Play',
  500,
  () => isLastFrame() && showRecord(0),
  () => {
    showRecord(state.record + 1);
    return !isLastFrame();
  },
);

function drawFilm() {
  if (!page.is_film) return;
  const [id] = page.records[state.record];
  const slider = byId('frame');
  slider.value = String(state.record);
  slider.setAttribute('aria-valuetext', id);
  fill(byId('frame-says'), visibleText(id));
  film.draw();
}

function startFilm() {
  byId('film').hidden = !page.is_film;
  byId('frame').max = String(page.records.length - 1);
  byId('frame').addEventListener('input', () => showRecord(Number(byId('frame').value)));
  byId('play-film').addEventListener('click', () => film.toggle());
}

watch('record', drawFilm);
