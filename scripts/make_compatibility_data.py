"""What an earlier commit wrote, kept as test data: a translator, an interrupted training, exports, and their numbers.

The package of that commit is taken out of git into a temporary folder, and its own code does the work, in a process of
its own. Only times of day and speeds are settled afterwards, so that the same machine writes the same bytes again.

    python scripts/make_compatibility_data.py                            # writes tests/data/df48eb6
    python scripts/make_compatibility_data.py --check                    # that commit and this working tree
    python scripts/make_compatibility_data.py --check --on MODEL MAPS    # likewise, on a model and an export of yours

A check says of each file whether it is equal bit for bit, and exits with 1 where one is not: what `measure` finds in
the old data ("opened"), and what both write from nothing, `MADE_ANEW` ("made anew").
"""

import argparse
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Sequence
from contextlib import chdir, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
COMMIT = "df48eb6ea3f2b3023d51e491308be8bd1f5a83a0"
SPLITS = {"train": slice(1, 25), "dev": slice(1, 9), "test": slice(3)}  # the first sentence is new in the test
UNSEEN = ("The ball is blue", "My dog drinks warm milk", "The girl loves the black cat")  # here beams differ
SHARED = """
corpus=corpus watch_attention=0 fast_kernels=false training.bf16=false training.use_cpu=true training.report_to=[]
training.disable_tqdm=true training.warmup_steps=2 training.seed=7 model.encoder_layers=1 model.dropout=0.1
model.encoder_attention_heads=2 model.decoder_attention_heads=2
"""
TRANSLATOR = """
vocab_size=320 max_length=48 max_tokens=512 model.d_model=8 model.decoder_layers=2 model.encoder_ffn_dim=23
model.decoder_ffn_dim=19 model.dropout=0.0 training.max_steps=900 training.eval_steps=300 training.logging_steps=300
training.learning_rate=0.01
"""
TRAINING = """
vocab_size=270 max_length=48 max_tokens=384 model.d_model=4 model.decoder_layers=1 model.encoder_ffn_dim=11
model.decoder_ffn_dim=13 model.position_embedding=rotary model.norm_position=post training.max_steps=6
training.eval_steps=3 training.save_steps=3 training.logging_steps=1 bpe_dropout=0.1 word_dropout=0.1 ema_decay=0.5
training.learning_rate=0.05
"""
INTERRUPTED_AT, LAST_STEP = 4, 6  # the checkpoint is of step 3
MEASURED = ("loss", "grad_norm", "learning_rate", "eval_loss")  # of a training
FORCED = ("--data", "corpus", "--forced", "--num-beams", "1")
EXPORTS = {
    "maps-weights": (*FORCED, "--keep", "weights"),
    "maps-qk": (*FORCED, "--keep", "qk", "--layers", "0", "--places", "encoder,decoder"),
    "maps-top-2": ("--data", "corpus", "--num-beams", "2", "--keep", "top-2", "--places", "encoder,cross"),
    "maps-column": (*FORCED, "--keep", "weights", "--places", "cross", "--layers", "1", "--special", "column"),
}
SETTLED = {  # what differs from run to run, in the files of a training and of an evaluation
    "started": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T00:00:00+00:00",
    "seconds": 1.0,
    "tokens_per_second": 1000,
    "eval_runtime": 1.0,
    "eval_samples_per_second": 1.0,
    "eval_steps_per_second": 1.0,
}
MADE_ANEW = ("*.safetensors", "*.arrow", "*.parquet", "tokenizer.json", "optimizer.pt", "rng_state.pth")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", default=COMMIT, help="default: %(default)s")
    parser.add_argument("--out", type=Path, help="new folder; default: tests/data/COMMIT, written over")
    parser.add_argument("--check", action="store_true", help="only compare the commit with the working tree")
    parser.add_argument("--on", nargs=2, type=Path, metavar=("MODEL", "MAPS"), help="check these, not tiny ones")
    options = parser.parse_args()
    if options.on and not options.check:
        parser.error("--on is for --check")
    with TemporaryDirectory() as folder:
        there = Path(folder)
        extract(options.commit, there / "code")
        if options.on:
            model, maps = (path.resolve() for path in options.on)
            for code, name in ((there / "code", "old"), (ROOT, "new")):
                (there / name).mkdir()
                run_under(code, there / name, "measure_on", str(model), str(maps))
            sys.exit(compare(there / "old", there / "new", "opened"))
        make(there / "code", there / "old")
        if not options.check:
            keep(there / "old", options.out or ROOT / "tests" / "data" / options.commit[:7])
            return
        make(ROOT, there / "new")
        shutil.copytree(there / "old", there / "opened", ignore=shutil.ignore_patterns("expected"))
        measure_under(ROOT, there / "opened")
        is_other = compare(there / "old" / "expected", there / "opened" / "expected", "opened")
        sys.exit(compare(there / "old", there / "new", "made anew", MADE_ANEW) or is_other)


