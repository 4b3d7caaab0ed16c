"""Work shared among the nodes of a Ray cluster, all on this machine."""

import time

import pytest
from small_exports import PAIRS, SMALL_SHARDS, contents, make_translator
from small_exports import export as export_small

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.cli import main
from hf_attn_model.cluster import Cluster, connected
from hf_attn_model.errors import UserError
from hf_attn_model.export import ExportShard
from hf_attn_model.translation import SearchSettings, TranslateBatch, translate

ray = pytest.importorskip("ray", reason="make test-clients runs it, in an environment of its own")
MANY = PAIRS * 20
LINES = ["The ball is blue", "", "I love my dog", "The red house is small"] * 3


@pytest.fixture
def cluster(request, monkeypatch):
    """Nodes with so many CPUs each; the first is where this process is connected to."""
    from ray.cluster_utils import Cluster as Nodes

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    nodes = Nodes()
    for cpus in request.param:
        nodes.add_node(num_cpus=cpus, object_store_memory=100 * 2**20)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def small_checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    for part in make_translator():
        part.save_pretrained(folder)
    return folder


def translations(lines, num_beams=None):
    """The translation of each line, by this process."""
    checkpoint = Checkpoint("textbook")
    found = translate(checkpoint.model, checkpoint.tokenizer, lines, num_beams=num_beams or checkpoint.num_beams)
    return dict(zip(lines, found, strict=True))


def test_the_recipe_translates_as_the_package_does(recipe):
    ray.shutdown()
    found = {row["en"]: row["translation"] for row in recipe["rows"]}  # in any order
    assert found == translations(list(found), num_beams=4)
    assert len(found) == 2
    assert all(row["score"] < 0 for row in recipe["rows"])


@pytest.mark.parametrize("cluster", [(0, 1, 1)], indirect=True)
def test_a_node_that_is_killed_in_the_middle_changes_no_byte(cluster, small_checkpoint, tmp_path):
    stage = ExportShard(str(small_checkpoint), str(tmp_path / "shared"))
    victim = cluster.worker_nodes
    done = []

    def fill(pieces):
        with connected(cluster.address) as workers:
            for found in workers.map(stage.fill_numbered, pieces):
                done.append(found)
                if len(done) == 3:
                    cluster.remove_node(next(iter(victim)), allow_graceful=False)
                yield found

    export_small(tmp_path / "local", pairs=MANY, **SMALL_SHARDS)
    export_small(tmp_path / "shared", pairs=MANY, fill_elsewhere=fill, **SMALL_SHARDS)
    assert len(done) > 8
    assert contents(tmp_path / "shared") == contents(tmp_path / "local")


@pytest.mark.parametrize("cluster", [(1,)], indirect=True)
def test_one_cpu_suffices(cluster, small_checkpoint, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    verb = ["translate", "textbook", "--file", str(tmp_path / "lines.txt"), "--jsonl"]
    assert main(verb) == 0
    alone = capsys.readouterr().out
    assert main([*verb, "--ray", cluster.address]) == 0
    assert capsys.readouterr().out == alone
    export = ["export", "textbook", "--data", str(tmp_path / "lines.txt"), "--num-beams", "1"]
    export += ["--engine", "transformers", "--out"]
    assert main([*export, str(tmp_path / "alone")]) == 0
    assert main([*export, str(tmp_path / "shared"), "--ray", cluster.address]) == 0
    assert contents(tmp_path / "shared") == contents(tmp_path / "alone")

    import ray.data

    ray.init(cluster.address, log_to_driver=False)
    rows = ray.data.from_items([{"source": line} for line in LINES])
    with pytest.raises(Exception, match="this Ray cluster has one CPU"):
        rows.map_batches(TranslateBatch, fn_constructor_kwargs={"model": "textbook"}, concurrency=1).take_all()
    rows = rows.map_batches(
        TranslateBatch, fn_constructor_kwargs={"model": "textbook"}, concurrency=1, num_cpus=0, batch_size=5
    )
    found = rows.take_all()
    assert len(found) == len(LINES)
    assert {row["source"]: row["translation"] for row in found} == translations(LINES)


@pytest.mark.parametrize("cluster", [(0,)], indirect=True)
def test_a_cluster_without_a_cpu_is_refused_at_once(cluster):
    start = time.monotonic()
    with pytest.raises(UserError, match=r"has no CPU: give it a node that has one"), connected(cluster.address):
        pass
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("cluster", [(1,)], indirect=True)
def test_a_mistake_that_a_worker_finds_is_told_in_its_words(cluster, small_checkpoint, tmp_path):
    with connected(cluster.address) as workers:
        assert isinstance(workers, Cluster)
        stage = TranslateBatch("textbook", on_long="error")
        with pytest.raises(UserError, match=r"^line 13: [\d,]+ tokens, but the model reads at most"):
            list(workers.map(stage.translate_numbered, [(0, LINES, "error"), (12, ["a" * 5000], "error")]))
        with pytest.raises(UserError, match=r"no export was begun in .*nowhere: all machines need to see one folder"):
            list(workers.map(ExportShard(str(small_checkpoint), str(tmp_path / "nowhere")).fill_numbered, [("x", [])]))


def test_nobody_at_an_address_is_said_in_a_line():
    with pytest.raises(UserError, match=r"cannot reach a Ray cluster at auto: "), connected("auto"):
        pass


def test_settings_reach_the_worker():
    stage = TranslateBatch("textbook", SearchSettings(num_beams=2, n_best=2))
    assert [len(found) for found in stage({"source": LINES[:1]})["translation"]] == [2]
