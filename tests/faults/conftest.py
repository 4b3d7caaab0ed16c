"""A training with its checkpoints, its record of attention and an export: what the verbs that are killed read."""

from dataclasses import replace

import pytest
from conftest import make_recipe
from killed_export import export_all
from warm import Work, run


@pytest.fixture(scope="session")
def recipe_file(corpus, tmp_path_factory):
    """A recipe of a tiny model, whose training watches attention."""
    folder = tmp_path_factory.mktemp("recipe")
    recipe = make_recipe(corpus, folder)
    arguments = recipe.training | {"save_total_limit": 3}
    replace(recipe, watch_attention=5, training=arguments).save(folder)
    return folder / "recipe.yaml"


@pytest.fixture(scope="session")
def trained(recipe_file, tmp_path_factory):
    """The folder of a training of 24 steps with three checkpoints."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    status, said, _ = run("train", recipe_file, "--out", folder)
    assert status == 0, said
    assert len(list(folder.glob("checkpoint-*"))) == 3
    return folder


@pytest.fixture(scope="session")
def maps(corpus, trained, tmp_path_factory):
    """The attention of the training's test split."""
    folder = tmp_path_factory.mktemp("exported") / "maps"
    status, said, _ = run("export", trained, "--data", corpus, "--source-lang", "en", "--out", folder)
    assert status == 0, said
    return folder


@pytest.fixture(scope="session")
def whole_export(tmp_path_factory):
    """An export in many shards that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "maps"
    work = Work(export_all, folder)
    assert work.status() == 0, work.said
    return folder
