"""torch.compile takes the forward pass as one graph, for training and inference, and for lengths it has not seen.

Whether one graph can be captured depends on the model alone; only the slow test generates code from it, which takes a
C++ compiler.
"""

import shutil

import pytest
import torch
from ecosystem import stock_trainer
from ecosystem.launch import arguments, history
from small_models import BUILDS, V, build_name, make_model
from torch._dynamo.testing import CompileCounter

SLOW = pytest.mark.slow  # compiling takes its time: one training in `make test`, beside tests/model/test_inputs.py
SOME_BUILDS = [build if "rotary" in build.values() else pytest.param(build, marks=SLOW) for build in BUILDS]
SMALL = {"encoder_layers": 1, "decoder_layers": 1}
SIZES = [(2, 7, 5), (3, 11, 13), (5, 17, 19)]  # sentences, source length, target length


def make_batch(sentences, source_length, target_length):
    generator = torch.Generator().manual_seed(sentences)
    source = torch.randint(2, V, (sentences, source_length), generator=generator)
    target = torch.randint(2, V, (sentences, target_length), generator=generator)
    mask = torch.ones_like(source)
    mask[1, 4:] = 0
    return {"input_ids": source, "attention_mask": mask, "target": target}


def forward(model, target, training, **inputs):
    if training:
        outputs = model(**inputs, labels=target)
        outputs.loss.backward()
        return outputs.logits, outputs.loss
    with torch.no_grad():
        return (model(**inputs, decoder_input_ids=target).logits,)


@pytest.fixture(autouse=True)
def forget_graphs():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize(
    ("implementation", "training"),
    [("sdpa", True), pytest.param("sdpa", False, marks=SLOW), pytest.param("eager", True, marks=SLOW)],
    ids=["sdpa-training", "sdpa-inference", "eager-training"],
)
@pytest.mark.parametrize("build", SOME_BUILDS, ids=build_name)
def test_one_graph_for_all_lengths(implementation, training, build):
    model = make_model(**SMALL, **build)
    model.set_attn_implementation(implementation)
    graphs = CompileCounter()
    compiled = torch.compile(model, fullgraph=True, backend=graphs)
    for sizes in SIZES:
        batch = make_batch(*sizes)
        ours, theirs = (forward(each, training=training, **batch) for each in (compiled, model))
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert graphs.frame_count == 2  # of the first length, then of any


@SLOW
def test_trainer_takes_the_same_steps_compiled(blank, pairs, tmp_path):
    for out, options in ((tmp_path / "eager", []), (tmp_path / "compiled", ["--torch_compile_backend", "eager"])):
        options += ["--max_steps", 7, "--logging_steps", 1, "--learning_rate", 1e-2, "--save_strategy", "no"]
        stock_trainer.main(arguments(blank, out, pairs / "train.jsonl", None, *options))
    losses, expected = (history(tmp_path / name, "loss") for name in ("compiled", "eager"))
    assert losses == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile generates C++ here, and there is no g++")
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_generated_code_equals_eager_execution(training):
    model, twin = make_model(**SMALL), make_model(**SMALL)
    compiled = torch.compile(model, fullgraph=True, dynamic=True)
    for sizes in SIZES[:2]:
        batch = make_batch(*sizes)
        ours, theirs = (forward(each, training=training, **batch) for each in (compiled, twin))
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    for (name, parameter), other in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, atol=1e-5, rtol=0, msg=name)
