"""What the scripts say about a run: its layers, its epochs, its warnings, its end."""

import math
import sys
from itertools import pairwise
from pathlib import Path

from src.digits.data import Data
from src.model import count_parameters
from src.reading.saved import doubts
from src.runs.config import Config
from src.runs.history import Run


def print_start(config: Config, data: Data) -> None:
    """What is trained: the data, each hyperparameter, the layers and their parameters."""
    print(f"data: {data.source}, {len(data.images):,} images")
    for name, value in vars(config).items():
        print(f"  {name} = {value}")
    for fan_in, fan_out in pairwise(config.layer_sizes):
        print(f"  {fan_in:5,} -> {fan_out:5,} {(fan_in + 1) * fan_out:12,} parameters")
    print(f"  in all {count_parameters(config.layer_sizes):19,}")
    if config.hidden and (config.hidden[0] == 784 or config.hidden[-1] == 10):
        print("note: `hidden` is without the 784 inputs and the 10 outputs; both are added")


def epoch_line(row: dict) -> str:
    """What a network has reached after an epoch."""
    parts = [f"epoch {row['epoch']:3d}"]
    for part in ("train", "validation"):
        if not math.isnan(row[f"{part}_loss"]):
            parts.append(f"{part} {row[f'{part}_accuracy']:.2%}, loss {row[f'{part}_loss']:.4f}")
    return "   ".join([*parts, f"{row['seconds']:.2f} s"])


def print_epoch(row: dict) -> None:
    print(epoch_line(row), flush=True)


def warnings_about(run: Run) -> list[str]:
    """What a reader should be told about the last epoch of a run, if anything."""
    found, last = [], run.history[-1]
    if last["epoch"] > 1 and last["train_accuracy"] <= 0.2 and last["train_loss"] > 2.25:
        found.append(
            f"the loss is {last['train_loss']:.2f}, that of guessing is ln 10 = 2.30; "
            "usual causes are an unsuitable learning rate, initial weights of zero or far too "
            "small, or images that are not shuffled"
        )
    layers = [each for each in run.layers if each["epoch"] == last["epoch"]]
    if silent := [str(each["layer"]) for each in layers if each["dead_share"] > 0.5]:
        found.append(
            f"in hidden layer {' and '.join(silent)} more than half of the units are silent for "
            "every image measured; try a lower learning rate, other initial weights or leaky_relu"
        )
    return found


def print_end(run: Run, data: Data, folder: Path) -> None:
    """The end of a run of train.py, which is saved in this folder."""
    metrics = run.metrics
    if "stopped" in metrics:
        print(f"stopped after epoch {run.history[-1]['epoch']}: {metrics['stopped']}")
    for warning in warnings_about(run):
        print(f"warning: {warning}", file=sys.stderr)
    if "best_epoch" in metrics:
        best, epoch = metrics["best_validation_accuracy"], metrics["best_epoch"]
        print(f"the best validation accuracy was {best:.2%}, after epoch {epoch}")
    if "test_accuracy" in metrics:
        print(f"the test accuracy is {metrics['test_accuracy']:.2%}")
        print("that was the one look at the test set; choose by the validation accuracy")
        for line in doubts([folder / "network.npz"], data.test_images):
            print(f"note: {line}", file=sys.stderr)
    seconds = f"{metrics['seconds']:.1f} s of training"
    print(f"{seconds}; the network, its history and its figures are in {folder}")
