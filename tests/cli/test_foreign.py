"""Every verb on small translators of other families: languages set, words right, or one line that says why not."""

import json

import pytest
from foreign import LANGUAGES, MODELS, PREFIX, write_translator

from hf_attn_model.export.store import open_maps
from hf_attn_model.textbook import load_textbook

SENTENCES = ["The ball is blue", "I love my dog"]
TARGETS = ["La bola es azul", "Amo a mi perro"]
CHOICE = [kind for kind in MODELS if kind != "marian_two_vocabularies"]
TO_BE_TOLD = ["marian_to_many", "m2m_100", "nllb", "mbart50"]  # that say nothing of their target language


@pytest.fixture(scope="session")
def rows():
    return load_textbook("en-es", "train", size=600)["translation"]


def some_are_slow(*fast):
    """Every family; in `make test` those that differ most."""
    return [pytest.param(kind, marks=[] if kind in fast else pytest.mark.slow) for kind in MODELS]


FEW = some_are_slow("m2m_100", "marian_two_vocabularies")
MOST = some_are_slow("m2m_100", "marian_two_vocabularies", "marian_to_many", "mbart", "t5")


@pytest.fixture(scope="session")
def folders(rows, tmp_path_factory):
    """Write each translator when it is asked for, once."""
    written = {}

    def write(kind):
        if kind not in written:
            written[kind] = tmp_path_factory.mktemp("foreign") / kind
            write_translator(kind, written[kind], [row["en"] for row in rows], [row["es"] for row in rows])
        return written[kind]

    return write


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    lines = [f"{source}\t{target}\n" for source, target in zip(SENTENCES, TARGETS, strict=True)]
    path.write_text("en\tes\n" + "".join(lines), encoding="utf-8")
    return path


def languages(kind):
    """The options that are typed: codes that any of them knows, or maps to its own."""
    return ["--source-lang", "en", "--target-lang", "es"]


def marks(kind):
    """The tokens before the words, on both sides."""
    source, target = LANGUAGES.get(kind, (None, None))
    if kind == "m2m_100":
        return f"__{source}__", f"__{target}__"
    if kind == "mbart":  # has them behind
        return None, None
    return (
        (target, None)
        if kind == "marian_to_many"
        else (source, target)
        if kind in ("nllb", "mbart50")
        else (None, None)
    )


@pytest.mark.parametrize("kind", MOST)
def test_translate(kind, folders, hf_attn):
    status, out, error = hf_attn("translate", folders(kind), *SENTENCES, "", *languages(kind), "--num-beams", 2)
    assert status == 0, error
    assert len(out.splitlines()) == 3
    assert not out.splitlines()[2]
    for mark in {*LANGUAGES.get(kind, ()), *marks(kind), "__es__"} - {None, "en", "es"}:
        assert mark not in out


@pytest.mark.parametrize("kind", FEW)
def test_evaluate(kind, folders, hf_attn, corpus_file, tmp_path):
    translations = tmp_path / "translations.txt"
    status, out, error = hf_attn(
        *("evaluate", folders(kind), "--corpus", corpus_file, *languages(kind), "--num-beams", 1),
        *("--translations", translations),
    )
    assert status == 0, error
    assert json.loads(out[out.index("{") :])["sentences"] == 2
    single = hf_attn("translate", folders(kind), *SENTENCES, *languages(kind), "--num-beams", 1)[1]
    assert translations.read_text(encoding="utf-8") == single


@pytest.mark.parametrize("kind", MOST)
@pytest.mark.parametrize("forced", [True, False])
def test_export(kind, folders, hf_attn, corpus_file, tmp_path, forced):
    options = ["--forced"] if forced else []
    status, _, error = hf_attn(
        "export", folders(kind), "--data", corpus_file, "--out", tmp_path / "maps", *languages(kind), *options
    )
    assert status == 0, error
    source_mark, target_mark = marks(kind)
    for record, source, target in zip(open_maps(tmp_path / "maps"), SENTENCES, TARGETS, strict=True):
        assert record.source == source
        assert [word.text for word in record.source_words] == source.split()
        if forced:
            assert [word.text for word in record.target_words] == target.split()
        if source_mark:
            assert (record.source_tokens[0], record.source_word_of_token[0]) == (source_mark, None)
        if target_mark:
            assert (record.target_tokens[0], record.target_word_of_token[0]) == (target_mark, None)
        spelled = "".join(
            token
            for token, word in zip(record.source_tokens, record.source_word_of_token, strict=True)
            if word is not None
        )
        assert "<unk>" in spelled or spelled.replace("▁", "") == source.replace(" ", "")
        assert record.cross.shape[-2:] == (len(record.target_tokens), len(record.source_tokens))


