"""Records beside a model that somebody has spoilt: a card is made of them, or one line names the damaged one."""

import json
from pathlib import Path

import pytest
from hostile import few, read_or_refused, spoilt
from hypothesis import example, given
from hypothesis import strategies as st

import hf_attn_model
from hf_attn_model.errors import UserError
from hf_attn_model.recipes.recipe import load_recipe
from hf_attn_model.training.callbacks.manifest import MANIFEST_FILE, is_trained, read_manifest
from hf_attn_model.training.card import CARD, EVALUATION_FILE, read_evaluations, write_card

PACKED = Path(hf_attn_model.__file__).parent / "textbook" / "translator"
MANIFEST = (PACKED / MANIFEST_FILE).read_bytes()
SCORES = {"command": "hf-attn evaluate x", "bleu": 12.5, "chrf": 34, "exact_match": 5.0, "sentences": 7, "num_beams": 2}
SCORES |= {"bleu_signature": "nrefs:1", "chrf_signature": "nrefs:1", "seconds": 1.0}
TOKENIZED = {"tokenized_bleu": 11.0, "tokenized_bleu_signature": "nrefs:1"}
EVALUATIONS = [json.dumps(scores).encode() for scores in (SCORES, SCORES | TOKENIZED)]
CONFIG = b'{"model_type": "hf_attn", "custom_pipelines": {"translation": {}}}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    load_recipe("textbook-en-es").save(folder)
    return folder


@pytest.fixture
def write(folder):
    def write(name=None, content=b""):
        whole = {MANIFEST_FILE: MANIFEST, EVALUATION_FILE: EVALUATIONS[1], "config.json": CONFIG}
        for file, bytes_ in (whole | ({name: content} if name else {})).items():
            (folder / file).write_bytes(bytes_)
        return folder

    return write


@st.composite
def changed(draw, content):
    """A JSON object, one of whose values, or whose parts' values, is another one."""
    record = json.loads(content)
    place = record
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
            break
        place = place[key]
    others = st.sampled_from([None, "x", [], {}, [None], {"a": 1}, -1, 1.5, float("nan"), 10**400, True])
    place[key] = draw(others)
    if isinstance(place, dict) and draw(st.booleans()):
        del place[key]
    return json.dumps(record).encode()


FILES = {MANIFEST_FILE: [MANIFEST], EVALUATION_FILE: EVALUATIONS, "config.json": [CONFIG]}
CHANGES = [
    st.tuples(st.just(name), spoilt(*contents) | st.sampled_from(contents).flatmap(changed))
    for name, contents in FILES.items()
]


@few
@given(st.one_of(CHANGES))
@example((MANIFEST_FILE, b"[" * 10**5))
@example((EVALUATION_FILE, b"null"))
@example(("config.json", b"null"))
def test_a_card_is_whole_or_the_damaged_record_is_named(folder, change):
    for file, content in ({name: contents[0] for name, contents in FILES.items()} | dict([change])).items():
        (folder / file).write_bytes(content)
    (folder / CARD).unlink(missing_ok=True)
    made = read_or_refused(lambda: write_card(folder, "user/name"), change[0])
    assert (made is not None) == (folder / CARD).is_file()
    read_or_refused(lambda: is_trained(folder), MANIFEST_FILE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (MANIFEST_FILE, b"{", r"manifest\.json is damaged: Expecting property name"),
        (MANIFEST_FILE, b"\xff", r"manifest\.json is damaged: not UTF-8"),
        (MANIFEST_FILE, b'{"finished": true}', r"manifest\.json is damaged: it has no seed$"),
        (
            MANIFEST_FILE,
            MANIFEST.replace(b'"steps": 2324', b'"steps": "many"'),
            "damaged: steps is not what stands there",
        ),
        (
            MANIFEST_FILE,
            MANIFEST.replace(b'"pairs": 1000', b'"pairs": null'),
            "damaged: pairs is not what stands there",
        ),
        (EVALUATION_FILE, b"{}", r"evaluation\.json is damaged: it has no command; run hf-attn evaluate again"),
        (
            EVALUATION_FILE,
            EVALUATIONS[0].replace(b"12.5", b'"good"'),
            "bleu is not what stands there; run hf-attn eval",
        ),
        ("config.json", b"{}", r"config\.json is damaged: it has no model_type"),
    ],
)
def test_what_is_wrong_is_said(write, name, content, message):
    with pytest.raises(UserError, match=message):
        write_card(write(name, content))


def test_whole_records_are_read_as_they_are(write):
    folder = write()
    assert read_manifest(folder) == json.loads(MANIFEST)
    assert read_evaluations(folder) == {"": SCORES | TOKENIZED}
    (folder / EVALUATION_FILE).unlink()
    assert read_evaluations(folder) == {}


def test_secrets_in_records_do_not_reach_the_card(write):
    token = "hf_" + "aB3" * 11 + "x"
    folder = write(MANIFEST_FILE, MANIFEST.replace(b"cli demo", f"cli train x training.hub_token=abc {token}".encode()))
    text = write_card(folder).read_text()
    assert "cli train x training.hub_token=[redacted] [redacted]`" in text
    assert token not in text


def test_a_training_that_was_never_evaluated_has_a_card(write):
    manifest = json.loads(MANIFEST) | {"best_dev_loss": None}
    text = write_card(write(MANIFEST_FILE, json.dumps(manifest).encode())).read_text()
    assert "| kernels | bf16 autocast, eager attention, dropout by bits |\n| seed | 42 |" in text
