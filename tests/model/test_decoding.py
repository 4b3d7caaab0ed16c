"""What is added to `generate`, one part at a time; `tests/translation/test_search.py` has them together."""

import pytest
import torch

from hf_attn_model.model.decoding import (
    ForcedEnds,
    NonFiniteLogits,
    OwnLimits,
    RefuseNonFinite,
    find_written,
    longest_translation,
)

LIMITS = [3, 5]


def test_a_translation_has_twice_the_tokens_of_its_source_plus_ten():
    assert longest_translation(7) == 7 * 2 + 10 + 1  # the start mark
    assert longest_translation(7, None, 31, 19) == 19


@pytest.mark.parametrize("rows", [1, 3])
def test_each_sentence_ends_at_its_own_limit(rows):
    ended = {}
    for length in range(2, 7):
        done = OwnLimits(LIMITS)(torch.zeros(2 * rows, length, dtype=torch.long), None)
        assert done.shape == (2 * rows,)
        ended[length] = done.unflatten(0, (2, rows)).tolist()
    assert ended == {n: [[n >= limit] * rows for limit in LIMITS] for n in range(2, 7)}


@pytest.mark.parametrize("end", [4, [4, 6]])
def test_the_last_token_is_the_end_mark(end):
    scores = torch.randn(2 * 3, 7)
    for length in range(1, 6):
        forced = ForcedEnds(LIMITS, end)(torch.zeros(2 * 3, length, dtype=torch.long), scores)
        for sentence, limit in enumerate(LIMITS):
            rows = forced[3 * sentence : 3 * sentence + 3]
            if length == limit - 1:
                marks = [end] if isinstance(end, int) else end
                assert rows.isfinite().nonzero()[:, 1].tolist() == marks * 3
                assert (rows[:, end] == 0).all()
            else:
                assert torch.equal(rows, scores[3 * sentence : 3 * sentence + 3])


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_no_number_in_any_row_is_refused_with_its_sentence(number):
    refuse = RefuseNonFinite(2)
    for row in range(6):
        scores = torch.randn(6, 7)
        scores[:, 3] = -torch.inf  # a token that is not to be chosen
        assert refuse(torch.zeros(6, 1), scores) is scores
        scores[row, 5] = number
        with pytest.raises(NonFiniteLogits, match=f"sentence {row // 3} of the batch") as refused:
            refuse(torch.zeros(6, 1), scores)
        assert refused.value.sentence == row // 3


@pytest.mark.parametrize("is_forced", [False, True])
def test_what_was_written_goes_up_to_its_end_mark_or_its_limit(is_forced):
    ids, ends, rows = torch.randint(7, (2 * 31, 4), generator=torch.Generator().manual_seed(1)), {4, 6}, 31
    written, is_full = find_written(ids, ends, LIMITS, is_forced)
    freely, none = find_written(ids, ends, None, is_forced)
    for row, tokens in enumerate(ids.tolist()):
        room = LIMITS[row // rows] - 1
        end = next((place for place, token in enumerate(tokens, 1) if token in ends), 99)
        assert written[row].tolist() == [place <= min(end, room) for place in range(1, 5)]
        assert is_full[row] == (end > room or (is_forced and end == room))
        assert freely[row].tolist() == [place <= end for place in range(1, 5)]
    assert not none.any()
