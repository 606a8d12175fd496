"""Train one network and look at it.

    python train.py                              # the reference network, 784 -> 128 -> 64 -> 10
    python train.py --hidden 256 128 --epochs 30
    python train.py --recipe best                # every technique that pays

Writes curves.png, history.csv, network.npz and more to results/train/. Edit the values in Config,
or the recipes below it, and run again.
"""

import os

# One BLAS thread: matrices of this size gain nothing from a second, and the bits stay the same.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import csv
import dataclasses
import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from src.activations import ACTIVATIONS
from src.diagnostics import layer_statistics
from src.digits.augmentation import AUGMENTATIONS, augment
from src.digits.data import ROOT, Data, load_data, split
from src.digits.preprocessing import PREPROCESSING
from src.errors import InputError
from src.files import filling, make_writable, write_json
from src.initializers import INITIALIZERS
from src.losses import cross_entropy
from src.model import NeuralNetwork, count_parameters
from src.network_file import save_network
from src.optimizers import SCHEDULES, learning_rate_at, sgd_step
from src.script import ArgumentParser, run_script
from src.utils import batches, evaluate

tqdm.set_lock(threading.RLock())  # tqdm's own is a semaphore, which a killed process would leave


@dataclass(frozen=True)
class Config:
    """The hyperparameters of one run. The defaults are the recipe `plain`."""

    hidden: tuple[int, ...] = (128, 64)  # units of each hidden layer: (128,) is one, () is none
    activation: str = "relu"  # its gradient does not fade, and it costs next to nothing
    initializer: str = "he_uniform"  # keeps the signal's size through ReLU layers
    epochs: int = 20  # plain SGD has learned the training images by heart by then
    batch_size: int = 32  # small batches: noisier, but more steps an epoch
    learning_rate: float = 0.1  # the largest that trains calmly without momentum
    schedule: str = "constant"  # the simplest; "cosine" ends with ever finer steps
    warmup_epochs: float = 0.0  # a slow start, for learning rates that are too hot at first
    momentum: float = 0.0  # 0.9 remembers about ten steps, and makes steps ten times as long
    nesterov: bool = False  # momentum that looks ahead
    weight_decay: float = 0.0  # small weights make smoother functions
    dropout: float = 0.0  # the share of hidden units that is silent in each step
    label_smoothing: float = 0.0  # a little doubt about every label
    preprocessing: str = "none"  # "deskew" straightens each digit, for training and ever after
    augmentation: str = "none"  # how digits are distorted, anew in every epoch
    augmentation_strength: float = 1.0  # see src/augmentation.py for what 1 means
    validation_fraction: float = 0.1  # 0 trains on everything, once all is chosen
    seed: int = 0  # decides the split, the weights, the batches and all that is drawn

    def __post_init__(self) -> None:
        try:
            hidden = list(self.hidden)
        except TypeError:
            raise InputError(f"hidden = {self.hidden!r}: give a list of whole numbers") from None
        if len(hidden) > 100 or not all(is_number(n, 1, 10_000, True) for n in hidden):
            raise InputError(f"hidden = {hidden}: give up to 100 whole numbers from 1 to 10,000")
        # Plain Python numbers from here on: NumPy's would be refused by json after the training.
        object.__setattr__(self, "hidden", tuple(map(int, hidden)))
        if count_parameters([784, *self.hidden, 10]) > MAX_PARAMETERS:
            raise InputError(f"hidden = {hidden}: makes more than {MAX_PARAMETERS:,} parameters")
        for name, (low, high, whole) in RANGES.items():
            value, kind = getattr(self, name), "whole number" if whole else "number"
            if not is_number(value, low, high, whole):
                raise InputError(f"{name} = {value!r}: give a {kind} from {low:,} to {high:,}")
            object.__setattr__(self, name, int(value) if whole else float(value))
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if type(value) not in (str, bool) or value not in choices:
                raise InputError(
                    f"{name} = {value!r}: choose one of {', '.join(map(str, choices))}"
                )

    def with_(self, **changes: object) -> "Config":
        """This config with some fields changed. An unknown name raises InputError."""
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise InputError(f"{name!r} is no hyperparameter; there are: {', '.join(known)}")
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


