"""A translation transformer you can see through.

Importing this package teaches transformers' Auto classes the model type `hf_attn`, at once if transformers is loaded
already, else when it is. Names are loaded when they are used: `import hf_attn_model` itself takes no time.
"""

from typing import TYPE_CHECKING

from . import _moved, _registration
from ._lazy import lazy_names

if TYPE_CHECKING:  # what the table below says, for type checkers and editors
    from ._version import __version__ as __version__
    from .alignment import align, read_gold
    from .attention import (
        SentenceMaps,
        intervene,
        merge_words,
        record_attention,
        teacher_forced_attention,
    )
    from .checkpoint import AlignmentConfig, Checkpoint, load_translator
    from .errors import UserError
    from .export import Maps, convert_to_parquet, export_attention, open_maps
    from .model import AttnConfig, AttnForConditionalGeneration, AttnModel
    from .recipes import Recipe, load_recipe
    from .text import load_corpus, set_languages, train_tokenizer
    from .textbook import load_textbook
    from .training.evaluate import evaluate
    from .training.train import train
    from .training.trainer import TranslationTrainer
    from .translation import translate
    from .view import explain, plot_attention, write_page

_HOMES = {
    "_version": ("__version__",),
    "alignment": ("align", "read_gold"),
    "attention": ("SentenceMaps", "intervene", "merge_words", "record_attention", "teacher_forced_attention"),
    "checkpoint": ("AlignmentConfig", "Checkpoint", "load_translator"),
    "errors": ("UserError",),
    "export": ("Maps", "convert_to_parquet", "export_attention", "open_maps"),
    "model": ("AttnConfig", "AttnForConditionalGeneration", "AttnModel"),
    "recipes": ("Recipe", "load_recipe"),
    "text": ("load_corpus", "set_languages", "train_tokenizer"),
    "textbook": ("load_textbook",),
    "training.evaluate": ("evaluate",),
    "training.train": ("train",),
    "training.trainer": ("TranslationTrainer",),
    "translation": ("translate",),
    "view": ("explain", "plot_attention", "write_page"),
}

__all__ = [
    "AlignmentConfig",
    "AttnConfig",
    "AttnForConditionalGeneration",
    "AttnModel",
    "Checkpoint",
    "Maps",
    "Recipe",
    "SentenceMaps",
    "TranslationTrainer",
    "UserError",
    "align",
    "convert_to_parquet",
    "evaluate",
    "explain",
    "export_attention",
    "intervene",
    "load_corpus",
    "load_recipe",
    "load_textbook",
    "load_translator",
    "merge_words",
    "open_maps",
    "plot_attention",
    "read_gold",
    "record_attention",
    "set_languages",
    "teacher_forced_attention",
    "train",
    "train_tokenizer",
    "translate",
    "write_page",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)

_registration.register_when_loaded()
_moved.find_old_modules()
