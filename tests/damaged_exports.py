"""Exports that are damaged, or that somebody else has made, and what is read of them."""

import hashlib
import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_attn_model.errors import UserError
from hf_attn_model.export import metadata as written
from hf_attn_model.export.folder import Folder
from hf_attn_model.export.metadata import to_bytes
from hf_attn_model.export.store import open_maps

KEPT = ("weights", "qk", "top-2")


def everything(folder):
    """All that can be read of an export: texts, and numbers."""
    maps = open_maps(folder)
    repr(maps)
    rows = [[record.id, record.source, record.target, record.source_words, record.target_tokens] for record in maps]
    numbers = [np.asarray(record.place(place)) for record in maps for place in record.places]
    rows += [[record.target_word_of_token, record.source_word_of_token, record.special] for record in maps]
    return rows, numbers, maps.metadata


def read_or_refused(folder):
    """Read everything, or return `None` after an error in one line."""
    try:
        return everything(folder)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert str(folder) in str(error)  # noqa: PT017


def assert_equal(found, expected):
    assert found[0] == expected[0]
    assert found[2] == expected[2]
    for one, other in zip(found[1], expected[1], strict=True):
        np.testing.assert_array_equal(one, other)


def forge(folder, facts):
    """Write metadata, with the sizes and digests of the shards as they are."""
    for shard in facts["shards"] if isinstance(facts.get("shards"), list) else []:
        if isinstance(shard, dict) and (folder / str(shard.get("file"))).is_file():
            content = (folder / shard["file"]).read_bytes()
            shard |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "metadata.json").write_bytes(to_bytes(facts))


def arrow_of_a_stranger(folder, examples):
    """Put wrong bytes into a shard, with digests to match, and read it."""
    facts = written.read_metadata(Folder(folder))
    shard = folder / "maps-00000.arrow"
    whole = shard.read_bytes()
    anywhere = st.integers(0, len(whole) - 8)
    somewhere = anywhere | st.integers(0, 3000) | st.integers(len(whole) - 3000, len(whole) - 8)

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(changes=st.lists(st.tuples(somewhere, st.binary(min_size=1, max_size=8)), min_size=1, max_size=3))
    def check(changes):
        content = bytearray(whole)
        for start, new in changes:
            content[start : start + len(new)] = new
        shard.write_bytes(content)
        forge(folder, json.loads(json.dumps(facts)))
        read_or_refused(folder)

    check()