MAX_PARAMETERS = 100_000_000  # 0.4 GB, and three times that while training

# Recipes: differences from the values above. `python train.py --recipe best`
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
    # the same architecture on deskewed and augmented digits
    "best": {
        "learning_rate": 0.03,  # lower than 0.1, because momentum makes steps longer
        "schedule": "cosine",
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 1e-4,
        "preprocessing": "deskew",
        "augmentation": "affine_elastic",
        "augmentation_strength": 0.7,  # wilder digits helped this small network no further
    },
}
# a network with more room, and time for wilder digits: nine minutes on one core
RECIPES["record"] = RECIPES["best"] | {
    "hidden": (1024, 512),
    "epochs": 100,
    "batch_size": 128,
    "learning_rate": 0.06,  # twice that of `best`, with batches four times as large
    "warmup_epochs": 1,
    "weight_decay": 5e-5,
    "augmentation_strength": 1.2,
}


def recipe(name: str) -> Config:
    """The config of a recipe. An unknown name raises InputError."""
    if name not in RECIPES:
        raise InputError(f"no recipe {name!r}; there are: {', '.join(RECIPES)}")
    return Config().with_(**RECIPES[name])


# field: (lowest, highest, whole numbers only)
RANGES = {
    "epochs": (1, 100_000, True),
    "batch_size": (1, 1_000_000, True),
    "learning_rate": (1e-9, 1000, False),
    "warmup_epochs": (0, 1000, False),
    "momentum": (0, 0.9999, False),
    "weight_decay": (0, 1, False),
    "dropout": (0, 0.95, False),
    "label_smoothing": (0, 0.9, False),
    "augmentation_strength": (0, 10, False),
    "validation_fraction": (0, 0.9, False),
    "seed": (0, 2**32 - 1, True),
}
CHOICES: dict[str, list] = {
    "activation": list(ACTIVATIONS),
    "initializer": list(INITIALIZERS),
    "schedule": list(SCHEDULES),
    "preprocessing": list(PREPROCESSING),
    "augmentation": ["none", *AUGMENTATIONS],
    "nesterov": [True, False],
}


def is_number(value: object, low: float, high: float, whole: bool) -> bool:
    """Whether value is a finite number in [low, high]; a bool is not."""
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool) and bool(low <= value <= high)


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


def training_step(
    network: NeuralNetwork,
    x: np.ndarray,
    labels: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
    learning_rate: float,
    config: Config,
    rng: np.random.Generator,
) -> float:
    """All that learning is: forward, loss, backward, update. x (B, 784), labels (B,).

    gradient and velocity (P,) are overwritten. Returns the loss before the update.
    """
    logits, cache = network.forward(x, config.dropout, rng)
    loss, d_logits = cross_entropy(logits, labels, config.label_smoothing)
    network.backward(d_logits, cache, out=gradient)
    sgd_step(
        network.parameters,
        gradient,
        velocity,
        learning_rate,
        config.momentum,
        config.nesterov,
        config.weight_decay,
        network.weight_count,
    )
    return loss


