"""Recipes: configurations that were found by experiment, ready to use by name.

    python train.py --recipe best

Each is given by its differences from the defaults of Config, which are the recipe `plain`.
"""

import argparse

import numpy as np

from src.common.errors import InputError
from src.model import NeuralNetwork
from src.reading.saved import load_network
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


def chosen(
    values: dict, arguments: argparse.Namespace
) -> tuple[Config, NeuralNetwork | None, np.ndarray]:
    """The config that train.py was asked for, the network that it is to go on with, and the
    row_hashes of the images that this network was trained on.

    The config is the recipe's, the saved network's or that of these values, with the flags. Raises
    InputError if the network's file is not sound, or its layers are not those asked for.
    """
    network, trained_on = None, np.empty(0, "<u8")
    if arguments.go_on:
        network, metadata = load_network(arguments.go_on)
        trained_on = metadata["trained_on"]
        values = {"preprocessing": metadata.get("preprocessing", "none")} | metadata["config"]
        values |= {"hidden": network.layer_sizes[1:-1], "activation": network.activation}
    try:
        config = recipe(arguments.recipe) if arguments.recipe else Config().with_(**values)
    except (InputError, TypeError) as error:  # TypeError: no dict, or names that are no text
        raise InputError(f"{arguments.go_on or 'the VALUES in train.py'}: {error}") from error
    flags = {name: value for name, value in vars(arguments).items() if name in vars(config)}
    config = config.with_(**flags)
    layers = config.layer_sizes, config.activation
    if network and layers != (network.layer_sizes, network.activation):
        made = f"the network is {network.layer_sizes} with {network.activation}"
        raise InputError(f"--continue: {made}, not {layers[0]} with {layers[1]}; leave that out")
    return config, network, trained_on
