"""A translator -> a folder for CTranslate2, checked on the way, and that folder as a translator.

`model.bin`, the vocabularies and `config.json` are CTranslate2's. Beside them lie the tokenizer and what we know of the
model: `model_config.json` (its `config.json`), generation settings, recipe and `alignment.json`. `conversion.json` says
what it was made of, and how far both agree.
"""

import os
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from ..checkpoint import Checkpoint
from ..checkpoint.converted import CONVERSION_FILE, conversion_for
from ..checkpoint.search_settings import check_search
from ..errors import UserError
from ..files import new_folder, read_json, write_json
from ..languages import is_same_language
from ..text.multilingual import encode_sources, set_languages, tokenizer_codes
from ..textbook import load_textbook
from ..translation.hypotheses import most_positions, search_batch
from ..translation.settings import SearchSettings
from .convert import COMES_ALONG, origin_of, told
from .ctranslate2 import NAME, QUANTIZATIONS, CTranslate2Engine, load_engine, vocabularies, write_model
from .ctranslate2_spec import AligningHeads, TransformerSpec, aligning_heads, specify

MODEL_CONFIG = "model_config.json"
AGAIN = "; convert the model again"
SENTENCES, BATCH = 200, 25
TOLERANCE = 1e-4  # of the log-probability of a token, in float32
LANGUAGES = {"en": "en-es", "es": "en-es", "zh": "en-zh"}  # of the textbook


@dataclass(frozen=True)
class Agreement:
    """How far CTranslate2 agrees with transformers, over translations by greedy search.

    Attributes:
        sentences: of the textbook, that both translated.
        equal: of which the translations are the same.
        ties: of which they differ at a token that is as good as the other one, to `TOLERANCE`.
        largest_difference: of the log-probability of a token, over all translations.
    """

    sentences: int
    equal: int
    ties: int
    largest_difference: float

    def __str__(self) -> str:
        ties = f" ({self.ties} more but for a tie)" if self.ties else ""
        return (
            f"{self.equal} of {self.sentences} translations are equal{ties}, "
            f"log-probabilities differ by at most {self.largest_difference:.1e}"
        )


@dataclass(frozen=True)
class EngineConversion:
    """A translator that was converted; as a text, one line.

    Attributes:
        folder: where it lies now.
        quantization: how its weights are written; `None` for float32.
        aligning: the heads whose attention it gives; `None` where it gives none that were chosen.
        agreement: with what it was made of.
    """

    folder: Path
    quantization: str | None
    aligning: AligningHeads | None
    agreement: Agreement

    def __str__(self) -> str:
        return f"{self.folder}: for CTranslate2, {self.quantization or 'float32'}; {self.agreement}"


def convert_for_ctranslate2(
    checkpoint: Checkpoint, out: str | os.PathLike, quantization: str | None = None
) -> EngineConversion:
    """Write a translator as CTranslate2 reads it.

    What was written is loaded again, and translates 200 sentences of the textbook before the folder gets its name.

    Args:
        checkpoint: of ours, of a stock class that is converted to it, or T5.
        out: a new or empty folder.
        quantization: one of `QUANTIZATIONS`; float32 unless given.

    Raises:
        UserError: CTranslate2 does not know such a model, or, in float32, does not compute the same; the checkpoint
            cannot be loaded; or `out` holds something.
    """
    out = Path(out)
    if quantization is not None and quantization not in QUANTIZATIONS:
        raise UserError(f"no quantization is called {quantization}: choose from {', '.join(QUANTIZATIONS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty: choose another --out")
    model, tokenizer = checkpoint.load(torch.float32), checkpoint.tokenizer
    aligning = heads_of(checkpoint, model)
    with new_folder(out) as folder, told(checkpoint, NAME):
        write_model(model, tokenizer, folder, quantization, aligning)
        model.config.to_json_file(folder / MODEL_CONFIG)
        assert model.generation_config is not None
        model.generation_config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        for name in COMES_ALONG:
            if (path := checkpoint.find(name)) is not None:
                shutil.copyfile(path, folder / name)
        facts: dict[str, Any] = {
            "from": {"model_type": model.config.model_type, **origin_of(checkpoint, model)},
            "to": {
                "engine": NAME,
                "quantization": quantization,
                "aligning": None if aligning is None else aligning._asdict(),
            },
            "versions": {name: version(name) for name in ("hf-attn-model", "torch", "transformers", NAME)},
        }
        write_json(folder / CONVERSION_FILE, facts)
        agreement = compare(model, tokenizer, ConvertedFolder(folder), checkpoint.source_lang)
        if quantization is None and not (
            agreement.largest_difference <= TOLERANCE and agreement.equal + agreement.ties == agreement.sentences
        ):
            raise UserError(f"CTranslate2 does not compute the same: {agreement}")
        write_json(folder / CONVERSION_FILE, facts | {"checked": asdict(agreement)})
    return EngineConversion(out, quantization, aligning, agreement)


