"""A recipe: everything that one training needs, from a YAML file, each value overridable as `key=value`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, get_type_hints

from transformers import Seq2SeqTrainingArguments

from ..errors import UserError
from ..files import reading, write_text
from ..languages import target_mark
from ..model import AttnConfig
from ..secrets import ADVICE, redact, secrets_in
from .corpora import SHARED, WeightedCorpus, names_of, wrong_corpora
from .effects import OWNED, OWNED_MODEL, overruled
from .limits import wrong_values
from .values import NOTHING, read_as, shown
from .yaml_text import MOST_LEVELS, read_yaml, write_yaml

RECIPES = Path(__file__).parent
RECIPE_FILE = "recipe.yaml"  # beside a trained model
LARGEST = 2**16  # bytes of a file
OPEN = "???"  # stands for a value that is still to be given
FREE = {"dropout", "attention_dropout", "activation_dropout", "max_position_embeddings"}  # of `model`, with `init_from`
NO_RECIPE = "not a recipe, which has a line KEY: VALUE for each setting"


@dataclass
class Recipe:
    """What to train on, what to train, and how.

    Args:
        name: of the recipe.
        corpus: `textbook:en-es`, a folder with one file per split, a file, or a dataset id on the Hub.
        source_lang, target_lang: language codes, naming the columns of the corpus.
        vocab_size: largest number of subwords; not with `init_from`, which brings its own.
        lowercase: learn, read and write lower case alone.
        config: of a Hub dataset that has several.
        source_column, target_column: names of the columns of the corpus, or numbers where it has none ("1" is the
            first); `null` to find them by the languages.
        train_split, dev_split, test_split: names of the splits.
        corpora: several corpora, or one in several directions, see `WeightedCorpus`. With several target languages a
            mark such as `>>es<<` stands before each source.
        temperature: T of the share (weight x pairs)^(1/T) that each of `corpora` has of an epoch: with 1 the shares
            are those of the pairs, and the larger it is, the more alike (Arivazhagan et al., 2019).
        max_length: longest sentence in tokens, end mark included; longer pairs are left out of training and counted.
        max_tokens: source and target tokens of a batch, padding included.
        label_smoothing: share of the target distribution spread evenly over the vocabulary, in training only.
        r_drop: weight of the divergence between two passes over each pair (R-Drop; the paper has 5), 0 for one pass.
        bpe_dropout: probability with which a merge of subwords is left out in training (the paper has 0.1).
        word_dropout: probability with which a word that the model reads is hidden in training.
        muon: train the matrices of the layers with Muon, in place of AdamW.
        ema_decay: of the moving average of the weights (such as 0.999) that is evaluated and kept; 0 for none.
        average: checkpoints at the end of the training whose mean is kept, in place of the best one; 0 for none.
        fast_kernels: choose precision, matrix products, attention and dropout for the machine; `false` turns all off.
        early_stopping_patience: evaluations without a better dev loss after which training ends.
        num_beams: of the translations that are scored and shown.
        watch_attention: held-out sentences over which attention is measured from the first step on, at every
            evaluation; 0 for none.
        license: of the training data, for the model card.
        init_from: a translator to begin with, by folder, name on the Hub or `textbook`; `null` for fresh weights.
        clean: rules by which pairs are left out of the training text, see `hf-attn clean`.
        max_length_ratio: of the rule `ratio`.
        hold_out: pairs of the training split that are held out for dev, and as many for test, by their sources; with 0
            dev and test are splits of the corpus. `None`: a twentieth, at most 2,000, of a corpus that is one file.
        add_subwords: entries that its vocabulary gains at most, for characters that it does not know.
        add_tokens: texts that become one token each, such as `>>spa<<`.
        freeze: patterns of the parameters that stay as they are, such as `model.encoder.*`.
        lora: fields of `peft.LoraConfig`, such as `r: 8`: small matrices are trained beside the frozen weights.
        model: fields of `AttnConfig`, but for those in `effects.OWNED_MODEL`; with `init_from` those alone that change
            no weights.
        training: fields of `transformers.Seq2SeqTrainingArguments`, but for those in `effects.OWNED`.
    """

    name: str
    corpus: str
    source_lang: str
    target_lang: str
    vocab_size: int | None = None
    lowercase: bool = False
    config: str | None = None
    source_column: str | None = None
    target_column: str | None = None
    train_split: str = "train"
    dev_split: str = "dev"
    test_split: str = "test"
    corpora: list[WeightedCorpus] = field(default_factory=list)
    temperature: float = 1.0
    clean: list[str] = field(default_factory=list)
    max_length_ratio: float = 3.0
    hold_out: int | None = None
    max_length: int = 128
    max_tokens: int = 4096
    label_smoothing: float = 0.1
    r_drop: float = 0.0
    bpe_dropout: float = 0.0
    word_dropout: float = 0.0
    muon: bool = False
    ema_decay: float = 0.0
    average: int = 0
    fast_kernels: bool = True
    early_stopping_patience: int = 5
    num_beams: int = 5
    watch_attention: int = 0
    license: str = "unknown"
    init_from: str | None = None
    add_subwords: int = 0
    add_tokens: list[str] = field(default_factory=list)
    freeze: list[str] = field(default_factory=list)
    lora: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    def parts(self) -> "list[Recipe]":
        """Return a recipe of one corpus for each of `corpora`; the recipe itself where it has none."""
        if not self.corpora:
            return [self]
        return [replace(self, corpora=[], temperature=1.0, **entry.settings()) for entry in self.corpora]

    def part_names(self) -> list[str]:
        """Name each of `parts`, such as `en-es`; the only one by "" where it has no `corpora`."""
        parts = self.parts()
        directions = [f"{part.source_lang}-{part.target_lang}" for part in parts]
        return names_of(directions, [part.corpus for part in parts]) if self.corpora else [""]

    @property
    def directions(self) -> str:
        """Tell a reader from what into what it translates: `en → es, es → en`."""
        return ", ".join(dict.fromkeys(f"{part.source_lang} → {part.target_lang}" for part in self.parts()))

    @property
    def languages(self) -> list[str]:
        """Codes of all languages, those of the first direction first."""
        return [*dict.fromkeys(code for part in self.parts() for code in (part.source_lang, part.target_lang))]

    @property
    def sources(self) -> list[str]:
        """Codes of the languages that are translated from."""
        return [*dict.fromkeys(part.source_lang for part in self.parts())]

    @property
    def targets(self) -> list[str]:
        """Codes of the languages that are translated into."""
        return [*dict.fromkeys(part.target_lang for part in self.parts())]

    @property
    def marks(self) -> list[str]:
        """Marks that a new vocabulary has of the target languages, where there are several."""
        return [target_mark(code) for code in self.targets] if len(self.targets) > 1 else []

    def overruled(self) -> dict[str, str]:
        """Find the settings that have no effect because of another: `training.num_train_epochs`, and who wins."""
        from ..text.corpora import TEXTBOOK, local_path  # takes a second, which who only translates need not wait

        found = {f"training.{name}": why for name, why in overruled(self.training, self.muon) if name in self.training}
        for part in self.parts():
            if part.config is not None and (part.corpus.startswith(TEXTBOOK) or local_path(part.corpus) is not None):
                found["config"] = f"corpus={part.corpus} is not on the Hub"
        return found

    def to_yaml(self) -> str:
        """Write every value as YAML, without secrets."""
        return write_yaml(redact(asdict(self)))

    def save(self, folder: Path) -> None:
        """Write the recipe beside the model, where `recipe_of` reads it again."""
        write_text(folder / RECIPE_FILE, self.to_yaml())


FIELDS = get_type_hints(Recipe)
ENTRY = get_type_hints(WeightedCorpus)
GROUPS = {  # what stands below a key, with what can have no effect there
    "model": (AttnConfig.__annotations__, OWNED_MODEL),
    "training": (get_type_hints(Seq2SeqTrainingArguments), OWNED),
}


def recipe_names() -> list[str]:
    """Return the names of the recipes in the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe of the package by name, or a YAML file by path, and put the overrides in place.

    Nothing in a recipe is evaluated: `${NAME}` is text.

    Args:
        name_or_path: one of `recipe_names()`, or a path that ends in `.yaml`.
        overrides: such as `["max_tokens=2048", "model.d_model=64"]`; values are YAML.

    Raises:
        UserError: no such recipe, an unknown or missing key, a value of the wrong type, a secret, or a setting that
            would have no effect.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        where, path = name_or_path, Path(name_or_path)
        if not path.is_file():
            raise UserError(f"there is no recipe file {name_or_path}")
    elif name_or_path in recipe_names():
        where, path = f"recipe {name_or_path}", RECIPES / f"{name_or_path}.yaml"
    else:
        names = ", ".join(recipe_names())
        raise UserError(f'there is no recipe "{name_or_path}": name one of {names}, or a .yaml file')

    settings = _read(path, where)
    typed: set[str] = set()
    for override in overrides:
        key, value = _read_override(override, where)
        _put(settings, key.split("."), value)
        typed.update(_leaves(value, key))
    if secret := next(secrets_in(settings), None):
        raise UserError(f"{where}: {secret} holds a secret, and a recipe goes wherever its model goes: {ADVICE}")
    if settings.get("init_from", "") not in NOTHING:
        _leave_to_base(settings, typed, where)
    for group, (_, owned) in GROUPS.items():
        for name in settings.get(group) or ():
            if name in owned:
                raise UserError(f"{where}: {group}.{name} is not for recipes: {owned[name]}")
    recipe = _build(settings, where)
    if recipe.muon and "optim" in recipe.training:
        raise UserError(f"{where}: muon and training.optim both choose the optimizer: leave one of them out")
    for key, winner in recipe.overruled().items():
        if key in typed:
            raise UserError(f"{where}: {key} has no effect: {winner}")
    return recipe


