"""The main job, once: built-in corpus -> training -> scores -> translations -> attention -> pictures."""

import os
import shutil
import sys
from pathlib import Path

from .checkpoint.checkpoint import load_translator
from .errors import UserError
from .export.export import export_attention
from .export.store import open_maps
from .recipes.recipe import Recipe, load_recipe, recipe_of
from .text.corpora import load_corpus
from .training.callbacks.manifest import is_trained
from .training.evaluate import evaluate, save_scores
from .training.layout import Processes
from .training.train import train
from .view.page import write_page
from .view.pictures import save_picture

SENTENCES_WITH_MAPS = 200
PAGE = "attention.html"
PICTURES = 3  # the test split begins with the sentences of the tutorials


def run_demo(recipe_name: str = "textbook-en-es", out: str | None = None, processes: Processes = "auto") -> None:
    """Train a translator on the textbook and leave everything that can be looked at in one folder.

    A finished training in the folder is used again, an interrupted one taken up; the rest is made anew.

    Args:
        recipe_name: a recipe on a `textbook:` corpus.
        out: the folder; `runs/demo` for the first recipe, `runs/NAME` for the others.
        processes: that train; see `train`.

    Raises:
        UserError: a recipe on another corpus, or a folder that holds something else.
    """
    recipe = load_recipe(recipe_name)
    if not recipe.corpus.startswith("textbook:"):
        raise UserError(f"{recipe_name} is no recipe on the built-in corpus: use hf-attn train {recipe_name}")
    folder = Path(out or ("runs/demo" if recipe_name == "textbook-en-es" else f"runs/{recipe_name}"))

    print(f"1. Training {recipe.name} into {folder}")
    _train_once(recipe, folder, processes)
    model, tokenizer = load_translator(str(folder))

    print("\n2. Translating the held-out sentences: their word pairs never met in training")
    test = load_corpus(recipe.corpus, recipe.source_lang, recipe.target_lang, recipe.test_split)
    scores, translations = evaluate(
        model,
        tokenizer,
        test,
        recipe.target_lang,
        num_beams=recipe.num_beams,
        lowercase=recipe.lowercase,
        progress=True,
    )
    save_scores(scores, folder)
    print(f"exact match {scores['exact_match']:.2f} %, BLEU {scores['bleu']:.2f}, chrF {scores['chrf']:.2f}")
    sources = list(test.dataset["source"])[:SENTENCES_WITH_MAPS]
    for source, target in zip(sources[:PICTURES], translations, strict=False):
        print(f"    {source} -> {target}")

    print("\n3. Writing their attention, and pictures of it")
    maps_folder = folder / "maps"
    export_attention(model, tokenizer, list(zip(sources, translations, strict=False)), maps_folder, overwrite=True)
    maps = open_maps(maps_folder)
    pictures = []
    for record in maps[:PICTURES]:
        pictures.append(folder / "pictures" / f"{record.source.lower().rstrip('.').replace(' ', '-')}.png")
        save_picture(record, pictures[-1])
    write_page(maps, folder / PAGE)
    _say_what_was_made(folder, maps_folder, pictures, len(sources))


def _train_once(recipe: Recipe, folder: Path, processes: Processes) -> None:
    """Train, or go on training, or use what is trained."""
    earlier = recipe_of(folder)
    if earlier is not None and earlier != recipe:
        raise UserError(f"{folder} holds a model of another recipe: choose another --out")
    if is_trained(folder):
        print("already trained: used as it is")
    else:
        train(recipe, folder, resume=earlier is not None, processes=processes)


def _say_what_was_made(folder: Path, maps: Path, pictures: list[Path], sentences: int) -> None:
    made = {
        folder: "checkpoint and tokenizer: AutoModelForSeq2SeqLM.from_pretrained loads them",
        folder / "README.md": "model card, with everything measured",
        maps: f"attention of {sentences} sentences: hf_attn_model.open_maps reads it",
        folder / PAGE: "the same as a page to explore: open it in a browser",
        **{picture: "the three places of attention" for picture in pictures},
    }
    print("\nMade:")
    for path, what in made.items():
        print(f"    {path}  {what}")
    here = "" if shutil.which("hf-attn") else os.path.relpath(Path(sys.argv[0]).parent) + "/"
    print("\nTry next:")
    print(f'    {here}hf-attn translate {folder} "The red house is small"')
    print(f'    {here}hf-attn explain {folder} "The ball is blue" --word blue')
    print(f'    {here}hf-attn view {folder} "My cat sleeps in the garden" --out cat.html')
    print(f"    {here}hf-attn film {folder} --out film.gif")
    print(f"    {here}tensorboard --logdir {folder}")
