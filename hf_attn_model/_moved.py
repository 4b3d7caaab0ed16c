"""Old import paths, which go on working for one release and say the new one.

`hf_attn_model.maps.force` is found here as `hf_attn_model.attention.teacher_forced_attention`, with a
`DeprecationWarning`. Everything else in this file is the table of what moved where.
"""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:  # they say something to type checkers alone, and take longer to import than all else before a signal is heard
    Loader = MetaPathFinder = object

PACKAGE = __package__
MODULES: dict[str, tuple[str, ...]] = {  # old module: where its names are now
    "maps": ("attention", "export"),
    **{
        f"maps.{name}": (f"attention.{name}",)
        for name in ("interface", "intervene", "record", "sentence", "steps", "words")
    },
    "maps.forced": ("attention.teacher_forcing",),
    "maps.masks": ("attention.record",),
    "maps.recording": ("attention.recorded",),
    "maps.sides": ("attention.tokenized",),
    **{
        f"maps.{name}": (f"export.{name}",)
        for name in ("export", "fill", "folder", "parquet", "plan", "shards", "store", "stored")
    },
    "maps.hypotheses": ("export.passes",),
    "maps.pack": ("export.arrow_rows",),
    "maps.passes": ("export.passes",),
    "maps.ranks": ("export.export",),
    "maps.records": ("export.arrow_rows",),
    "maps.schema": ("export.schema",),
    "maps.settings": ("export.schema",),
    "align": ("alignment", "checkpoint"),
    **{f"align.{name}": (f"alignment.{name}",) for name in ("corpus", "formats", "links", "pairs", "scores")},
    "align.choice": ("alignment.heads",),
    "align.cross": ("alignment.cross_attention",),
    "align.known": ("checkpoint.alignment_config", "alignment.heads"),
    "align.norms": ("alignment.cross_attention",),
    "align.reading": ("checkpoint.alignment_config",),
    "align.roles": ("alignment.heads",),
    "align.similarity": ("alignment.baselines",),
    "align.statistical": ("alignment.baselines",),
    "align.symmetrise": ("alignment.links",),
    "study.ablate": ("study.ablation",),
    "study.frames": ("study.curve",),
    "study.measure": ("study.measures",),
    "study.pairs": ("study.relevance",),
    "text.textbook": ("textbook",),
    **{
        f"text.textbook.{name}": (f"textbook.{name}",)
        for name in (
            "chinese",
            "composing",
            "dataset",
            "english",
            "entries",
            "reading",
            "roles",
            "sentences",
            "spanish",
        )
    },
    "translate": ("translation",),
    "training.recipe": ("recipes",),
    "training.kernels": ("training.backend",),
    "training.samples": ("training.evaluate",),
    "training.fingerprint": ("training.provenance",),
    "training.attention_callback": ("training.callbacks.attention",),
    "training.average_callback": ("training.callbacks.average",),
    "training.divergence": ("training.callbacks.divergence",),
    "training.ema": ("training.callbacks.ema",),
    "training.explosion": ("training.callbacks.divergence",),
    "training.manifest": ("training.callbacks.manifest",),
    "training.progress": ("training.callbacks.progress",),
    "training.reporters": ("training.callbacks.progress",),
    "training.resume": ("training.callbacks.early_stopping",),
    "training.step_batches": ("training.callbacks.divergence",),
    "view.film": ("view.pictures",),
    "view.labels": ("view.tables",),
    "view.page.numbers": ("view.page.payload",),
    "hub.push": ("hub.repositories",),
    "hub.shipment": ("hub.upload",),
    "hub.errors": ("checkpoint.hub_errors",),
    "app.look": ("app.inspect",),
}
NAMES = {  # old name: the field's
    "Kernels": "ComputeBackend",
    "KnownHead": "HeadSummary",
    "Look": "Inspection",
    "READING_FILE": "ALIGNMENT_FILE",
    "Reading": "AlignmentConfig",
    "SeenSentence": "InspectedSentence",
    "Side": "TokenizedText",
    "choose_kernels": "choose_backend",
    "choose_reading": "choose_alignment_config",
    "complete": "finalize",
    "complete_search": "fill_generation_config",
    "drop_words": "word_dropout",
    "force": "teacher_forced_attention",
    "forced_pass": "teacher_forced_pass",
    "known_heads": "summarise_heads",
    "look": "inspect_sentence",
    "look_ahead": "plan_layout",
    "look_at_best": "inspect_nbest",
    "look_inside": "inspect_pairs",
    "read_texts": "tokenize_with_words",
    "score_reading": "score_alignment_config",
    "settle": "open_or_create",
    "twice": "duplicate_batch",
    "use_kernels": "use_backend",
}


def find_old_modules() -> None:
    """Let imports find the old modules, after all that are there."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


class _OldModule(ModuleType):
    """Stands where a module was, and looks its names up where they are now."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        old = self.__name__.removeprefix(f"{PACKAGE}.")
        for home in MODULES[old]:
            module = import_module(f"{PACKAGE}.{home}")
            now = name if hasattr(module, name) else NAMES.get(name, name)
            if hasattr(module, now):
                said = f"{self.__name__}.{name} is now {module.__name__}.{now}; the old path goes with the next release"
                warnings.warn(said, DeprecationWarning, stacklevel=2)
                return getattr(module, now)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the public function whose name this module had: `hf_attn_model.translate(...)`."""
        leaf = self.__name__.rpartition(".")[2]
        return getattr(import_module(f"{PACKAGE}.{MODULES[leaf][0]}"), leaf)(*args, **kwargs)


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, old = name.partition(".")
        return ModuleSpec(name, _OldLoader(), is_package=True) if package == PACKAGE and old in MODULES else None


class _OldLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _OldModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run: names are looked up when they are asked for."""
