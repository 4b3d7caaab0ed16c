"""Stand-ins for what transformers' tests import and its source distribution leaves out."""

import importlib.util
import sys
import unittest
from types import ModuleType
from typing import Any


class ExportTesterMixin:
    """No tests of `torch.export`, as these are not distributed."""


class GenerationTesterMixin:
    """No tests of `generate`, as these are not distributed; ours are in `tests/model/test_generation.py`."""


def needs_several_processes(*args, **kwargs):
    raise unittest.SkipTest("the helpers that start several processes are not distributed")


# A value other than the default for every field that all configurations share.
COMMON_FIELDS = {
    "architectures": ["Anything"],
    "chunk_size_feed_forward": 5,
    "dtype": "float16",
    "id2label": {0: "a label"},
    "label2id": {"a label": 0},
    "output_attentions": True,
    "output_hidden_states": True,
    "problem_type": "regression",
    "return_dict": False,
}

STUBS: dict[str, dict[str, Any]] = {
    "exporters.test_export": {"ExportTesterMixin": ExportTesterMixin},
    "generation.test_utils": {"GenerationTesterMixin": GenerationTesterMixin},
    "utils.test_configuration_utils": {"config_common_kwargs": COMMON_FIELDS},
    "distributed_testing_utils": dict.fromkeys(
        [
            "_get_distributed_backend",
            "_get_distributed_device_type",
            "_get_rank_device",
            "_set_rank_device",
            "_start_rank_processes",
            "run_distributed",
        ],
        needs_several_processes,
    ),
}


def install_stubs(package: str) -> None:
    """Add to the imported `package` every module of `STUBS` that it lacks; one that is distributed stays as it is."""
    for name, content in STUBS.items():
        parent, _, _ = f"{package}.{name}".rpartition(".")
        if importlib.util.find_spec(parent) is None:
            sys.modules[parent] = ModuleType(parent)
            sys.modules[parent].__path__ = []
        if importlib.util.find_spec(f"{package}.{name}") is None:
            module = ModuleType(f"{package}.{name}")
            vars(module).update(content)
            sys.modules[module.__name__] = module