def read_recipe(path: Path) -> Recipe:
    """Read the recipe that a training has left; secrets are taken out of it.

    Raises:
        UserError: it is none, or damaged.
    """
    return _build(redact(_read(path, str(path))), str(path))


def located(recipe: Recipe) -> Recipe:
    """Call a corpus on this machine by its whole path, which finds it from any folder."""
    from ..text.corpora import whole_path

    entries = [
        entry if entry.corpus is None else replace(entry, corpus=whole_path(entry.corpus)) for entry in recipe.corpora
    ]
    return replace(recipe, corpus=whole_path(recipe.corpus), corpora=entries)


def recipe_of(model: str | Path) -> Recipe | None:
    """Read the recipe beside a model trained here; `None` for a model of other origin."""
    path = Path(model) / RECIPE_FILE
    return read_recipe(path) if path.is_file() else None


def _read(path: Path, where: str) -> dict[str, Any]:
    """Read the names and values of a file."""
    with reading(where):
        if path.stat().st_size > LARGEST:
            raise UserError(f"{where}: {NO_RECIPE}: it has more than {LARGEST:,} bytes")
        text = path.read_text(encoding="utf-8")
    try:
        settings = read_yaml(text)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None
    if not isinstance(settings, dict):
        raise UserError(f"{where}: {NO_RECIPE}")
    return settings


