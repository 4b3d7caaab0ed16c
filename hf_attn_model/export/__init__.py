"""Attention of a corpus as files: settings and layout (`schema`), written once and kept to (`plan`), filled, read back.

Reading order: `schema` -> `plan` -> `passes` -> `fill` -> `arrow_rows` -> `shards` -> `metadata` -> `folder`; `stage`
fills shards anywhere, `store` and `stored` read what was written, `parquet` writes it once more for other programs.
"""

from .export import export_attention
from .parquet import convert_to_parquet
from .stage import ExportShard
from .store import Maps, open_maps
from .stored import StoredMap

__all__ = ["ExportShard", "Maps", "StoredMap", "convert_to_parquet", "export_attention", "open_maps"]
