"""What heads do: heads made to align, to follow the diagonal, to idle, are called so."""

import numpy as np
import pytest
from small_alignments import make_attention, make_gold, point_at

from hf_attn_model.alignment.heads import profile_heads
from hf_attn_model.alignment.links import diagonal_links, to_pairs

SENTENCES, TARGET, SOURCE = 11, 7, 5
END = SOURCE


@pytest.fixture
def profiles():
    """Heads that look at gold links, the diagonal, the end mark; at gold links when read, everywhere, beside them."""
    rng = np.random.default_rng(0)
    attentions, gold = [], []
    diagonal = [source for source, _ in sorted(to_pairs(diagonal_links(TARGET, SOURCE)), key=lambda link: link[1])]
    for _ in range(SENTENCES):
        neighbours = zip(diagonal, [*diagonal[1:], END], strict=True)
        links = [int(rng.choice([s for s in range(SOURCE) if s not in near])) for near in neighbours]
        links[:2] = diagonal[:2]  # the diagonal finds these two alone
        taken = [{*links[row - 1 : row + 1], *diagonal[row - 1 : row + 1]} for row in range(1, TARGET)]
        others = [links[0], *(min(set(range(SOURCE)) - row) for row in taken)]  # one hit, no other with either shift
        rows = [[*links, END], [*diagonal, END], [END] * (TARGET + 1), [END, *links], None, [*others, END]]
        uniform = np.full((TARGET + 1, SOURCE + 1), 1 / (SOURCE + 1), dtype=np.float32)
        maps = [uniform if row is None else point_at(row, SOURCE + 1) for row in rows]
        attentions.append(make_attention(np.stack(maps).reshape(2, 3, TARGET + 1, SOURCE + 1)))
        gold.append(make_gold([(source, target) for target, source in enumerate(links)], TARGET, SOURCE))
    return {(p.layer, p.head, p.shift): p for p in profile_heads(attentions, gold)}


def test_roles_are_recognised(profiles):
    roles = ["aligning", "positional", "idle", "aligning", "idle", "mixed"]
    for (layer, head), role in zip(np.ndindex(2, 3), roles, strict=True):
        assert {profiles[layer, head, shift].role for shift in (False, True)} == {role}


def test_the_shift_tells_where_a_head_aligns(profiles):
    assert profiles[0, 0, False].counts.f1 == 1 > profiles[0, 0, True].counts.f1
    assert profiles[1, 0, True].counts.f1 == 1 > profiles[1, 0, False].counts.f1


def test_shapes_of_attention_are_measured(profiles):
    bits = -sum(share * np.log2(share) for share in point_at([0], SOURCE + 1)[0])
    assert profiles[0, 0, False].entropy == pytest.approx(bits / np.log2(SOURCE + 1), rel=1e-5)
    assert profiles[1, 1, False].entropy == pytest.approx(1, rel=1e-5)
    assert profiles[0, 2, False].outside == pytest.approx(0.9 + 0.1 / (SOURCE + 1), rel=1e-5)
    assert profiles[0, 0, False].outside == pytest.approx(0.1 / (SOURCE + 1), rel=1e-4)
    rows, columns = (np.arange(TARGET) + 0.5) / TARGET, (np.arange(SOURCE) + 0.5) / SOURCE
    everywhere = np.mean([abs(row - column) for row in rows for column in columns])
    assert profiles[1, 1, False].distance == pytest.approx(everywhere, rel=1e-5)
    assert profiles[0, 1, False].distance < everywhere / 2


def test_layers_and_all_heads_are_profiled_too(profiles):
    sets = {(layer, head) for layer, head, _ in profiles}
    assert sets == {*np.ndindex(2, 3), (0, None), (1, None), (None, None)}
