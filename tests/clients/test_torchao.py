import copy

import torch


def test_logits_are_near_and_weights_are_whole_numbers(recipe):
    model, small = recipe["model"], recipe["small"]
    batch = recipe["tokenizer"]("The ball is blue", text_target="La bola es azul", return_tensors="pt")
    with torch.no_grad():
        before, after = model(**batch).logits, small(**batch).logits
    assert 0 < (before - after).abs().max() < 0.1 * before.std()
    assert type(small.model.encoder.layers[0].fc1.weight).__name__ == "Int8Tensor"
    assert recipe["translations"] == ["La bola es azul"]


def test_a_quantised_weight_is_the_nearest_of_255_steps_of_its_row(recipe):
    weight = copy.deepcopy(recipe["model"].model.encoder.layers[0].fc1.weight.detach())
    step = weight.abs().amax(1, keepdim=True) / 127.5
    nearest = recipe["small"].model.encoder.layers[0].fc1.weight.dequantize()
    assert ((nearest - weight).abs() <= 0.51 * step + 1e-6).all()
