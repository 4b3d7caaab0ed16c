"""`hf-attn push --space`: what goes up, and that it runs as it lies there."""

import re
import signal
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from gradio_client import Client as AppClient
from huggingface_hub import RepoCard
from processes import Process, python

import hf_attn_model
from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.hub.space import GRADIO, PACKAGE, requirements
from hf_attn_model.translation.search import translate


@pytest.fixture(scope="module")
def pushed(hub, client, checkpoint):
    """The files of the Space, and what was printed."""
    status, out, err = client.run("push", checkpoint, "alice/seen", "--space")
    assert status == 0, err
    return hub.files("spaces", "alice/seen"), out


def test_the_space_holds_the_app_the_package_and_nothing_else(pushed):
    files, out = pushed
    package = {name.removeprefix("hf_attn_model/"): content for name, content in files.items() if "/" in name}
    here = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*") if path.is_file()}
    assert package == {name: path.read_bytes() for name, path in here.items() if "__pycache__" not in name}
    assert files.keys() - {f"hf_attn_model/{name}" for name in package} == {
        *("app.py", "requirements.txt", "README.md", ".gitattributes")
    }
    assert "spaces/alice/seen" in out


def test_the_card_tells_the_hub_how_to_run_it(pushed, tmp_path):
    card = RepoCard(pushed[0]["README.md"].decode())
    assert card.data.sdk == "gradio"
    assert card.data.app_file == "app.py"
    assert card.data.models == ["alice/seen"]
    assert card.data.sdk_version == GRADIO
    assert f"gradio=={GRADIO}" in Path("constraints.txt").read_text("utf-8").splitlines()
    assert "https://huggingface.co/alice/seen" in card.text


def test_requirements_are_what_runs_here():
    lines = requirements()
    assert f"transformers=={version('transformers')}" in lines
    assert not any("gradio" in line or "pytest" in line or "+" in line for line in lines)
    declared = re.search(r"^dependencies = \[(.*?)^\]", Path("pyproject.toml").read_text(), re.M | re.S)[1]
    assert len(lines) == declared.count('"') // 2


@pytest.mark.slow  # an app and a model that come from the Hub are shown by tests/app and test_remote_loading.py
def test_the_space_runs_and_loads_its_model_from_the_hub(pushed, checkpoint, tmp_path):
    for name, content in pushed[0].items():
        path = tmp_path / "space" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    where = python("-c", "import hf_attn_model; print(hf_attn_model.__file__)", cwd=tmp_path / "space").stdout
    assert Path(where.strip()).parent == tmp_path / "space" / "hf_attn_model" != Path(hf_attn_model.__file__).parent
    variables = {"GRADIO_ANALYTICS_ENABLED": "0", "PYTHONUNBUFFERED": "1"}
    with (tmp_path / "said").open("w") as said:
        app = Process("app.py", cwd=tmp_path / "space", env=variables, stdout=said, stderr=said)
    try:
        client = AppClient(address(tmp_path / "said"), verbose=False)
        translation, _, page = client.predict("two three", api_name="/look")
        model, tokenizer = load_translator(str(checkpoint))
        assert [translation] == translate(model, tokenizer, ["two three"], num_beams=2)
        assert "<iframe" in page
    finally:
        app.send_signal(signal.SIGTERM)
        app.wait()


def address(said):
    """Read where an app serves off what it prints."""
    end = time.monotonic() + 120
    while "Traceback" not in said.read_text() and time.monotonic() < end:
        if found := re.search(r"http://\S+", said.read_text()):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(said.read_text())


def test_a_dry_run_lists_the_space(hub, client, checkpoint):
    before = len(hub.requests)
    status, out, _ = client.run("push", checkpoint, "alice/listed", "--space", "--dry-run")
    assert status == 0
    assert "space alice/listed:" in out
    assert "hf_attn_model/view/page/assets/page.css" in out
    assert len(hub.requests) == before
