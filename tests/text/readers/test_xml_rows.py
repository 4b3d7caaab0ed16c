"""TMX and XLIFF."""

import tracemalloc

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.corpora import stream_corpus

HEAD = '<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "tmx14.dtd"><tmx version="1.4"><header/><body>'
UNIT = '<tu><tuv xml:lang="en-US"><seg>{}</seg></tuv><tuv lang="ES"><seg>{}</seg></tuv></tu>'
FOOT = "</body></tmx>"


def test_tmx(write, pairs):
    formatted = 'Hi <bpt i="1">&lt;b&gt;</bpt><hi>you &amp; <ph>x</ph>me</hi><ept i="1">&lt;/b&gt;</ept>.'
    lone = '<tu><tuv xml:lang="en-US"><seg>alone</seg></tuv></tu>'
    twice = UNIT.format("one", "uno").replace("</tu>", '<tuv xml:lang="ES"><seg>una</seg></tuv></tu>')
    path = write("a.tmx", HEAD + UNIT.format(formatted, "Hola") + lone + twice + FOOT)
    assert pairs(path) == [("Hi you & me.", "Hola"), ("one", "uno")]
    assert [row.place.rpartition(", ")[2] for row in stream_corpus(str(path), "en", "es").rows()] == [
        "unit 1",
        "unit 2",
        "unit 3",
    ]
    with pytest.raises(UserError, match=r"a\.tmx: nothing for language 'de'; there is en-US, ES"):
        pairs(path, "en", "de")


def test_tmx_may_be_utf_16(write, pairs):
    text = f'<?xml version="1.0" encoding="utf-16"?><tmx><body>{UNIT.format("ñ", "¡")}{FOOT}'
    assert pairs(write("a.tmx", text.encode("utf-16"))) == [("ñ", "¡")]


def test_xliff_1(write, pairs):
    unit = """<trans-unit id="1"><source>Hi <g id="1">you</g><x id="2"/></source><target>Hola</target>
        <alt-trans><source>no</source><target>NO</target></alt-trans></trans-unit>"""
    todo = '<trans-unit id="2"><source>To do</source></trans-unit>'
    head = '<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">'
    one, two = (f'<file source-language="en" target-language="es"><body>{body}</body></file>' for body in (unit, todo))
    path = write("a.xlf", f"{head}{one}{two}</xliff>")
    assert pairs(path) == [("Hi you", "Hola")]
    assert pairs(path, "en", None) == [("Hi you",), ("To do",)]


def test_xliff_2(write, pairs):
    path = write(
        "a.xliff",
        '<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en" trgLang="es"><file id="f">'
        '<unit id="1"><segment><source>Hi <pc id="1">you</pc><ph id="2"/></source><target>Hola</target></segment>'
        "<segment><source>Bye</source><target>Adiós</target></segment></unit></file></xliff>",
    )
    assert pairs(path) == [("Hi you", "Hola"), ("Bye", "Adiós")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<!DOCTYPE tmx [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><tmx>&b;</tmx>', "it defines entities of its own"),
        ('<!DOCTYPE tmx [<!ENTITY a SYSTEM "file:///etc/passwd">]><tmx>&a;</tmx>', "it defines entities of its own"),
        ('<!DOCTYPE tmx [<!ENTITY % p SYSTEM "http://127.0.0.1/"> %p;]><tmx/>', "it defines entities of its own"),
        (HEAD + UNIT.format("a", "b"), r"not whole XML \(no element found: line 1"),
        (HEAD + UNIT.format("a", "&nbsp;") + FOOT, r"not whole XML \(undefined entity"),
        ("<html/>", "its first element is html; expected tmx"),
        ("", "not whole XML"),
        (HEAD + FOOT, "an empty corpus"),
    ],
)
def test_what_is_no_tmx_is_refused(write, pairs, content, message):
    with pytest.raises(UserError, match=message):
        pairs(write("a.tmx", content))


def test_what_was_read_is_let_go(write):
    def peak(units):
        path = write("a.tmx", HEAD + UNIT.format("the black cat " * 20, "el gato negro " * 20) * units + FOOT)
        tracemalloc.start()
        assert sum(1 for _ in stream_corpus(str(path), "en", "es")) == units
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(503), peak(2_003)
    assert many < 1.3 * few