def _read_override(override: str, where: str) -> tuple[str, Any]:
    """Read `key=value`."""
    key, equals, text = override.partition("=")
    if not equals or not key or key.count(".") > MOST_LEVELS:
        raise UserError(f'"{shown(override)}" is no override: write key=value, such as training.learning_rate=1e-3')
    try:
        return key, read_yaml(text)
    except ValueError as error:
        raise UserError(f"{where}: {shown(override)}: {error}") from None


def _put(settings: dict[str, Any], names: Sequence[str], value: Any) -> None:
    """Put a value in its place; names and values are added to those that are there."""
    *groups, name = names
    for group in groups:
        if not isinstance(settings.get(group), dict):
            settings[group] = {}
        settings = settings[group]
    if isinstance(value, dict) and isinstance(settings.get(name), dict):
        for below, each in value.items():
            _put(settings[name], [below], each)
    else:
        settings[name] = value


def _leave_to_base(settings: dict[str, Any], typed: set[str], where: str) -> None:
    """Take out what a recipe says of the vocabulary and the sizes of a model: those of `init_from` count."""
    sizes = settings.get("model")
    given = {f"model.{name}": (sizes, name) for name in sizes if name not in FREE} if isinstance(sizes, dict) else {}
    for key, (group, name) in {**given, "vocab_size": (settings, "vocab_size")}.items():
        if key in typed:
            raise UserError(f"{where}: {key} has no effect: init_from={settings['init_from']} brings its own")
        group.pop(name, None)


