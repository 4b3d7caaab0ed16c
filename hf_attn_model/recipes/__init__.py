"""Recipes: what a training needs, as YAML files, and the one class that reads them.

Reading order: `values` (what a scalar means), `yaml_text` -> `limits` (what no training could
use), `effects` (what changes nothing), `corpora` (one model of several) -> `recipe`.
"""

from .corpora import WeightedCorpus
from .recipe import RECIPE_FILE, Recipe, load_recipe, read_recipe, recipe_names, recipe_of

__all__ = ["RECIPE_FILE", "Recipe", "WeightedCorpus", "load_recipe", "read_recipe", "recipe_names", "recipe_of"]
