"""Queries, keys and values of a page are those of the model: the weights made from them are its weights."""

import numpy as np
import pytest
import torch
from pages import SOURCE, TARGET, seen
from small_exports import PAIRS, export, make_translator
from transformers import T5Config, T5ForConditionalGeneration

from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.teacher_forcing import teacher_forced_attention
from hf_attn_model.errors import UserError
from hf_attn_model.export.store import open_maps
from hf_attn_model.view.page import inspect_pairs
from hf_attn_model.view.page.vectors import vectors_of


def test_maps_beside_vectors_are_those_of_force():
    (forced,) = teacher_forced_attention(*make_translator(), [SOURCE], [TARGET])
    inside = seen()
    for place in PLACES:
        np.testing.assert_array_equal(inside.maps.place(place), forced.place(place))
        np.testing.assert_allclose(inside.vectors[place].attention_weights(), forced.place(place), atol=1e-6)
        assert inside.vectors[place].bias is None
    assert inside.vectors["cross"].query.shape == (3, 5, len(forced.target_tokens), 11)
    assert inside.vectors["cross"].value.shape == (3, 5, len(forced.source_tokens), 11)


def test_padding_beside_a_longer_sentence_changes_nothing():
    sources, targets = zip(*PAIRS[:3], strict=True)
    for together, (source, target) in zip(inspect_pairs(*make_translator(), sources, targets), PAIRS[:3], strict=True):
        alone = seen(source, target)
        for place in PLACES:
            for name in ("query", "key", "value"):
                array = getattr(together.vectors[place], name)
                np.testing.assert_allclose(array, getattr(alone.vectors[place], name), atol=1e-5)


def test_lists_that_do_not_pair_up_are_refused():
    with pytest.raises(UserError, match="2 sources, 1 targets and 2 ids do not pair up"):
        inspect_pairs(*make_translator(), [SOURCE, SOURCE], [TARGET])
    assert inspect_pairs(*make_translator(), [], []) == []


def test_position_bias_and_mask_are_kept_where_they_say_more_than_order():
    _, tokenizer = make_translator()
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=13, d_kv=11, d_ff=17, num_layers=2, num_heads=3,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    (inside,) = inspect_pairs(T5ForConditionalGeneration(config).eval(), tokenizer, [SOURCE], [TARGET])
    assert inside.vectors["cross"].bias is None
    bias = inside.vectors["decoder"].bias
    hidden = ~np.tri(*bias.shape[2:], dtype=bool)
    assert np.isneginf(bias[..., hidden]).all()
    assert np.isfinite(bias[..., ~hidden]).all()
    assert inside.vectors["encoder"].scaling == 1
    for place in PLACES:
        np.testing.assert_allclose(inside.vectors[place].attention_weights(), inside.maps.place(place), atol=1e-6)


@pytest.mark.parametrize("keep", ["qk", "weights"])
def test_an_export_has_vectors_where_it_keeps_queries_and_keys(keep, tmp_path):
    export(tmp_path / "maps", PAIRS[:3], keep=keep)
    for record in open_maps(tmp_path / "maps"):
        vectors = vectors_of(record)
        assert set(vectors) == (set(PLACES) if keep == "qk" else set())
        for place, of in vectors.items():
            assert of.value is None
            np.testing.assert_allclose(of.attention_weights(), record.place(place), atol=1e-6)
