"""Files as people have them, and the pairs that are read from them."""

import pytest

from hf_attn_model.text.corpora import load_corpus


@pytest.fixture
def write(tmp_path):
    """Write a file, in folders that need not be there; returns its path."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def pairs():
    """Read the pairs of a corpus, English and Spanish unless other languages are named."""

    def pairs(corpus, *languages, **choices):
        dataset = load_corpus(str(corpus), *(languages or ("en", "es")), **choices).dataset
        return list(zip(*(dataset[name] for name in dataset.column_names), strict=True))

    return pairs
