"""What the training benchmark counts: tokens of the timed steps, memory of a step, arithmetic."""

import itertools
import json

import pytest
import torch
import training_contenders as contending
import training_measures as measuring
from torch.utils.flop_counter import FlopCounterMode
from training_contenders import Contender, build_model, contenders, prepare, read_prepared
from transformers import TrainerCallback

from hf_attn_model.training.backend import choose_backend

SIZES = contending.shape(22, 3, 2, 17, 300) | {"decoder_layers": 2, "decoder_ffn_dim": 19}


@pytest.fixture(scope="module")
def folder(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    prepare(str(corpus), "en-de", 300, folder)
    return folder


def test_a_corpus_too_small_for_the_vocabulary_keeps_its_lengths(corpus, tmp_path):
    about = prepare(str(corpus), "en-de", 3001, tmp_path)
    assert "3,001" in about
    drawn, tokenizer = read_prepared(tmp_path)
    rows = [json.loads(line) for line in (corpus / "train.jsonl").read_text().splitlines()]
    for column, language in (("input_ids", "en"), ("labels", "de")):
        ids = drawn[column]
        assert [len(row) for row in ids] == [len(tokenizer(row[language])["input_ids"]) for row in rows]
        assert all(row[-1] == 1 and 1 not in row[:-1] and 0 not in row for row in ids)
        assert len(tokenizer) < max(map(max, ids)) < 3001


@pytest.mark.parametrize("ours", [True, False])
def test_both_models_read_the_token_ids_of_our_tokenizer(ours):
    model = build_model(ours, SIZES)
    labels = torch.tensor([[5, 7, 1, -100]])
    assert model.prepare_decoder_input_ids_from_labels(labels).tolist() == [[0, 5, 7, 1]]
    assert model.config.encoder_layers == 3
    assert model.config.decoder_ffn_dim == 19
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert model.generation_config.eos_token_id == 1
    assert model.generation_config.decoder_start_token_id == 0


def test_each_row_of_ours_adds_one_ingredient_and_the_last_are_what_is_chosen_here():
    rows = [one for one in contenders().values() if one.ours]
    for before, after in itertools.pairwise(rows[:-1]):
        facts = [vars(row).items() - {("backend", row.backend)} | vars(row.backend).items() for row in (before, after)]
        assert len(facts[1] - facts[0]) == 1
    assert rows[-2].backend == choose_backend(bf16=False)
    assert rows[-1].backend == choose_backend(bf16=True)


@pytest.mark.parametrize("contender", [Contender(sentences=7), Contender(ours=True, sentences=None, counted=True)])
def test_the_tokens_of_the_timed_steps_are_counted(contender, folder, fake_time, monkeypatch):
    seen = []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            seen.append(state.global_step)

    def make_trainer(contender, model, *args, **kwargs):
        trainer = contending.make_trainer(contender, model, *args, **kwargs)
        trainer.add_callback(Watch())
        model.register_forward_pre_hook(lambda _, args, inputs: batches.append(inputs), with_kwargs=True)
        return trainer

    batches = []
    monkeypatch.setattr(measuring, "make_trainer", make_trainer)
    monkeypatch.setattr(measuring, "time", fake_time)
    result = measuring.measure_speed(contender, sizes=SIZES, folder=folder, max_tokens=97, warmup=3, seconds=5, seed=0)
    last = seen[-1]
    timed = batches[last - int(result["steps"]) : last]
    assert len(timed) > 0
    assert len(batches) == last > len(timed) + 3, "the warm-up takes more than three steps of a second each"
    real = sum(int(batch["attention_mask"].sum() + batch["decoder_input_ids"].ne(0).sum()) for batch in timed)
    real += sum(1 not in row for batch in timed for row in batch["decoder_input_ids"])  # its end mark is shifted out
    padded = sum(batch["input_ids"].numel() + batch["decoder_input_ids"].numel() for batch in timed)
    assert result["tokens_per_second"] * result["seconds"] == pytest.approx(real)
    assert result["padding"] == pytest.approx(1 - real / padded)


@pytest.mark.skipif(not measuring.STATUS.is_file(), reason="only Linux says how much memory a process has held")
def test_the_memory_of_a_step_holds_what_it_allocates(folder, monkeypatch):
    def measure():
        contender = Contender(sentences=7)
        return measuring.measure_step_memory(contender, sizes=SIZES, folder=folder, max_tokens=97, seed=0)

    before = measure()
    ballast = 61_000_000

    class Greedy(measuring.StepMemory):
        def on_pre_optimizer_step(self, args, state, control, **kwargs):
            torch.ones(ballast if state.global_step else 3 * ballast, dtype=torch.uint8)  # more in the first step

    monkeypatch.setattr(measuring, "StepMemory", Greedy)
    after = measure()
    assert 0.97 < after["step"] / (ballast / 1e6) < 1.5
    assert before["step"] < ballast / 1e6 / 2
    assert after["memory"] > after["step"]


def test_arithmetic_is_that_of_the_forward_pass_three_times():
    model = build_model(True, SIZES).eval()
    model.set_attn_implementation("eager")
    pairs, source, target = 2, 7, 5
    ids = torch.full((pairs, source), 3)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=ids, decoder_input_ids=torch.full((pairs, target), 3))
    counts = measuring.Counts(
        source=pairs * source,
        target=pairs * target,
        padded=1000,
        source_squared=pairs * source**2,
        target_squared=pairs * target**2,
        crossed=pairs * source * target,
    )
    assert measuring.training_flops(SIZES, counts) == 3 * counter.get_total_flops()


def test_counts_of_a_batch():
    rows = [{"input_ids": [2] * 3, "labels": [2] * 5}, {"input_ids": [2] * 7, "labels": [2]}]
    collator = measuring.CountingCollator(lambda _: {"input_ids": torch.ones(2, 8), "labels": torch.ones(2, 5)})
    collator(rows)
    assert collator.counts == [measuring.Counts(10, 6, 26, 9 + 49, 25 + 1, 15 + 7)]
    assert sum(collator.counts * 2, measuring.Counts()).tokens == 32
