"""A flipped bit is one line, and so is whatever a stranger may have put into an export."""

import json
import random
import shutil
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from damaged_exports import KEPT, arrow_of_a_stranger, assert_equal, everything, forge, read_or_refused
from forks import begun, fork, status_of
from hypothesis import given, settings
from hypothesis import strategies as st
from small_exports import SMALL_SHARDS, contents, export

from hf_attn_model.cli import main
from hf_attn_model.errors import UserError
from hf_attn_model.export import metadata as written
from hf_attn_model.export.folder import Folder
from hf_attn_model.export.metadata import to_bytes
from hf_attn_model.export.parquet import convert_to_parquet
from hf_attn_model.export.store import open_maps


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """An export of each kind; whoever changes one copies it before."""
    folder = tmp_path_factory.mktemp("exports")
    for keep in KEPT:
        export(folder / keep, keep=keep, **SMALL_SHARDS)
    return folder


@pytest.fixture
def copied(exports, tmp_path, monkeypatch):
    """Copy an export into this test's folder, where nothing of it has been read yet."""

    def copy(keep="weights"):
        monkeypatch.setattr(written, "_whole", set())
        return Path(shutil.copytree(exports / keep, tmp_path / keep, dirs_exist_ok=True))

    return copy


@pytest.mark.parametrize("keep", KEPT)
def test_each_of_sixty_flipped_bits_is_found_or_changes_nothing(copied, keep, monkeypatch):
    folder = copied(keep)
    expected, files, chosen = everything(folder), contents(folder), random.Random(f"flips of {keep}")
    weights = [len(content) for content in files.values()]
    refused = 0
    for name in ["metadata.json"] * 8 + chosen.choices(list(files), weights, k=12):
        content, bit = files[name], chosen.randrange(8 * len(files[name]))
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        (folder / name).write_bytes(damaged)
        monkeypatch.setattr(written, "_whole", set())
        if (found := read_or_refused(folder)) is None:
            refused += 1
        else:
            assert_equal(found, expected)
        (folder / name).write_bytes(content)
    assert refused >= 12


def test_a_shard_is_read_through_once_in_a_process_until_it_changes(copied, monkeypatch):
    folder, read = copied(), []
    is_whole = written.Shard.is_whole
    monkeypatch.setattr(written.Shard, "is_whole", lambda self, at: read.append(self.file) or is_whole(self, at))
    maps = open_maps(folder)
    assert read == [], "nothing is read before it is asked for"
    assert maps[0].source == open_maps(folder)[0].source
    assert read == ["maps-00000.arrow"]
    list(maps)
    list(open_maps(folder))
    maps.to_pandas()
    assert read == [shard.file for shard in maps.shards]
    damaged = bytearray((folder / "maps-00000.arrow").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / "maps-00000.arrow").write_bytes(damaged)
    with pytest.raises(
        UserError, match=r"maps-00000\.arrow is damaged: its SHA-256 is not .*; run the same hf-attn exp"
    ):
        open_maps(folder)[0]


def test_a_shard_that_was_read_is_read_again_where_another_is_told_of(copied):
    folder = copied()
    assert open_maps(folder)[0].source
    facts = written.read_metadata(Folder(folder))
    facts["shards"][0]["sha256"] = "0" * 64
    (folder / "metadata.json").write_bytes(to_bytes(facts))
    with pytest.raises(UserError, match=r"maps-00000\.arrow is damaged"):
        open_maps(folder)[0]


def test_a_note_is_about_the_shard_of_its_name(copied):
    folder = copied()
    (folder / "maps-00003.json").write_bytes(to_bytes(written.read_metadata(Folder(folder))["shards"][1]))
    with pytest.raises(UserError, match=r"maps-00003\.json is damaged: it is about maps-00001\.arrow"):
        open_maps(folder)


def test_a_shard_that_was_cut_says_how_much_of_it_is_there(copied):
    shard = copied() / "maps-00000.arrow"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-8])
    with pytest.raises(UserError, match=rf"arrow has {len(whole) - 8} of {len(whole)} bytes; run the same hf-attn exp"):
        open_maps(shard.parent)[0]


@pytest.mark.parametrize(
    "verb",
    [
        ["align", "MAPS"],
        ["view", "MAPS", "--out", "OUT/page.html"],
        ["view", "MAPS", "--out", "OUT/picture.png", "--index", "7"],
        ["export", "MAPS", "--to", "parquet", "--out", "OUT/parquet"],
    ],
    ids=" ".join,
)
def test_every_verb_says_one_line_that_names_the_shard(copied, tmp_path, capsys, verb):
    folder, out = copied(), tmp_path / "out"
    out.mkdir()
    damaged = bytearray((folder / "maps-00001.arrow").read_bytes())
    damaged[-len(damaged) // 3] ^= 16
    (folder / "maps-00001.arrow").write_bytes(damaged)
    assert main([word.replace("MAPS", str(folder)).replace("OUT", str(out)) for word in verb]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"hf-attn: {folder}/maps-00001.arrow is damaged: ")
    assert not [path for path in out.rglob("*.[hp]*") if path.is_file() and "parquet" not in str(path)]


# What a stranger may write: the checksums are right, as they are no signature.


SMALL_JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=7) | st.just([]) | st.just({})
) | st.sampled_from([-1, 2**31, 2**64, 10**30, "../maps-00000.arrow", "/etc/passwd", "top-0", "qk", [0], [0, 0], [-1]])


