"""The app over HTTP, in a browser, and where it cannot run."""

import socket
import sys

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from small_exports import make_translator

from hf_attn_model.app import inspect_sentence
from hf_attn_model.cli import main

SENTENCE = "My dog drank warm milk!"


@pytest.fixture
def model(tmp_path):
    for each in make_translator():
        each.save_pretrained(tmp_path / "small")
    return str(tmp_path / "small")


def test_a_sentence_is_translated_and_shown(app):
    client = Client(app, verbose=False)
    expected = inspect_sentence(*make_translator(), SENTENCE)
    translation, others, page = client.predict(SENTENCE, api_name="/look")
    assert translation == expected.translations[0]
    assert others["data"] == [[text] for text in expected.translations[1:]]
    assert page == expected.frame
    with pytest.raises(AppError, match="type a sentence"):
        client.predict(" ", api_name="/look")


def test_in_a_browser(app, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.goto(app)
    page.get_by_label("Sentence").fill(SENTENCE)
    page.keyboard.press("Enter")
    inside = page.frame_locator("iframe[title=Attention]")
    inside.locator("#queries .word").first.wait_for(timeout=30_000)
    translation = inspect_sentence(*make_translator(), SENTENCE).translations[0]
    assert page.get_by_label("Translation", exact=True).input_value() == translation
    words = inside.locator("#keys .word").all_text_contents()
    assert words[:2] == ["My", "dog"]
    inside.locator("#queries .word").first.hover()
    assert "looks at" in inside.locator("#reading").text_content()
    page.close()


def test_without_gradio(model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["app", model]) == 2
    assert "pip install 'hf-attn-model[app]'" in capsys.readouterr().err


def test_a_port_that_is_taken(model, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["app", model, "--port", str(port)]) == 2
    assert str(port) in capsys.readouterr().err
