"""A run: one network trained with one seed, measured after each epoch, always in the same way."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from src.common.errors import InputError
from src.digits.data import Data, split
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.runs.config import Config
from src.runs.diagnostics import layer_statistics
from src.utils import evaluate, logits_of

TRAIN_SAMPLE = 5000  # training images that loss and accuracy are measured on, always the same
LAYER_SAMPLE = 1000  # training images that the layers' statistics are taken over


@dataclass
class Run:
    """What was asked of a run, and what came of it. The same object travels everywhere."""

    config: Config
    network: Any  # the NeuralNetwork after the last epoch; None where hundreds of runs are kept
    history: list[dict]  # one row for each epoch, from 0: losses, accuracies, seconds
    layers: list[dict]  # one row for each epoch and layer: see layer_statistics
    metrics: dict  # what is known in the end, fit for JSON; what was not measured has no entry
    right: np.ndarray  # (validation images,) bool: which the network reads right in the end
    best: np.ndarray | None = None  # parameters (P,) of the best epoch on the validation images


def blas_kernel() -> str:
    """The code that NumPy's BLAS has chosen for this processor: another one gives other bits."""
    found = {each.get("architecture") for each in threadpool_info() if each["user_api"] == "blas"}
    return ", ".join(sorted(filter(None, found))) or "unknown"


class Recorder:
    """Measures a network before training and after each epoch, and keeps what a run needs.

    `on_epoch(row)` is called with each new row of the history; `last` holds the parameters then.
    With `patience` n > 0, n epochs without a better validation accuracy stop the training.
    """

    def __init__(self, on_epoch: Callable | None = None, patience: int = 0) -> None:
        self.on_epoch, self.patience = on_epoch, patience
        self.history: list[dict] = []
        self.layers: list[dict] = []
        self.best: dict = {}  # the row of the best epoch
        self.stopped = ""  # why, if the training ends before its last epoch
        self.clock = time.perf_counter()

    def begin(self, config: Config, data: Data) -> tuple[np.ndarray, np.ndarray]:
        """Split and preprocess the data. Returns the images (N, 28, 28) and labels to train on.

        Raises InputError for other arrays.
        """
        images, labels = data.images, data.labels
        digits = images.dtype == np.uint8 and np.isin(labels, range(10)).all()
        if not digits or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
            raise InputError("give uint8 images (N, 28, 28), and as many labels, whole numbers 0-9")
        self.config, self.data = config, data
        preprocess = PREPROCESSING[config.preprocessing]
        rows, held_out = split(len(data.images), config.validation_fraction, config.split_seed)
        images, labels = preprocess(data.images[rows]), data.labels[rows]
        images = np.ascontiguousarray(images)  # train() sorts the pixels in place
        self.validation = preprocess(data.images[held_out]), data.labels[held_out]
        self.sample = images[:TRAIN_SAMPLE].copy(), labels[:TRAIN_SAMPLE]
        self.rows = rows
        if self.patience and not len(held_out):
            raise InputError("--patience needs validation images; give a --validation-fraction")
        return images, labels

    def measure(self, network: NeuralNetwork) -> None:
        """Add an epoch to the history. Raises InputError if a number is no longer finite."""
        images, labels = self.sample
        epoch = len(self.history)
        seconds = time.perf_counter() - self.clock if epoch else 0.0
        scores = evaluate(network, images, labels) + evaluate(network, *self.validation)
        if not (math.isfinite(scores[0]) and np.isfinite(network.parameters).all()):
            remedy = "try a lower learning rate or smaller initial weights"
            self.stopped = f"the loss is no longer finite; {remedy}"
            raise InputError(f"epoch {epoch}: {self.stopped}")
        names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
        row = {"epoch": epoch, **dict(zip(names, scores)), "seconds": seconds}
        row["images_per_second"] = len(self.rows) / seconds if epoch else 0.0
        layers = layer_statistics(network, images[:LAYER_SAMPLE], labels[:LAYER_SAMPLE])
        self.layers += [{"epoch": epoch, **layer} for layer in layers]
        self.network, self.last = network, network.parameters.copy()
        if not self.best or row["validation_accuracy"] > self.best["validation_accuracy"]:
            self.best, self.best_parameters = row, self.last
        waited = epoch - self.best["epoch"]
        if self.patience and waited >= self.patience and epoch < self.config.epochs:
            self.stopped = f"no better validation accuracy since epoch {epoch - waited}"
        self.history.append(row)
        if self.on_epoch:
            self.on_epoch(row)
        self.clock = time.perf_counter()

    def interrupt(self) -> None:
        """Ctrl-C: the last whole epoch is the end. Raises it again if there is none to keep."""
        if len(self.history) < 2:
            raise KeyboardInterrupt
        self.network.parameters[...] = self.last
        self.stopped = "interrupted"

    @np.errstate(all="ignore")  # weights may be finite, and their sums not
    def finish(self, score_test: bool = False) -> Run:
        """The run as it is now. With score_test the test set is looked at: here, and only here.

        The network is that of the last epoch: the lead of the best one on the validation images is
        partly luck.
        """
        data, last, (images, labels) = self.data, self.history[-1], self.validation
        self.network.parameters[...] = self.last  # where the epoch after it diverged
        metrics = {
            "data": data.source,
            "parameters": self.last.size,
            "training_images": len(self.rows),
            "measured_training_images": len(self.sample[0]),
            "last_train_loss": last["train_loss"],
            "seconds": sum(row["seconds"] for row in self.history),
            "blas": blas_kernel(),
        }
        if len(images):
            metrics |= {
                "best_epoch": self.best["epoch"],
                "best_validation_accuracy": self.best["validation_accuracy"],
                "last_validation_accuracy": last["validation_accuracy"],
            }
        if score_test:
            test_images = PREPROCESSING[self.config.preprocessing](data.test_images.copy())
            loss, accuracy = evaluate(self.network, test_images, data.test_labels)
            metrics |= {"test_loss": loss, "test_accuracy": accuracy}
        if self.stopped:
            metrics["stopped"] = self.stopped
        right = logits_of(self.network, images).argmax(axis=1) == labels
        best = self.best_parameters if len(images) else None
        return Run(self.config, self.network, self.history, self.layers, metrics, right, best)
