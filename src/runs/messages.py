"""What the scripts say about a run: its layers, its epochs, its warnings, its end."""

import dataclasses
import math
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from src.digits.data import Data
from src.model import count_parameters
from src.runs.config import Config


def first_lines(config: Config, data: Data, threads: int) -> str:
    """What is trained: the data, each hyperparameter, the layers and their parameters."""
    lines = [f"data: {data.source}, {len(data.images):,} images"]
    lines += [f"  {name} = {value}" for name, value in dataclasses.asdict(config).items()]
    sizes = config.layer_sizes
    for fan_in, fan_out in pairwise(sizes):
        lines.append(f"  {fan_in:5,} -> {fan_out:5,} {(fan_in + 1) * fan_out:12,} parameters")
    lines.append(f"  in all {count_parameters(sizes):19,}")
    if config.hidden and (config.hidden[0] == 784 or config.hidden[-1] == 10):
        lines.append("note: `hidden` is without the 784 inputs and the 10 outputs; both are added")
    if threads > 1:
        lines.append(f"note: {threads} threads; the last bits differ from those of one thread")
    return "\n".join(lines)


def epoch_line(row: dict) -> str:
    """One line about an epoch."""
    parts = [f"epoch {row['epoch']:3d}"]
    for part in ("train", "validation"):
        if not math.isnan(row[f"{part}_loss"]):
            parts.append(f"{part} {row[f'{part}_accuracy']:.2%}, loss {row[f'{part}_loss']:.4f}")
    return "   ".join([*parts, f"{row['seconds']:.2f} s"])


def epoch_printer() -> Callable[[dict, list[dict]], None]:
    """For a Recorder: print a line for each epoch, and each warning once."""
    warned: set[str] = set()

    def show(row: dict, layers: list[dict]) -> None:
        print(epoch_line(row), flush=True)
        for warning in warnings_about(row, layers):
            if warning not in warned:
                print(f"warning: {warning}", file=sys.stderr)
            warned.add(warning)

    return show


def warnings_about(row: dict, layers: list[dict]) -> list[str]:
    """What a reader should be told after this epoch of a history, if anything."""
    found, guessing, learned = [], math.log(10), row["train_accuracy"] > 0.2
    if row["epoch"] >= 2 and row["train_loss"] > 1.5 * guessing and not learned:
        found.append(
            "the loss is far above ln 10, worse than guessing; usual causes are too large a "
            "learning rate, or images that are not shuffled"
        )
    elif row["epoch"] >= 2 and row["train_loss"] > 0.98 * guessing and not learned:
        found.append(
            "the loss is still about ln 10, no better than guessing; usual causes are initial "
            "weights of zero or far too small, or an unsuitable learning rate"
        )
    silent = [str(layer["layer"]) for layer in layers if layer["dead_share"] > 0.5]
    if silent:
        found.append(
            f"more than half of the units of hidden layer {', '.join(silent)} are silent for every "
            "image measured; try a lower learning rate, other initial weights or leaky_relu"
        )
    return found


def hint(config: Config) -> str:
    """What to try when the numbers have left the floating-point range."""
    if config.preprocessing == "raw":
        return "try pixels that are scaled to [0, 1], or a far lower learning rate"
    if config.initializer == "standard_normal":
        return "try smaller initial weights, such as he_uniform"
    return f"try a learning rate below {config.learning_rate:g}"


def outcome(metrics: dict) -> str:
    """What a finished run reached, in a line."""
    words = []
    if "last_validation_accuracy" in metrics:
        words.append(f"validation accuracy {metrics['last_validation_accuracy']:.2%}")
    if "test_accuracy" in metrics:
        words.append(f"test accuracy {metrics['test_accuracy']:.2%}")
    words.append(f"train loss {metrics['last_train_loss']:.4f}, {metrics['seconds']:.1f} s")
    return ", ".join(words)


def summary(metrics: dict, folder: Path) -> str:
    """The end of a run of train.py."""
    lines = []
    if "stopped" in metrics:
        lines.append(f"stopped after epoch {metrics['last_epoch']}: {metrics['stopped']}")
    if "best_epoch" in metrics:
        lines.append(
            f"validation accuracy {metrics['last_validation_accuracy']:.2%}; the best was "
            f"{metrics['best_validation_accuracy']:.2%}, after epoch {metrics['best_epoch']}"
        )
    if "test_accuracy" in metrics:
        lines.append(
            f"test accuracy {metrics['test_accuracy']:.2%}: that was the one look at the test set; "
            "choose by the validation accuracy"
        )
    lines.append(f"saved the network of the last epoch, its curves and more in {folder}")
    return "\n".join(lines)
