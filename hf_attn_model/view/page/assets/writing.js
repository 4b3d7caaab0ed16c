/* The translation written step by step: a slider, and a button that moves it. */

/** @param {number} step */
function setStep(step) {
  const last = mapOf().rows.length;
  change({ step: step >= last ? null : Math.max(1, step), active: null });
}

const writer = new Player(
  'play',
  'Write it',
  900,
  () => setStep(state.step ?? 1),
  () => {
    if (state.step !== null) setStep(state.step + 1);
    return state.step !== null;
  },
);

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
  slider.max = String(last);
  slider.value = String(isWritten ? shown : last);
  slider.disabled = !isWritten;
  byId('play').disabled = !isWritten;
  writer.draw();
  const written = map.rows[shown - 1];
  const text = isWritten ? `Step ${shown} of ${last}: ${visible(written.label)}` : 'no steps';
  slider.setAttribute('aria-valuetext', text);
  fill(
    byId('step-says'),
    ...(isWritten
      ? [
          `Step ${shown} of ${last}`,
          quiet(
            state.step === null ? ' · all is written' : ' · writes ',
            ...(state.step === null ? [] : [word(written.label)]),
          ),
        ]
      : [quiet('The encoder reads all of the source at once.')]),
  );
}

function startSteps() {
  byId('step').addEventListener('input', () => setStep(Number(byId('step').value)));
  byId('play').addEventListener('click', () => writer.toggle());
}

watch('record place unit special step layout', drawSteps);
