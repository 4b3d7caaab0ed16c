"""Averages of checkpoints against a plain loop over state dicts."""

import json
import shutil

import pytest
import torch
from families import build
from forks import largest_file
from safetensors.torch import load_file, save_file
from small_models import make_model
from small_trainings import assert_same
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from hf_attn_model import AttnForConditionalGeneration
from hf_attn_model.checkpoint.digests import file_digests
from hf_attn_model.errors import UserError
from hf_attn_model.recipes.recipe import recipe_of
from hf_attn_model.training.averaging import AVERAGE_FILE, average_checkpoints, best_steps, choose_checkpoints


def save_checkpoints(model, run, steps, **options):
    """Save what the weights could be after some steps, and return the folders."""
    folders = []
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_((0.1 * noise).to(parameter.dtype))
        folders.append(run / f"checkpoint-{step}")
        model.save_pretrained(folders[-1], **options)
    return folders


def write_history(folder, measured):
    history = [{"step": step, "loss": 3.0} for step in measured] + [
        {"step": step, "eval_loss": loss} for step, loss in measured.items()
    ]
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": history}))


@pytest.fixture
def run(tmp_path):
    """The folder of a training with the checkpoints 9, 10 and 11."""
    save_checkpoints(make_model(), tmp_path / "run", (9, 10, 11))
    return tmp_path / "run"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("family", "shard_size"), [("ours", "50GB"), ("ours", "5KB"), ("marian", "3KB")])
def test_the_weights_are_the_mean_and_keep_their_dtype(family, shard_size, dtype, tmp_path):
    model = build(family).to(dtype)
    folders = save_checkpoints(model, tmp_path, (2, 3, 5), max_shard_size=shard_size)
    out = average_checkpoints(folders, tmp_path / "out")
    averaged = AutoModelForSeq2SeqLM.from_pretrained(out, dtype="auto")
    states = [AutoModelForSeq2SeqLM.from_pretrained(folder, dtype="auto").state_dict() for folder in folders]
    expected = {name: (sum(state[name].double() for state in states) / 3).to(dtype) for name in states[0]}
    assert_same(averaged.state_dict(), expected)
    assert sorted(path.name for path in out.glob("*.safetensors")) == sorted(
        path.name for path in folders[0].glob("*.safetensors")
    )
    assert (len(list(out.glob("*.safetensors"))) > 1) == (shard_size != "50GB")
    assert averaged.lm_head.weight is averaged.model.shared.weight


def test_checkpoints_cut_into_other_shards_have_the_same_mean(tmp_path):
    whole = save_checkpoints(make_model(), tmp_path / "whole", (2, 3))
    cut = tmp_path / "cut"
    AutoModelForSeq2SeqLM.from_pretrained(whole[1]).save_pretrained(cut, max_shard_size="5KB")
    ours = average_checkpoints([whole[0], cut], tmp_path / "ours")
    theirs = average_checkpoints(whole, tmp_path / "theirs")
    assert_same(load_file(ours / "model.safetensors"), load_file(theirs / "model.safetensors"))


def test_what_makes_weights_a_model_is_carried_along_and_nothing_of_the_training(translator_folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(translator_folder, run)
    (checkpoint,) = choose_checkpoints(run, last=2)[:1]
    (checkpoint / "ema.safetensors").write_bytes(b"")
    out = average_checkpoints(choose_checkpoints(run, last=2), tmp_path / "out")
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    assert model.generation_config.num_beams == 2
    assert tokenizer("one two").input_ids == AutoTokenizer.from_pretrained(translator_folder)("one two").input_ids
    assert recipe_of(out) == recipe_of(translator_folder)
    names = {path.name for path in out.iterdir()}
    of_a_model = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "recipe.yaml"}
    code = {path.name for path in checkpoint.glob("*.py")}
    assert code
    assert names == of_a_model | code | {"model.safetensors", AVERAGE_FILE}
    assert json.loads((out / AVERAGE_FILE).read_text())["checkpoints"] == ["checkpoint-150", "checkpoint-100"]