def extract(commit: str, out: Path) -> None:
    """Take the package of a commit out of git."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit, "hf_attn_model"], stdout=subprocess.PIPE)
    if archive.returncode:
        sys.exit(f"no commit {commit} here")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(out, filter="data")


def run_under(code: Path, folder: Path, function: str, *arguments: str) -> None:
    """Call a function of this file in a process that stands in `folder` and imports the package from `code`."""
    program = f"import sys, make_compatibility_data as it; it.stands_on(sys.argv[1]); it.{function}(*sys.argv[2:])"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(code), str(Path(__file__).parent))),
        "PYTHONHASHSEED": "0",
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    subprocess.run([sys.executable, "-c", program, str(code), *arguments], cwd=folder, env=environment, check=True)


def stands_on(code: str) -> None:
    """Make sure that this process runs the code it was told to run, on one thread."""
    import torch
    import transformers  # noqa: F401  the package registers its classes there

    import hf_attn_model

    assert Path(hf_attn_model.__file__).is_relative_to(Path(code)), hf_attn_model.__file__
    torch.set_num_threads(1)


def make(code: Path, folder: Path) -> None:
    """Write all data with the code of one commit, and measure it."""
    folder.mkdir()
    run_under(code, folder, "write_data")
    settle_times(folder)
    measure_under(code, folder)


def measure_under(code: Path, folder: Path) -> None:
    """Measure data with the code of one commit."""
    run_under(code, folder, "measure")
    for path in files_of(folder, ("*.safetensors",)):
        settle_header(path)
    settle_times(folder)  # `hf-attn evaluate` has written


def keep(folder: Path, out: Path) -> None:
    """Move the data to its place, unless a file tells of this machine."""
    for path in files_of(folder):
        content = path.read_bytes()
        for trace in (b"/tmp/", b"/home/", os.fsencode(Path.home()), os.fsencode(ROOT), os.fsencode(folder)):
            if trace in content:
                sys.exit(f"{path.relative_to(folder)} holds {trace.decode()}")
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, out)
    for path in files_of(out):
        path.chmod(0o644)
    print(f"{out}: {sum(path.stat().st_size for path in files_of(out)):,} bytes")


def files_of(folder: Path, patterns: Sequence[str] = ("*",)) -> list[Path]:
    """List the files below a folder whose names match."""
    return sorted({path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()})


def compare(old: Path, new: Path, what: str, patterns: Sequence[str] = ("*",)) -> bool:
    """Say of each file whether it has the same bytes in both folders; returns whether one differs."""
    names = sorted({path.relative_to(folder) for folder in (old, new) for path in files_of(folder, patterns)})
    is_other = not names
    for name in names:
        one, other = old / name, new / name
        is_same = one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()
        is_other |= not is_same
        print(f"{what}: {name}: {'equal bit for bit' if is_same else 'DIFFERS'}")
    return is_other


# ---- what runs under the code of a commit


def hf_attn(*arguments: str, status: int = 0) -> str:
    """Run a command of the package as a user types it; returns what it prints."""
    from hf_attn_model.cli import main as run

    with patch.object(sys, "argv", ["hf-attn", *arguments]), redirect_stdout(io.StringIO()) as out:
        assert run(list(arguments)) == status, arguments
    return out.getvalue()


def overrides(own: str) -> list[str]:
    """List what a recipe is changed by."""
    return f"{SHARED} {own}".split()


def write_data() -> None:
    """Write the corpus, the translator and its alignment, the interrupted training, and the exports, in this folder."""
    write_corpus(Path("corpus"), Path("gold.jsonl"))
    hf_attn("train", "textbook-en-es", *overrides(TRANSLATOR), "--out", "translator")
    for checkpoint in Path("translator").glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    settle_times(Path("translator"))
    hf_attn("heads", "translator", "--gold", "gold.jsonl")
    hf_attn("evaluate", "translator")  # writes the card, too
    write_training(Path("training"))
    for name, arguments in EXPORTS.items():
        hf_attn("export", "translator", *arguments, "--out", name)
    hf_attn("export", "maps-column", "--to", "parquet", "--out", "maps-parquet")


def write_corpus(folder: Path, gold: Path) -> None:
    """Write the shortest sentences of a split of the textbook; those of the gold set are among those of training."""
    from hf_attn_model.text.textbook import load_textbook

    rows = sorted(load_textbook("en-es", "dev"), key=lambda row: len("".join(row["translation"].values())))
    chosen = rows[: max(part.stop for part in SPLITS.values())]
    folder.mkdir()
    for split, part in SPLITS.items():
        write_lines(folder / f"{split}.jsonl", (row["translation"] for row in chosen[part]))
    names = {"source": "source_words", "target": "target_words", "sure": "sure", "possible": "possible"}
    write_lines(gold, ({name: row[column] for name, column in names.items()} for row in chosen[SPLITS["dev"]]))


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_training(folder: Path) -> None:
    """Train, and be interrupted after the first checkpoint; of its files, those of the code are the translator's."""
    from transformers import Trainer

    step = Trainer.training_step

    def interrupted(self: Trainer, *arguments: Any, **options: Any) -> Any:
        if self.state.global_step == INTERRUPTED_AT:
            raise KeyboardInterrupt
        return step(self, *arguments, **options)

    Trainer.training_step = interrupted  # type: ignore[method-assign]
    try:
        hf_attn("train", "textbook-en-es", *overrides(TRAINING), "--out", str(folder), status=130)
    finally:
        Trainer.training_step = step  # type: ignore[method-assign]
    (checkpoint,) = folder.glob("checkpoint-*")
    for path in checkpoint.glob("*.py"):
        assert path.read_bytes() == Path("translator", path.name).read_bytes()
        path.unlink()