def _leaves(value: Any, key: str) -> Iterable[str]:
    """Name the settings of an override: `training.max_steps`, also for `training={max_steps: 7}`."""
    if isinstance(value, dict) and key in GROUPS:
        return [f"{key}.{name}" for name in value]
    return [".".join(key.split(".")[:2])]


def _build(settings: dict[str, Any], where: str) -> Recipe:
    """Give every setting the value that its field has."""
    _refuse_unknown(settings, FIELDS, where, "")
    if isinstance(entries := settings.get("corpora"), list) and entries and isinstance(entries[0], dict):
        settings = {name: entries[0][name] for name in SHARED if name in entries[0]} | settings
    needed = {item.name for item in fields(Recipe) if item.default is MISSING and item.default_factory is MISSING}
    if missing := (needed - settings.keys()) | set(_open_settings(settings)):
        raise UserError(f"{where} needs a value for {min(missing)}: write {min(missing)}=...")
    try:
        values = {name: _read_field(name, value, where) for name, value in settings.items()}
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None
    recipe = Recipe(**values)
    parts = [vars(part) for part in recipe.parts()]
    if wrong := next(
        chain(wrong_values(vars(recipe), recipe.training), wrong_corpora(vars(recipe), parts, recipe.marks)), None
    ):
        raise UserError(f"{where}: {wrong}")
    if recipe.vocab_size is None and recipe.init_from is None:
        raise UserError(f"{where} needs a value for vocab_size: write vocab_size=...")
    if recipe.average and recipe.ema_decay:
        raise UserError(f"{where}: average and ema_decay both say which weights to keep: set one of them to 0")
    return recipe


def _open_settings(settings: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Name the settings whose value is still to be given."""
    for name, value in settings.items():
        if value == OPEN:
            yield prefix + name
        elif isinstance(value, dict):
            yield from _open_settings(value, f"{prefix}{name}.")


def _read_field(name: str, value: Any, where: str) -> Any:
    """Read the value of one field of a recipe."""
    if name in GROUPS and isinstance(value, dict):
        kinds = GROUPS[name][0]
        _refuse_unknown(value, kinds, where, f"{name}.")
        return {key: read_as(kinds[key], each, f"{name}.{key}") for key, each in value.items()}
    if name == "corpora" and isinstance(value, list):
        return [_read_entry(each, where) for each in value]
    found = read_as(FIELDS[name], value, name)
    return float(found) if FIELDS[name] is float else found


def _read_entry(value: Any, where: str) -> WeightedCorpus:
    """Read an entry of `corpora`."""
    if not isinstance(value, dict):
        raise ValueError(
            f"corpora must be a list of entries such as {{source_lang: en, target_lang: es}}, got {shown(value)}"
        )
    _refuse_unknown(value, ENTRY, where, "corpora.")
    entry = WeightedCorpus(**{key: read_as(ENTRY[key], each, f"corpora.{key}") for key, each in value.items()})
    return replace(entry, weight=float(entry.weight))


def _refuse_unknown(given: Iterable[str], known: Iterable[str], where: str, prefix: str) -> None:
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=3)
            hint = f": did you mean {' or '.join(prefix + item for item in close)}?" if close else ""
            raise UserError(f"{where} knows no {prefix}{shown(name)}{hint}")
