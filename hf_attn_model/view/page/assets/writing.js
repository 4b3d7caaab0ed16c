/* The translation written step by step: a slider, and a button that moves it. */

/** The places whose rows are the translation. */
const hasSteps = () => state.place !== 'encoder' || state.layout === 'three';

/** A map whose rows are the translation: that of the place, or one beside the encoder. */
function writtenMap() {
  const beside = current().places.find((place) => place !== 'encoder');
  return mapOf(state.place === 'encoder' ? beside : state.place);
}

/** @param {number} step */
function setStep(step) {
  const all = writtenMap().rows.length;
  change({ step: step >= all ? null : Math.max(1, step), active: null });
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

function drawSteps() {
  const isWritten = hasSteps();
  const map = isWritten ? writtenMap() : mapOf();
  const all = map.rows.length;
  const shown = rowsShown(map);
  const slider = byId('step');
  byId('steps').classList.toggle('off', !isWritten);
  slider.max = String(all);
  slider.value = String(isWritten ? shown : all);
  slider.disabled = !isWritten;
  byId('play').disabled = !isWritten;
  writer.draw();
  const written = map.rows[shown - 1];
  const text = isWritten ? `Step ${shown} of ${all}: ${visible(written.label)}` : 'no steps';
  slider.setAttribute('aria-valuetext', text);
  fill(
    byId('step-says'),
    ...(isWritten
      ? [
          `Step ${shown} of ${all}`,
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
