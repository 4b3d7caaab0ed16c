"""What one push sends to one repository."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path


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
