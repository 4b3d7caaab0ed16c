"""Links of translated rows: those of each part alone, counted on."""

import pytest

from hf_attn_model.alignment.cross_attention import read_cross_attention
from hf_attn_model.alignment.links import to_pairs
from hf_attn_model.alignment.pairs import Pair
from hf_attn_model.alignment.translations import align_translations
from hf_attn_model.checkpoint import AlignmentConfig
from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.translation import SearchSettings, translate_stream


@pytest.mark.parametrize("measure", ["weights", "norms"])
def test_rows_have_the_links_of_their_parts_one_after_the_other(measure, translator_folder):
    model, tokenizer = load_translator(str(translator_folder))
    config = AlignmentConfig(heads=((1, None),), rule="target", measure=measure)
    texts = ["one two / three", "", "four five six", "seven / one two / six"]
    rows = list(translate_stream(model, tokenizer, texts, SearchSettings(2), split=lambda text: text.split(" / ")))
    found = align_translations(model, tokenizer, rows, config)
    assert len(found) == len(texts)
    assert found[1] == []
    for row, links in zip(rows, found, strict=True):
        expected, words = [], (0, 0)
        for part in row.parts:
            target = tokenizer.decode(part.found[0].ids, skip_special_tokens=True)
            (attention,) = read_cross_attention(model, tokenizer, [Pair(part.text, target)], measure)
            expected += [(words[0] + source, words[1] + target) for source, target in to_pairs(attention.links(config))]
            words = words[0] + len(part.text.split()), words[1] + len(target.split())
        assert links == expected
    assert max(source for source, _ in found[3]) > 1, "else this shows nothing"
