"""The HTML file: assets, data and the policy that lets nothing else in.

All text of users travels as ASCII JSON inside data blocks, in which no character can end the block or begin a comment.
The Content-Security-Policy names the one style and the one script by their hashes: no other runs, whatever a token
says, nothing is fetched, and no string becomes HTML.
"""

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

SCRIPTS = (
    "dom.js",  # elements and text
    "numbers.js",  # packed arrays -> typed arrays
    "words.js",  # tokens -> words -> merged maps
    "sentence.js",  # one record: its sides, maps and vectors
    "arithmetic.js",  # query, key, value -> scores -> weights -> context
    "colour.js",  # weights -> colours
    "state.js",  # what is shown, and who redraws when it changes
    "heatmap.js",  # one enlarged map
    "stage.js",  # which enlarged maps are shown: one place, three, or a comparison
    "compare.js",  # what a map is compared with
    "overview.js",  # layers x heads
    "lines.js",  # the two sentences, and lines between them
    "player.js",  # a button that moves something by itself
    "writing.js",  # the translation written step by step
    "from_query_to_context.js",  # how a weight was made
    "making.js",  # how a number was made: of which weights
    "table.js",  # the map as a table
    "list.js",  # the sentences of the page
    "film.js",  # one sentence pair at several times
    "keys.js",  # shortcuts, theme, print
    "start.js",
)
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
MARK = "{{%s}}"


def opening(title: str = "Attention") -> str:
    """Write the document up to its data."""
    return _document(title)[0]


def closing() -> str:
    """Write what follows the data."""
    return _document("")[1]


def data_block(name: str, value: Any) -> str:
    """Write a JSON value as a block of data, which the page finds by its name."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    escaped = re.sub("[<>&]", lambda found: ESCAPES[found[0]], text)
    return f'<script type="application/json" id="{name}">{escaped}</script>\n'


def policy(style: str, script: str) -> str:
    """Write the Content-Security-Policy that allows this style and this script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


@cache
def assets() -> tuple[str, str, str]:
    """Read the page, its style, and its scripts joined in their order into one."""
    folder = files(__package__) / "assets"
    page, style = ((folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css"))
    parts = [f"// {name}\n{(folder / name).read_text(encoding='utf-8')}" for name in SCRIPTS]
    return page, f"\n{style}", "\n(() => {\n'use strict';\n\n" + "\n".join(parts) + "})();\n"


def _document(title: str) -> tuple[str, str]:
    page, style, script = assets()
    assert "</" not in script, "a script would end early"
    values = {"title": title, "policy": policy(style, script), "style": style, "script": script}
    before, after = page.split(MARK % "data")
    fill = re.compile(MARK.replace("{", r"\{").replace("}", r"\}") % f"({'|'.join(values)})")
    return fill.sub(lambda found: values[found[1]], before), fill.sub(lambda found: values[found[1]], after)


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
