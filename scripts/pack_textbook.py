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
from hf_attn_model.checkpoint.digests import renew_digests
from hf_attn_model.cli import main as hf_attn
from hf_attn_model.demo import run_demo

CARRIED = ("generation_config.json", "manifest.json", "recipe.yaml", "tokenizer.json", "tokenizer_config.json")
CODE = ("auto_map", "custom_pipelines")  # what the package itself stands for
LOADED_FROM_A_FOLDER = """from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

model = AutoModelForSeq2SeqLM.from_pretrained("{folder}")
tokenizer = AutoTokenizer.from_pretrained("{folder}")
"""
LOADED_BY_NAME = """from hf_attn_model import load_translator

model, tokenizer = load_translator("textbook")
"""


def pack(demo: Path, out: Path) -> None:
    """Write the model of a demo into a folder, in half precision, to be loaded in single."""
    checkpoint = Checkpoint(demo)
    shutil.rmtree(out, ignore_errors=True)
    checkpoint.model.half().save_pretrained(out)
    for code in out.glob("*.py"):
        code.unlink()
    for name in CARRIED:
        shutil.copyfile(demo / name, out / name)
    renew_digests(out)
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    config = {name: value for name, value in config.items() if name not in CODE} | {"dtype": "float32"}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def name_in_card(folder: Path) -> None:
    """Let the card call the translator by its name."""
    card, loaded = folder / "README.md", LOADED_FROM_A_FOLDER.format(folder=folder)
    text = card.read_text(encoding="utf-8")
    assert loaded in text
    card.write_text(text.replace(loaded, LOADED_BY_NAME).replace(str(folder), "textbook"), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path("runs/demo"), help="folder of the demo; default: runs/demo")
    options = parser.parse_args()
    if not (options.demo / "evaluation.json").is_file():
        run_demo(out=str(options.demo), processes=1)
    packed = options.demo / "packed"
    pack(options.demo, packed)
    for verb in (["heads", "--gold", "textbook:en-es", "--test", "textbook:en-es"], ["evaluate"]):
        if status := hf_attn([verb[0], str(packed), *verb[1:]]):
            raise SystemExit(status)
    name_in_card(packed)
    shutil.rmtree(TEXTBOOK_FOLDER, ignore_errors=True)
    shutil.copytree(packed, TEXTBOOK_FOLDER)
    for path in sorted(TEXTBOOK_FOLDER.iterdir()):
        print(f"{path.stat().st_size:>12,}  {path.name}")


if __name__ == "__main__":
    main()
