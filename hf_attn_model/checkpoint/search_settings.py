"""How a checkpoint asks to be searched: settings that `generate` can obey, without code from elsewhere."""

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from .weight_files import shown

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CONFIG_FILE, GENERATION_FILE = "config.json", "generation_config.json"
FROM_ONE = ("num_beams", "max_length", "max_new_tokens", "num_return_sequences", "num_beam_groups")
FROM_ZERO = ("min_length", "min_new_tokens", "top_k", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size")
FACTORS = ("temperature", "top_p", "typical_p", "length_penalty", "repetition_penalty", "encoder_repetition_penalty")
FLAGS = ("do_sample", "use_cache", "renormalize_logits", "remove_invalid_values")
USED_IDS = ("decoder_start_token_id", "forced_bos_token_id", "eos_token_id", "forced_eos_token_id")  # read or written
OTHER_IDS = ("pad_token_id", "bos_token_id")
FROM_ELSEWHERE = {  # searches that transformers 5 takes from the Hub, each with the values that do not ask for it
    "num_beam_groups": (None, 0, 1),
    "penalty_alpha": (None, 0),
    "dola_layers": (None,),
    "constraints": (None,),
    "force_words_ids": (None,),
}


def check_search(model: "PreTrainedModel") -> None:
    """Refuse a model with settings, of `generation_config.json`, or `config.json` without it, that no search can obey.

    Raises:
        UserError: names the setting.
    """
    settings, output = model.generation_config, model.get_output_embeddings()
    if settings is None or output is None:
        return
    last = output.weight.shape[0] - 1
    in_vocabulary = (USED_IDS, lambda id: _is_whole(id) and 0 <= id <= last, f"the number of a token, from 0 to {last}")
    for names, is_right, wanted in (
        (FROM_ONE, lambda value: _is_whole(value) and value >= 1, "a whole number from 1 on"),
        (FROM_ZERO, lambda value: _is_whole(value) and value >= 0, "a whole number from 0 on"),
        (FACTORS, lambda value: type(value) in (int, float) and isfinite(value), "a number"),
        (FLAGS, lambda value: isinstance(value, bool), "true or false"),
        (OTHER_IDS, _is_whole, "the number of a token"),
        in_vocabulary,
    ):
        _require(GENERATION_FILE, settings, names, is_right, wanted)
    _require(CONFIG_FILE, model.config, *in_vocabulary)  # the decoder reads it where the target is given, too
    for name, harmless in FROM_ELSEWHERE.items():
        if getattr(settings, name) not in harmless:
            raise UserError(
                f"{GENERATION_FILE} asks with {name} for a search whose code lies on the Hub, and is never run: "
                "remove that setting"
            )


def _require(file: str, settings: Any, names: tuple[str, ...], is_right: Callable[[Any], bool], wanted: str) -> None:
    """Raise `UserError` unless each setting that is there is right; of tokens there may be a list."""
    for name in names:
        value = getattr(settings, name, None)
        values = value if isinstance(value, list) and name.endswith("_id") else [value]
        if value is not None and not all(map(is_right, values)):
            raise UserError(f"{file}: {name} must be {wanted}, got {shown(str(value))}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
