"""explain: follow one word of a sentence through one attention head of the live model.

Shapes: D d_model, T queries, S keys.
"""

from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.modules import attention_modules, returns_weights
from ..attention.places import check_place
from ..attention.sentence import SentenceMaps
from ..attention.teacher_forcing import sentence_maps, teacher_forced_pass
from ..attention.tokenized import tokenize_with_words
from ..errors import UserError
from ..translation.search import translate
from .tables import show_token
from .walkthrough import Walkthrough

PARTS = ("q_proj", "k_proj", "v_proj", "out_proj", "num_heads")  # of an attention module that can be explained


def explain(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    source: str,
    word: str | None = None,
    *,
    place: str = "encoder",
    layer: int = 0,
    head: int = 0,
    target: str | None = None,
) -> str:
    """Follow one word through one attention head, step by step, in at most 100 columns of text.

    Args:
        model: an encoder-decoder model whose attention modules have q_proj, k_proj, v_proj and out_proj.
        tokenizer: its tokenizer.
        source: the sentence to translate.
        word: whose query to follow: a word of the source for the place "encoder", else a word of the target;
            or the end mark. If it occurs more than once, its first occurrence. The last word unless given.
        place: "encoder", "decoder" or "cross".
        layer, head: counted from 0.
        target: the translation; `None` lets the model translate, greedily.

    Raises:
        UserError: the word is not in its sentence, or there is no such place, layer or head.
    """
    check_place(place)
    attention = _find_attention(model, place, layer, head)
    if target is None:
        target = "" if place == "encoder" else translate(model, tokenizer, [source], num_beams=1)[0]
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        attention.q_proj.register_forward_pre_hook(lambda _, args: seen.update(query_states=args[0][0])),
        attention.k_proj.register_forward_pre_hook(lambda _, args: seen.update(key_value_states=args[0][0])),
        attention.out_proj.register_forward_hook(lambda _, args, output: seen.update(output=output[0])),
    ]
    try:
        sides = tokenize_with_words(tokenizer, [source]), tokenize_with_words(tokenizer, [target], is_target=True)
        forward = teacher_forced_pass(model, *sides, keep=("query", "key", "value"))
    finally:
        for hook in hooks:
            hook.remove()
    (maps,) = sentence_maps(forward, *sides, ["0"])
    labelled = maps.tokens(place)
    walkthrough = Walkthrough(
        maps=maps,
        place=place,
        layer=layer,
        head=head,
        rows=[show_token(token) for token in labelled.rows],
        columns=[show_token(token) for token in labelled.columns],
        steps=getattr(forward[0], place)[layer, head],
        heads=getattr(forward[0], place)[layer].query.shape[0],
        is_turned=place != "cross" and getattr(model.config, "position_embedding", None) == "rotary",
        **seen,
    )
    word = _last_word(maps, place) if word is None else word
    return walkthrough.write(word, _find_word(maps, place, word))


def _find_attention(model: PreTrainedModel, place: str, layer: int, head: int) -> Any:
    """Find the attention module of a place and layer: one with q_proj, k_proj, v_proj, out_proj and num_heads."""
    modules: list[tuple[int, Any]] = [
        (dict(there)[place], module)
        for module, there in attention_modules(model).items()
        if place in dict(there) and all(hasattr(module, part) for part in PARTS) and not returns_weights(module)
    ]
    if not modules:
        raise UserError(
            f"{type(model).__name__} has no {place} attention with {', '.join(PARTS)}; explain cannot look inside"
        )
    found = dict(modules).get(layer)
    if found is None:
        raise UserError(f"the {place} has layers 0 to {len(modules) - 1}, not {layer}")
    if not 0 <= head < found.num_heads:
        raise UserError(f"the {place} has heads 0 to {found.num_heads - 1}, not {head}")
    return found


def _last_word(maps: SentenceMaps, place: str) -> str:
    """Choose the last word that has a letter or a digit, or else the end mark."""
    rows, _ = maps.sides(place)
    texts = [word.text for word in rows.words if any(map(str.isalnum, word.text))]
    return texts[-1] if texts else rows.tokens[-1]


def _find_word(maps: SentenceMaps, place: str, word: str) -> list[int]:
    """Find the tokens of a word, or of the end mark."""
    side = "source" if place == "encoder" else "target"
    tokens, words = getattr(maps, f"{side}_tokens"), getattr(maps, f"{side}_words")
    indices = getattr(maps, f"{side}_word_of_token")
    for same in (str, str.casefold):
        for index, candidate in enumerate(words):
            if same(candidate.text) == same(word) and index in indices:
                return [position for position, owner in enumerate(indices) if owner == index]
    if word == tokens[-1]:
        return [len(tokens) - 1]
    there = ", ".join(dict.fromkeys([candidate.text for candidate in words] + tokens[-1:]))
    raise UserError(f"no word {word!r} in the {side} {getattr(maps, side)!r}; choose from: {there}")
