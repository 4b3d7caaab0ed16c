import pytest
import torch
from small_models import B, S, T, V, make_model


@pytest.fixture(params=["pre", "post"])
def model(request):
    return make_model(norm_position=request.param)


@pytest.fixture
def ids():
    """Source ids (B,S) and target ids (B,T) without special tokens."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(2, V, (B, S), generator=generator), torch.randint(2, V, (B, T), generator=generator)