def train(
    config: Config,
    data: Data,
    on_epoch: Callable[[dict], None] = lambda row: None,
    progress_bar: bool = False,
) -> tuple[NeuralNetwork, list[dict]]:
    """Train one network with mini-batch SGD.

    Returns the network as it is after the last epoch, and its history: for every epoch from 0,
    which is before training, a dict with HISTORY_COLUMNS and, as "layers", layer_statistics.
    `on_epoch` gets each dict as soon as it is there. Raises InputError if the loss or a parameter
    is no longer finite.
    """
    # A stream for each purpose: two configs that differ in dropout still see the same batches.
    shuffle_rng, augment_rng, dropout_rng = (
        np.random.default_rng([config.seed, stream]) for stream in (1, 2, 3)
    )
    train_rows, validation_rows = split(len(data.images), config.validation_fraction, config.seed)
    preprocess = PREPROCESSING[config.preprocessing]
    images, labels = preprocess(data.images[train_rows]), data.labels[train_rows]
    validation = preprocess(data.images[validation_rows]), data.labels[validation_rows]
    sample = images[:TRAIN_SAMPLE], labels[:TRAIN_SAMPLE]

    network = NeuralNetwork(
        [images[0].size, *config.hidden, 10], config.activation, config.initializer, config.seed
    )
    gradient = np.empty_like(network.parameters)
    velocity = np.zeros_like(network.parameters)
    per_epoch = math.ceil(len(images) / config.batch_size)
    warmup = round(config.warmup_epochs * per_epoch)
    transform = None
    if config.augmentation != "none":
        transform = partial(
            augment,
            name=config.augmentation,
            strength=config.augmentation_strength,
            rng=augment_rng,
        )

    history: list[dict] = []
    for epoch in range(config.epochs + 1):
        start = time.perf_counter()
        if epoch > 0:
            epoch_batches = tqdm(
                batches(images, labels, config.batch_size, shuffle_rng, transform),
                desc=f"epoch {epoch}/{config.epochs}",
                total=per_epoch,
                leave=False,
                disable=not progress_bar,
            )
            for number, (x, y) in enumerate(epoch_batches, start=(epoch - 1) * per_epoch):
                learning_rate = learning_rate_at(
                    number, config.epochs * per_epoch, config.learning_rate, config.schedule, warmup
                )
                with np.errstate(all="ignore"):  # what overflows is noticed here, in plain words
                    loss = training_step(
                        network, x, y, gradient, velocity, learning_rate, config, dropout_rng
                    )
                if not math.isfinite(loss):
                    raise diverged(epoch, config)
        seconds = time.perf_counter() - start
        with np.errstate(all="ignore"):
            scores = evaluate(network, *sample) + evaluate(network, *validation)
            layers = layer_statistics(network, images[:1000], labels[:1000])
        if not (math.isfinite(scores[0]) and np.isfinite(network.parameters).all()):
            raise diverged(epoch, config)
        speed = len(images) / seconds if epoch > 0 else 0.0
        history.append(dict(zip(HISTORY_COLUMNS, (epoch, *scores, seconds, speed))))
        history[-1]["layers"] = layers
        on_epoch(history[-1])
    return network, history


def diverged(epoch: int, config: Config) -> InputError:
    """What to tell someone whose numbers have left the floating-point range."""
    return InputError(
        f"epoch {epoch}: the loss is not finite any more; "
        f"try a learning rate below {config.learning_rate:g}"
    )


def warnings_about(row: dict) -> list[str]:
    """What a reader of the history should be told after this epoch, if anything."""
    found = []
    if row["epoch"] == 2 and row["train_loss"] > 0.98 * math.log(10):
        found.append(
            f"the loss is still {row['train_loss']:.3f}, no better than ln 10, that of guessing. "
            "Usual causes: initial weights of zero or far too small, or an unsuitable learning rate"
        )
    dead = [str(layer["layer"]) for layer in row["layers"] if layer["dead_share"] > 0.5]
    if dead:
        found.append(
            f"more than half of the units of hidden layer {', '.join(dead)} are dead (silent for "
            "every image); try a lower learning rate, other initial weights or leaky_relu"
        )
    return found


def summarise(config: Config, data: Data, network: NeuralNetwork, history: list[dict]) -> dict:
    """The figures of a finished run. Here, once and at the very end, the test set is looked at."""
    best, last = max(history, key=lambda row: row["validation_accuracy"]), history[-1]
    _, validation_rows = split(len(data.images), config.validation_fraction, config.seed)
    metrics = {
        "parameters": network.parameters.size,
        "training_images": len(data.images) - len(validation_rows),
        "validation_images": len(validation_rows),
        "best_epoch": best["epoch"],
        "best_validation_accuracy": best["validation_accuracy"],
        "last_validation_accuracy": last["validation_accuracy"],
        "last_train_loss": last["train_loss"],
        "seconds": sum(row["seconds"] for row in history),
    }
    if len(data.test_images):
        test_images = PREPROCESSING[config.preprocessing](data.test_images)
        loss, accuracy = evaluate(network, test_images, data.test_labels)
        metrics |= {"test_loss": loss, "test_accuracy": accuracy}
    return metrics


