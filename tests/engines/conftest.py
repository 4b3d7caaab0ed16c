import pytest
from stock_checkpoints import STOCK, build

from hf_attn_model import Checkpoint
from hf_attn_model.engines import convert


class Pair:
    """A stock checkpoint and what it was converted to: its name here, both folders, checkpoints and the conversion."""

    def __init__(self, name, folder):
        self.name, self.stock_folder, self.folder = name, folder / "stock", folder / "ours"
        self.stock_folder.mkdir()
        build(name, self.stock_folder)
        self.conversion = convert(self.stock_folder, "hf_attn", self.folder)
        self.stock, self.ours = Checkpoint(self.stock_folder), Checkpoint(self.folder)
        self.models = (self.stock.model, self.ours.model)
        self.tokenizers = (self.stock.tokenizer, self.ours.tokenizer)


@pytest.fixture(scope="package", params=STOCK)
def pair(request, tmp_path_factory):
    return Pair(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def marian(tmp_path):
    """The folder of a Marian checkpoint, to change."""
    (tmp_path / "marian").mkdir()
    build("marian", tmp_path / "marian")
    return tmp_path / "marian"
