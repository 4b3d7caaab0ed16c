"""text -> translation, its attention, its probability: the "translation" pipeline that transformers 5 no longer has.

The file stands alone: it travels with every checkpoint, and `pipeline("translation", REPO, trust_remote_code=True)`
runs it. It works with any encoder-decoder model; where the package is imported, without `trust_remote_code`.

A model of many languages is told which: by `src_lang` and `tgt_lang` of the tokenizer (M2M-100, NLLB, mBART), by a mark
of the target language before the source (OPUS-MT), or by a task in words (T5).

Shapes: B batch, N hypotheses of one source, L layers, H heads, T target tokens, S source tokens, V vocabulary.
"""

import logging
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import torch
from transformers import LogitsProcessorList, Pipeline, StoppingCriteriaList

from .decoding import (
    ForcedEnds,
    NonFiniteLogits,
    OwnLimits,
    RefuseNonFinite,
    find_written,
    is_blank,
    longest_translation,
)

logger = logging.getLogger(__name__)

LENGTH_PARAMETERS = {"max_length", "max_new_tokens", "generation_config"}
TASK = re.compile(r"translation_([^_]+)_to_([^_]+)")


class TranslationPipeline(Pipeline):
    """Translate texts with `generate`.

    Args:
        batch_size: number of texts that are translated together; 1 by default.
        args, kwargs: of `transformers.Pipeline`; parameters of `generate` given here hold for every call.

    ```python
    translator = pipeline("translation", "user/repo", trust_remote_code=True)
    translator("The ball is blue")  # [{"translation_text": "La bola es azul"}]
    translator("The ball is blue", src_lang="eng_Latn", tgt_lang="spa_Latn")  # NLLB
    ```
    """

    model: Any
    tokenizer: Any
    _load_tokenizer = True
    _load_processor = _load_image_processor = _load_video_processor = _load_feature_extractor = False

    def __call__(self, inputs: str | list[str] | tuple[str, ...] | Iterable[str], **kwargs: Any) -> Any:
        """Translate one text, a list or tuple of texts, or any other iterable of them, such as a generator.

        A translation ends at its end mark, or after twice as many tokens as its source, plus ten, which a warning
        tells, unless `max_new_tokens`, `max_length` or a `generation_config` says otherwise. A blank text has an empty
        translation.

        Args:
            inputs: the source, or sources.
            kwargs: parameters of `generate`, such as `num_beams` and `num_return_sequences`; `batch_size`;
                `src_lang` and `tgt_lang`, by the model's own codes; `truncation=True`, to cut what is longer than
                the model's positions; `clean_up_tokenization_spaces`, of `decode`; and `return_attention=True`, which
                adds the attention of one teacher-forced pass over each translation. Given to `pipeline`, they hold for
                all calls; the task "translation_en_to_es" gives both languages.

        Returns:
            for one text a list with one dictionary per hypothesis, the best first; for a list of texts one such
            list per text, or with one hypothesis each the dictionaries alone; for other iterables an iterator over
            such lists; always in the order of the inputs. Keys of a dictionary:

            - `translation_text`: the translation.
            - with `return_attention`, `source_tokens` (S) and `target_tokens` (T), end marks included, and the weights
              float32 of the three places: `encoder` (L,H,S,S), `decoder` (L,H,T,T), `cross` (L,H,T,S). Row i of
              `decoder` and `cross` is where target token i is written; column 0 of `decoder` is the start mark and
              column j target token j - 1, as read there.

        Raises:
            TypeError: an input is no text.
            ValueError: a text has more tokens than the model has positions, or half a surrogate pair; the model
                computes NaN or infinity for it; or it has no such language, or has many and was not told which.
        """
        if isinstance(inputs, tuple):
            inputs = list(inputs)
        if isinstance(inputs, list) and not inputs:
            return []
        if not isinstance(inputs, (str, list)):
            inputs = (each for each in inputs)
        outputs = super().__call__(inputs, **kwargs)
        if isinstance(inputs, list) and all(len(hypotheses) == 1 for hypotheses in outputs):
            return [hypotheses[0] for hypotheses in outputs]
        return outputs

    def _sanitize_parameters(
        self,
        src_lang: str | None = None,
        tgt_lang: str | None = None,
        truncation: Any = None,
        clean_up_tokenization_spaces: bool | None = None,
        **generate_kwargs: Any,
    ) -> tuple[dict, dict, dict]:
        if task := TASK.fullmatch(self.task or ""):
            src_lang, tgt_lang = src_lang or task[1], tgt_lang or task[2]
        preprocess: dict[str, Any] = {}
        if src_lang is not None or tgt_lang is not None:
            preprocess, begin = self._set_languages(src_lang, tgt_lang)
            generate_kwargs = begin | generate_kwargs
        if truncation is not None:
            preprocess["truncation"] = getattr(truncation, "value", truncation) not in (False, "do_not_truncate")
        is_clean = clean_up_tokenization_spaces
        return preprocess, generate_kwargs, {} if is_clean is None else {"clean_up_tokenization_spaces": is_clean}

    def _set_languages(self, source: str | None, target: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Find what a model of many languages wants: arguments of `preprocess`, and of `generate`.

        A model of one pair of languages wants nothing. Raises `ValueError` for a language that there is not.
        """
        tokenizer, settings = self.tokenizer, self.model.generation_config
        if hasattr(tokenizer, "set_tgt_lang_special_tokens"):  # M2M-100, NLLB, mBART
            ids = {code: self._id_of_language(code) for code in self._language_codes()}
            source, target = (
                code or getattr(tokenizer, name) for code, name in ((source, "src_lang"), (target, "tgt_lang"))
            )
            for code in (source, target):
                if code not in ids:
                    near = ", ".join(get_close_matches(str(code), ids)) or ", ".join(list(ids)[:9])
                    raise ValueError(f"language {code!r} is none of the model's {len(ids)}, such as {near}")
            is_first = settings.decoder_start_token_id in {None, *ids.values()}  # of mBART-25
            begin = {"decoder_start_token_id" if is_first else "forced_bos_token_id": ids[target]}
            return {"languages": (source, target)}, begin
        for mark in (target, f">>{target}<<", f"<2{target}>"):  # OPUS-MT, MADLAD
            if str(mark)[0] in "><" and mark in self.tokenizer.get_vocab():
                return {"prefix": f"{mark} "}, {}
        tasks = getattr(self.model.config, "task_specific_params", None) or {}
        task = dict(tasks.get(f"translation_{source}_to_{target}") or {})  # T5
        if not task and any(TASK.fullmatch(name) for name in tasks):
            known = ", ".join(name for name in tasks if TASK.fullmatch(name))
            raise ValueError(f"translation_{source}_to_{target} is none of the model's tasks, {known}")
        return {"prefix": task.pop("prefix", "")}, task

    def _language_codes(self) -> list[str]:
        known = [*getattr(self.tokenizer, "lang_code_to_id", ())]
        return known or [
            each for each in self.tokenizer.all_special_tokens if re.fullmatch("[a-z]+_[A-Z][A-Za-z]+", each)
        ]

    def _id_of_language(self, code: str) -> int:
        known = getattr(self.tokenizer, "lang_code_to_id", {})
        return known[code] if code in known else self.tokenizer.convert_tokens_to_ids(code)

    def preprocess(
        self, input_: str, languages: tuple[str, str] | None = None, prefix: str = "", truncation: bool = False
    ) -> dict[str, torch.Tensor]:
        """Tokenize one text: `input_ids` and `attention_mask` (1,S), and `is_blank` (1,)."""
        if not isinstance(input_, str):
            raise TypeError(f"the translation pipeline reads texts, got {type(input_).__name__}")
        if languages is not None:
            self.tokenizer.src_lang, self.tokenizer.tgt_lang = languages
        elif hasattr(self.tokenizer, "set_tgt_lang_special_tokens") and not self._begins_with_a_language():
            raise ValueError("the model knows many languages: give src_lang and tgt_lang")
        encoding = self._tokenize([prefix + input_.rstrip()], truncation=truncation)
        return {**encoding, "is_blank": torch.tensor([is_blank(input_)])}

    def _forward(
        self, input_tensors: dict[str, torch.Tensor], return_attention: bool = False, **generate_kwargs: Any
    ) -> dict[str, torch.Tensor]:
        """Search: `hypotheses` (B,N,1+T) with start marks, and which tokens behind them were `written` (B,N,T).

        On request the weights, too, each (B,N,L,H,rows,columns).
        """
        is_blank = input_tensors.pop("is_blank")
        source_ids, source_mask = input_tensors["input_ids"], input_tensors["attention_mask"]
        has_limits = not LENGTH_PARAMETERS & generate_kwargs.keys()  # of its own
        limits = [self._longest_translation(length) for length in source_mask.sum(dim=1).tolist()]
        of_model = self.model.generation_config.forced_eos_token_id
        forced = generate_kwargs.get("forced_eos_token_id", of_model) if has_limits else None
        processors = LogitsProcessorList([RefuseNonFinite(len(limits)), *generate_kwargs.pop("logits_processor", [])])
        criteria = StoppingCriteriaList(generate_kwargs.pop("stopping_criteria", []))
        if has_limits:
            criteria.append(OwnLimits(limits))
            generate_kwargs["max_length"] = max(limits)
        if forced is not None:
            processors.append(ForcedEnds(limits, forced))
        try:
            hypotheses = self.model.generate(
                **input_tensors, **generate_kwargs, logits_processor=processors, stopping_criteria=criteria
            )
        except NonFiniteLogits as error:
            raise ValueError(f"{self._beginning(source_ids[error.sentence])}: {error}") from None
        if not isinstance(hypotheses, torch.Tensor):  # return_dict_in_generate
            hypotheses = hypotheses.sequences

        count = hypotheses.shape[0] // source_ids.shape[0]
        hypotheses[is_blank.repeat_interleave(count), 1:] = self._end_marks()[0]
        written, is_cut = find_written(
            hypotheses[:, 1:], self._end_marks(), limits if has_limits else None, forced is not None
        )
        for ids in source_ids[is_cut[::count]]:
            logger.warning(f"{self._beginning(ids)}: its translation reached its limit")
        outputs = {
            "source_ids": source_ids,
            "source_mask": source_mask,
            "hypotheses": hypotheses,
            "written": written,
        }
        if return_attention:
            ids, mask = (tensor.repeat_interleave(count, dim=0) for tensor in (source_ids, source_mask))
            outputs |= self._attend(ids, mask, hypotheses)
        for name in outputs.keys() - {"source_ids", "source_mask"}:
            outputs[name] = outputs[name].unflatten(0, (-1, count))  # (B*N,...) -> (B,N,...)
        return outputs

    def _begins_with_a_language(self) -> bool:
        """Tell whether the search begins with the mark of a language by the model's own settings."""
        settings = self.model.generation_config
        marks = {self._id_of_language(code) for code in self._language_codes()}
        return bool({settings.forced_bos_token_id, settings.decoder_start_token_id} & marks)

    def postprocess(self, model_outputs: dict[str, torch.Tensor], **decode_kwargs: Any) -> list[dict[str, Any]]:
        """Turn the N hypotheses of one text into dictionaries; the weights lose their padding."""
        (hypotheses,), (written,) = model_outputs["hypotheses"], model_outputs["written"]  # (1,N,...) -> (N,...)
        source_mask = model_outputs["source_mask"][0].bool()
        source_ids = model_outputs["source_ids"][0, source_mask]
        languages = list(getattr(self.tokenizer, "lang_token_to_id", {}).values())  # M2M-100 keeps them apart
        records = []
        for n, (ids, mask) in enumerate(zip(hypotheses[:, 1:], written, strict=True)):
            words = [number for number in ids[mask].tolist() if number not in languages]
            text = self.tokenizer.decode(words, skip_special_tokens=True, **decode_kwargs)
            record: dict[str, Any] = {"translation_text": text}
            if "cross" in model_outputs:
                record["source_tokens"] = self._source_tokens(source_ids.tolist())
                record["target_tokens"] = self.tokenizer.convert_ids_to_tokens(ids[mask].tolist())
                places = {"encoder": (source_mask, source_mask), "decoder": (mask, mask), "cross": (mask, source_mask)}
                for place, (rows, columns) in places.items():
                    record[place] = model_outputs[place][0, n][..., rows, :][..., columns]
            records.append(record)
        return records

    def score(
        self, source: str | list[str], target: str | list[str], batch_size: int = 32
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """Rate given translations by their probability: `log p(target | source)`, end mark included.

        Args:
            source, target: one text each, or two lists of the same length.
            batch_size: number of pairs that are rated together.

        Returns:
            a dictionary, or one for each pair: `log_probability` in nats (float, at most 0), the `target_tokens` (T)
            and their `token_log_probabilities` (T), which add up to it.

        Raises:
            ValueError: the lists differ in length, a text has more tokens than the model has positions or half a
                surrogate pair, or the model computes NaN or infinity for a pair.
        """
        if isinstance(source, str) and isinstance(target, str):
            return self._score_batch([source], [target])[0]
        if isinstance(source, str) or isinstance(target, str) or len(source) != len(target):
            raise ValueError("score takes two texts, or two lists of texts of the same length")
        starts = range(0, len(source), batch_size)
        batches = (self._score_batch(source[i : i + batch_size], target[i : i + batch_size]) for i in starts)
        return [record for batch in batches for record in batch]

    @torch.no_grad()
    def _score_batch(self, sources: list[str], targets: list[str]) -> list[dict[str, Any]]:
        source = self._tokenize(sources)
        target = self._tokenize(targets, is_target=True)
        mask = target["attention_mask"].bool()
        inputs = {name: tensor.to(self.device) for name, tensor in {**source, "labels": target["input_ids"]}.items()}
        log_probabilities = self.model(**inputs).logits.float().log_softmax(dim=-1).cpu()  # (B,T,V)
        chosen = log_probabilities.gather(-1, target["input_ids"][..., None])[..., 0]  # (B,T,V) -> (B,T)
        if (wrong := (chosen.isnan() & mask).any(dim=1)).any():
            raise ValueError(f"{sources[int(wrong.nonzero()[0])][:40]!r}: the model computes NaN or infinity")
        return [
            {
                "log_probability": float(chosen[b, mask[b]].sum()),
                "target_tokens": self.tokenizer.convert_ids_to_tokens(target["input_ids"][b, mask[b]].tolist()),
                "token_log_probabilities": chosen[b, mask[b]].tolist(),
            }
            for b in range(len(sources))
        ]

    def _source_tokens(self, ids: list[int]) -> list[str]:
        """Name source tokens, by their own vocabulary where a tokenizer has two."""
        if not hasattr(self.tokenizer, "get_src_vocab"):
            return self.tokenizer.convert_ids_to_tokens(ids)
        names = {number: token for token, number in self.tokenizer.get_src_vocab().items()}
        return [names.get(number, self.tokenizer.unk_token) for number in ids]

    def _tokenize(self, texts: list[str], is_target: bool = False, truncation: bool = False) -> dict[str, torch.Tensor]:
        """Turn texts into `input_ids` and `attention_mask` (B,S), padded on the right."""
        for text in texts:
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"{text[:40]!r} has half a surrogate pair at character {error.start}") from None
        side = {"text_target" if is_target else "text": texts}
        limit = getattr(self.model.config, "max_position_embeddings", None)
        cut = (
            {"truncation": True, "max_length": min(limit or 10**9, self.tokenizer.model_max_length)}
            if truncation
            else {}
        )
        encoding = self.tokenizer(**side, **cut, padding=True, padding_side="right", return_tensors="pt")
        for text, length in zip(texts, encoding["attention_mask"].sum(dim=1).tolist(), strict=True):
            if limit is not None and length > limit:
                raise ValueError(f"{text[:40]!r}... has {length} tokens, but the model reads at most {limit}: split it")
        return {name: encoding[name] for name in ("input_ids", "attention_mask")}

    def _longest_translation(self, source_length: int) -> int:
        """Bound the tokens of a translation, start mark included."""
        positions = getattr(self.model.config, "max_position_embeddings", None)
        return longest_translation(source_length, positions, self.model.generation_config.max_length)

    def _beginning(self, source_ids: torch.Tensor) -> str:
        text = self.tokenizer.decode(source_ids, skip_special_tokens=True)
        return repr(text if len(text) <= 40 else text[:40] + "...")

    def _attend(
        self, source_ids: torch.Tensor, source_mask: torch.Tensor, hypotheses: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Read the weights off one eager pass over (B*N) sources and what was written for them."""
        implementation = self.model.config._attn_implementation
        self.model.set_attn_implementation("eager")  # the fused implementations keep no weights
        try:
            outputs = self.model(
                input_ids=source_ids,
                attention_mask=source_mask,
                decoder_input_ids=hypotheses[:, :-1],  # padding stands behind: nobody before looks at it
                output_attentions=True,
            )
        finally:
            self.model.set_attn_implementation(implementation)
        layers = {
            "encoder": outputs.encoder_attentions,
            "decoder": outputs.decoder_attentions,
            "cross": outputs.cross_attentions,
        }
        return {place: torch.stack(weights, dim=1).float() for place, weights in layers.items()}

    def _end_marks(self) -> list[int]:
        end = self.model.generation_config.eos_token_id
        return end if isinstance(end, list) else [end]
