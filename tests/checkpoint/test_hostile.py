"""Whatever lies in the files of a checkpoint, reading it gives something or raises `UserError`, in one line."""

import json
import os
import shutil
import struct
import tempfile
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.errors import UserError

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "7"))  # of each test; HOSTILE_EXAMPLES=1000 looks longer
PARTS = {
    "config.json": "model",
    "generation_config.json": "model",
    "tokenizer.json": "tokenizer",
    "tokenizer_config.json": "tokenizer",
    "special_tokens_map.json": "tokenizer",
    "added_tokens.json": "tokenizer",
    "alignment.json": "alignment",
    "adapter_config.json": "model",
    "manifest.json": "model",
    "model.safetensors.index.json": "model",
}
HOSTILE = [None, True, -1, 0, 3, 10**9, 10**19, 10**30, 1.5, float("nan"), float("inf"), "", "x", "../x", "/etc/passwd"]
HOSTILE += ["\0", "\ud800", "a\nb", "\x1b[31m", [], {}, [[]], [None], {"a": 1}, [10**9], "int64", "x" * 10**4]

hostile = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def places_of(value, path=()):
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, each in list(items)[:50]:
        yield from places_of(each, (*path, key))


@st.composite
def changed(draw, value):
    """A JSON value with a place or two changed, renamed or taken out."""
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 2))):
        *above, last = draw(st.sampled_from([place for place in places_of(value) if place] or [("x",)]))  # a new key
        inner = value
        for key in above:
            inner = inner[key]
        how = draw(st.sampled_from(["put", "put", "put", "rename", "remove"]))
        new = deepcopy(draw(st.sampled_from(HOSTILE)))
        if how == "rename" and isinstance(inner, dict):
            inner[str(new)] = inner.get(last)
        if how == "put":
            inner[last] = new
        elif isinstance(inner, list) or last in inner:
            del inner[last]
    return value


def check(folder, part):
    """Read a part of a checkpoint: it is there, or one line says why not."""
    try:
        getattr(Checkpoint(folder), part)
    except UserError as error:
        line = str(error)
        assert line.isprintable(), line
        assert len(line) < 1000, line
        assert "Traceback" not in line


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """The tiny checkpoint with a file of each kind; its weights lie in two shards."""
    folder = tmp_path_factory.mktemp("whole") / "model"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").unlink()
    Checkpoint(tiny).model.save_pretrained(folder, max_shard_size="25KB")
    contents = {
        "special_tokens_map.json": {"pad_token": "<pad>", "eos_token": {"content": "</s>", "lstrip": False}},
        "added_tokens.json": {"<x>": 7},
        "manifest.json": {"files": {"model-00001-of-00002.safetensors": {"bytes": 1, "sha256": "0"}}},
        "adapter_config.json": {"peft_type": "LORA", "r": 2, "base_model_name_or_path": str(tiny)},
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture
def beside(whole):
    """Put one file of that checkpoint, changed, beside those that the others need."""
    optional = ("special_tokens_map.json", "added_tokens.json", "manifest.json", "adapter_config.json")

    def put(file, content):
        folder = Path(tempfile.mkdtemp(prefix="hostile"))
        for path in whole.iterdir():
            if path.name not in optional and path.suffix != ".py":
                (folder / path.name).symlink_to(path)
        (folder / file).unlink(missing_ok=True)
        (folder / file).write_bytes(content)
        return folder

    return put


@pytest.mark.parametrize("file", PARTS)
@hostile
@given(data=st.data())
def test_json_with_other_values(whole, beside, file, data):
    content = data.draw(changed(json.loads((whole / file).read_text())))
    folder = beside(file, json.dumps(content).encode(errors="surrogatepass"))
    check(folder, PARTS[file])
    shutil.rmtree(folder)


@pytest.mark.parametrize("file", PARTS)
@hostile
@given(data=st.data())
def test_json_cut_short_or_of_other_bytes(whole, beside, file, data):
    content = bytearray((whole / file).read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:where]
    else:
        content[where] ^= 1 << data.draw(st.integers(0, 7))
    folder = beside(file, bytes(content))
    check(folder, PARTS[file])
    shutil.rmtree(folder)


@pytest.mark.parametrize("file", PARTS)
@pytest.mark.parametrize(
    "content", [b"null", b"[]", b"7", b"", b"[" * 10**5, b"\xff\xfe{}", b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_json_that_is_no_object(beside, file, content):
    folder = beside(file, content)
    check(folder, PARTS[file])
    if file == "config.json":
        with pytest.raises(UserError, match=r"config\.json is damaged"):
            _ = Checkpoint(folder).model
    shutil.rmtree(folder)


@hostile
@given(data=st.data())
def test_headers_of_weights(tiny, data):
    weights = (tiny / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", weights[:8])
    how = data.draw(st.sampled_from(["values", "bits", "cut"]))
    if how == "values":
        header = json.dumps(data.draw(changed(json.loads(weights[8 : 8 + length])))).encode(errors="surrogatepass")
        weights = struct.pack("<Q", len(header)) + header + weights[8 + length :]
    elif how == "bits":
        where = data.draw(st.integers(0, 8 + length - 1))
        weights = weights[:where] + bytes([weights[where] ^ 1 << data.draw(st.integers(0, 7))]) + weights[where + 1 :]
    else:
        weights = weights[: data.draw(st.integers(0, len(weights) - 1))]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(tiny / "config.json", folder)
        Path(folder, "model.safetensors").write_bytes(weights)
        check(folder, "model")
        if how == "cut":
            with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
                _ = Checkpoint(folder).model
