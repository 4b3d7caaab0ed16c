import json

import torch

from hf_attn_model import record_attention


def test_the_page_holds_the_recorded_weights(recipe):
    model, tokenizer = recipe["model"], recipe["tokenizer"]
    batch = tokenizer("The ball is blue", text_target="La bola es azul", return_tensors="pt")
    with record_attention(model) as record, torch.no_grad():
        model(**batch)
    text = recipe["page"].data
    shown, _ = json.JSONDecoder().raw_decode(text, text.index('{"attention":'))
    by_name = {view["name"]: view for view in shown["attention"]}
    for place in ("encoder", "decoder", "cross"):
        weights = getattr(record[0], place).attention_weights
        torch.testing.assert_close(torch.tensor(by_name[place.title()]["attn"]), weights, rtol=0, atol=1e-6)
    assert [token.strip() for token in by_name["Cross"]["left_text"]] == ["La", "bola", "es", "azul", "</s>"]
    assert [token.strip() for token in by_name["Cross"]["right_text"]] == ["The", "ball", "is", "blue", "</s>"]
