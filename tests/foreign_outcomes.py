"""What becomes of each kind of foreign model, held to be so by `attention/test_families.py`, and the page that says it.

`python tests/foreign_outcomes.py` writes `docs/families.md` anew.
"""

from pathlib import Path

import transformers
from foreign_models import MAPPINGS, VARIANTS, classes, kinds, names_of

from hf_attn_model.attention.places import PLACES

PAGE = Path(__file__).parents[1] / "docs" / "families.md"
WINDOW = "each position attends to a window of neighbours"
REFUSED = {  # for each kind its places without a map, and words of the reason; all other places are exact
    "BigBirdPegasusForConditionalGeneration": {"encoder": "blocks attend to blocks"},
    "FastSpeech2ConformerModel": dict.fromkeys(PLACES, "no layer of the decoder attends to the encoder"),
    "LEDForConditionalGeneration": {"encoder": WINDOW},
    "LongT5ForConditionalGeneration": {"encoder": WINDOW},
    "LongT5ForConditionalGeneration(transient-global)": {"encoder": WINDOW},
    "MvpForConditionalGeneration(use_prompt)": {
        "decoder": "105 keys for 5 positions of the target",
        "cross": "107 keys for 7 positions of the source",
    },
    "PegasusXForConditionalGeneration": {"encoder": WINDOW},
    "PPFormulaNetForConditionalGeneration": {"encoder": "outside of transformers' attention interface"},
    "ProphetNetForConditionalGeneration": dict.fromkeys(PLACES, "several streams of queries"),
    "SeamlessM4TForSpeechToText": {"encoder": "encoder layer 0 attends twice in one pass"},
    "SeamlessM4Tv2ForSpeechToText": {"encoder": "encoder layer 0 attends twice in one pass"},
}
WEIGHTS_ALONE = {  # places whose modules return their weights, outside of transformers' attention interface
    "BigBirdPegasusForConditionalGeneration(original_full)": ("encoder",),
    "FSMTForConditionalGeneration": PLACES,
    "LEDForConditionalGeneration": ("decoder", "cross"),
    "MvpForConditionalGeneration": PLACES,
    "MvpForConditionalGeneration(use_prompt)": ("encoder",),
    "SpeechT5ForSpeechToText": PLACES,
    "SpeechT5ForTextToSpeech": PLACES,
    "VisionEncoderDecoderModel(vit, trocr)": ("decoder", "cross"),
}
SHARED_SOFTMAX = {"T5Gemma2ForConditionalGeneration"}  # of decoder and cross
BIASED_MASKS = {  # whose mask carries a position bias, so that no head of theirs can be made uniform
    ("CanaryForConditionalGeneration", "encoder"),
    ("CohereAsrForConditionalGeneration", "encoder"),
}
DISAGREEING = {"SeamlessM4Tv2ForSpeechToText"}  # under padding, transformers' own eager and sdpa differ
NO_SEARCH = {  # what transformers has no such search for, by the number of beams
    1: {"SpeechT5ForTextToSpeech"},
    2: {"SpeechT5ForTextToSpeech", "DiaForConditionalGeneration"},
}
NO_TOKENS = {"DiaForConditionalGeneration", "SpeechT5ForTextToSpeech"}  # what their decoders read are sounds
READS = dict(zip(MAPPINGS, ["text", "sound", "image", "text"], strict=True))

HEAD = """# Which models

<!-- Written by tests/foreign_outcomes.py. -->

Every class of transformers {version} that is made of an encoder and a decoder, from its auto mappings for text, speech,
images to text, and text to spectrograms; of the classes that put any two models together, three decoders each. In
brackets: those two, or a setting under which a class attends in another way.

- **exact**: what `record_attention` gives is within 1e-6 of the model's own `output_attentions` under eager attention:
  in forward passes, in each step of a greedy and of a beam search, and in teacher-forced passes, without padding and
  with padding on either side, under eager attention and, where the class has it, SDPA.
- **exact, weights**: the same, but the module computes its attention by itself, outside of transformers' attention
  interface, and returns its weights; there are no queries, keys and values, and its heads cannot be changed. It is
  slower, as every map is held in memory.
- **exact, shared**: decoder and cross attend in one softmax: a row of both together sums to 1.
- Anything else is the reason why the place is refused, in one line that names the class and the place. The other places
  are had with `places=...`.

The last column says what works with the exact places: `record` is `record_attention`, `force` is
`teacher_forced_attention`, `intervene` is `intervene` (in places that are plainly **exact**); `export` (with
`--places`), `align`, `view` and `ablate` are verbs of the command line, for models that read text and write text.

| class | reads | encoder | decoder | cross | what works |
|---|---|---|---|---|---|
"""
TAIL = """
## In particular

- A source mask counts where the model itself masks with it: Whisper takes one over mel frames, and attends to all.
- Rows and columns of a source that is no text are called `frame 0`, `patch 0` and so on: give
  `teacher_forced_attention` what the processor returned in place of the sentences.
- A static cache has room for more keys than there are tokens: it is refused; the usual, dynamic one is exact.
- SeamlessM4T v2 on speech: under padding transformers' own eager and SDPA attention differ. What is recorded is what
  ran.
- T5Gemma 2 with images: its image encoder has layers of the same numbers as its text encoder, so that the place
  `encoder` is refused; with text alone it is exact.
- FSMT attends to later tokens when a whole target is given with a cache: transformers leaves the mask out there.

## One stack

These classes of the same mappings are one stack of layers, whatever they read, unless a translator is put inside of
them; they have no cross-attention to record, and are refused. (Blip, Evolla, Idefics and Mllama attend to an image from
inside of their one stack.)

"""


def page():
    """The page."""
    lines = []
    for kind in kinds():
        cells = [_cell(kind, place) for place in PLACES]
        lines.append(f"| {_name(kind)} | {_reads(kind)} | " + " | ".join(cells) + f" | {_verbs(kind)} |\n")
    made_of_two = {names_of(kind)[0] for kind in kinds() if kind not in VARIANTS}
    alone = sorted(set(classes()) - made_of_two)
    head = HEAD.format(version=transformers.__version__)
    return head + "".join(lines) + TAIL + ", ".join(f"`{name}`" for name in alone) + ".\n"


def _name(kind):
    name, parts = names_of(kind)
    return f"`{name}`" + (f" ({', '.join(parts)})" if parts else "")


def _reads(kind):
    return "text" if kind.startswith("Dia") else READS[classes()[names_of(kind)[0]][1]]


def _verbs(kind):
    exact = [place for place in PLACES if place not in REFUSED.get(kind, {})]
    if not exact:
        return "nothing"
    is_changed = not {*WEIGHTS_ALONE.get(kind, ())} >= {*exact}
    is_text = classes()[names_of(kind)[0]][1] == "SEQ_TO_SEQ_CAUSAL_LM"
    verbs = {
        "record": True,
        "force": kind not in NO_TOKENS,
        "intervene": is_changed,
        "export": is_text,
        "align": is_text and "cross" in exact,
        "view": is_text and len(exact) == len(PLACES),
        "ablate": is_text and is_changed,
    }
    return ", ".join(verb for verb, works in verbs.items() if works)


def _cell(kind, place):
    reason = REFUSED.get(kind, {}).get(place)
    if reason is not None:
        return reason
    if kind in SHARED_SOFTMAX and place != "encoder":
        return "exact, shared"
    return "exact, weights" if place in WEIGHTS_ALONE.get(kind, ()) else "exact"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
