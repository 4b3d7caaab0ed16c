"""Make the translator that lies in the package: hf_attn_model/textbook/translator, called `textbook`.

It is the demo's model, in half precision, with the alignment heads that are chosen on the textbook's gold links, and
scored as it is packed. A finished demo is used as it is; else its training comes first.

    python scripts/pack_textbook.py
    python scripts/pack_textbook.py --demo runs/demo
"""

import argparse
import json
import shutil
from pathlib import Path

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.checkpoint.checkpoint import TEXTBOOK_FOLDER
from hf_attn_model.cli import main as hf_attn
from hf_attn_model.demo import run_demo

CARRIED = ("generation_config.json", "manifest.json", "recipe.yaml", "tokenizer.json", "tokenizer_config.json")
CODE = ("auto_map", "custom_pipelines")  # what the package itself stands for


def pack(demo: Path, out: Path) -> None:
    """Write the model of a demo into a folder, in half precision, to be loaded in single."""
    checkpoint = Checkpoint(demo)
    shutil.rmtree(out, ignore_errors=True)
    checkpoint.model.half().save_pretrained(out)
    for code in out.glob("*.py"):
        code.unlink()
    for name in CARRIED:
        shutil.copyfile(demo / name, out / name)
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    config = {name: value for name, value in config.items() if name not in CODE} | {"dtype": "float32"}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path("runs/demo"), help="folder of the demo; default: runs/demo")
    options = parser.parse_args()
    if not (options.demo / "evaluation.json").is_file():
        run_demo(out=str(options.demo))
    pack(options.demo, TEXTBOOK_FOLDER)
    for verb in (["heads", "--gold", "textbook:en-es", "--test", "textbook:en-es"], ["evaluate"]):
        if status := hf_attn([verb[0], str(TEXTBOOK_FOLDER), *verb[1:]]):
            raise SystemExit(status)
    sizes = {path.name: path.stat().st_size for path in sorted(TEXTBOOK_FOLDER.iterdir())}
    print("\n".join(f"{size:>12,}  {name}" for name, size in sizes.items()))


if __name__ == "__main__":
    main()