@pytest.mark.parametrize("kind", FEW)
def test_align_heads_and_ablate(kind, folders, hf_attn, corpus_file, tmp_path):
    status, out, error = hf_attn("align", folders(kind), "--data", corpus_file, *languages(kind))
    assert status == 0, error
    links = [[tuple(map(int, link.split("-"))) for link in line.split()] for line in out.splitlines()]
    assert [{target for _, target in pair} for pair in links] == [{0, 1, 2, 3}, {0, 1, 2, 3}]
    assert all(source < 4 for pair in links for source, _ in pair)

    gold = tmp_path / "gold.jsonl"
    pairs = zip(SENTENCES, TARGETS, strict=True)
    lines = [{"source": s.split(), "target": t.split(), "sure": [[0, 0], [3, 3]]} for s, t in pairs]
    gold.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    status, out, error = hf_attn("heads", folders(kind), "--gold", gold, *languages(kind))
    assert status == 0, error
    (folders(kind) / "alignment.json").unlink()

    status, out, error = hf_attn(
        *("ablate", folders(kind), "--heads", "cross:1:0", "--corpus", corpus_file, *languages(kind)),
        *("--num-beams", 1, "--gold", gold),
    )
    assert status == 0, error
    assert "BLEU" in out
    assert "AER" in out


@pytest.mark.parametrize("kind", FEW)
def test_view_and_app(kind, folders, hf_attn, tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    status, _, error = hf_attn("view", folders(kind), SENTENCES[0], "--out", page, *languages(kind))
    assert status == 0, error
    assert page.exists()
    status, _, error = hf_attn(
        "view", folders(kind), SENTENCES[0], "--target", TARGETS[0], "--out", tmp_path / "map.png", *languages(kind)
    )
    assert status == 0, error

    served = []
    monkeypatch.setattr("gradio.Blocks.launch", lambda interface, **_: served.append(interface))
    status, _, error = hf_attn("app", folders(kind), *languages(kind))
    assert status == 0, error
    assert served


@pytest.mark.parametrize("kind", MOST)
def test_explain(kind, folders, hf_attn, refused):
    typed = ("explain", folders(kind), SENTENCES[0], "--place", "cross", *languages(kind), "--target", TARGETS[0])
    if kind == "t5":
        assert "T5ForConditionalGeneration has no cross attention with q_proj" in refused(*typed)
        return
    status, out, error = hf_attn(*typed)
    assert status == 0, error
    assert "azul" in out


@pytest.mark.parametrize("kind", CHOICE)
def test_codes_mean_what_they_mean(kind, folders, hf_attn):
    """By the model's own codes and by others the translation is the same; into another language it may differ."""
    own = LANGUAGES[kind]
    typed = [
        ["--source-lang", "eng", "--target-lang", "es-MX"],
        ["--source-lang", own[0] or "en", "--target-lang", own[1]],
    ]
    results = [hf_attn("translate", folders(kind), SENTENCES[0], *codes) for codes in typed]
    assert results[0][:2] == results[1][:2]
    assert results[0][0] == 0, results[0][2]


@pytest.mark.parametrize("kind", CHOICE)
def test_a_wrong_language_is_refused(kind, folders, refused):
    line = refused("translate", folders(kind), "a", "--source-lang", "en", "--target-lang", "tlh")
    assert "--target-lang tlh: none of the " in line
    assert f" languages of {folders(kind)}; " in line


@pytest.mark.parametrize("kind", TO_BE_TOLD)
@pytest.mark.parametrize("verb", [["translate"], ["view"], ["explain"], ["app"]])
def test_a_model_of_many_languages_is_told_which(kind, verb, folders, refused):
    typed = [] if verb == ["app"] else ["The ball"]
    assert "name the " in refused(*verb, folders(kind), *typed)


def test_what_a_model_says_itself_is_said_aloud(folders, hf_attn):
    status, out, error = hf_attn("translate", folders("mbart"), SENTENCES[0], "--source-lang", "en")
    assert status == 0
    assert "its target language is es_XX, as it says itself; --target-lang names another" in error
    assert out == hf_attn("translate", folders("mbart"), SENTENCES[0], *languages("mbart"))[1]


def test_a_language_that_has_no_effect_is_refused(folders, refused, hf_attn):
    marian = folders("marian_two_vocabularies")
    assert hf_attn("translate", marian, "a", "--source-lang", "eng", "--target-lang", "spa")[0] == 0
    assert "its target language is es" in refused("translate", marian, "a", "--target-lang", "fr")
    assert "it needs a model and a sentence" in refused("view", marian.parent, "--target-lang", "fr")


def test_a_task_of_t5_is_text(folders, hf_attn):
    typed = hf_attn("translate", folders("t5"), PREFIX + SENTENCES[0])
    chosen = hf_attn("translate", folders("t5"), SENTENCES[0], "--target-lang", "spa")
    both = hf_attn("translate", folders("t5"), PREFIX + SENTENCES[0], "--target-lang", "spa")
    assert typed[1] == chosen[1] == both[1] != hf_attn("translate", folders("t5"), SENTENCES[0])[1]


def test_a_mark_in_the_text_is_obeyed(folders, hf_attn):
    typed = hf_attn("translate", folders("marian_to_many"), ">>por<< The ball", "--target-lang", "es")
    chosen = hf_attn("translate", folders("marian_to_many"), "The ball", "--target-lang", "pt")
    assert typed[1] == chosen[1]