def measure() -> None:
    """Measure the data in this folder, into `expected`."""
    out = Path("expected")
    out.mkdir()
    pairs = [json.loads(line) for line in Path("corpus", "test.jsonl").read_text("utf-8").splitlines()]
    sources, targets = ([pair[language] for pair in pairs] for language in ("en", "es"))
    measure_model("translator", sources, targets, out)
    scores = json.loads(hf_attn("evaluate", "translator").partition("\n")[2])
    write_json(out / "scores.json", {name: scores[name] for name in scores if name not in ("command", "seconds")})
    for name in EXPORTS:
        measure_maps(name, out)
    links = {
        "translator": hf_attn("align", "translator", "--data", "gold.jsonl"),
        "translator, norms": hf_attn("align", "translator", "--data", "gold.jsonl", "--norms"),
        "maps-weights": hf_attn("align", "maps-weights"),
        "maps-column": hf_attn("align", "maps-column", "--heads", "1:0,1:1", "--rule", "source"),
    }
    write_json(out / "links.json", {name: lines.splitlines() for name, lines in links.items()})
    measure_training(out)


def measure_on(model: str, maps: str) -> None:
    """Measure a model and an export, into this folder."""
    records = open_maps(maps)[:20]
    measure_model(model, [record.source for record in records], [record.target for record in records], Path())
    measure_maps(maps, Path())
    write_json(Path("links.json"), hf_attn("align", maps).splitlines())


def measure_model(model: str, sources: Sequence[str], targets: Sequence[str], out: Path) -> None:
    """Measure logits, translations, and what the page of the first sentence holds."""
    import numpy as np

    logits = {f"pair_{number}": one for number, one in enumerate(logits_of(model, sources, targets))}
    np.savez_compressed(out / "logits.npz", **logits)
    texts = [*sources, *UNSEEN]  # each alone: at that commit, the limit of one was by the longest of its batch
    beams = {
        width: [hf_attn("translate", model, text, "--num-beams", width).rstrip("\n") for text in texts]
        for width in ("1", "5")
    }
    write_json(out / "translations.json", {"sources": texts, "beams": beams})
    write_page(out / "page-translator.json.gz", model, sources[0])


