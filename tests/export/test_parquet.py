"""Parquet for those who do not have this package: every reader sees the same weights."""

import numpy as np
import pytest
from small_exports import IDS, SMALL_SHARDS, contents, expected_records, export

from hf_attn_model.attention.places import PLACES
from hf_attn_model.errors import UserError
from hf_attn_model.export.parquet import convert_to_parquet
from hf_attn_model.export.store import open_maps

HALF = 2.0**-12


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parquet") / "maps"
    metadata = export(folder, to="parquet", keep="weights", **SMALL_SHARDS)
    assert len(metadata["shards"]) > 1
    assert metadata["dtype"] == "float32"
    return folder


def with_datasets(folder):
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(str(folder), split="train", cache_dir=str(folder.parent / "cache")).to_list()


def with_pandas(folder):
    pandas = pytest.importorskip("pandas")
    return pandas.read_parquet(folder / "data").to_dict("records")


def with_polars(folder):
    polars = pytest.importorskip("polars")
    return polars.read_parquet(folder / "data").to_dicts()


def with_duckdb(folder):
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql(f"select * from '{folder}/data/*.parquet'")
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


@pytest.mark.parametrize("read", [with_datasets, with_pandas, with_polars, with_duckdb])
def test_every_reader_sees_the_same(parquet, read):
    rows = read(parquet)
    assert [row["id"] for row in rows] == IDS
    for row, expected in zip(rows, expected_records(), strict=True):
        assert (row["source"], row["target"]) == (expected.source, expected.target)
        assert list(row["target_tokens"]) == expected.target_tokens
        assert [tuple(word.values()) for word in row["source_words"]] == expected.source_words
        indices = [None if index is None or index != index else int(index) for index in row["target_word_of_token"]]
        assert indices == expected.target_word_of_token
        for place in PLACES:
            assert tuple(row[f"{place}_shape"]) == expected.place(place).shape
            weights = np.asarray(row[place], np.float32).reshape(row[f"{place}_shape"])
            np.testing.assert_allclose(weights, expected.place(place), atol=HALF + 2e-6)


def test_duckdb_computes_on_the_weights(parquet):
    duckdb = pytest.importorskip("duckdb")
    query = f"""select id, list_sum("cross") / (cross_shape[1] * cross_shape[2] * cross_shape[3]) as mass
                from '{parquet}/data/*.parquet'"""
    assert [mass for _, mass in duckdb.sql(query).fetchall()] == pytest.approx([1.0] * 15, abs=1e-3)
    with pytest.raises(duckdb.ParserException):  # as the guide says, `cross` needs its quotes
        duckdb.sql(query.replace('"cross"', "cross"))


@pytest.mark.parametrize("keep", ["weights", "qk", "top-2"])
def test_a_finished_export_becomes_what_would_have_been_exported_at_once(tmp_path, keep):
    export(tmp_path / "arrow", keep=keep, **SMALL_SHARDS)
    export(tmp_path / "at-once", keep=keep, to="parquet", **SMALL_SHARDS)
    metadata = convert_to_parquet(open_maps(tmp_path / "arrow"), tmp_path / "converted")
    at_once, converted = contents(tmp_path / "at-once"), contents(tmp_path / "converted")
    assert at_once.keys() == converted.keys()
    rows = [with_pandas(tmp_path / name) for name in ("at-once", "converted")]
    for one, other, expected in zip(*rows, open_maps(tmp_path / "arrow"), strict=True):
        assert one.keys() == other.keys()
        assert ("cross_rest" in one) == (keep == "top-2")
        for name, value in one.items():
            np.testing.assert_array_equal(value, other[name])
        np.testing.assert_array_equal(one["cross"], np.ravel(expected.cross))
    assert [shard["corpus_sha256"] for shard in metadata["shards"]] == [
        shard.corpus_sha256 for shard in open_maps(tmp_path / "arrow").shards
    ]


def test_a_conversion_goes_on_where_it_stopped(tmp_path, monkeypatch):
    export(tmp_path / "arrow", **SMALL_SHARDS)
    maps = open_maps(tmp_path / "arrow")
    convert_to_parquet(maps, tmp_path / "whole")
    batches = type(maps).batches

    def stop(self, shard):
        if shard.file == "maps-00001.arrow":
            raise KeyboardInterrupt
        return batches(self, shard)

    monkeypatch.setattr(type(maps), "batches", stop)
    with pytest.raises(KeyboardInterrupt):
        convert_to_parquet(maps, tmp_path / "twice")
    assert "data/maps-00000.parquet" in contents(tmp_path / "twice")
    monkeypatch.setattr(
        type(maps), "batches", lambda self, shard: batches(self, shard) if shard.file != "maps-00000.arrow" else None
    )
    convert_to_parquet(maps, tmp_path / "twice")
    assert contents(tmp_path / "twice") == contents(tmp_path / "whole")


def test_parquet_is_not_opened_as_maps(parquet):
    with pytest.raises(UserError, match="holds Parquet files: read them with datasets, pandas, polars or DuckDB"):
        open_maps(parquet)
