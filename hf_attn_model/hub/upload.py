"""Files -> one commit on the Hub."""

from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from .. import __version__
from ..errors import UserError
from .errors import hub_reason
from .shipment import Shipment


def check_login() -> None:
    """Raise `UserError` if there is no valid token or no way to the Hub: before long work."""
    with _refusals_in_one_line("cannot log in to the Hub"):
        HfApi().whoami()


def prepare_repository(shipment: Shipment, private: bool) -> str:
    """Make the repository unless it exists.

    Args:
        shipment: what will go there.
        private: nobody else may see it; otherwise a new one is as its owner has set, by default public.

    Returns:
        its address.

    Raises:
        UserError: no permission, no way to the Hub, or `private` asked of a repository that is public.
    """
    with _refusals_in_one_line(f"cannot push to {shipment.repo_id}"):
        url = HfApi().create_repo(
            shipment.repo_id,
            repo_type=shipment.repo_type,
            private=private or None,
            exist_ok=True,
            space_sdk="gradio" if shipment.repo_type == "space" else None,
        )
        if private and not HfApi().repo_info(shipment.repo_id, repo_type=shipment.repo_type).private:
            raise UserError(f"{url} is public: make it private in its settings, or push without --private")
    return str(url)


def upload(shipment: Shipment) -> None:
    """Send all files in one commit, for which large ones are uploaded first: until it is made, nothing changes.

    Raises:
        UserError: no permission, no way to the Hub, a broken connection, or a commit by somebody else meanwhile.
    """
    with _refusals_in_one_line(f"cannot push to {shipment.repo_id}"):
        before = HfApi().repo_info(shipment.repo_id, repo_type=shipment.repo_type).sha
        there = HfApi().list_repo_files(shipment.repo_id, repo_type=shipment.repo_type, revision=before)
        HfApi().create_commit(
            shipment.repo_id,
            [
                *(CommitOperationAdd(name, path) for name, path in sorted(shipment.files.items())),
                *(CommitOperationDelete(name) for name in shipment.outdated(there)),
            ],
            repo_type=shipment.repo_type,
            commit_message=f"Push {shipment.repo_type} with hf-attn-model {__version__}",
            parent_commit=before,
        )


@contextmanager
def _refusals_in_one_line(what: str) -> Iterator[None]:
    """Turn whatever the Hub or the way to it refuses into a `UserError`."""
    try:
        yield
    except Exception as error:
        reason = hub_reason(error)
        if reason is None and not isinstance(error, ValueError):  # ValueError: a file that it refuses to store
            raise
        raise UserError(f"{what}: {reason or ' '.join(str(error).split())}") from error