@pytest.mark.parametrize("same", [True, False])
def test_whole_numbers_must_be_equal(same, run, tmp_path):
    folders = sorted(run.iterdir())
    for i, folder in enumerate(folders):
        file = folder / "model.safetensors"
        counted = torch.tensor([5, 7 if same else i])
        save_file({**load_file(file), "counted": counted}, file, {"format": "pt"})
    if same:
        out = average_checkpoints(folders, tmp_path / "out")
        assert torch.equal(load_file(out / "model.safetensors")["counted"], counted)
    else:
        with pytest.raises(UserError, match=r"counted holds torch\.int64 numbers that differ"):
            average_checkpoints(folders, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_the_last_are_found_by_number_and_the_best_by_dev_loss(run):
    save_checkpoints(make_model(), run, (100,))
    write_history(run / "checkpoint-100", {7: 0.1, 9: 0.3, 10: float("nan"), 11: 0.2, 100: 0.4})
    write_history(run / "checkpoint-9", {9: 0.3})
    assert [path.name for path in choose_checkpoints(run, last=3)] == [
        "checkpoint-100",
        "checkpoint-11",
        "checkpoint-10",
    ]
    best = [path.name for path in choose_checkpoints(run, best=4)]
    assert best == ["checkpoint-11", "checkpoint-9", "checkpoint-100", "checkpoint-10"]


def test_of_equal_values_the_earlier_is_better():
    measured = {2: 0.5, 3: 0.7, 5: 0.5, 7: float("nan"), 11: 0.7}
    assert best_steps(measured, 3) == [2, 5, 3]
    assert best_steps(measured, 3, greater_is_better=True) == [3, 11, 2]


def test_what_its_writer_has_not_finished_is_not_chosen(run):
    for folder in (run, run / "checkpoint-9", run / "checkpoint-10"):
        (folder / "manifest.json").write_text("{}")
    assert [path.name for path in choose_checkpoints(run, last=2)] == ["checkpoint-10", "checkpoint-9"]
    with pytest.raises(UserError, match="holds 2 complete checkpoints, fewer than 3"):
        choose_checkpoints(run, last=3)


def test_a_full_disk_leaves_nothing(run, tmp_path):
    message = r"cannot write .*out: (File too large|Cannot allocate memory)"
    with largest_file(3001), pytest.raises(UserError, match=message):
        average_checkpoints(sorted(run.iterdir()), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"null", b'{"weight_map": 7}', b'{"weight_map": {"a": "../b.safetensors"}}']
)
@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_damaged_files_are_one_line(run, tmp_path, name, content):
    if name.endswith("index.json"):  # which is not read beside weights in one file
        (run / "checkpoint-9" / "model.safetensors").unlink()
    (run / "checkpoint-9" / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        average_checkpoints(sorted(run.iterdir()), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_mistakes_in_choosing_are_told(run, tmp_path):
    with pytest.raises(
        UserError, match=r"holds 3 complete checkpoints, fewer than 5: train with training\.save_total_limit=5"
    ):
        choose_checkpoints(run, last=5)
    with pytest.raises(UserError, match="holds 0 complete checkpoints"):
        choose_checkpoints(tmp_path / "nowhere", best=2)
    with pytest.raises(UserError, match="a number from 2 on, got 1"):
        choose_checkpoints(run, last=1)
    with pytest.raises(UserError, match=r"there is no .*trainer_state\.json"):
        choose_checkpoints(run, best=2)
    write_history(run / "checkpoint-11", {9: 0.3, 11: 0.2})
    with pytest.raises(UserError, match="checkpoint-10 was not evaluated"):
        choose_checkpoints(run, best=2)


def test_mistakes_in_averaging_are_told_and_nothing_is_written(run, tmp_path):
    one, two, _ = sorted(run.iterdir())
    (other_size,) = save_checkpoints(make_model(encoder_ffn_dim=23), tmp_path / "wide", (2,))
    (other_norm,) = save_checkpoints(make_model(norm_position="post"), tmp_path / "post", (2,))
    (other_dtype,) = save_checkpoints(make_model().half(), tmp_path / "half", (2,))
    (untied,) = save_checkpoints(make_model(tie_word_embeddings=False), tmp_path / "untied", (2,))
    old, damaged = tmp_path / "old", tmp_path / "damaged"
    shutil.copytree(one, old)
    (old / "model.safetensors").rename(old / "pytorch_model.bin")
    shutil.copytree(one, damaged)
    (damaged / "model.safetensors").write_bytes(b"half of a file")
    flipped, infinite, outside = (shutil.copytree(one, tmp_path / name) for name in ("flipped", "infinite", "outside"))
    (flipped / "manifest.json").write_text(json.dumps({"files": file_digests(flipped)}))
    weights = load_file(flipped / "model.safetensors")
    for name, value in ((flipped, 1.5), (infinite, float("inf"))):
        weights["model.shared.weight"][5, 7] = value
        save_file(weights, name / "model.safetensors", {"format": "pt"})
    (outside / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    index = {"weight_map": {"model.shared.weight": "../elsewhere.safetensors"}}
    (outside / "model.safetensors.index.json").write_text(json.dumps(index))
    for folders, message in (
        ([one], "at least two"),
        ([one, two, run / "." / one.name], "each once"),
        ([run, one], "run is no checkpoint.* give --last or --best"),
        ([one, tmp_path / "nowhere"], "nowhere is no checkpoint"),
        ([one, old], r"old has no model\.safetensors"),
        ([one, damaged], "is damaged: .*; leave this checkpoint out"),
        ([one, flipped], "is damaged, or was replaced: manifest.json tells of another content; leave this"),
        ([one, infinite], "model.shared.weight holds values that are no finite numbers in one of the checkpoints"),
        ([one, outside], "names a file that does not lie in it: '../elsewhere.safetensors'"),
        ([one, other_size], "is of another model: encoder_ffn_dim is 23, in .* 17"),
        ([one, other_norm], "is of another model"),
        ([one, other_dtype], "is of another model: dtype is float16, in .* float32"),
        ([one, untied], "is of another model"),
    ):
        with pytest.raises(UserError, match=message) as error:
            average_checkpoints(folders, tmp_path / "out")
        assert "\n" not in str(error.value)
        assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="is not empty"):
        average_checkpoints([one, two], other_size)


def test_weights_that_differ_in_shape_alone_are_told(run, tmp_path):
    one, two, _ = sorted(run.iterdir())
    file = two / "model.safetensors"
    tensors = load_file(file)
    tensors["model.shared.weight"] = tensors["model.shared.weight"][:-2].contiguous()
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(UserError, match=r"model\.shared\.weight is F32\[35, 22\], in .* F32\[37, 22\]"):
        average_checkpoints([one, two], tmp_path / "out")


def test_loading_the_average_runs_no_code_from_its_folder(run, tmp_path):
    out = average_checkpoints(sorted(run.iterdir()), tmp_path / "out")
    averaged = AutoModelForSeq2SeqLM.from_pretrained(out, trust_remote_code=False)
    assert type(averaged) is AttnForConditionalGeneration