def logits_of(model: str, sources: Sequence[str], targets: Sequence[str]) -> list[Any]:
    """Compute the logits (T,V) of pairs, each alone, float32."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    translator = AutoModelForSeq2SeqLM.from_pretrained(model).eval()
    tokenizer = AutoTokenizer.from_pretrained(model)
    found = []
    for source, target in zip(sources, targets, strict=True):
        batch = tokenizer(source, text_target=target, return_tensors="pt")
        with torch.no_grad():
            found.append(translator(**batch).logits[0].float().numpy())
    return found


def measure_maps(name: str, out: Path) -> None:
    """Read an export: its weights, as they are and merged into words, and what its page holds."""
    import numpy as np

    arrays = {}
    maps = open_maps(name)
    for number, record in enumerate(maps):
        for place in record.places:
            arrays[f"{number}-{place}"] = record.place(place)
            if "top" in maps.metadata["keep"]:
                stored = getattr(record, place)
                rest = [[stored.rest(layer, head) for head in stored.heads] for layer in stored.layers]
                arrays[f"{number}-{place}-rest"] = np.array(rest)
        if "cross" in record.places:
            arrays[f"{number}-cross-words"] = record.words("cross").weights
    np.savez_compressed(out / f"weights-{Path(name).name}.npz", **arrays)
    write_page(out / f"page-{Path(name).name}.json.gz", name, "--index", "0")


def measure_training(out: Path) -> None:
    """Resume the interrupted training, in a copy, and keep its losses and the weights that it ends with."""
    out = out.resolve()
    with TemporaryDirectory() as folder:
        for name in ("corpus", "training", "translator"):
            shutil.copytree(name, Path(folder, name))
        with chdir(folder):
            resume("textbook-en-es", *overrides(TRAINING))
            assert last_state()["best_global_step"] == LAST_STEP, "the weights kept are not those of the last step"
            shutil.copy(Path("training", "model.safetensors"), out / "resumed.safetensors")
            write_json(out / "resumed.json", courses())


def resume(*recipe: str) -> None:
    """Put the code back into the checkpoint of the interrupted training, and resume it."""
    for path in Path("translator").glob("*.py"):
        shutil.copy(path, Path("training", "checkpoint-3"))
    hf_attn("train", *recipe, "--out", "training", "--resume")


def last_state() -> dict[str, Any]:
    return json.loads(Path("training", f"checkpoint-{LAST_STEP}", "trainer_state.json").read_text("utf-8"))


def courses() -> dict[str, list[float]]:
    """Read what the training measured at each step."""
    history = last_state()["log_history"]
    return {name: [entry[name] for entry in history if name in entry] for name in MEASURED}


def open_maps(folder: str) -> Any:
    """Open an export by the public name of the code that runs."""
    import hf_attn_model

    if hasattr(hf_attn_model, "open_maps"):
        return hf_attn_model.open_maps(folder)
    from hf_attn_model.maps import open_maps as open_them

    return open_them(folder)


def page_blocks(*arguments: str) -> dict[str, Any]:
    """Write a page with `hf-attn view`, and read its blocks of data, by their names."""
    with TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        hf_attn("view", *arguments, "--out", str(page))
        text = page.read_text("utf-8")
    blocks = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', text, re.S)
    return {name: json.loads(content) for name, content in blocks}


def write_page(path: Path, *arguments: str) -> None:
    """Keep the data of a page, packed."""
    text = json.dumps(page_blocks(*arguments), ensure_ascii=False)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def settle_times(folder: Path) -> None:
    """Settle times of day and speeds in the JSON files of a training."""

    def settled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: SETTLED.get(name, settled(inner)) for name, inner in value.items()}
        return [settled(inner) for inner in value] if isinstance(value, list) else value

    for path in files_of(folder, ("manifest.json", "trainer_state.json", "evaluation.json")):
        before = path.read_text("utf-8")
        after = json.dumps(settled(json.loads(before)), indent=2, ensure_ascii=False)
        path.write_text(after + "\n" * before.endswith("\n"), encoding="utf-8")


def settle_header(path: Path) -> None:
    """Settle the order of what the header of a safetensors file says: there, it is by chance."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert len(header.encode()) <= end - 8
    path.write_bytes(content[:8] + header.encode().ljust(end - 8) + content[end:])


if __name__ == "__main__":
    main()
