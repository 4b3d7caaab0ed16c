"""A flipped bit in weights is found when they are opened; what was changed on purpose carries its own digests."""

import hashlib
import json

import pytest
from checkpoint.conftest import set_weights

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.checkpoint.digests import MANIFEST_FILE, file_digests, renew_digests
from hf_attn_model.errors import UserError

WEIGHTS = "model.safetensors"


@pytest.fixture
def digested(copy):
    """A checkpoint whose manifest knows its weights."""
    (copy / MANIFEST_FILE).write_text(json.dumps({"seed": 7, "files": file_digests(copy)}))
    return copy


def flip(path, where):
    content = bytearray(path.read_bytes())
    content[where] ^= 4
    path.write_bytes(content)


def test_digests_are_those_of_the_files(digested):
    content = (digested / WEIGHTS).read_bytes()
    expected = {WEIGHTS: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    assert file_digests(digested) == expected
    assert Checkpoint(digested).model is not None


def test_a_flipped_bit_is_one_line(digested):
    flip(digested / WEIGHTS, -3)
    with pytest.raises(UserError) as error:
        _ = Checkpoint(digested).model
    assert str(error.value) == (
        f"cannot load a translator from {digested}: {digested / WEIGHTS} is damaged, or was replaced: manifest.json "
        'tells of another content; take the checkpoint from its source again, or remove "files" from manifest.json if '
        "that was on purpose"
    )


@pytest.mark.parametrize("manifest", [None, {"seed": 7}, {"files": {}}, {"files": {"other.safetensors": {}}}])
def test_weights_without_a_digest_open_as_before(copy, manifest):
    if manifest is not None:
        (copy / MANIFEST_FILE).write_text(json.dumps(manifest))
    flip(copy / WEIGHTS, -3)
    assert Checkpoint(copy).model is not None


@pytest.mark.parametrize("files", [7, {WEIGHTS: 7}, {WEIGHTS: None}, [WEIGHTS]])
def test_a_damaged_manifest_is_one_line(copy, files):
    (copy / MANIFEST_FILE).write_text(json.dumps({"files": files}))
    with pytest.raises(UserError, match=r"manifest\.json is damaged"):
        _ = Checkpoint(copy).model


def test_what_is_written_anew_on_purpose_gets_its_own(digested):
    set_weights(digested, lambda weights: weights.update({name: each + 1 for name, each in weights.items()}))
    with pytest.raises(UserError, match="was replaced"):
        _ = Checkpoint(digested).model
    renew_digests(digested)
    assert Checkpoint(digested).model is not None
    assert json.loads((digested / MANIFEST_FILE).read_text()) == {"seed": 7, "files": file_digests(digested)}


def test_a_manifest_of_old_gets_none(copy):
    renew_digests(copy)
    assert not (copy / MANIFEST_FILE).exists()
    (copy / MANIFEST_FILE).write_text('{"seed": 7}')
    renew_digests(copy)
    assert (copy / MANIFEST_FILE).read_text() == '{"seed": 7}'
