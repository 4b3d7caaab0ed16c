"""LoRA on the queries, keys and values, with peft and with transformers' own adapter calls."""

import pytest
import torch
from small_models import B, D, K, S, T, V, make_model
from transformers import AutoModelForSeq2SeqLM, Seq2SeqTrainer, Seq2SeqTrainingArguments

peft = pytest.importorskip("peft", reason="peft is not installed")

RANK = 2
TARGETS = ["q_proj", "k_proj", "v_proj"]


@pytest.fixture
def base(tmp_path):
    """The folder of a model that adapters are trained on."""
    make_model().save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    source, labels = (torch.randint(2, V, (B, length), generator=generator) for length in (S, T))
    return {"input_ids": source, "labels": labels}


def lora(**options):
    return peft.LoraConfig(r=RANK, target_modules=TARGETS, task_type="SEQ_2_SEQ_LM", **options)


def train(model, batch, folder, steps=7):
    """Train with the stock Trainer, and return the losses."""
    options = {"use_cpu": True, "report_to": [], "disable_tqdm": True, "save_strategy": "no", "learning_rate": 0.1}
    arguments = Seq2SeqTrainingArguments(str(folder), max_steps=steps, logging_steps=1, **options)
    rows = [{"input_ids": source, "labels": labels} for source, labels in zip(*batch.values(), strict=True)]
    trainer = Seq2SeqTrainer(model, arguments, train_dataset=rows)
    trainer.train()
    model.eval()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_only_the_adapter_learns(base, batch, tmp_path):
    start = AutoModelForSeq2SeqLM.from_pretrained(base)
    model = peft.get_peft_model(AutoModelForSeq2SeqLM.from_pretrained(base), lora())
    torch.testing.assert_close(model(**batch).logits, start(**batch).logits)  # a new adapter changes nothing

    attentions = [(3, "encoder")] * 2 + [(5, "decoder"), (5, "cross")] * 3  # heads, place
    inner = sum(heads * K for heads, _ in attentions)
    adapted = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert adapted == len(TARGETS) * RANK * (len(attentions) * D + inner)

    losses = train(model, batch, tmp_path)
    assert losses[-1] < losses[0] - 0.3
    weights = model.get_base_model().state_dict()
    for name, expected in start.state_dict().items():
        owner, _, leaf = name.rpartition(".")
        moved = f"{owner}.base_layer.{leaf}"
        assert torch.equal(weights.get(moved, weights.get(name)), expected), name


def test_an_adapter_is_saved_alone_and_put_on_another_copy(base, batch, tmp_path):
    model = peft.get_peft_model(AutoModelForSeq2SeqLM.from_pretrained(base), lora())
    train(model, batch, tmp_path)
    model.save_pretrained(tmp_path / "adapter")
    assert {path.name for path in (tmp_path / "adapter").glob("*.safetensors")} == {"adapter_model.safetensors"}

    loaded = peft.PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(base), tmp_path / "adapter")
    assert torch.equal(loaded(**batch).logits, model(**batch).logits)
    with loaded.disable_adapter():
        assert torch.equal(loaded(**batch).logits, AutoModelForSeq2SeqLM.from_pretrained(base)(**batch).logits)


def test_a_merged_adapter_leaves_a_plain_checkpoint(base, batch, tmp_path):
    model = peft.get_peft_model(AutoModelForSeq2SeqLM.from_pretrained(base), lora())
    train(model, batch, tmp_path)
    expected, search = model(**batch).logits, {"num_beams": 3, "max_new_tokens": 7}
    text = model.generate(input_ids=batch["input_ids"], **search)

    model.merge_and_unload().save_pretrained(tmp_path / "merged")
    merged = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "merged")
    assert merged.state_dict().keys() == AutoModelForSeq2SeqLM.from_pretrained(base).state_dict().keys()
    torch.testing.assert_close(merged(**batch).logits, expected, atol=1e-5, rtol=0)
    assert torch.equal(merged.generate(batch["input_ids"], **search), text)


def test_adapter_calls_of_transformers(base, batch, tmp_path):
    model = AutoModelForSeq2SeqLM.from_pretrained(base)
    start = model(**batch).logits
    model.add_adapter(lora())
    losses = train(model, batch, tmp_path)
    assert losses[-1] < losses[0] - 0.3
    model.save_pretrained(tmp_path / "adapter")

    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "adapter")  # finds its base by the adapter's record
    assert torch.equal(loaded(**batch).logits, model(**batch).logits)
    loaded.disable_adapters()
    assert torch.equal(loaded(**batch).logits, start)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_an_adapter_learns_under_gradient_checkpointing(base, batch, use_reentrant):
    models = [peft.get_peft_model(AutoModelForSeq2SeqLM.from_pretrained(base), lora()) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    models[1].activation_checkpointing_enable({"use_reentrant": use_reentrant})
    for model in models:
        model.train()(**batch).loss.backward()
    for (name, parameter), other in zip(models[0].named_parameters(), models[1].parameters(), strict=True):
        if parameter.requires_grad:
            torch.testing.assert_close(other.grad, parameter.grad, atol=1e-6, rtol=0, msg=name)
            assert parameter.grad.any() or "lora_A" in name, name  # lora_B starts at 0, and stops the gradient of A
