"""How a translator of many languages is told which ones: by its tokenizer, by a mark or a task before the source.

- M2M-100, NLLB, mBART: the tokenizer has `src_lang` and `tgt_lang`, and marks both sides with them; the search is made
  to begin with the mark of the target language (`forced_bos_token_id`), or the decoder starts with it (mBART-25).
- OPUS-MT with many targets, MADLAD: a mark of the target language stands before the source: `>>spa<<`, `<2es>`.
- T5: the source begins with a task in words, which its configuration names: "translate English to German: ".

A mark or a task is kept as `tokenizer.source_prefix`; `before_source` puts it before a text.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import UserError
from ..languages import choose_code

TOKEN_OF_LANGUAGE = re.compile(r"[a-z]{2,3}_[A-Z][A-Za-z]{1,3}")  # eng_Latn, en_XX
SOURCE_MARK = re.compile(r"(>>[^<>\s]+<<|<2[^<>\s]+>)\s*")
TASK = re.compile(r"translation_([^_]+)_to_([^_]+)")
HINT = "hf_attn_model.set_languages(model, tokenizer, source, target), or --source-lang and --target-lang"


@dataclass(frozen=True)
class Languages:
    """The languages a translator was told to translate between, by its own codes; `None` where it is told none."""

    source: str | None
    target: str | None


def set_languages(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    source: str | None = None,
    target: str | None = None,
    *,
    name: str = "the model",
) -> Languages:
    """Tell a translator of many languages which ones: translations and teacher-forced passes then have them.

    Changes `src_lang` and `tgt_lang` of the tokenizer, or its `source_prefix`, and `forced_bos_token_id` or
    `decoder_start_token_id` in the model's generation settings. A translator of one pair of languages stays as it is.

    Args:
        model, tokenizer: of any family.
        source, target: codes as the model knows them, or others that mean the same ("es", "spa", "es-MX"); unless
            given, those that the checkpoint itself says.
        name: of the model, for messages.

    Returns:
        the codes that hold now.

    Raises:
        UserError: the model has no such language, or several are meant alike; or it has many, and nothing says which.
    """
    if codes := tokenizer_codes(tokenizer):
        own = own_languages(model, tokenizer)
        chosen = []
        for side, code in (("source", source or own.source), ("target", target or own.target)):
            if code is None:
                raise UserError(f"{name} knows {len(codes)} languages: name the {side} language: {HINT}")
            chosen.append(choose_code(code, codes, f"--{side}-lang", name))
        _set_tokenizer_languages(model, tokenizer, *chosen)
        return Languages(*chosen)
    if len(marks := source_marks(tokenizer)) > 1:
        own = own_languages(model, tokenizer)
        if (code := target or own.target) is None:
            raise UserError(f"{name} translates into {len(marks)} languages: name the target language: {HINT}")
        mark = choose_code(code, marks, "--target-lang", name)
        tokenizer.source_prefix = f"{mark} "
        return Languages(source, mark)
    if (tasks := task_prefixes(model)) and (source is not None or target is not None):
        return _set_task(tokenizer, tasks, source, target, name)
    return own_languages(model, tokenizer)


def _set_tokenizer_languages(model: PreTrainedModel, tokenizer: Any, source: str, target: str) -> None:
    tokenizer.src_lang, tokenizer.tgt_lang = source, target
    tokenizer.init_kwargs |= {"src_lang": source, "tgt_lang": target}  # so that they are saved
    start = _token_of(tokenizer, target)
    generation: Any = model.generation_config
    marks = {_token_of(tokenizer, code) for code in tokenizer_codes(tokenizer)}
    if generation.decoder_start_token_id in {None, *marks}:
        generation.decoder_start_token_id = model.config.decoder_start_token_id = start
    else:
        generation.forced_bos_token_id = start


def _set_task(
    tokenizer: Any, tasks: dict[tuple[str, str], str], source: str | None, target: str | None, name: str
) -> Languages:
    """Choose among tasks such as "translate English to German: "."""
    sources = sorted({pair[0] for pair in tasks})
    chosen = choose_code(source, sources, "--source-lang", name) if source else sources[0]
    if source is None and len(sources) > 1:
        raise UserError(f"{name} translates from {', '.join(sources)}: name the source language: {HINT}")
    targets = sorted(pair[1] for pair in tasks if pair[0] == chosen)
    if target is None and len(targets) > 1:
        raise UserError(f"{name} translates {chosen} into {', '.join(targets)}: name the target language: {HINT}")
    into = choose_code(target, targets, "--target-lang", name) if target else targets[0]
    tokenizer.source_prefix = tasks[chosen, into]
    return Languages(chosen, into)


def has_choice(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Tell whether a translator can be told between which languages to translate."""
    return bool(tokenizer_codes(tokenizer) or len(source_marks(tokenizer)) > 1 or task_prefixes(model))


