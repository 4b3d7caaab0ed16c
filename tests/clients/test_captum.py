import torch


def test_integrated_gradients_are_complete(recipe):
    at_word, at_nothing = (recipe["log_probability"](x) for x in (recipe["embeds"], recipe["nothing"]))
    torch.testing.assert_close(recipe["attributions"].sum(), (at_word - at_nothing).sum(), rtol=0.01, atol=0)
    assert recipe["tokens"][int(recipe["per_token"].argmax())].strip() == "blue"


def test_the_function_that_is_explained_is_the_model(recipe):
    batch = recipe["tokenizer"]("The ball is blue", text_target="La bola es azul", return_tensors="pt")
    with torch.no_grad():
        logits = recipe["model"](**batch).logits
    want = logits[0, 3].log_softmax(-1)[batch["labels"][0, 3]]
    torch.testing.assert_close(recipe["log_probability"](recipe["embeds"]), want[None])
