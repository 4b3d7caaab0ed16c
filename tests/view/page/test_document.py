"""The file holds what it should and lets nothing else run: escapes, hashes, and no door left open."""

import base64
import hashlib
import json
import re
import shutil
import subprocess

import pytest
from looking import Reader
from pages import HOSTILE, hostile_sentence

from hf_attn_model.view.page import write_page
from hf_attn_model.view.page.document import SCRIPTS, assets, data_block


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page([hostile_sentence()] * 2, path)
    return path.read_text(encoding="utf-8")


def test_hostile_tokens_stay_data(page):
    read = Reader(page)
    assert page.isascii() or not set("".join(HOSTILE)) & set(page) - {chr(code) for code in range(128)}
    scripts = read.of("script")
    assert [attrs.get("id") for attrs, _ in scripts] == ["record-0", "record-1", "page-data", None]
    told = json.loads(scripts[0][1])
    assert told["source"]["words"] == HOSTILE
    assert told["target"]["words"] == HOSTILE[::-1]
    assert told["id"] == "</title><b>"
    assert not read.comments
    assert not read.of("img")
    assert not read.of("b")
    for attrs, content in scripts[:-1]:
        assert attrs["type"] == "application/json"
        assert content.isascii()
        assert not set("<>&\u2028\u2029") & set(content)


def test_the_policy_names_exactly_this_style_and_this_script(page):
    read = Reader(page)
    policies = [
        attrs["content"] for attrs, _ in read.of("meta") if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    directives = dict(part.split(" ", 1) for part in policies[0].split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["img-src"] == "data:"
    assert "unsafe" not in policies[0]
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        content = read.of(tag)[-1][1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert directives[directive] == f"'sha256-{digest}'"


def test_nothing_is_fetched_and_nothing_runs_from_attributes(page):
    read = Reader(page)
    for tag, attrs in read.tags:
        assert not {"src", "style", "srcdoc"} & set(attrs), tag
        assert not [name for name in attrs if name.startswith("on")]
        assert attrs.get("href", "#").startswith("#")
    _, style, script = assets()
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|fetch\(|https?:", script
    )


def test_the_policy_comes_before_all_it_governs(page):
    assert page.index("Content-Security-Policy") < min(page.index("<style"), page.index("<script"))
    assert page.index("<meta charset") < 1024


def test_every_script_is_in_the_page_once():
    _, _, script = assets()
    for name in SCRIPTS:
        assert script.count(f"// {name}\n") == 1


def test_numbers_that_json_has_no_word_for_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        data_block("x", [float("nan")])


def test_scripts_are_well_formed(tmp_path):
    if shutil.which("node") is None:
        pytest.skip("there is no node to read the scripts of the page with: apt-get install nodejs")
    (tmp_path / "page.js").write_text(assets()[2], encoding="utf-8")
    checked = subprocess.run(["node", "--check", tmp_path / "page.js"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
