"""What is drawn: by the model's probabilities, and for each sentence alone."""

from collections import Counter

import pytest
import torch
from small_models import make_model

from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.errors import UserError
from hf_attn_model.translation import Sampling, SearchSettings
from hf_attn_model.translation.hypotheses import search_batch
from hf_attn_model.translation.sampling import NextToken


@pytest.fixture(scope="module")
def tokenizer(translator_folder):
    return load_translator(str(translator_folder))[1]


def draw(model, tokenizer, sources, numbers, count=3, **sampling):
    settings = SearchSettings(sampling=Sampling(**sampling), n_best=count)
    found = search_batch(model, tokenizer, [tokenizer(text).input_ids for text in sources], settings, numbers)
    return [[each.ids for each in hypotheses] for hypotheses in found]


def drawn_tokens(logits, count, **sampling):
    next_token = NextToken(SearchSettings(sampling=Sampling(**sampling), n_best=count), [(3,)])
    return next_token(torch.zeros(count, 1, dtype=torch.long), logits.expand(count, -1)).argmax(-1).tolist()


def test_tokens_are_drawn_by_their_probability():
    logits = torch.tensor([1.0, 0.0, -1.0, -2.0, 2.0])
    for temperature in (1.0, 2.0):
        counts = Counter(
            token for seed in range(4) for token in drawn_tokens(logits, 1000, temperature=temperature, seed=seed)
        )
        for token, share in enumerate((logits / temperature).softmax(-1).tolist()):
            assert counts[token] / 4000 == pytest.approx(share, abs=4 * (share / 4000) ** 0.5)


def test_only_the_likeliest_tokens_are_drawn():
    logits = torch.tensor([1.0, 0.0, -1.0, -2.0, 2.0])  # probabilities .23 .09 .03 .01 .64
    assert set(drawn_tokens(logits, 500, top_k=2)) == {0, 4}
    assert set(drawn_tokens(logits, 500, top_p=0.9)) == {0, 1, 4}
    assert set(drawn_tokens(logits, 500)) == {0, 1, 2, 3, 4}


def test_what_is_drawn_for_a_sentence_depends_on_its_number_and_the_seed_alone(tokenizer):
    model = make_model(vocab_size=len(tokenizer))
    state = torch.get_rng_state()
    together = draw(model, tokenizer, ["two seven one", "six", "two seven one"], [(4,), (5,), (6,)])
    assert draw(model, tokenizer, ["six"], [(5,)]) == [together[1]]
    assert draw(model, tokenizer, ["six"], [(5,)], count=2) == [together[1][:2]]
    assert together[0] != together[2], "the same text in another place"
    assert draw(model, tokenizer, ["six"], [(5,)], seed=1) != [together[1]]
    assert torch.equal(torch.get_rng_state(), state), "who draws elsewhere is left alone"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature": 0}, "temperature must lie in 0.01 to 100, got 0"),
        ({"temperature": float("nan")}, "temperature must lie"),
        ({"top_k": 0}, "top k must lie in 1 to"),
        ({"top_p": 1.5}, "top p must lie in 0.001 to 1, got 1.5"),
        ({"seed": -1}, "seed must lie"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(UserError, match=message):
        Sampling(**values)
