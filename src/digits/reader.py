"""Saved networks as readers of images: files to networks, images to probabilities."""

from pathlib import Path

import numpy as np

from src.digits.data import ROOT
from src.digits.preprocessing import PREPROCESSING
from src.errors import InputError
from src.model import NeuralNetwork
from src.network_file import load_network
from src.utils import scale

DEFAULT_MODEL = ROOT / "results" / "train" / "network.npz"
Model = tuple[NeuralNetwork, str]  # and the name of its preprocessing


def load_models(paths: list[Path]) -> list[Model]:
    """The networks of these files. Raises InputError if one does not read 28x28 digits."""
    if paths == [DEFAULT_MODEL] and not DEFAULT_MODEL.exists():
        raise InputError("there is no network yet; `python train.py` makes one")
    models = []
    for path in paths:
        network, metadata = load_network(path)
        first, *_, last = network.layer_sizes
        if (first, last) != (784, 10):
            raise InputError(f"{path}: turns {first} numbers into {last}, not 784 into 10")
        name = metadata.get("preprocessing", "none")
        if name not in list(PREPROCESSING):  # a list, because the file may hold anything
            raise InputError(f"{path}: preprocessing {name!r} is not one of {list(PREPROCESSING)}")
        models.append((network, name))
    return models


def mean_probabilities(models: list[Model], images: np.ndarray) -> np.ndarray:
    """Images (N, 28, 28) uint8 to probabilities (N, 10), averaged over the networks.

    Raises InputError if a network's weights are so large that its answers are not numbers.
    """
    total = np.zeros((len(images), 10))
    for network, preprocessing in models:
        for start in range(0, len(images), 1000):  # not all at once, for memory's sake
            rows = slice(start, start + 1000)
            x = scale(PREPROCESSING[preprocessing](images[rows]), network.dtype)
            with np.errstate(all="ignore"):
                total[rows] += network.predict_probabilities(x)
    if not np.isfinite(total).all():
        raise InputError("the network answers NaN: its weights are too large; train it again")
    return total / len(models)
