"""Recipes: what a training needs, as YAML files, and the one class that reads them."""

from .recipe import RECIPE_FILE, Recipe, load_recipe, recipe_names, recipe_of

__all__ = ["RECIPE_FILE", "Recipe", "load_recipe", "recipe_names", "recipe_of"]