def heads_of(checkpoint: Checkpoint, model: PreTrainedModel) -> AligningHeads | None:
    """Find the heads that `hf-attn heads` chose, where the engine can give their attention."""
    try:
        return None if checkpoint.alignment is None else aligning_heads(checkpoint.alignment, model)
    except UserError:
        return None


def specify_checkpoint(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> TransformerSpec:
    """Build the specification of a model of ours that CTranslate2's own converter has loaded, with its aligning heads.

    Raises:
        UserError: see `specify`.
    """
    return specify(model.float(), *vocabularies(model.config, tokenizer), heads_of(Checkpoint.of(model), model))


class ConvertedFolder(Checkpoint):
    """A translator that was converted for CTranslate2.

    Its `model` has the settings of the one that it was made of, and no weights: `engine` translates.

    Args:
        name: the folder.

    Raises:
        UserError: it is none of that kind.
    """

    def __init__(self, name: str | os.PathLike):
        super().__init__(name)
        facts = conversion_for(Path(self.name), NAME)
        if facts is None:
            raise UserError(f"{name} is no folder that was converted for CTranslate2")
        self._to = facts["to"]

    def check(self) -> None:
        """Nothing more: it was found."""

    @cached_property
    def model(self) -> PreTrainedModel:
        """The settings of the model. Raises `UserError` where they are damaged."""
        with self._reading(MODEL_CONFIG):
            settings = read_json(Path(self.name, MODEL_CONFIG), AGAIN)
            config = AutoConfig.for_model(**settings)
            with torch.device("meta"):
                model = AutoModelForSeq2SeqLM.from_config(config)
            model.generation_config = GenerationConfig.from_pretrained(self.name)
            check_search(model)
        model.name_or_path = self.name
        return model.eval()

    @cached_property
    def engine(self) -> CTranslate2Engine:
        """What translates. Raises `UserError` for a folder that is damaged."""
        return CTranslate2Engine(load_engine(self.name), self.model, self.tokenizer, self.aligning)

    @property
    def aligning(self) -> AligningHeads | None:
        """The heads whose attention the engine gives."""
        said = self._to.get("aligning")
        try:
            return None if said is None else AligningHeads(int(said["layer"]), tuple(map(int, said["heads"])))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{Path(self.name, CONVERSION_FILE)} is damaged: {said} are no heads{AGAIN}") from error


def compare(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, converted: ConvertedFolder, language: str | None
) -> Agreement:
    """Let both translate sentences of the textbook, in the language that the model reads if it is one of its own."""
    engine = converted.engine
    codes = tokenizer_codes(tokenizer)
    if codes and model.generation_config.forced_bos_token_id is None:
        for one in (model, engine.model):  # they must be told some language
            set_languages(one, tokenizer, codes[0], codes[-1])
    own = next((code for code in LANGUAGES if language is not None and is_same_language(code, language)), "en")
    texts = load_textbook(LANGUAGES[own], "test")["translation"][:SENTENCES]
    encoded = encode_sources(tokenizer, [text[own] for text in texts])
    encoded = sorted((ids for ids in encoded if len(ids) <= most_positions(model)), key=len)
    equal = ties = 0
    largest = 0.0
    for start in range(0, len(encoded), BATCH):
        sources = encoded[start : start + BATCH]
        settings = SearchSettings(num_beams=1)
        ours = [best.ids for (best,) in search_batch(model, tokenizer, sources, settings)]
        theirs = [best.ids for (best,) in engine.search_batch(sources, settings)]
        for ids, other, own_logits, read in zip(
            ours, theirs, _log_probabilities(model, sources, ours), engine.log_probabilities(sources, ours), strict=True
        ):
            written = own_logits[range(len(ids)), ids]
            last = len(ids) if ids[-1] == tokenizer.eos_token_id else len(ids) - 1  # the engine scores an end mark
            difference = (written - torch.tensor(read))[:last].abs().max().item() if last else 0.0
            largest = max(largest, difference) if difference == difference else float("nan")
            equal += ids == other
            ties += ids != other and _is_tie(own_logits, ids, other)
    return Agreement(len(encoded), equal, ties, largest)


def _log_probabilities(
    model: PreTrainedModel, sources: list[list[int]], targets: list[list[int]]
) -> list[torch.Tensor]:
    """Those of all tokens at each of the targets, (T,V) each."""
    start = model.generation_config.decoder_start_token_id
    found = []
    for source, target in zip(sources, targets, strict=True):
        with torch.inference_mode():
            logits = model(torch.tensor([source]), decoder_input_ids=torch.tensor([[start, *target[:-1]]])).logits
        found.append(logits[0].log_softmax(dim=-1))
    return found


def _is_tie(log_probabilities: torch.Tensor, ids: list[int], other: list[int]) -> bool:
    """Whether the first tokens that differ are as good as each other."""
    pairs = zip(log_probabilities, ids, other, strict=False)
    return next((abs(row[one] - row[two]).item() <= TOLERANCE for row, one, two in pairs if one != two), False)