def own_languages(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Languages:
    """Find what a checkpoint itself says of its languages: its tokenizer's settings, or how its decoder begins."""
    said: dict[str, Any] = tokenizer.init_kwargs
    if tokenizer_codes(tokenizer):
        return Languages(said.get("src_lang"), said.get("tgt_lang") or _language_of_search(model, tokenizer))
    if len(pair := getattr(tokenizer, "langs", None) or ()) == 2:  # FSMT
        return Languages(*pair)
    if len(source_marks(tokenizer)) > 1:
        return Languages(said.get("source_lang"), getattr(tokenizer, "source_prefix", "").strip() or None)
    return Languages(said.get("source_lang"), said.get("target_lang"))  # Marian


def check_search(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise `UserError` for a translator of many languages whose search would begin with none of them."""
    if (codes := tokenizer_codes(tokenizer)) and _language_of_search(model, tokenizer) is None:
        raise UserError(f"the model knows {len(codes)} languages, and nothing says which to translate into: {HINT}")


def check_targets(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise `UserError` for a tokenizer of many languages that would mark target texts with none of them."""
    codes = tokenizer_codes(tokenizer)
    if codes and getattr(tokenizer, "tgt_lang", None) not in codes:
        raise UserError(f"the model knows {len(codes)} languages, and nothing says which the targets are in: {HINT}")


def before_source(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """Return what must be put before a source text for the model: a task, or the mark of a language, or nothing.

    Raises:
        UserError: the model needs a mark, and there is none.
    """
    if own_mark(tokenizer, text):
        return ""
    prefix: str = getattr(tokenizer, "source_prefix", "")
    if not prefix and len(marks := source_marks(tokenizer)) > 1:
        raise UserError(f"the model translates into {len(marks)} languages, and nothing says into which: {HINT}")
    return prefix


def encode_sources(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> list[list[int]]:
    """Tokenize source texts, each with what must stand before it, for training and search.

    White space at the end does not count. Raises what `before_source` raises.
    """
    whole = whole_sources(tokenizer, texts)
    return tokenizer(whole)["input_ids"] if whole else []


def encode_targets(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> list[list[int]]:
    """Tokenize target texts with the marks of their language. Raises what `check_targets` raises."""
    whole = whole_targets(tokenizer, texts)
    return tokenizer(text_target=whole)["input_ids"] if whole else []


def whole_sources(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> list[str]:
    """Write the source texts that a tokenizer is given. Raises what `before_source` raises."""
    if not getattr(tokenizer, "source_prefix", "") and not source_marks(tokenizer):  # most: nothing stands before them
        return [text.rstrip() for text in texts]
    return [before_source(tokenizer, text) + text.rstrip() for text in texts]


def whole_targets(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> list[str]:
    """Write the target texts that a tokenizer is given. Raises what `check_targets` raises."""
    check_targets(tokenizer)
    return [text.rstrip() for text in texts]


def decode_targets(
    tokenizer: PreTrainedTokenizerBase, hypotheses: Iterable[Sequence[int]], *, keep_unknown: bool = False
) -> list[str]:
    """Write the ids of each translation as text, without marks of any kind; with unknown words on request."""
    special = special_ids(tokenizer)
    texts = [[number for number in ids if number not in special] for ids in hypotheses]
    return [cast(str, tokenizer.decode(ids, skip_special_tokens=not keep_unknown)) for ids in texts]


def own_mark(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """Return the mark or the task that a source text itself begins with, and the space behind it; "" without one."""
    prefix: str = getattr(tokenizer, "source_prefix", "")
    if prefix and text.startswith(prefix):
        return prefix
    found = SOURCE_MARK.match(text)
    return found[0] if found and found[1] in source_marks(tokenizer) else ""


def special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Find the ids that stand for no text: end, start, padding, languages. An unknown word is a word."""
    languages = getattr(tokenizer, "lang_token_to_id", {}).values()  # M2M-100 keeps them apart
    return {*tokenizer.all_special_ids, *languages} - {tokenizer.unk_token_id}


def tokenizer_codes(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """List the codes that `src_lang` and `tgt_lang` of a tokenizer can be; none where it has no such choice."""

    def find() -> list[str]:
        listed = [*getattr(tokenizer, "lang_code_to_id", ())]  # M2M-100, mBART
        listed += [token for token in tokenizer.all_special_tokens if TOKEN_OF_LANGUAGE.fullmatch(token)]
        known = {*tokenizer.get_vocab(), *getattr(tokenizer, "lang_code_to_token", ())}
        return [code for code in dict.fromkeys(listed) if code in known]

    return _once(tokenizer, "_codes", find) if hasattr(tokenizer, "set_tgt_lang_special_tokens") else []


def source_marks(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """List the marks of target languages that may stand before a source; most tokenizers have none."""
    return _once(tokenizer, "_marks", lambda: [each for each in tokenizer.get_vocab() if SOURCE_MARK.fullmatch(each)])


def _once(tokenizer: Any, name: str, find: Callable[[], list[str]]) -> list[str]:
    """Look through a vocabulary once, and again when it has grown."""
    size, found = getattr(tokenizer, name, (None, []))
    if size != len(tokenizer):
        found = find()
        setattr(tokenizer, name, (len(tokenizer), found))
    return found


def _language_of_search(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Find the language whose mark a search is made to begin with."""
    generation: Any = model.generation_config
    codes = {_token_of(tokenizer, code): code for code in tokenizer_codes(tokenizer)}
    return codes.get(generation.forced_bos_token_id, codes.get(generation.decoder_start_token_id))


def _token_of(tokenizer: Any, code: str) -> int:
    ids = getattr(tokenizer, "lang_code_to_id", {})
    return ids[code] if code in ids else tokenizer.convert_tokens_to_ids(code)


def task_prefixes(model: PreTrainedModel) -> dict[tuple[str, str], str]:
    """Find the tasks of translation that a configuration names, by source and target: T5's."""
    tasks = getattr(model.config, "task_specific_params", None) or {}
    return {
        (found[1], found[2]): settings["prefix"]
        for task, settings in tasks.items()
        if (found := TASK.fullmatch(task)) and isinstance(settings, dict) and settings.get("prefix")
    }
