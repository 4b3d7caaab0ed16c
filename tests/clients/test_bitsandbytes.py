import pytest
import torch


@pytest.mark.parametrize(
    ("name", "kind", "near"),
    [("eight", "Linear8bitLt", 0.1), ("four", "Linear4bit", 0.7)],
)
def test_logits_are_near_and_weights_smaller(recipe, name, kind, near):
    model, small = recipe["model"], recipe[name]
    batch = recipe["tokenizer"]("The ball is blue", text_target="La bola es azul", return_tensors="pt")
    with torch.no_grad():
        before, after = model(**batch).logits, small(**batch).logits
    assert 0 < (before - after).abs().max() < near * before.std()
    assert type(small.model.encoder.layers[0].fc1).__name__ == kind
    assert small.get_memory_footprint() < 0.7 * model.get_memory_footprint()
    assert recipe["translations"][name] == ["La bola es azul"]
