"""Every way to generate, against a hand-written search or another way that must give the same text."""

import copy
import itertools

import pytest
import torch
from small_models import BUILDS, V, build_name, make_model
from torch.nn import functional
from transformers import AutoModelForSeq2SeqLM

PAD, EOS = 0, 1
LENGTH = 11


def make_sentences(count, generator):
    """Random source ids (B,7) of 2 to 6 words and the end mark, padded on the right, with their mask."""
    lengths = torch.randint(2, 7, (count, 1), generator=generator)
    ids = torch.randint(2, V, (count, 7), generator=generator)
    position = torch.arange(7)[None]
    ids = ids.masked_fill(position == lengths, EOS).masked_fill(position > lengths, PAD)
    return ids, (ids != PAD).long()


@pytest.fixture(scope="module", params=BUILDS, ids=build_name)
def parrot(request):
    """A model that learned, not quite, to repeat its source: what it says varies, and it hesitates."""
    model = make_model(**request.param).train()
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        source, mask = make_sentences(31, generator)
        loss = model(source, attention_mask=mask, labels=source.masked_fill(mask == 0, -100)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


# Both compute the same, as tests of the model and transformers' common suite show: `make test-all` generates with both.
@pytest.fixture(params=[pytest.param("eager", marks=pytest.mark.slow), "sdpa"])
def model(request, parrot):
    parrot.set_attn_implementation(request.param)
    return parrot


@pytest.fixture
def inputs():
    source, mask = make_sentences(5, torch.Generator().manual_seed(2))
    return {"input_ids": source, "attention_mask": mask}


def generate(model, inputs, **options):
    return model.generate(**inputs, **({"max_new_tokens": LENGTH} | options))


def words(sequence):
    """The tokens behind the start mark, up to the end mark; a beam search pads with more end marks."""
    tokens = sequence.tolist()[1:]
    return tokens[: tokens.index(EOS) + 1] if EOS in tokens else tokens


def search_greedily(model, inputs, length=LENGTH):
    """Append the likeliest token by hand, from logits of the whole text: (B, 1 + length), padded behind the end."""
    text = inputs["input_ids"].new_full((len(inputs["input_ids"]), 1), PAD)
    while text.shape[1] <= length and not (text == EOS).any(dim=1).all():
        following = model(**inputs, decoder_input_ids=text, use_cache=False).logits[:, -1].argmax(-1, keepdim=True)
        following[(text == EOS).any(dim=1)] = PAD
        text = torch.cat([text, following], dim=1)
    return text


def test_greedy_search_equals_a_loop_over_uncached_logits(model, inputs):
    expected = search_greedily(model, inputs)
    assert len(set(expected.flatten().tolist())) > 7  # else the comparisons here would show little
    assert torch.equal(generate(model, inputs), expected)


@pytest.mark.parametrize("search", [{}, {"num_beams": 3}, {"num_beams": 3, "do_sample": True}])
@pytest.mark.parametrize("cache", [{"use_cache": False}, {"cache_implementation": "static"}])
def test_caches_change_no_text(model, inputs, search, cache):
    torch.manual_seed(0)
    expected = generate(model, inputs, **search)
    torch.manual_seed(0)
    assert torch.equal(generate(model, inputs, **search, **cache), expected)


@pytest.mark.parametrize("length_penalty", [0.5, 1.0, 2.0])
def test_a_beam_as_wide_as_the_tree_finds_the_best_of_all_texts(length_penalty):
    vocabulary, length, beams = 5, 3, 17  # 4 * 4 beginnings without the end mark: none is ever dropped
    model = make_model(vocab_size=vocabulary, tie_word_embeddings=False)
    source = torch.tensor([[2, 4, 3, EOS]])
    scores = {}
    for text in itertools.product(range(vocabulary), repeat=length):
        ended = text[: text.index(EOS) + 1] if EOS in text else text
        target = torch.tensor([ended])
        logits = model(source, decoder_input_ids=functional.pad(target, (1, -1), value=PAD)).logits
        likelihood = logits.log_softmax(-1).gather(-1, target[..., None]).sum()
        scores[ended] = (likelihood / len(ended) ** length_penalty).item()
    expected = sorted(scores, key=scores.get, reverse=True)[:beams]

    found = model.generate(
        source,
        max_new_tokens=length,
        num_beams=beams,
        num_return_sequences=beams,
        length_penalty=length_penalty,
        early_stopping="never",
        return_dict_in_generate=True,
        output_scores=True,
    )
    assert [tuple(words(text)) for text in found.sequences] == expected
    torch.testing.assert_close(found.sequences_scores, torch.tensor([scores[text] for text in expected]))


def test_sampling_draws_tokens_as_often_as_the_model_says(parrot, inputs):
    inputs = {name: ids[:1] for name, ids in inputs.items()}
    draws = 4999
    torch.manual_seed(0)
    tokens = generate(parrot, inputs, do_sample=True, top_k=0, num_return_sequences=draws, max_new_tokens=1)[:, 1]
    frequency = tokens.bincount(minlength=V) / draws
    likelihood = parrot(**inputs, decoder_input_ids=torch.tensor([[PAD]])).logits[0, -1].softmax(-1)
    deviation = (likelihood * (1 - likelihood) / draws).sqrt()
    assert ((frequency - likelihood).abs() <= 4 * deviation + 1 / draws).all()


def test_sampling_repeats_with_its_seed_and_is_greedy_among_one(model, inputs):
    def sample(seed, top_k):
        torch.manual_seed(seed)
        return generate(model, inputs, do_sample=True, top_k=top_k, eos_token_id=None)

    assert torch.equal(sample(0, top_k=0), sample(0, top_k=0))
    assert not torch.equal(sample(0, top_k=0), sample(1, top_k=0))
    assert torch.equal(sample(0, top_k=1), generate(model, inputs, eos_token_id=None))


@pytest.mark.parametrize("text", ["varied", "monotonous"])
def test_prompt_lookup_gives_the_greedy_text_in_fewer_steps(parrot, inputs, text):
    model = parrot if text == "varied" else make_model()
    inputs = {name: ids[:1] for name, ids in inputs.items()}
    steps = []
    handle = model.model.decoder.register_forward_hook(lambda *_: steps.append(1))
    expected = generate(model, inputs, eos_token_id=None)
    greedy_steps = len(steps)
    assisted = generate(model, inputs, eos_token_id=None, prompt_lookup_num_tokens=3)
    handle.remove()
    assert torch.equal(assisted, expected)
    assert greedy_steps == LENGTH
    if text == "monotonous":
        assert len(steps) - greedy_steps < greedy_steps


@pytest.mark.parametrize("search", [{}, {"num_beams": 3}])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_no_text(model, inputs, search, side):
    rows = [row[mask.bool()][None] for row, mask in zip(*inputs.values(), strict=True)]
    alone = [generate(model, {"input_ids": row}, **search)[0] for row in rows]
    padded = []
    for row in rows:
        padding = 11 - row.shape[1]
        padded.append(functional.pad(row, (padding, 0) if side == "left" else (0, padding), value=PAD))
    source = torch.cat(padded)
    together = generate(model, {"input_ids": source, "attention_mask": (source != PAD).long()}, **search)
    assert [words(text) for text in together] == [words(text) for text in alone]


@pytest.mark.parametrize("options", [{}, {"use_cache": False}, {"cache_implementation": "static"}, {"num_beams": 3}])
def test_a_given_beginning_may_be_padded(model, inputs, options):
    inputs = {name: ids[:2] for name, ids in inputs.items()}
    beginning = torch.tensor([[PAD, PAD, PAD, 5], [PAD, 23, 19, 7]])  # a start mark, then one word and three
    mask = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    together = generate(model, inputs | {"decoder_input_ids": beginning, "decoder_attention_mask": mask}, **options)
    for row, length in enumerate((2, 4)):
        one = {name: ids[row : row + 1] for name, ids in inputs.items()}
        alone = generate(model, one | {"decoder_input_ids": beginning[row : row + 1, -length:]}, **options)
        assert words(together[row, 4 - length :]) == words(alone[0])


@pytest.mark.parametrize("with_mask", [False, True])
def test_generation_goes_on_from_a_cache(model, inputs, with_mask):
    expected = generate(model, inputs, eos_token_id=None)
    begun = generate(model, inputs, eos_token_id=None, max_new_tokens=3, return_dict_in_generate=True)
    assert torch.equal(begun.sequences, expected[:, :4])
    rest = {"decoder_input_ids": begun.sequences, "past_key_values": begun.past_key_values}
    if with_mask:
        rest["decoder_attention_mask"] = torch.ones_like(begun.sequences)
    assert torch.equal(generate(model, inputs | rest, eos_token_id=None, max_new_tokens=LENGTH - 3), expected)


@pytest.mark.parametrize("search", [{}, {"num_beams": 3}])
def test_encoder_outputs_or_word_vectors_stand_in_for_ids(model, inputs, search):
    source, mask = inputs.values()
    expected = generate(model, inputs, **search)
    encoder_outputs = model.get_encoder()(source, attention_mask=mask)
    vectors = model.get_input_embeddings()(source)
    for stand_in in ({"encoder_outputs": encoder_outputs}, {"inputs_embeds": vectors}):
        assert torch.equal(generate(model, {"attention_mask": mask} | stand_in, **search), expected)


@pytest.mark.parametrize("beams", [1, 3])
def test_attention_of_every_step_is_that_of_one_pass_over_the_text(parrot, inputs, beams):
    parrot.set_attn_implementation("eager")
    batch, source_length = inputs["input_ids"].shape
    options = {"return_dict_in_generate": True, "output_attentions": True, "output_scores": True}
    found = generate(parrot, inputs, num_beams=beams, **options)
    text = found.sequences
    once = parrot(**inputs, decoder_input_ids=text[:, :-1], output_attentions=True)

    assert [weights.shape for weights in found.encoder_attentions] == [(batch, 3, source_length, source_length)] * 2
    torch.testing.assert_close(found.encoder_attentions, once.encoder_attentions)
    steps = range(len(found.cross_attentions))
    assert len(steps) == len(found.decoder_attentions) >= text.shape[1] - 1
    for step in steps:
        assert [weights.shape for weights in found.decoder_attentions[step]] == [(batch * beams, 5, 1, step + 1)] * 3
        assert [weights.shape for weights in found.cross_attentions[step]] == [(batch * beams, 5, 1, source_length)] * 3

    for row, step in itertools.product(range(batch), range(text.shape[1] - 1)):
        beam = row if beams == 1 else found.beam_indices[row, step]
        if beam < 0 or EOS in text[row, : step + 1]:  # the text has ended
            continue
        for layer in range(3):
            decoder, cross = found.decoder_attentions[step][layer], found.cross_attentions[step][layer]
            torch.testing.assert_close(cross[beam, :, 0], once.cross_attentions[layer][row, :, step])
            expected = once.decoder_attentions[layer][row, :, step, : step + 1]
            torch.testing.assert_close(decoder[beam, :, 0], expected)


def test_generation_config_travels_with_the_model(tmp_path, parrot, inputs):
    model = copy.deepcopy(parrot)
    model.generation_config.update(num_beams=3, length_penalty=2.0, max_new_tokens=LENGTH)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert loaded.generation_config.num_beams == 3
    assert torch.equal(loaded.generate(**inputs), generate(parrot, inputs, num_beams=3, length_penalty=2.0))


@pytest.mark.parametrize(
    "options", [{"penalty_alpha": 0.6, "top_k": 4}, {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0}]
)
def test_a_search_that_moved_to_the_hub_says_so(parrot, inputs, options):
    with pytest.raises(ValueError, match="requires `trust_remote_code=True`"):
        generate(parrot, inputs, **options)
    with pytest.raises(OSError, match="can't load the custom generate function"):  # there is no network here
        generate(parrot, inputs, **options, trust_remote_code=True)
