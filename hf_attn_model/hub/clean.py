"""Text files on their way to the Hub: whatever they hold, secrets stay behind."""

import json
from dataclasses import replace
from pathlib import Path

from ..files import reading, write_text
from ..recipes.recipe import RECIPE_FILE, read_recipe
from ..recipes.yaml_text import read_yaml
from ..secrets import redact, redact_text, secrets_in
from ..training.callbacks.manifest import MANIFEST_FILE
from ..training.card import EVALUATION_FILE

RECORDS = (MANIFEST_FILE, EVALUATION_FILE)  # whose names say what is a secret


def copy_clean(source: Path, target: Path) -> None:
    """Copy a text file byte for byte; without its secrets, which is said, and the folder of a corpus, if it has them.

    Args:
        source: a record, a file of settings, or a card.
        target: where it goes; it may be the same.

    Raises:
        UserError: it is no text, or damaged.
    """
    with reading(source):
        content = source.read_bytes()
        text = content.decode("utf-8")
        clean = _clean_record(source, text) or redact_text(text)
        public = (_corpus_by_name(source) if source.name == RECIPE_FILE else None) or clean
    if public == text:
        target.write_bytes(content)
    else:
        write_text(target, public)
    if clean != text:
        print(f"{source.name}: it holds a secret, which stays here")


def _corpus_by_name(path: Path) -> str | None:
    """Write a recipe whose corpus lies on this machine, which is nobody else's business, with its name; else `None`."""
    recipe = read_recipe(path)
    corpus = Path(recipe.corpus)
    return replace(recipe, corpus=corpus.name).to_yaml() if corpus.is_absolute() else None


def _clean_record(path: Path, text: str) -> str | None:
    """Write a record without what its names say is a secret; `None` where they say of nothing."""
    if path.name == RECIPE_FILE:
        return read_recipe(path).to_yaml() if list(secrets_in(read_yaml(text))) else None
    if path.name not in RECORDS:
        return None
    record = json.loads(text)
    return json.dumps(redact(record), ensure_ascii=False, indent=2) + "\n" if list(secrets_in(record)) else None
