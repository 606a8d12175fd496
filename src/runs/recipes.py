"""Recipes: configurations that were found by experiment, ready to use by name.

    python train.py --recipe best

Each is given by its differences from the defaults of Config, which are the recipe `plain`.
"""

from pathlib import Path

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
    values: dict, name: str | None, saved: Path | None, flags: dict
) -> tuple[Config, NeuralNetwork | None]:
    """The config of a recipe, a saved network or these values, with the flags, and that network.

    Raises InputError if the network's file is not sound, or its layers are not those asked for.
    """
    network, config = None, Config().with_(**values)
    if saved:
        network, metadata = load_network(saved)
        known = metadata.get("config")
        known = known if isinstance(known, dict) else {}
        known |= {"hidden": network.layer_sizes[1:-1], "activation": network.activation}
        config = Config().with_(**known)
    config = (recipe(name) if name else config).with_(**flags)
    made = (config.layer_sizes, config.activation)
    if network and (network.layer_sizes, network.activation) != made:
        what = f"the network is {network.layer_sizes} with {network.activation}"
        raise InputError(f"--continue: {what}, not {made[0]} with {made[1]}; leave that out")
    return config, network
