import pytest
import torch
from small_models import BUILDS, B, S, T, V, build_name, make_model


@pytest.fixture(params=BUILDS, ids=build_name)
def model(request):
    return make_model(**request.param)


@pytest.fixture
def ids():
    """Source ids (B,S) and target ids (B,T) without special tokens."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(2, V, (B, S), generator=generator), torch.randint(2, V, (B, T), generator=generator)
