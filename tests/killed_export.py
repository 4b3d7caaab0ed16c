"""An export of some seconds, for tests that kill it or share it among processes."""

import os

from small_exports import PAIRS, SMALL_SHARDS, export

SENTENCES = 15 * 41


def export_all(out):
    """Export SENTENCES sentences in many shards."""
    done = export(out, pairs=PAIRS * (SENTENCES // 15), **SMALL_SHARDS)
    print("complete" if done else "others are not done", flush=True)


def export_share(out, rank, processes):
    """Be one of several processes that a launcher has started."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(processes)}
    export_all(out)
