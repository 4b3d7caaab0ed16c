"""Two systems on one test set: is one better than the other, or were other sentences drawn?

All of it is sacreBLEU's: BLEU, chrF++ and TER, paired bootstrap resampling (Koehn 2004) and paired approximate
randomisation (Riezler and Maxwell 2005). Both are computed from the same sentences, with a seed that its signatures
name (`SACREBLEU_SEED` sets another one).

Shapes: N sentences, R references of each.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest, Result

from ..languages import language_of_bleu
from ..study.bleu import bleu_of_language
from ..text.corpora import Corpus
from .metrics.comet import Comet

TESTS = {"bs": "bootstrap", "ar": "randomisation"}  # by sacreBLEU's names


class TranslatedCorpus(NamedTuple):
    """A test set, and what one or two systems made of it.

    Attributes:
        corpus: all its rows, and the first reference.
        rows: positions of those that are scored; see `scored_rows`.
        references: of the scored rows, R lists; see `references_of`.
        systems: translations of all rows: "ours", and maybe "theirs".
        target_lang, lowercase: see `compare`.
    """

    corpus: Corpus
    rows: Sequence[int]
    references: Sequence[Sequence[str]]
    systems: Mapping[str, Sequence[str]]
    target_lang: str
    lowercase: bool = False


def score_systems(test_set: TranslatedCorpus, comet: Comet | None = None) -> tuple[dict, dict[str, list[float]]]:
    """Compare the systems, where there are two, and score them with COMET against the first reference on request.

    Returns:
        `comparison`, as `compare` gives it, where there are two; `comet`, `comet_model` and `comet_version` of ours,
        and `comparison["comet"]`; and COMET's scores of the scored rows, by system.
    """
    corpus, rows, references, systems, target_lang, lowercase = test_set
    scored = {name: [texts[i] for i in rows] for name, texts in systems.items()}
    facts: dict[str, Any] = {}
    if "theirs" in scored:
        facts["comparison"] = compare(scored["ours"], scored["theirs"], references, target_lang, lowercase=lowercase)
    if comet is None:
        return facts, {}
    sources = [corpus.dataset["source"][i] for i in rows]
    answers = {name: comet.score(sources, texts, references[0]) for name, texts in scored.items()}
    facts |= {name: answers["ours"][name] for name in ("comet", "comet_model", "comet_version")}
    if "theirs" in scored:
        ours, theirs = (answers[name]["comet"] for name in ("ours", "theirs"))
        facts["comparison"]["comet"] = {"ours": ours, "theirs": theirs, "difference": ours - theirs}
    return facts, {name: answer["scores"] for name, answer in answers.items()}


def compare(
    ours: Sequence[str],
    theirs: Sequence[str],
    references: Sequence[Sequence[str]],
    target_lang: str,
    *,
    lowercase: bool = False,
) -> dict[str, Any]:
    """Score two systems, and tell how sure it is that they differ.

    Args:
        ours, theirs: N translations each; theirs are the baseline.
        references: R lists of N texts.
        target_lang: code of the language, for the words of BLEU.
        lowercase: whether case is ignored.

    Returns:
        for `bleu`, `chrf++` and `ter`: `ours` and `theirs` (scores), `difference` (ours - theirs); `bootstrap`, with
        the mean and half the 95 % interval of both systems (`ours_mean`, `ours_ci`, ...) and its `p_value`;
        `randomisation` with its `p_value`; and the `signature` of both. The p-value is how often as large a difference
        comes about where there is none, 1 where there is none here; TER is better where it is lower.

    Raises:
        UserError: BLEU's tokenizer of the language is not installed.
    """
    systems: list[tuple[str, Sequence[str]]] = [("theirs", theirs), ("ours", ours)]
    found: dict[str, Any] = {}
    for test, name in TESTS.items():
        metrics = {
            "bleu": bleu_of_language(target_lang, references[0], lowercase=lowercase),
            "chrf++": CHRF(word_order=2, lowercase=lowercase),
            "ter": TER(case_sensitive=not lowercase),
        }
        signatures, results = PairedTest(systems, metrics, references, test_type=test)()
        for metric, label in zip(metrics, signatures, strict=True):  # in the order given, by sacreBLEU's own names
            baseline, system = cast(list[Result], results[label])
            facts = found.setdefault(
                metric,
                {"ours": system.score, "theirs": baseline.score, "difference": system.score - baseline.score},
            )
            intervals = {
                f"{who}_{what}": float(getattr(result, what))
                for who, result in (("ours", system), ("theirs", baseline))
                for what in ("mean", "ci")
                if getattr(result, what) is not None
            }
            p_value = (
                cast(float, system.p_value) if facts["difference"] else 1.0
            )  # sacreBLEU gives equal ones its least
            facts[name] = {"p_value": float(p_value), **intervals, "signature": str(signatures[label])}
    return found


def sentence_scores(
    translations: Sequence[str], references: Sequence[Sequence[str]], target_lang: str, *, lowercase: bool = False
) -> list[dict[str, float]]:
    """Score each of N translations by itself: `bleu` (of the n-grams that so short a text has), `chrf++` and `ter`.

    Args:
        translations, references, target_lang, lowercase: see `compare`.
    """
    metrics = {
        "bleu": BLEU(lowercase=lowercase, trg_lang=language_of_bleu(target_lang), effective_order=True),
        "chrf++": CHRF(word_order=2, lowercase=lowercase),
        "ter": TER(case_sensitive=not lowercase),
    }
    return [
        {name: metric.sentence_score(text, list(of_one)).score for name, metric in metrics.items()}
        for text, of_one in zip(translations, zip(*references, strict=True), strict=True)
    ]


def sentence_rows(test_set: TranslatedCorpus, comet: Mapping[str, Sequence[float]]) -> Iterator[dict[str, Any]]:
    """Give a record for each row: `place`, `source`, `references`, and of each system text and scores.

    Args:
        test_set: the rows, and the systems.
        comet: its scores of the scored rows, by system; empty without COMET.
    """
    corpus, rows, references, systems, target_lang, lowercase = test_set
    of_row = dict(zip(rows, zip(*references, strict=True), strict=True))
    scores: dict[str, dict[int, dict[str, float]]] = {}
    for name, texts in systems.items():
        found = sentence_scores([texts[i] for i in rows], references, target_lang, lowercase=lowercase)
        if comet:
            found = [{**each, "comet": score} for each, score in zip(found, comet[name], strict=True)]
        scores[name] = dict(zip(rows, found, strict=True))
    for i, source in enumerate(corpus.dataset["source"]):
        yield {
            "place": corpus.places[i] if corpus.places else f"{corpus.name}, row {i + 1}",
            "source": source,
            "references": list(of_row.get(i, ())),
            **{name: {"translation": texts[i], **scores[name].get(i, {})} for name, texts in systems.items()},
        }