def spots(value, path=()):
    """All places in a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from spots(value[key], (*path, key))


def change(value, path, new):
    if not path:
        return new
    changed = value.copy()
    if len(path) == 1 and new is DROP:
        del changed[path[0]]
    else:
        changed[path[0]] = change(value[path[0]], path[1:], new)
    return changed


DROP = object()


def test_metadata_of_a_stranger_is_read_or_refused(copied):
    folder = copied("qk")
    whole = written.read_metadata(Folder(folder))
    places = [path for path in spots(whole) if path and path[0] not in ("conventions", "corpus")]

    @settings(max_examples=80, deadline=None, derandomize=True)
    @given(path=st.sampled_from(places), new=SMALL_JSON | st.just(DROP))
    def check(path, new):
        (folder / "metadata.json").write_bytes(to_bytes(change(whole, path, new)))
        read_or_refused(folder)

    check()
    (folder / "metadata.json").write_bytes(to_bytes(whole))
    assert read_or_refused(folder) is not None


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    content=st.binary(max_size=30) | st.recursive(SMALL_JSON, st.lists).map(lambda value: json.dumps(value).encode())
)
def test_metadata_that_are_no_metadata(content, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "no-metadata"
    folder.mkdir(exist_ok=True)
    (folder / "metadata.json").write_bytes(content)
    assert read_or_refused(folder) is None


@pytest.mark.parametrize("where", ["metadata", "note"])
@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../maps-00000.arrow", "maps-0/../../maps-00000.arrow", "maps-00000.arrow\n", "a.arrow", ".."],
)
def test_names_that_lead_out_of_the_folder_are_refused(copied, where, name):
    folder = copied()
    facts = json.loads((folder / "metadata.json").read_text())
    shard = facts["shards"].pop() | {"file": name}
    if where == "metadata":
        facts["shards"].append(shard)
    else:
        (folder / "maps-00003.json").write_bytes(to_bytes(shard))
    del facts["checksum"]
    facts["sentences"] = sum(each["sentences"] for each in facts["shards"])
    (folder / "metadata.json").write_bytes(to_bytes(facts))
    match = (
        r"metadata\.json is damaged: shard\.file is" if where == "metadata" else r"maps-00003\.json is damaged: .*remov"
    )
    with pytest.raises(UserError, match=match):
        open_maps(folder)


def test_notes_of_a_stranger_are_read_or_refused(copied):
    folder = copied()
    facts = written.read_metadata(Folder(folder))
    note = facts["shards"][1]
    begun_facts = facts | {
        "finished": False,
        "shards": facts["shards"][:1],
        "sentences": facts["shards"][0]["sentences"],
    }
    (folder / "metadata.json").write_bytes(to_bytes(begun_facts))

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(path=st.sampled_from([path for path in spots(note) if path]), new=SMALL_JSON | st.just(DROP))
    def check(path, new):
        (folder / "maps-00001.json").write_bytes(to_bytes(change(note, path, new)))
        try:
            list(open_maps(folder, allow_unfinished=True))
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017

    check()
    (folder / "maps-00001.json").write_bytes(to_bytes(note))
    assert len(open_maps(folder, allow_unfinished=True)) == note["sentences"] + begun_facts["sentences"]
    (folder / "maps-00001.json").write_bytes(b"{")
    with pytest.raises(UserError, match=r"maps-00001\.json is damaged: .*; remove it, and run the same command again"):
        open_maps(folder, allow_unfinished=True)


@pytest.mark.parametrize("keep", KEPT)
def test_arrow_of_a_stranger_is_read_or_refused(copied, keep):
    assert status_of(fork(arrow_of_a_stranger, copied(keep), 60)) == 0


def rewrite(folder, change_columns):
    """Write the first shard anew with other columns."""
    facts = written.read_metadata(Folder(folder))
    shard = folder / "maps-00000.arrow"
    table = pa.ipc.open_file(shard).read_all()
    columns = change_columns({name: table[name].combine_chunks() for name in table.column_names})
    table = pa.table(columns) if len(columns) != table.num_columns else pa.table(columns, schema=table.schema)
    with pa.OSFile(str(shard), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    forge(folder, facts)


def lists_of(column, make):
    return pa.array([make(value) for value in column.to_pylist()], column.type)


@pytest.mark.parametrize(
    ("keep", "name", "make", "message"),
    [
        ("weights", "source", lambda text: None, "row 0 lacks source"),
        ("weights", "target_tokens", lambda tokens: [None, *tokens[1:]], "a target word or token is nothing"),
        ("weights", "source_word_of_token", lambda words: words[1:], "source tokens and their words differ in number"),
        ("weights", "source_word_of_token", lambda words: [-1, *words[1:]], "of a word that is not there"),
        ("weights", "source_word_of_token", lambda words: [99, *words[1:]], "of a word that is not there"),
        ("weights", "cross_shape", lambda shape: [-1, -1, *shape[2:]], "row 0: cross"),
        ("weights", "cross_shape", lambda shape: [shape[0], shape[1], shape[3], shape[2]], "row 0: cross"),
        ("weights", "encoder", lambda numbers: numbers[1:], r"row 0: encoder holds [\d,]+ numbers, not"),
        ("qk", "decoder_key", lambda numbers: numbers[1:], r"row 0: decoder_key holds"),
        ("top-2", "cross_keys", lambda keys: [2**16 - 1, *keys[1:]], "cross keeps a key beyond the last"),
    ],
)
def test_rows_that_contradict_themselves_are_refused(copied, keep, name, make, message):
    folder = copied(keep)
    rewrite(folder, lambda columns: columns | {name: lists_of(columns[name], make)})
    with pytest.raises(UserError, match=rf"maps-00000\.arrow is damaged: .*{message}"):
        open_maps(folder)[0]


def test_shards_that_contradict_the_metadata_are_refused(copied):
    folder = copied()
    rewrite(folder, lambda columns: {name: column for name, column in columns.items() if name != "cross"})
    with pytest.raises(UserError, match=r"maps-00000\.arrow is damaged: its columns are not those of metadata\.json"):
        open_maps(folder)[0]
    folder = copied()
    facts = written.read_metadata(Folder(folder))
    for number in (64, 65):
        facts["sentences"] += number - facts["shards"][0]["sentences"]
        facts["shards"][0]["sentences"] = number
        forge(folder, facts)
        with pytest.raises(UserError, match=rf"maps-00000\.arrow is damaged: it does not hold {number} sentences"):
            open_maps(folder)[0]


# From afar


@pytest.fixture
def afar(exports, tmp_path):
    """The URL of an export elsewhere, and its files there."""
    files = fsspec.filesystem("memory")
    files.put(f"{exports / 'weights'}/", f"{tmp_path}/maps/", recursive=True)
    return f"memory://{tmp_path}/maps", files, f"{tmp_path}/maps"


def test_of_afar_sizes_metadata_and_form_are_checked_and_verify_reads_all(afar):
    url, files, path = afar
    whole = files.cat_file(f"{path}/maps-00000.arrow")
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    files.pipe_file(f"{path}/maps-00000.arrow", bytes(damaged))
    assert open_maps(url).verify() == ["maps-00000.arrow"]
    with pytest.raises(UserError, match=r"maps-00000\.arrow is damaged: block 0 is not what was written"):
        open_maps(url)[0]
    files.pipe_file(f"{path}/maps-00000.arrow", whole[:-8])
    with pytest.raises(UserError, match=r"maps-00000\.arrow has \d+ of \d+ bytes"):
        open_maps(url)[0]
    facts = bytearray(files.cat_file(f"{path}/metadata.json"))
    facts[facts.index(b"scaling") + 12] ^= 1
    files.pipe_file(f"{path}/metadata.json", bytes(facts))
    with pytest.raises(UserError, match=r"metadata\.json is damaged: .* checksum"):
        open_maps(url)


@pytest.mark.parametrize("method", ["cat_file", "open", "find"])
def test_whatever_a_place_afar_raises_is_one_line(afar, monkeypatch, method):
    def fail(*_, **__):
        raise RuntimeError("the bucket\nis gone")

    url, files, _ = afar
    monkeypatch.setattr(type(files), method, fail)
    with pytest.raises(UserError, match=r"cannot read .*: the bucket is gone"):
        list(open_maps(url))


@pytest.mark.parametrize("method", ["makedirs", "put_file"])
def test_whatever_a_place_afar_raises_at_writing_is_one_line(tmp_path, monkeypatch, method):
    def fail(*_, **__):
        raise RuntimeError("the bucket\nis full")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), method, fail)
    with pytest.raises(UserError, match=r"cannot write .*: the bucket is full"):
        export(f"memory://{tmp_path}/maps")


# Parquet


def test_parquet_has_checksums_of_its_own_and_the_same_command_mends_it(copied, tmp_path):
    maps, out = open_maps(copied()), tmp_path / "parquet"
    convert_to_parquet(maps, out)
    before = contents(out)
    file = out / "data" / "maps-00000.parquet"
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 3] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(file, page_checksum_verification=True).read()
    convert_to_parquet(maps, out)
    assert contents(out) == before


def test_a_conversion_holds_its_folder(copied, tmp_path):
    maps = open_maps(copied())

    def convert(wait):
        for _ in maps.batches(maps.shards[0]):
            break
        batches = type(maps).batches

        def stop(self, shard):
            wait()
            return batches(self, shard)

        type(maps).batches = stop
        convert_to_parquet(maps, tmp_path / "parquet")

    with begun(convert) as process, pytest.raises(UserError, match=f"is being written to by process {process} on"):
        convert_to_parquet(maps, tmp_path / "parquet")
    assert len(list((tmp_path / "parquet" / "data").glob("*.parquet"))) == len(maps.shards)
