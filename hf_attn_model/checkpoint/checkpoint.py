"""A trained translator, in a folder or on the Hub, with everything that lies beside its weights."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError
from huggingface_hub.utils import httpx, validate_repo_id

from ..errors import UserError
from ..files import read_json
from .adapter import ADAPTER_FILE, add_adapter, base_of, check_adapter, check_fit
from .alignment_config import ALIGNMENT_FILE, AlignmentConfig, HeadSummary, load_alignment
from .converted import check_loadable
from .digests import FIELD, MANIFEST_FILE, check_digests
from .reasons import check_code, reason_of
from .search_settings import CONFIG_FILE, GENERATION_FILE, check_search
from .tokenizer_files import TOKENIZER_FILES, check_tokenizer
from .weight_files import AGAIN, find_weights, shown, stored_tensors
from .weights import check_alike, check_counts, check_values, unreported

if TYPE_CHECKING:  # a name that is nowhere is refused before what takes seconds to import
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from ..recipes import Recipe
    from ..text.multilingual import Languages

TEXTBOOK = "textbook"  # the translator that lies in the package
TEXTBOOK_FOLDER = Path(__file__).parents[1] / "textbook" / "translator"
SECONDS_TO_ANSWER = 10.0  # that the Hub is given, once: who is not there is not asked again
DEFAULT_BEAMS = 5
MOST_TO_SAY = 700  # characters of a reason: a file may bring names of any length


class Checkpoint:
    """A translator by name: a folder, `textbook` (that of the package), or a model on the Hub.

    Nothing is read before it is asked for, and everything once. A name is looked up as a folder first, but `textbook`
    is always that of the package (a folder of this name is `./textbook`). What is on the Hub is taken from one commit,
    also if its branch moves on meanwhile; where the Hub cannot be reached, what lies in the cache is used.

    Args:
        name: `runs/demo`, `textbook`, `user/name`, or `user/name@revision` with a branch, tag or commit.
        revision: of a model on the Hub, in place of the one in its name.

    Attributes:
        name: without the revision.
        revision: as asked for; `None` for a folder, and for the main branch.
    """

    def __init__(self, name: str | os.PathLike, revision: str | None = None):
        self.name = os.fspath(name)
        self.revision = revision
        if revision is None and "@" in self.name and not _exists(self.name):
            self.name, self.revision = self.name.split("@", 1)

    @classmethod
    def of(cls, model: "PreTrainedModel") -> Self:
        """The checkpoint that a model was loaded from."""
        return cls(str(model.name_or_path), getattr(model.config, "_commit_hash", None))

    def __str__(self) -> str:
        return self.name if self.revision is None else f"{self.name}@{self.revision}"

    def __repr__(self) -> str:
        return f"Checkpoint({str(self)!r})"

    @property
    def is_local(self) -> bool:
        """Whether it lies on this machine, in a folder of its own or in the package."""
        return self.name == TEXTBOOK or _exists(self.name)

    @cached_property
    def folder(self) -> Path | None:
        """Where it lies on this machine; `None` for a model on the Hub.

        Raises:
            UserError: there is no such folder, and the name can be none of the Hub's.
        """
        if self.is_local:
            return TEXTBOOK_FOLDER if self.name == TEXTBOOK else Path(self.name)
        try:
            validate_repo_id(self.name)
        except HFValidationError:
            raise UserError(f"cannot load a translator from {self}: there is no such folder") from None
        return None

    @cached_property
    def model(self) -> "PreTrainedModel":
        """The model, in evaluation mode, on the accelerator if there is one.

        Models of this package run the package's own code, never code from a checkpoint. Weights are compared with the
        configuration before they are read, and with the digests of the manifest where there are any. An adapter (LoRA)
        is loaded with the model that it changes.

        Raises:
            UserError: there is nothing loadable, or weights that cannot be right, or the Hub cannot be reached or
                refuses.
        """
        import torch

        model: Any = self.load()
        if torch.accelerator.is_available():
            model = model.to(torch.accelerator.current_accelerator())
        return model

    def load(self, dtype: "torch.dtype | None" = None) -> "PreTrainedModel":
        """Load the model anew, in evaluation mode, on the CPU.

        Args:
            dtype: of its weights; that in which they were written, unless given.

        Raises:
            UserError: see `model`.
        """
        self.check()
        with self._reading(CONFIG_FILE):
            base = base_of(self.find)
            if base is not None:
                check_adapter(self.find)
            if base is None or self.find(CONFIG_FILE) is not None:  # transformers adds an adapter beside a model itself
                model, found = self._own_model(dtype)
            else:
                model = self._base.load(dtype)
                found = add_adapter(model, self.find, base)
            if base is not None:
                check_fit(found, base)
            check_values(model)
        if self.name == TEXTBOOK or base is not None:  # what is made of it calls it so, on any machine
            model.name_or_path = model.config._name_or_path = self.name
        model.config._commit_hash = None if self.folder is not None else self._commit[0]  # for `Checkpoint.of`
        return model.eval()

    def _own_model(self, dtype: "torch.dtype | None") -> "tuple[PreTrainedModel, dict[str, Any]]":
        """Load the model after its weights have been checked; with what transformers found amiss."""
        from transformers import AutoConfig, AutoModelForSeq2SeqLM

        content = self._configuration()
        stored = stored_tensors(files := find_weights(self.find, content.get("transformers_weights")))
        check_counts(content, stored)
        check_code(content)
        config = self._from_pretrained(AutoConfig)
        if stored:
            check_alike(AutoModelForSeq2SeqLM, config, stored)
        if (manifest := self.find(MANIFEST_FILE)) is not None:
            check_digests(manifest, files, f'{AGAIN}, or remove "{FIELD}" from {MANIFEST_FILE} if that was on purpose')
        with self._reading(GENERATION_FILE), unreported():  # all else was read before
            options = {} if dtype is None else {"dtype": dtype}
            model, found = self._from_pretrained(AutoModelForSeq2SeqLM, output_loading_info=True, **options)
        check_search(model)
        return model, found

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """Its tokenizer; that of its base for an adapter that comes without one. Raises what `model` raises."""
        from transformers import AutoTokenizer

        self.check()
        with self._reading("the tokenizer"):
            check_counts(self._configuration(), {})  # it is read for its type
            check_tokenizer(self.find)
            has_own = any(self.find(name) for name in TOKENIZER_FILES)
            if not has_own and base_of(self.find) is not None and self.find(CONFIG_FILE) is None:
                return self._base.tokenizer
            return self._from_pretrained(AutoTokenizer)

    def _configuration(self) -> dict[str, Any]:
        """Read `config.json` as it stands there; empty where there is none."""
        path = self.find(CONFIG_FILE)
        return {} if path is None else read_json(path, AGAIN)

    @cached_property
    def _base(self) -> "Checkpoint":
        """The checkpoint of the model that this adapter changes."""
        base = Checkpoint(str(base_of(self.find)))
        if base.find(CONFIG_FILE) is None and base.find(ADAPTER_FILE) is not None:
            raise UserError(f"its base {base} is an adapter itself: merge that with its model first")
        return base

    @cached_property
    def recipe(self) -> "Recipe | None":
        """What it was trained by; `None` for a model of other origin. Raises `UserError` for one that is damaged."""
        from ..recipes import RECIPE_FILE, read_recipe

        path = self.find(RECIPE_FILE)
        return None if path is None else read_recipe(path)

    @property
    def source_lang(self) -> str | None:
        """Code of the language that it reads, if its recipe or its tokenizer tells; `None` where it reads several."""
        return self._languages.source

    @property
    def target_lang(self) -> str | None:
        """Code of the language that it writes, if its recipe or its tokenizer tells; `None` where it writes several."""
        return self._languages.target

    @cached_property
    def _languages(self) -> "Languages":
        from ..text.multilingual import Languages, own_languages

        if self.recipe is not None:
            sources, targets = self.recipe.sources, self.recipe.targets
            return Languages(*(codes[0] if len(codes) == 1 else None for codes in (sources, targets)))
        return own_languages(self.model, self.tokenizer)

    def set_languages(self, source: str | None, target: str | None) -> "Languages":
        """Tell it between which languages to translate, where it has a choice; see `text.set_languages`.

        Returns:
            the languages that hold, by its own codes; where it has no choice, those of `source_lang` and `target_lang`.

        Raises:
            UserError: it has no such language, or was trained to read several, and not this one.
        """
        from ..languages import choose_code
        from ..text.multilingual import Languages, set_languages

        if source is not None and self.recipe is not None and self.recipe.corpora:
            choose_code(source, self.recipe.sources, "--source-lang", str(self))
        chosen = set_languages(self.model, self.tokenizer, source, target, name=str(self))
        return Languages(chosen.source or self.source_lang, chosen.target or self.target_lang)

    @cached_property
    def has_languages(self) -> bool:
        """Whether it has a choice of languages."""
        from ..text.multilingual import has_choice

        return has_choice(self.model, self.tokenizer)

    @property
    def lowercase(self) -> bool:
        """Whether it reads and writes lower case alone."""
        return self.recipe is not None and self.recipe.lowercase

    @property
    def num_beams(self) -> int:
        """Width of its search: that of its recipe, or of its generation settings, or 5."""
        if self.recipe is not None:
            return self.recipe.num_beams
        settings = self.model.generation_config
        return (settings.num_beams if settings is not None else None) or DEFAULT_BEAMS

    @property
    def alignment(self) -> AlignmentConfig | None:
        """How links are read off its cross-attention, as `hf-attn heads` chose; `None` where it did not run."""
        return self._alignment[0]

    @property
    def head_summaries(self) -> list[HeadSummary]:
        """What `hf-attn heads` found out about its heads."""
        return self._alignment[1]

    @cached_property
    def _alignment(self) -> tuple[AlignmentConfig | None, list[HeadSummary]]:
        path = self.find(ALIGNMENT_FILE)
        return (None, []) if path is None else load_alignment(path)

    def find(self, file: str) -> Path | None:
        """Find a file that lies beside the weights; `None` where there is none, or where the Hub cannot be reached."""
        if self.folder is not None:
            path = self.folder / file
            return path if path.is_file() else None
        try:
            revision, local_files_only = self._commit
        except UserError:
            return None
        from transformers.utils import cached_file

        found = cached_file(
            self.name,
            file,
            revision=revision,
            local_files_only=local_files_only,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        return None if found is None else Path(found)

    @cached_property
    def _commit(self) -> tuple[str, bool]:
        """Ask the Hub, once, for the commit; or else say that the cache has to do.

        Raises:
            UserError: there is no such model, or the Hub cannot be reached and the cache has nothing.
        """
        revision = self.revision or "main"
        try:
            facts = get_hf_file_metadata(
                hf_hub_url(self.name, CONFIG_FILE, revision=revision), timeout=SECONDS_TO_ANSWER
            )
            return facts.commit_hash or revision, False
        except EntryNotFoundError:
            return revision, False
        except (HfHubHTTPError, OSError, httpx.TransportError) as error:
            if isinstance(try_to_load_from_cache(self.name, CONFIG_FILE, revision=revision), str):
                return revision, True
            raise self._cannot_load(error) from error

    def check(self) -> None:
        """Raise `UserError` where nothing bears this name: no folder, and no model on the Hub or in its cache.

        Or where it was converted for another program, and cannot be loaded here.
        """
        if self.folder is None:
            _ = self._commit
        else:
            check_loadable(self.folder)

    def _from_pretrained(self, auto_class: type, **settings: Any) -> Any:
        if self.folder is not None:
            name, revision, local_files_only = str(self.folder), "main", False
        else:
            name, (revision, local_files_only) = self.name, self._commit
        return auto_class.from_pretrained(  # type: ignore[attr-defined]
            name,
            revision=revision,
            local_files_only=local_files_only,
            trust_remote_code=False,  # and never ask on the terminal
            **settings,
        )

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Turn whatever is raised while a part of the checkpoint is loaded into a `UserError` that names it."""
        try:
            yield
        except Exception as error:  # what libraries raise over a damaged file is not foreseeable
            raise self._cannot_load(error, what) from error

    def _cannot_load(self, error: Exception, what: str = CONFIG_FILE) -> UserError:
        beginning = f"cannot load a translator from {self}: "
        if str(error).startswith(beginning):
            return UserError(str(error))
        return UserError(beginning + shown(reason_of(error, what, self.find), MOST_TO_SAY))


def _exists(name: str) -> bool:
    """Tell whether there is a file or folder of that name, which may be none that the system could give."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False


def load_translator(name: str | os.PathLike) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Load model and tokenizer, ready to use. Arguments and errors are those of `Checkpoint`."""
    checkpoint = Checkpoint(name)
    return checkpoint.model, checkpoint.tokenizer
