"""A run's history: the training is watched from outside, measured after every epoch, summed up."""

import math
import time
from collections.abc import Callable, Iterable

import numpy as np

from src.common.errors import InputError
from src.digits.data import Data, split
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.runs.config import Config
from src.runs.diagnostics import layer_statistics
from src.utils import evaluate

Labelled = tuple[np.ndarray, np.ndarray]  # images (N, 28, 28) and labels (N,)

HISTORY_COLUMNS = [
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "seconds",
    "images_per_second",
]
TRAIN_SAMPLE = 5000  # training images that loss and accuracy are measured on, always the same
LAYER_SAMPLE = 1000  # training images that the layers' statistics are taken over


def prepare(config: Config, data: Data) -> tuple[Labelled, Labelled]:
    """The training and the validation images, preprocessed, with their labels."""
    preprocess = PREPROCESSING[config.preprocessing]
    rows, held_out = split(len(data.images), config.validation_fraction, config.split_seed)
    training = preprocess(data.images[rows]), data.labels[rows]
    return training, (preprocess(data.images[held_out]), data.labels[held_out])


def follow(
    networks: Iterable[NeuralNetwork],
    config: Config,
    training: Labelled,
    validation: Labelled,
    on_epoch: Callable[[dict, NeuralNetwork], None] = lambda row, network: None,
) -> tuple[NeuralNetwork, list[dict]]:
    """Measure a network before training and after every epoch, as train.train yields it.

    Returns the network as it is in the end, and its history: for every epoch from 0 a dict with
    HISTORY_COLUMNS and, as "layers", layer_statistics. `on_epoch` gets each dict as soon as it is
    there. Raises InputError if the loss or a parameter is no longer finite.
    """
    images, labels = training
    sample = images[:TRAIN_SAMPLE], labels[:TRAIN_SAMPLE]
    history: list[dict] = []
    start = time.perf_counter()
    with np.errstate(all="ignore"):  # what overflows is noticed here, in plain words
        for epoch, network in enumerate(networks):
            seconds = time.perf_counter() - start if epoch else 0.0
            scores = evaluate(network, *sample) + evaluate(network, *validation)
            if not (math.isfinite(scores[0]) and np.isfinite(network.parameters).all()):
                raise InputError(f"epoch {epoch}: the loss is no longer finite; {hint(config)}")
            speed = len(images) / seconds if epoch else 0.0
            row: dict = dict(zip(HISTORY_COLUMNS, (epoch, *scores, seconds, speed)))
            row["layers"] = layer_statistics(network, images[:LAYER_SAMPLE], labels[:LAYER_SAMPLE])
            history.append(row)
            on_epoch(row, network)
            start = time.perf_counter()
    return network, history


def hint(config: Config) -> str:
    """What to try when the numbers have left the floating-point range."""
    if config.preprocessing == "raw":
        return "try pixels that are scaled to [0, 1], or a far lower learning rate"
    if config.initializer == "standard_normal":
        return "try smaller initial weights, such as he_uniform"
    return f"try a learning rate below {config.learning_rate:g}"


def warnings_about(row: dict) -> list[str]:
    """What a reader should be told after this epoch of a history, if anything."""
    found, guessing = [], math.log(10)
    if row["epoch"] >= 2 and row["train_loss"] > 1.5 * guessing:
        found.append(
            "the loss is far above ln 10, worse than guessing; usual causes are too large a "
            "learning rate, or images that are not shuffled"
        )
    elif row["epoch"] >= 2 and row["train_loss"] > 0.98 * guessing:
        found.append(
            "the loss is still about ln 10, no better than guessing; usual causes are initial "
            "weights of zero or far too small, or an unsuitable learning rate"
        )
    dead = [str(layer["layer"]) for layer in row["layers"] if layer["dead_share"] > 0.5]
    if dead:
        found.append(
            f"more than half of the units of hidden layer {', '.join(dead)} are dead (silent for "
            "every image); try a lower learning rate, other initial weights or leaky_relu"
        )
    return found


def summarise(
    config: Config, data: Data, network: NeuralNetwork, history: list[dict], score_test: bool
) -> dict:
    """The figures of a finished run; what was not measured has no entry.

    With score_test the test set is looked at: here, once and at the very end.
    """
    last = history[-1]
    rows, held_out = split(len(data.images), config.validation_fraction, config.split_seed)
    metrics = {
        "parameters": network.parameters.size,
        "training_images": len(rows),
        "measured_training_images": min(len(rows), TRAIN_SAMPLE),
        "validation_images": len(held_out),
        "last_train_loss": last["train_loss"],
        "seconds": sum(row["seconds"] for row in history),
    }
    if len(held_out):
        best = max(history, key=lambda row: row["validation_accuracy"])
        metrics |= {
            "best_epoch": best["epoch"],
            "best_validation_accuracy": best["validation_accuracy"],
            "last_validation_accuracy": last["validation_accuracy"],
        }
    if score_test and len(data.test_images):
        test_images = PREPROCESSING[config.preprocessing](data.test_images)
        loss, accuracy = evaluate(network, test_images, data.test_labels)
        metrics |= {"test_loss": loss, "test_accuracy": accuracy}
    return metrics
