"""Push a model, and with it its attention and its app, to the Hub: collect -> show or upload."""

from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from ..checkpoint import Checkpoint
from ..errors import UserError
from ..files import writing
from ..training.card import PICTURE
from .dataset import check_maps, stage_maps
from .model import check_checkpoint, check_converted, left_out, stage_model
from .space import stage_space
from .upload import check_login, prepare_repository, upload


def push(
    model: str | Path,
    repo_id: str,
    *,
    maps: str | Path | None = None,
    space: bool = False,
    private: bool = False,
    sentence: str | None = None,
    ctranslate2: str | Path | None = None,
    dry_run: bool = False,
) -> None:
    """Send a checkpoint to the model repository `repo_id`, an export to the data set `repo_id`-attention, and an app.

    What goes up and what does not is printed first. Each repository changes in one commit, or not at all.

    Args:
        model: a folder made by `hf-attn train` or any `save_pretrained`, or `textbook`.
        repo_id: `user/name`; made if need be.
        maps: a folder made by `hf-attn export`.
        space: make the Space `repo_id`, too, which serves the app of the model.
        private: new repositories are private; one that exists and is public is refused.
        sentence: drawn on the card with its translation; by default an English one, if the model reads English.
        ctranslate2: a folder that `hf-attn convert --to ctranslate2` made of the checkpoint, to lie in its repository.
        dry_run: only print the lists, without token or network.

    Raises:
        UserError: a malformed id, a folder that is no checkpoint or no export, or what the Hub refuses.
    """
    checkpoint, maps_id = Checkpoint(model), f"{repo_id}-attention"
    folder = (checkpoint.folder if checkpoint.is_local else None) or Path(model)  # checked below
    _check_ids([repo_id] if maps is None else [repo_id, maps_id])
    check_checkpoint(folder)
    converted = None if ctranslate2 is None else Path(ctranslate2)
    if converted is not None:
        check_converted(folder, converted)
    attention = None if maps is None else check_maps(Path(maps))
    if not dry_run:
        check_login()

    with TemporaryDirectory(prefix="hf-attn-push-") as stage:
        with writing(stage, "; make room there, or set TMPDIR to another folder"):
            shipments = [stage_model(folder, repo_id, Path(stage, "model"), sentence, converted)]
            if attention is not None:
                shipments.append(stage_maps(attention, maps_id, folder, repo_id, Path(stage, "maps")))
            if space:
                shipments.append(stage_space(folder, repo_id, Path(stage, "space")))
        for shipment in shipments:
            print(shipment.listing())
        print(f"left out: {', '.join(left_out(folder, shipments[0])) or 'nothing'}")
        if PICTURE not in shipments[0].files:
            print("no picture on the card: give --sentence TEXT for one")
        if dry_run:
            print("dry run: nothing was uploaded")
            return

        urls = [prepare_repository(shipment, private) for shipment in shipments]
        for shipment, url in zip(shipments, urls, strict=True):
            upload(shipment)
            print(f"pushed: {url}")


def _check_ids(repo_ids: list[str]) -> None:
    """Refuse what can be no `user/name` on the Hub."""
    for repo_id in repo_ids:
        try:
            validate_repo_id(repo_id)
        except HFValidationError as error:
            raise UserError(f"{repo_id!r} is no name for a repository: {error}") from error
        if "/" not in repo_id:
            raise UserError(f"{repo_id!r} is no name for a repository: write user/name")
