"""Saved networks: one .npz each, without pickle, checked when it is read, and what they read."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from src.activations import softmax
from src.common.errors import InputError
from src.common.files import read_npz, replacing
from src.digits.data import ROOT, row_hashes
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork, count_parameters
from src.utils import logits_of

DEFAULT_MODEL = ROOT / "results" / "train" / "network.npz"
VERSION = 2  # since 2 all weights come before all biases

Model = tuple[NeuralNetwork, str]  # and the name of its preprocessing


def save_network(
    path: str | Path, network: NeuralNetwork, metadata: dict | None = None, **arrays: Any
) -> None:
    """Write one .npz, beside `path` and then renamed into place. `metadata` must fit into JSON.

    Among the other arrays may be trained_on, the row_hashes (N,) of the training images.
    """
    header = {"version": VERSION, "layer_sizes": network.layer_sizes}
    header |= {"activation": network.activation, "metadata": metadata or {}}
    content = io.BytesIO()  # on a full disk, np.savez of NumPy before 2.2 prints errors of its own
    np.savez(content, header=json.dumps(header), parameters=network.parameters, **arrays)
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(content.getvalue())


def load_network(path: str | Path) -> tuple[NeuralNetwork, dict]:
    """The network that save_network wrote, to the same bits, and its metadata and other arrays.

    Raises InputError if the file is not sound, and OSError if it cannot be read at all.
    """
    arrays = read_npz(Path(path), ["header", "parameters"])
    parameters = arrays.pop("parameters")
    try:
        header = json.loads(str(arrays.pop("header")))
        if header["version"] != VERSION:
            raise ValueError(f"its version is {header['version']!r}, not {VERSION}; train it again")
        sizes, dtype = header["layer_sizes"], parameters.dtype
        if parameters.shape != (count_parameters(sizes),):
            raise ValueError(f"parameters has shape {parameters.shape} for layers {sizes}")
        if dtype not in (np.float32, np.float64) or not np.isfinite(parameters).all():
            raise ValueError(f"parameters are {dtype}, or not all of them finite")
        network = NeuralNetwork(sizes, header["activation"], "zeros", dtype=dtype.type)
        network.parameters[...] = parameters
        if any(each.ndim != 1 or each.dtype.kind not in "bui" for each in arrays.values()):
            raise ValueError(f"{', '.join(arrays)} are not rows of whole numbers")
        return network, dict(header["metadata"]) | arrays
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a network that can be used: {error}") from error


def doubts(paths: list[Path], images: np.ndarray) -> list[str]:
    """What has to be known about the answers of these networks to images (N, 28, 28), line by line.

    Which digits they know, if not all ten, and how many of the images they were trained on.
    """
    lines, hashes = [], row_hashes(images)
    seen = np.zeros(len(images), bool)
    for path in paths:
        metadata = load_network(path)[1]
        seen |= np.isin(hashes, metadata.get("trained_on", []))
        known = metadata.get("digits", range(10))
        if len(known) < 10:
            digits = ", ".join(map(str, known))
            lines.append(f"{path}: was trained on {digits} and knows no others")
    if seen.any():
        what = "the network was trained on: its answers to them say nothing about new digits"
        lines.append(f"{seen.sum():,} of the {len(images):,} images are among those that {what}")
    return lines


def load_models(paths: list[Path]) -> list[Model]:
    """The networks of these files. Raises InputError if one does not read 28x28 digits."""
    models = []
    for path in paths:
        if not path.is_file():
            advice = "`python train.py --recipe best` makes one"
            raise InputError(f"{path}: there is no such network; {advice}")
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

    Raises InputError for other images, and if weights are so large that answers are not numbers.
    """
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise InputError(f"images are {images.dtype} {images.shape}; give uint8 of (N, 28, 28)")
    total = np.zeros((len(images), 10))
    for network, preprocessing in models:
        with np.errstate(all="ignore"):
            total += softmax(logits_of(network, PREPROCESSING[preprocessing](images.copy())))
    if not np.isfinite(total).all():
        raise InputError("the network answers NaN: its weights are too large; train it again")
    return total / len(models)
