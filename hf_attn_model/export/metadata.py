"""`metadata.json` and the notes of finished shards: what an export says of itself, checked before it is believed.

Each of these files bears a `checksum`, the SHA-256 of all else in it, against damage and not against forgery; files of
version 0.1 have none. A forged one is still well-formed when it comes from here: no name leads out of the folder, no
number is one that nothing could be read with.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..attention.places import PLACES
from ..attention.words import SPECIAL
from ..errors import UserError
from ..files import reading
from .folder import Folder
from .schema import FORMAT, METADATA, VERSION

CHECKSUM = "checksum"
NOTE = re.compile(r"maps-\d+\.json")
SHARD = re.compile(r"maps-\d+\.arrow|data/maps-\d+\.parquet", re.ASCII)
MOST = 2**53  # whatever is counted
BLOCK = 2**18  # bytes of a shard that have a digest of their own
DIGITS = 16  # of it, in hex
AGAIN = "run the same hf-attn export again to mend it"
ELSEWHERE = "; export again into another folder"

_whole: set[tuple] = set()  # shards that this process has read through


@dataclass(frozen=True)
class Shard:
    """A finished shard.

    Attributes:
        file: its name.
        sentences: its rows.
        bytes: its size.
        sha256: of its content.
        corpus_sha256: of the sentences it was made from; see `shards.DigestedRows`.
        blocks: digests of its blocks of `BLOCK` bytes, one behind the other; none in exports of before.
    """

    file: str
    sentences: int
    bytes: int
    sha256: str
    corpus_sha256: str
    blocks: str = ""

    @classmethod
    def from_json(cls, facts: Any) -> "Shard":
        """Read what a note or the metadata say. Raises `ValueError` for what can be no shard."""
        _check_fields(facts, SHARD_FIELDS, "shard.")
        _check_names(facts, {*SHARD_FIELDS, "blocks"})
        blocks = facts.get("blocks", "")
        count = -(-facts["bytes"] // BLOCK)
        _expect(blocks == "" or _is_hex(blocks, DIGITS * count), f"shard.blocks is {_shown(blocks)}")
        return cls(**facts)

    def to_json(self) -> dict[str, Any]:
        """What a note and the metadata say."""
        return {name: value for name, value in asdict(self).items() if name != "blocks" or value}

    def digest_of_block(self, number: int) -> str:
        """What `block_digest` gives for a block that is whole."""
        return self.blocks[DIGITS * number : DIGITS * (number + 1)]

    def is_whole(self, folder: Folder) -> bool:
        """Read the shard through, and tell whether it is what was written."""
        return folder.measure(self.file) == (self.bytes, self.sha256)

    def check_once(self, folder: Folder) -> None:
        """Read a local shard through, unless this process did and it has not changed since.

        Raises:
            UserError: it is not what was written.
        """
        path = folder.local_path(self.file)
        with reading(path, f"; {AGAIN}"):
            seen = path.stat()
            version = (path, seen.st_ino, seen.st_size, seen.st_mtime_ns, self.sha256)
            if version in _whole:
                return
            if seen.st_size != self.bytes:
                raise UserError(f"{path} has {seen.st_size} of {self.bytes} bytes; {AGAIN}")
            if not self.is_whole(folder):
                raise UserError(f"{path} is damaged: its SHA-256 is not that of what was written; {AGAIN}")
            _whole.add(version)


def block_digest(content: bytes) -> str:
    """Digest a block of a shard."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def to_bytes(facts: Mapping[str, Any]) -> bytes:
    """Write facts as JSON, with their checksum at the end."""
    return (json.dumps({**facts, CHECKSUM: checksum_of(facts)}, ensure_ascii=False, indent=2) + "\n").encode()


def from_bytes(content: bytes) -> dict[str, Any]:
    """Read facts that `to_bytes` wrote, without their checksum. Raises `ValueError` for anything else."""
    facts = json.loads(content)
    _expect(isinstance(facts, dict), "it holds no JSON object")
    checksum = facts.pop(CHECKSUM, None)
    _expect(checksum in (None, checksum_of(facts)), "its content is not what its checksum says")
    return facts


def checksum_of(facts: Mapping[str, Any]) -> str:
    """Compute the SHA-256 of facts, in hex, however they are laid out."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def note_name(file: str) -> str:
    """Name the note of a shard: "data/maps-00000.parquet" -> "maps-00000.json"."""
    return file.rpartition("/")[2].partition(".")[0] + ".json"


def read_notes(folder: Folder) -> list[Shard]:
    """Read the notes of all finished shards. Raises `UserError` for a damaged one."""
    shards = []
    for name in folder.names():
        if NOTE.fullmatch(name) and (content := folder.read(name)) is not None:
            with reading(folder.locate(name), "; remove it, and run the same command again"):
                shards.append(shard := Shard.from_json(from_bytes(content)))
                _expect(note_name(shard.file) == name, f"it is about {shard.file}")
    return shards


def read_metadata(folder: Folder) -> dict[str, Any] | None:
    """Read `metadata.json`; `None` where there is none. Raises `UserError` for one that is damaged, or no export's."""
    content = folder.read(METADATA)
    if content is None:
        return None
    path = folder.locate(METADATA)
    with reading(path, ELSEWHERE):
        metadata = from_bytes(content)
        if metadata.get("format") != FORMAT or "version" not in metadata:
            raise UserError(f"{path} does not describe attention maps; give the folder that an export wrote")
        if metadata["version"] != VERSION:
            raise UserError(
                f"{folder} has format version {_shown(metadata['version'])}, this program reads {VERSION}; export again"
            )
        _check(metadata)
    return metadata


