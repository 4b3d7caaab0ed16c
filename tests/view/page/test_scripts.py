"""The page's JavaScript by its own tools: ESLint, tsc and `node --test`; and the pins of what they are."""

import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from hf_attn_model.maps.sentence import PLACES
from hf_attn_model.maps.words import SPECIAL_COLUMN
from hf_attn_model.view.page.numbers import pack
from looking import SPECIALS, expected_map
from pages import seen

from hf_attn_model.view.page.colours import colour_maps
from hf_attn_model.view.page.payload import record_payload

ROOT = Path(__file__).resolve().parents[3]
TESTS = Path(__file__).parent / "js"
OLDEST_NODE = (20, 19)


def skip_aloud(reason):
    warnings.warn(f"the page's JavaScript was not checked: {reason}", stacklevel=2)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def node():
    """Node, new enough."""
    found = shutil.which("node")
    if found is None:
        skip_aloud("there is no node: apt-get install nodejs npm, then npm ci")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(int(number) for number in version.lstrip("v").split(".")[:2]) < OLDEST_NODE:
        skip_aloud(f"node {version} is older than {'.'.join(map(str, OLDEST_NODE))}: install a newer one, then npm ci")
    return found


@pytest.fixture
def run(node):
    """Run a file with Node at the root of the repository; what it says is the message of a failure."""

    def run_node(*arguments, **environment):
        done = subprocess.run(
            [node, *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_node


@pytest.fixture
def run_tool(run):
    """Run a tool of package.json."""

    def run_file(name, path):
        tool = ROOT / "node_modules" / name / path
        if not tool.is_file():
            skip_aloud(f"there is no {name}: npm ci")
        return run(tool)

    return run_file


@pytest.fixture(scope="module")
def fixture(tmp_path_factory):
    """A sentence as the page gets it, and what Python makes of its numbers."""
    inside = seen()
    payload = record_payload(inside.maps, inside.vectors)
    assert payload["places"]["cross"]["vectors"]["query"]["type"] == "f32"
    assert payload["places"]["cross"]["weights"]["type"] == "f16"
    merged = [
        {
            "place": place, "unit": unit, "special": special,
            "labels": _labels(inside.maps, place, unit, special),
            "weights": expected_map(inside.maps, place, unit, special).tolist(),
        }
        for place in PLACES for unit in ("words", "subwords") for special in SPECIALS
    ]  # fmt: skip
    rebuilt = {place: inside.vectors[place].attention_weights() for place in PLACES}
    contexts = {place: weights @ inside.vectors[place].value for place, weights in rebuilt.items()}
    numbers = np.random.default_rng(7).random(997)
    facts = {
        "record": payload,
        "colours": colour_maps(),
        "merged": merged,
        "rebuilt": {place: weights.tolist() for place, weights in rebuilt.items()},
        "contexts": {place: context.tolist() for place, context in contexts.items()},
        "packed": {kind: pack(numbers, kind) for kind in ("u8", "f16", "f32")},
        "numbers": numbers.tolist(),
    }
    path = tmp_path_factory.mktemp("scripts") / "fixture.json"
    path.write_text(json.dumps(facts), encoding="utf-8")
    return path


def _labels(maps, place, unit, special):
    """Rows and columns as they are called."""
    if unit == "words":
        words = maps.words(place, special)
        return [list(words.rows), list(words.columns)]
    tokens = maps.tokens(place)
    source, written = maps.source_word_of_token, maps.target_word_of_token
    owners = {"encoder": (source, source), "decoder": (written, [None, *written[:-1]]), "cross": (written, source)}
    rows, columns = (
        [name for name, word in zip(names, words, strict=True) if special == "keep" or word is not None]
        for names, words in zip((tokens.rows, tokens.columns), owners[place], strict=True)
    )
    return [rows, columns + [SPECIAL_COLUMN] * (special == "column")]


def test_unit_tests(run, fixture):
    tests = sorted(map(str, TESTS.glob("*.test.mjs")))
    assert tests
    run("--test", *tests, PAGE_FIXTURE=str(fixture))


def test_lint(run_tool):
    run_tool("eslint", "bin/eslint.js")


def test_types(run_tool):
    run_tool("typescript", "bin/tsc")


def test_the_lock_has_the_pins_and_names_no_host():
    """`npm ci` takes them from whatever registry npm is set to."""
    package, lock = (json.loads((ROOT / name).read_text()) for name in ("package.json", "package-lock.json"))
    assert package["private"] is True
    assert lock["packages"][""]["devDependencies"] == package["devDependencies"]
    assert all(version[0].isdigit() for version in package["devDependencies"].values())
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
