/* A film: the records are one sentence pair at several times of a training, and a slider walks through them. */

const FRAME_PAUSE = 500; // milliseconds between two frames
let filming = null;

function stopFilm() {
  clearInterval(filming);
  filming = null;
  drawFilm();
}

function playFilm() {
  if (filming) return stopFilm();
  const last = page.records.length - 1;
  if (state.record === last) showRecord(0);
  filming = setInterval(() => {
    showRecord(state.record + 1);
    if (state.record === last) stopFilm();
  }, FRAME_PAUSE);
  return drawFilm();
}

function drawFilm() {
  if (!page.is_film) return;
  const [id] = page.records[state.record];
  const slider = byId('frame');
  slider.value = state.record;
  slider.setAttribute('aria-valuetext', id);
  fill(byId('frame-says'), visibleText(id));
  byId('play-film').textContent = filming ? 'Pause' : 'Play';
  byId('play-film').setAttribute('aria-pressed', String(Boolean(filming)));
}

function startFilm() {
  byId('film').hidden = !page.is_film;
  byId('frame').max = page.records.length - 1;
  byId('frame').addEventListener('input', () => showRecord(Number(byId('frame').value)));
  byId('play-film').addEventListener('click', playFilm);
}

watch('record', drawFilm);
