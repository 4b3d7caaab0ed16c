import numpy as np
import torch


def test_values_and_base_add_up_to_the_log_odds_of_every_target_token(recipe):
    model, tokenizer, explanation = recipe["model"], recipe["tokenizer"], recipe["explanation"]
    batch = tokenizer("The ball is blue", text_target="La bola es azul", return_tensors="pt")
    with torch.no_grad():
        logits = model(**batch).logits[0, :-1].double()  # without the end mark
    chosen = batch["labels"][0, :-1, None]
    log_odds = (logits.gather(1, chosen) - logits.scatter(1, chosen, -torch.inf).logsumexp(1, keepdim=True))[:, 0]
    np.testing.assert_allclose(explanation.base_values[0] + explanation.values[0].sum(0), log_odds, atol=0.01)


def test_it_explains_the_words_of_the_translation(recipe):
    explanation = recipe["explanation"]
    assert list(explanation.output_names) == ["La", "bola", "es", "azul"]
    assert [part.strip() for part in explanation.data[0]] == ["The", "ball", "is", "blue", ""]
    assert explanation.values[0].argmax(0)[3] == 3  # "azul" is due to "blue"
