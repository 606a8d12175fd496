"""Recipes: configurations that were found by experiment, ready to use by name.

    python train.py --recipe best

Each is given by its differences from the defaults of Config, which are the recipe `plain`.
"""

import argparse

from src.common.errors import InputError
from src.runs.config import Config

RECIPES: dict[str, dict] = {
    "plain": {},
    # the images as they are, with momentum, a schedule and regularisation
    "tuned": {
        "batch_size": 64,
        "warmup_epochs": 1,  # a slow start, because momentum makes steps of 0.1 very long
        "schedule": "cosine",
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 5e-4,
        "label_smoothing": 0.05,
    },
    # the same architecture on normalised and augmented images
    "best": {
        "epochs": 60,  # distorted images are never the same twice: more epochs still help
        "batch_size": 64,
        "schedule": "cosine",
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 1e-4,
        "preprocessing": "normalise",
        "augmentation": "affine_elastic",
        "augmentation_strength": 0.7,  # stronger distortions did not help so small a network
    },
}
# a network with more room, and time for stronger distortions
RECIPES["record"] = RECIPES["best"] | {
    "hidden": (1024, 512),
    "epochs": 100,
    "batch_size": 128,
    "learning_rate": 0.06,
    "warmup_epochs": 1,
    "weight_decay": 5e-5,
    "augmentation_strength": 1.2,
}


def recipe(name: str) -> Config:
    """The config of a recipe. An unknown name raises InputError."""
    if name not in list(RECIPES):  # a list, because a table may hold anything
        raise InputError(f"there is no recipe {name!r}; there are: {', '.join(RECIPES)}")
    return Config().with_(**RECIPES[name])


def changed(config: Config, changes: object, where: str) -> Config:
    """The config with changes made to it; {"recipe": NAME} begins anew from that recipe."""
    if not isinstance(changes, dict):
        raise InputError(f"{where}: give a dict of changes, not {changes!r}")
    try:
        if "recipe" in changes:
            config = recipe(changes["recipe"])
        return config.with_(**{str(key): changes[key] for key in changes if key != "recipe"})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def chosen(values: dict, arguments: argparse.Namespace) -> Config:
    """The config that train.py was asked for: the recipe's, or these values, with the flags."""
    start = {"recipe": arguments.recipe} if arguments.recipe else values
    config = changed(Config(), start, "the VALUES in train.py")
    return config.with_(**{n: value for n, value in vars(arguments).items() if n in vars(config)})
