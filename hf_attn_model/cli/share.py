"""`hf-attn push`: share a translator."""

import shlex
from typing import Annotated

import typer

from .terminal import announce, quiet_libraries


def push(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="folder of a checkpoint")],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="user/name on the Hub; made if need be")],
    private: Annotated[bool, typer.Option("--private", help="nobody else may see it")] = False,
    dataset: Annotated[
        str | None, typer.Option(metavar="MAPS", help="folder of an export, for the data set user/name-attention")
    ] = None,
    space: Annotated[bool, typer.Option("--space", help="a Space of the same name, too: the app of the model")] = False,
    sentence: Annotated[
        str | None, typer.Option(metavar="TEXT", help="drawn on the card; default: one in English, if that is read")
    ] = None,
    ctranslate2: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="of hf-attn convert MODEL --to ctranslate2: goes up beside it")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only list what would go up")] = False,
) -> None:
    """Share a translator on the Hub, its attention and its app."""
    quiet_libraries()
    announce(f"Collecting what would go up to {repo}" if dry_run else f"Pushing {model} to {repo}")
    from ..hub.repositories import push as push_model

    push_model(
        model,
        repo,
        maps=dataset,
        space=space,
        private=private,
        sentence=sentence,
        ctranslate2=ctranslate2,
        dry_run=dry_run,
    )
    if not dry_run:
        print(f"next: hf-attn translate {repo} {shlex.quote(sentence or '...')}")
