"""What one push sends to one repository, and how: files -> one commit on the Hub."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from ..checkpoint.hub_errors import hub_reason
from ..errors import UserError


@dataclass(frozen=True)
class Shipment:
    """Files for one repository.

    Attributes:
        repo_id: `user/name`.
        repo_type: "model", "dataset" or "space".
        files: for each path in the repository the file that goes there.
        owned: patterns of what a push writes; such files of an earlier push that are not in this one are removed.
    """

    repo_id: str
    repo_type: str
    files: dict[str, Path]
    owned: tuple[str, ...]

    def listing(self) -> str:
        """List the files with their sizes in bytes, and the total."""
        sizes = {name: path.stat().st_size for name, path in sorted(self.files.items())}
        lines = [f"{self.repo_type} {self.repo_id}: {len(sizes)} files, {sum(sizes.values()):,} bytes"]
        return "\n".join([*lines, *(f"{size:>15,}  {name}" for name, size in sizes.items())])

    def outdated(self, names: Iterable[str]) -> list[str]:
        """Choose, among the files of the repository, those of earlier pushes that have no successor in this one."""
        return [
            name for name in names if name not in self.files and any(fnmatch(name, pattern) for pattern in self.owned)
        ]


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
            commit_message=f"Push {shipment.repo_type} with hf-attn-model {version('hf-attn-model')}",
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
