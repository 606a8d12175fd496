"""What the scripts say about a run: its layers, its epochs, its warnings, its end."""

import dataclasses
import math
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

from src.digits.data import Data, seen_rows, split
from src.model import count_parameters
from src.runs.config import Config
from src.runs.history import Run


def print_start(config: Config, data: Data, threads: int) -> None:
    """What is trained: the data, each hyperparameter, the layers and their parameters."""
    print(f"data: {data.source}, {len(data.images):,} images")
    for name, value in dataclasses.asdict(config).items():
        print(f"  {name} = {value}")
    for fan_in, fan_out in pairwise(config.layer_sizes):
        print(f"  {fan_in:5,} -> {fan_out:5,} {(fan_in + 1) * fan_out:12,} parameters")
    print(f"  in all {count_parameters(config.layer_sizes):19,}")
    if config.hidden and (config.hidden[0] == 784 or config.hidden[-1] == 10):
        print("note: `hidden` is without the 784 inputs and the 10 outputs; both are added")
    if threads > 1:
        print(f"note: {threads} threads; the last bits differ from those of one thread")


def print_epoch(row: dict) -> None:
    """One line about an epoch."""
    parts = [f"epoch {row['epoch']:3d}"]
    for part in ("train", "validation"):
        if not math.isnan(row[f"{part}_loss"]):
            parts.append(f"{part} {row[f'{part}_accuracy']:.2%}, loss {row[f'{part}_loss']:.4f}")
    print("   ".join([*parts, f"{row['seconds']:.2f} s"]), flush=True)


def warnings_about(run: Run) -> list[str]:
    """What a reader should be told about the last epoch of a run, if anything."""
    found, last, guessing = [], run.history[-1], math.log(10)
    if last["epoch"] >= 2 and last["train_accuracy"] <= 0.2:
        if last["train_loss"] > 1.5 * guessing:
            found.append(
                "the loss is far above ln 10, worse than guessing; usual causes are too large a "
                "learning rate, or images that are not shuffled"
            )
        elif last["train_loss"] > 0.98 * guessing:
            found.append(
                "the loss is still about ln 10, no better than guessing; usual causes are initial "
                "weights of zero or far too small, or an unsuitable learning rate"
            )
    layers = [layer for layer in run.layers if layer["epoch"] == last["epoch"]]
    if silent := [str(layer["layer"]) for layer in layers if layer["dead_share"] > 0.5]:
        found.append(
            f"more than half of the units of hidden layer {', '.join(silent)} are silent for every "
            "image measured; try a lower learning rate, other initial weights or leaky_relu"
        )
    return found


def outcome(metrics: dict) -> str:
    """What a finished run reached, in a line."""
    words = []
    for part in ("last_validation", "test"):
        if f"{part}_accuracy" in metrics:
            words.append(f"{part.removeprefix('last_')} accuracy {metrics[f'{part}_accuracy']:.2%}")
    words.append(f"train loss {metrics['last_train_loss']:.4f}, {metrics['seconds']:.1f} s")
    return ", ".join(words)


def print_end(run: Run, data: Data, trained_on: np.ndarray, folder: Path) -> None:
    """The end of a run of train.py. `trained_on` are the row_hashes of all images it has seen."""
    metrics = run.metrics
    if "stopped" in metrics:
        print(f"stopped after epoch {metrics['last_epoch']}: {metrics['stopped']}")
    for warning in warnings_about(run):
        print(f"warning: {warning}", file=sys.stderr)
    print(outcome(metrics))
    if "best_epoch" in metrics:
        best, epoch = metrics["best_validation_accuracy"], metrics["best_epoch"]
        print(f"the best validation accuracy was {best:.2%}, after epoch {epoch}")
    if "test_accuracy" in metrics:
        print("that was the one look at the test set; choose by the validation accuracy")
    _, held_out = split(len(data.images), run.config.validation_fraction, run.config.split_seed)
    test_images = data.test_images if "test_accuracy" in metrics else data.test_images[:0]
    for kind, images in (("validation", data.images[held_out]), ("test", test_images)):
        if seen := seen_rows(images, trained_on):
            what = f"{seen:,} of the {kind} images are among those that it was trained on"
            print(f"note: {what}: they say nothing about new digits", file=sys.stderr)
    print(f"saved the network of the last epoch, its history and its figures in {folder}")
