"""What the package shows: names that are found lazily, Auto classes that know it, old paths that say the new one."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import warnings

import pytest
from processes import python

import hf_attn_model
from hf_attn_model import _moved

HEAVY = "[name for name in ('torch', 'transformers', 'numpy', 'datasets', 'matplotlib') if name in sys.modules]"
KNOWS = """
config = AutoConfig.for_model("hf_attn", vocab_size=11, d_model=6, encoder_attention_heads=2, decoder_attention_heads=2)
assert type(AutoModelForSeq2SeqLM.from_config(config)).__name__ == "AttnForConditionalGeneration"
assert type(AutoModel.from_config(config)).__name__ == "AttnModel"
"""
AUTO = "from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM\n"


def test_importing_the_package_imports_nothing_heavy():
    command = [sys.executable, "-c", f"import sys, hf_attn_model\nprint({HEAVY})"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "program",
    [
        "import hf_attn_model\nimport transformers.models.auto.modeling_auto as modeling\n"
        f"{AUTO}{KNOWS}import inspect\nassert 'MODEL_MAPPING' in inspect.getsource(modeling)\n",
        f"import transformers\nimport hf_attn_model\n{AUTO}{KNOWS}",
        f"{AUTO}import hf_attn_model\n{KNOWS}import importlib\nimportlib.reload(hf_attn_model)\n{KNOWS}",
        f"import hf_attn_model.model.modeling_attn\n{AUTO}{KNOWS}",
    ],
    ids=["the package first", "the name of transformers first", "its classes first", "the model itself first"],
)
def test_the_auto_classes_know_the_model_in_every_order_of_imports(program):
    known = "import sys, warnings\nassert not {'transformers', 'hf_attn_model'} & set(sys.modules)\n"
    done = python("-c", f"{known}warnings.simplefilter('error', ImportWarning)\n{program}", bare=True)
    assert done.returncode == 0, done.stderr


WORKERS = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from hf_attn_model import AttnConfig

def built(config):
    from transformers import AutoModelForSeq2SeqLM
    return type(AutoModelForSeq2SeqLM.from_config(config)).__name__

if __name__ == "__main__":
    config = AttnConfig(vocab_size=11, d_model=6, encoder_attention_heads=2, decoder_attention_heads=2)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        print(pool.submit(built, config).result())
"""


def test_spawned_workers_know_the_model(tmp_path):
    script = tmp_path / "workers.py"
    script.write_text(WORKERS)
    done = python(script)
    assert done.stdout == "AttnForConditionalGeneration\n", done.stderr


def test_every_public_name_is_there_and_told():
    for name in hf_attn_model.__all__:
        found = getattr(hf_attn_model, name)
        assert found.__module__.startswith("hf_attn_model."), name
        assert inspect.getdoc(found), name
    assert set(hf_attn_model.__all__) <= set(dir(hf_attn_model))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hf_attn_model.nothing


def test_every_room_names_what_is_public():
    rooms = [module.name for module in pkgutil.iter_modules(hf_attn_model.__path__, "hf_attn_model.") if module.ispkg]
    for name in rooms:
        room = importlib.import_module(name)
        for public in room.__all__:
            assert getattr(room, public) is not None, f"{name}.{public}"


@pytest.mark.parametrize("old", _moved.MODULES)
def test_every_old_module_leads_to_one_that_is_there(old):
    module = importlib.import_module(f"hf_attn_model.{old}")
    homes = [importlib.import_module(f"hf_attn_model.{home}") for home in _moved.MODULES[old]]
    public = {name: getattr(home, name) for home in reversed(homes) for name in vars(home) if name[0] != "_"}
    public = {name: value for name, value in public.items() if not inspect.ismodule(value)}
    for name, value in public.items():
        with pytest.warns(DeprecationWarning, match=rf"hf_attn_model\.{old}\.{name} is now hf_attn_model\."):
            assert getattr(module, name) is value
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("maps.force", "attention.teacher_forced_attention"),
        ("maps.open_maps", "export.open_maps"),
        ("align.reading.Reading", "checkpoint.AlignmentConfig"),
        ("align.known.KnownHead", "checkpoint.HeadSummary"),
        ("training.kernels.choose_kernels", "training.backend.choose_backend"),
        ("text.textbook.load_textbook", "textbook.load_textbook"),
        ("translate.translate", "translation.translate"),
    ],
)
def test_old_names_are_the_new_ones(old, new):
    (old_module, old_name), (module, name) = (path.rsplit(".", 1) for path in (old, new))
    with pytest.warns(DeprecationWarning, match=f"is now hf_attn_model.*{name}"):
        found = getattr(importlib.import_module(f"hf_attn_model.{old_module}"), old_name)
    assert found is getattr(importlib.import_module(f"hf_attn_model.{module}"), name)


def test_old_modules_do_not_hide_functions_of_their_names():
    importlib.import_module("hf_attn_model.translate")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert callable(hf_attn_model.translate)
        assert callable(hf_attn_model.align)
