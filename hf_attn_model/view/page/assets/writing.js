/* The translation written step by step: a slider, and a button that moves it. */

const PAUSE = 900; // milliseconds between two words
let playing = null;

function setStep(step) {
  const last = mapOf().rows.length;
  change({ step: step >= last ? null : Math.max(1, step), active: null });
}

function stop() {
  clearInterval(playing);
  playing = null;
  drawSteps();
}

function play() {
  if (playing) return stop();
  setStep(state.step ?? 1);
  playing = setInterval(() => {
    if (state.step === null) return stop();
    return setStep(state.step + 1);
  }, PAUSE);
  return drawSteps();
}

/** The places whose rows are the translation. */
const hasSteps = () => state.place !== 'encoder' || state.layout === 'three';

function drawSteps() {
  const isWritten = hasSteps();
  const map = mapOf(
    state.place === 'encoder' && isWritten
      ? (current().places.find((place) => place !== 'encoder') ?? 'encoder')
      : state.place,
  );
  const last = map.rows.length;
  const shown = rowsShown(map);
  const slider = byId('step');
  byId('steps').classList.toggle('off', !isWritten);
  slider.max = last;
  slider.value = isWritten ? shown : last;
  slider.disabled = !isWritten;
  byId('play').disabled = !isWritten;
  byId('play').textContent = playing ? 'Pause' : 'Write it';
  byId('play').setAttribute('aria-pressed', String(Boolean(playing)));
  const written = map.rows[shown - 1];
  const text = isWritten ? `Step ${shown} of ${last}: ${visible(written.label)}` : 'no steps';
  slider.setAttribute('aria-valuetext', text);
  fill(
    byId('step-says'),
    ...(isWritten
      ? [
          `Step ${shown} of ${last}`,
          make(
            'span',
            { className: 'quiet' },
            state.step === null ? ' · all is written' : ' · writes ',
            ...(state.step === null ? [] : [word(written.label)]),
          ),
        ]
      : [make('span', { className: 'quiet', textContent: 'The encoder reads all of the source at once.' })]),
  );
}

function startSteps() {
  byId('step').addEventListener('input', () => setStep(Number(byId('step').value)));
  byId('play').addEventListener('click', play);
}

watch('record place unit special step layout', drawSteps);