def save_run(
    folder: Path,
    config: Config,
    data: Data,
    network: NeuralNetwork,
    history: list[dict],
    metrics: dict,
) -> None:
    """Write config.json, metrics.json, history.csv, layers.csv and network.npz, all or none.

    The network is that of the last epoch: with the learning rate at its end it is as good as the
    best one, whose lead on the validation images would be partly luck. metrics.json knows both.
    """
    metadata = {
        "preprocessing": config.preprocessing,
        "config": dataclasses.asdict(config),
        "metrics": metrics,
    }
    described = {"config": dataclasses.asdict(config), "data": data.source}
    described |= {"fingerprint": data.fingerprint()}
    layers = [{"epoch": row["epoch"], **layer} for row in history for layer in row["layers"]]
    with filling(folder) as new:
        write_json(new / "config.json", described)
        write_json(new / "metrics.json", metrics)
        write_csv(new / "history.csv", history, HISTORY_COLUMNS)
        write_csv(new / "layers.csv", layers, list(layers[0]))
        save_network(new / "network.npz", network, metadata)


def write_csv(path: Path, rows: list[dict], columns: list[str]) -> None:
    """Write these columns of the rows, numbers in full precision."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def print_epoch(row: dict) -> None:
    """One line about an epoch, and what there is to warn of."""
    print(
        f"epoch {row['epoch']:3d}   "
        f"train: loss {row['train_loss']:.4f}, accuracy {row['train_accuracy']:.2%}   "
        f"validation: loss {row['validation_loss']:.4f}, "
        f"accuracy {row['validation_accuracy']:.2%}   "
        f"{row['seconds']:.2f} s, {row['images_per_second']:,.0f} images/s",
        flush=True,
    )
    for warning in warnings_about(row):
        print(f"warning: {warning}", file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    """The command line: what people change most. Everything else is edited in Config."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="a Kaggle CSV (also .gz, .zip) or an .npz like MNIST's")
    parser.add_argument("--recipe", default="plain", choices=RECIPES, help="default: plain")
    parser.add_argument("--hidden", type=int, nargs="*", help="units of each hidden layer")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    names = ("hidden", "epochs", "batch_size", "learning_rate", "seed")
    given = {name: getattr(arguments, name) for name in names}
    changes = {name: value for name, value in given.items() if value is not None}
    config = recipe(arguments.recipe).with_(**changes)
    folder = arguments.results / "train"

    data = load_data(arguments.data)
    make_writable(folder)
    print(f"data: {data.source}, {len(data.images):,} images")
    for name, value in dataclasses.asdict(config).items():
        print(f"  {name} = {value}")
    network, history = train(config, data, print_epoch, progress_bar=sys.stderr.isatty())
    metrics = summarise(config, data, network, history)
    save_run(folder, config, data, network, history, metrics)

    if metrics["validation_images"]:
        print(
            f"best validation accuracy {metrics['best_validation_accuracy']:.2%} "
            f"(epoch {metrics['best_epoch']}), last {metrics['last_validation_accuracy']:.2%}"
        )
    if "test_accuracy" in metrics:
        print(f"test accuracy {metrics['test_accuracy']:.2%} ({len(data.test_images):,} images)")
    draw(folder, config, data, network, history)
    print(f"saved the network of the last epoch, its curves and more in {folder}")


def draw(
    folder: Path, config: Config, data: Data, network: NeuralNetwork, history: list[dict]
) -> None:
    """All figures of a run, those of mistakes from the validation images, or else the test set."""
    from src.figures import (
        plots,  # here, because matplotlib takes longer to import than all the rest
    )

    _, rows = split(len(data.images), config.validation_fraction, config.seed)
    shown, labels, what = data.images[rows], data.labels[rows], "validation"
    if len(rows) == 0:
        shown, labels, what = data.test_images, data.test_labels, "test"
    images = PREPROCESSING[config.preprocessing](shown)
    plots.run_figures(folder, network, history, images, shown, labels, what)
    (folder / "augmentation.png").unlink(missing_ok=True)  # an earlier run's may stand there
    if config.augmentation != "none":
        digit = data.images[[np.argmax(data.labels == 3)]]  # a three, or whatever comes first
        seen = PREPROCESSING[config.preprocessing](digit)
        strength = config.augmentation_strength
        plots.plot_augmentations(folder / "augmentation.png", digit, seen, strength)


if __name__ == "__main__":
    run_script(main)