def finished_shards(folder: Folder, metadata: Mapping[str, Any]) -> list[Shard]:
    """List the shards which the metadata and, in an unfinished export, notes tell of."""
    shards = {facts["file"]: Shard.from_json(facts) for facts in metadata["shards"]}
    shards |= {shard.file: shard for shard in read_notes(folder)}
    return [shards[file] for file in sorted(shards, key=lambda file: (len(file), file))]


def _check(metadata: Mapping[str, Any]) -> None:
    """Raise `ValueError` for metadata that nothing could be read with."""
    _check_fields(metadata, FIELDS, "")
    _check_names(metadata, {*FIELDS, "format", "version", "corpus", "conventions"})
    _check_fields(metadata["settings"], SETTINGS, "settings.")
    for place, facts in metadata["places"].items():
        _expect(place in PLACES, f"there is no place {_shown(place)}")
        _check_fields(facts, PLACE_FIELDS, f"places.{place}.")
        heads, key_heads = len(facts["heads"]), facts["key_heads"]
        _expect(heads % key_heads == 0, f"places.{place} has {heads} heads and {key_heads} key heads")
    suffix = {"arrow": ".arrow", "parquet": ".parquet"}[metadata["settings"]["to"]]
    shards = [Shard.from_json(facts) for facts in metadata["shards"]]
    names = [shard.file for shard in shards]
    _expect(len(set(names)) == len(names), "a shard is named twice")
    _expect(all(name.endswith(suffix) for name in names), f"a shard is no {suffix} file")
    told = sum(shard.sentences for shard in shards)
    _expect(metadata["sentences"] == told, f"its shards hold {told:,} sentences, not {metadata['sentences']:,}")


def _check_fields(facts: Any, fields: "Fields", within: str) -> None:
    """Raise `ValueError` for a field that is missing, or of another kind."""
    _expect(isinstance(facts, dict), f"{within.rstrip('.')} is no JSON object")
    for name, is_right in fields.items():
        _expect(name in facts, f"there is no {within}{name}")
        if not is_right(facts[name]):
            raise ValueError(f"{within}{name} is {_shown(facts[name])}")


def _check_names(facts: Mapping[str, Any], known: set[str]) -> None:
    """Raise `ValueError` for a name that means nothing: it may have been that of the checksum."""
    for name in facts.keys() - known:
        raise ValueError(f"nothing is called {_shown(name)}")


def _expect(is_so: Any, else_say: str) -> None:
    if not is_so:
        raise ValueError(else_say)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:40]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST


def _is_positive(value: Any) -> bool:
    return _is_count(value) and value > 0


def _is_number(value: Any) -> bool:
    return _is_count(value) or (isinstance(value, float) and math.isfinite(value))


def _is_hex(value: Any, digits: int) -> bool:
    return _is_text(value) and len(value) == digits and re.fullmatch(r"[0-9a-f]*", value) is not None


def _is_digest(value: Any) -> bool:
    return _is_hex(value, 64)


def _are_numbers(value: Any) -> bool:
    """Tell whether these can be the numbers of layers or heads."""
    return isinstance(value, list) and all(map(_is_count, value)) and len({*value}) == len(value) > 0


def _is_one_of(*choices: str) -> Callable[[Any], bool]:
    return lambda value: _is_text(value) and value in choices


Fields = Mapping[str, Callable[[Any], bool]]
FIELDS: Fields = {
    "finished": lambda value: isinstance(value, bool),
    "model": _is_text,
    "model_type": _is_text,
    "keep": lambda value: _is_text(value) and re.fullmatch(r"weights|qk|top-[1-9][0-9]{0,8}", value) is not None,
    "dtype": _is_text,
    "places": lambda value: isinstance(value, dict) and len(value) > 0,
    "largest_error": _is_number,
    "bytes_per_sentence": lambda value: isinstance(value, dict) and all(map(_is_count, value.values())),
    "sentences_per_shard": _is_positive,
    "settings": lambda value: isinstance(value, dict),
    "sentences": _is_count,
    "shards": lambda value: isinstance(value, list),
}
SETTINGS: Fields = {"special": _is_one_of(*SPECIAL), "to": _is_one_of("arrow", "parquet")}
PLACE_FIELDS: Fields = {
    "layers": _are_numbers,
    "heads": _are_numbers,
    "key_heads": _is_positive,
    "head_dim": _is_count,  # 0 where weights alone are known
    "scaling": _is_number,
}
SHARD_FIELDS: Fields = {
    "file": lambda value: _is_text(value) and SHARD.fullmatch(value) is not None,
    "sentences": _is_count,
    "bytes": _is_count,
    "sha256": _is_digest,
    "corpus_sha256": _is_digest,
}
