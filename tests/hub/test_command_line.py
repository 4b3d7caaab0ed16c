"""`hf-attn` with the name of a model on the Hub: what lies beside its weights there counts as in a folder."""

import json


def test_languages_lower_case_and_width_of_the_search_come_from_the_hub(hub, client, copy, corpus):
    recipe = copy / "recipe.yaml"
    text = recipe.read_text().replace("lowercase: false", "lowercase: true").replace("num_beams: 2", "num_beams: 3")
    recipe.write_text(text)
    assert client.run("push", copy, "alice/lower")[0] == 0
    status, out, error = client.run("evaluate", "alice/lower", "--corpus", corpus, "--split", "dev")
    assert status == 0, error
    scores = json.loads(out[out.index("{") :])
    assert scores["num_beams"] == 3
    assert "case:lc" in scores["bleu_signature"]
    assert "Looking for alice/lower on the Hub\n" in error
    assert "Translating 12 sentences with alice/lower (beam 3)" in error
    status, out, error = client.run("align", "alice/lower", "--data", corpus, "--split", "dev")
    assert (status, len(out.splitlines())) == (0, 12)
