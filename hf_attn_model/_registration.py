"""What libraries learn when they are imported, before or after this package: a model type, a pipeline, a loader.

The Auto classes learn the model type `hf_attn`, CTranslate2's converter to read it. `pipeline` learns the tasks
"translation" and "translation_xx_to_yy", which transformers 5 has taken off: it keeps a list of what it refuses by name
before it asks its registry.
"""

import re
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:  # see `_moved`
    Loader = MetaPathFinder = object

AUTO, OURS = "transformers.models.auto", f"{__package__}.model"
PIPELINES = "transformers.pipelines"
LOADERS = "ctranslate2.converters.transformers"
TASK = re.compile(r"translation_[^_]+_to_[^_]+")
_executing: set[str] = set()  # modules of `REGISTRATIONS` in the middle of their own import


def _register_config() -> None:
    auto = sys.modules.get(f"{AUTO}.configuration_auto")
    if auto is None or f"{OURS}.configuration_attn" in _executing:
        return
    from .model.configuration_attn import AttnConfig

    auto.AutoConfig.register(AttnConfig.model_type, AttnConfig, exist_ok=True)
    AttnConfig.custom_pipelines = _KnownHere()  # type: ignore[attr-defined]


def _register_models() -> None:
    auto = sys.modules.get(f"{AUTO}.modeling_auto")
    if auto is None or f"{OURS}.modeling_attn" in _executing:
        return
    from .model import AttnConfig, AttnForConditionalGeneration, AttnModel

    auto.AutoModel.register(AttnConfig, AttnModel, exist_ok=True)
    auto.AutoModelForSeq2SeqLM.register(AttnConfig, AttnForConditionalGeneration, exist_ok=True)


def _register_pipeline() -> None:
    pipelines = sys.modules.get(PIPELINES)
    if pipelines is None or PIPELINES in _executing:
        return
    from transformers.models.auto.modeling_auto import AutoModelForSeq2SeqLM

    getattr(pipelines, "REMOVED_TASKS", {}).pop("translation", None)
    registry = pipelines.PIPELINE_REGISTRY
    registry.supported_tasks.setdefault(
        "translation",
        {
            "impl": f"{__package__}.translation.pipeline.TranslationPipeline",
            "pt": (AutoModelForSeq2SeqLM,),
            "type": "text",
        },
    )
    if not isinstance(registry.task_aliases, _Tasks):
        registry.task_aliases = _Tasks(registry.task_aliases)


def _register_loader() -> None:
    loaders = sys.modules.get(LOADERS)
    if loaders is None or LOADERS in _executing:
        return

    class AttnLoader:
        """Reads our checkpoints for CTranslate2's own `TransformersConverter`."""

        architecture_name = "AutoModelForSeq2SeqLM"

        def __call__(self, model: Any, tokenizer: Any) -> Any:
            from .engines.ctranslate2_folder import specify_checkpoint

            return specify_checkpoint(model, tokenizer)

    loaders.register_loader("AttnConfig")(AttnLoader)


class _Tasks(dict):
    """Aliases of tasks, where "translation_en_to_es" is one of "translation"."""

    def __contains__(self, task: object) -> bool:
        return super().__contains__(task) or (isinstance(task, str) and TASK.fullmatch(task) is not None)

    def __missing__(self, task: str) -> str:
        return "translation"


class _KnownHere:
    """Hides from `pipeline` that a checkpoint brings the code of its pipeline, as this package has it; files keep it.

    `pipeline` would insist on `trust_remote_code` for a task that is in `config.custom_pipelines`.
    """

    def __get__(self, config: Any, owner: type) -> dict[str, Any]:
        return {} if config is None else _Hidden(vars(config).get("custom_pipelines", {}))

    def __set__(self, config: Any, value: dict[str, Any]) -> None:
        vars(config)["custom_pipelines"] = value


class _Hidden(dict):
    """Tasks that are listed, but not found."""

    def __contains__(self, task: object) -> bool:
        return False


REGISTRATIONS: dict[str, Callable[[], None]] = {  # modules, and what is due after each of them
    f"{AUTO}.configuration_auto": _register_config,
    f"{OURS}.configuration_attn": _register_config,  # it may be what imports transformers
    f"{AUTO}.modeling_auto": _register_models,
    f"{OURS}.modeling_attn": _register_models,
    PIPELINES: _register_pipeline,
    LOADERS: _register_loader,
}


def register_when_loaded() -> None:
    """Register at once with what is loaded already, and with the rest as soon as it is."""
    for name, register in REGISTRATIONS.items():
        if name in sys.modules:
            register()
    if not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


class _AfterImport(MetaPathFinder):
    """Finds the modules of `REGISTRATIONS` where the other finders do, and adds to their execution what is due."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in REGISTRATIONS:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Then(spec.loader, REGISTRATIONS[name])
        return spec


class _Then(Loader):
    """Loads a module as its own loader does, and then does something with it."""

    def __init__(self, loader: Loader, then: Callable[[], None]):
        self.loader = loader
        self.then = then

    def __getattr__(self, name: str):
        return getattr(self.loader, name)  # such as get_source, for tracebacks

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        _executing.add(module.__name__)
        try:
            self.loader.exec_module(module)
        finally:
            _executing.discard(module.__name__)
        self.then()
