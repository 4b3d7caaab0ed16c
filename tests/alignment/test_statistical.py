"""eflomal, where it is installed."""

import builtins

import pytest

from hf_attn_model.alignment.baselines import eflomal_links
from hf_attn_model.errors import UserError


def test_it_learns_a_dictionary_from_pairs():
    pytest.importorskip("eflomal", reason="eflomal is not installed: pip install 'hf-attn-model[align-benchmark]'")
    words = [(["one", "two", "three"][i], ["uno", "dos", "tres"][i]) for i in range(3)]
    pairs = [([words[i][0], words[j][0]], [words[j][1], words[i][1]]) for i in range(3) for j in range(3) if i != j]
    forward, backward = eflomal_links(pairs * 20)
    assert len(forward) == len(backward) == len(pairs) * 20
    assert {tuple(sorted(links)) for links in forward + backward} == {((0, 1), (1, 0))}


def test_without_it_the_way_to_install_it_is_told(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name == "eflomal":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install 'hf-attn-model\[align-benchmark\]'"):
        eflomal_links([(["a"], ["b"])])
