"""Token maps merged into word maps, against a loop over every pair of words."""

import numpy as np
import pytest

from hf_attn_model.attention.words import give_spaces_to_words, group_tokens, merge_words
from hf_attn_model.errors import UserError

ROWS = [0, 0, 1, None, None]  # 5 tokens: a word of two, a word of one, two marks
COLUMNS = [None, 0, 0, 0, 1, 2, None]  # 7 tokens


def random_map(*shape):
    return np.random.default_rng(5).dirichlet(np.ones(shape[-1]), shape[:-1])


def test_groups_keep_the_order_of_the_tokens():
    assert group_tokens([None, 0, 0, None, 2, 0]) == [[0], [1, 2, 5], [3], [4]]
    assert group_tokens([]) == []


def test_merged_map_equals_brute_force():
    weights = random_map(2, 3, 5, 7)
    merged = merge_words(weights, ROWS, COLUMNS)
    assert merged.shape == (2, 3, 4, 5)
    rows, columns = [[0, 1], [2], [3], [4]], [[0], [1, 2, 3], [4], [5], [6]]
    for i, queries in enumerate(rows):
        for j, keys in enumerate(columns):
            pairs = [weights[:, :, query, key] for query in queries for key in keys]
            np.testing.assert_allclose(merged[:, :, i, j], sum(pairs) / len(queries), rtol=1e-12)


def test_rows_of_words_sum_to_one():
    merged = merge_words(random_map(3, 5, 7).astype(np.float32), ROWS, COLUMNS)
    assert merged.dtype == np.float32
    np.testing.assert_allclose(merged.sum(axis=-1), 1, rtol=1e-6)


def test_special_tokens_are_dropped_and_rows_sum_to_one_again():
    weights = random_map(2, 5, 7)
    kept = merge_words(weights, ROWS, COLUMNS)[:, :2, 1:4]
    dropped = merge_words(weights, ROWS, COLUMNS, "drop")
    assert dropped.shape == (2, 2, 3)
    np.testing.assert_allclose(dropped, kept / kept.sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(dropped.sum(axis=-1), 1)


def test_special_tokens_share_one_column():
    weights = random_map(2, 5, 7)
    kept, shown = merge_words(weights, ROWS, COLUMNS)[:, :2], merge_words(weights, ROWS, COLUMNS, "column")
    np.testing.assert_allclose(shown[..., :3], kept[..., 1:4])
    np.testing.assert_allclose(shown[..., 3], kept[..., 0] + kept[..., 4])
    np.testing.assert_allclose(shown.sum(axis=-1), 1)


@pytest.mark.parametrize(("special", "shape"), [("keep", (2, 1, 1)), ("drop", (2, 0, 0)), ("column", (2, 0, 1))])
def test_a_blank_sentence_has_special_tokens_alone(special, shape):
    assert merge_words(np.ones((2, 1, 1)), [None], [None], special).shape == shape


def test_a_row_that_paid_no_word_stays_zero():
    assert merge_words(np.array([[0.0, 1.0]]), [0], [0, None], "drop").tolist() == [[0.0]]


def test_an_unknown_policy_is_refused():
    with pytest.raises(UserError, match="no policy for special tokens is called hide; choose from keep, drop, column"):
        merge_words(random_map(5, 7), ROWS, COLUMNS, "hide")


def test_a_map_whose_words_do_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"\(7, 5\) with 5 rows, 7 columns"):
        merge_words(random_map(7, 5), ROWS, COLUMNS)


def test_spaces_go_with_the_word_after_them():
    #         <en>  the   " "   " "   dog   </s>
    words = [None, 0, None, None, 1, None]
    assert give_spaces_to_words(words, [1, 0, 0, 0, 0, 1]) == [None, 0, 1, 1, 1, None]
    assert give_spaces_to_words([0, None, None], [0, 0, 1]) == [0, None, None]
