"""Train one network and look at it.

    python train.py                                  # with the values below
    python train.py --hidden 256,128 --epochs 30     # a flag for each value; --help lists them
    python train.py --recipe best                    # a recipe from src/runs/recipes.py instead

Writes curves.png, history.csv, network.npz and more to results/train/.
"""

from src.common.start import start

start(__name__)  # before NumPy is imported: one BLAS thread

# ---- The values you edit. They decide what `python train.py` does, and nothing else.

VALUES = {
    "hidden": (128, 64),  # units of each hidden layer: (128,) is one layer, () is none
    "activation": "relu",  # its gradient does not fade, and it costs next to nothing
    "initializer": "he_uniform",  # keeps the size of the signal through ReLU layers
    "epochs": 20,  # by then plain SGD knows the training images by heart
    "batch_size": 32,  # smaller batches are noisier, but make more steps an epoch
    "learning_rate": 0.1,  # the largest that trains calmly without momentum
    "schedule": "constant",  # the simplest; "cosine" ends with ever smaller steps
    "warmup_epochs": 0.0,  # a slow start helps if the first steps make the loss jump
    "momentum": 0.0,  # 0.9 averages over about ten steps, and makes steps ten times as long
    "nesterov": False,  # True takes the gradient where momentum is about to lead
    "weight_decay": 0.0,  # 1e-4 keeps weights small, which helps against overfitting
    "dropout": 0.0,  # 0.1 to 0.5 helps large networks against overfitting
    "label_smoothing": 0.0,  # 0.05 keeps the network from becoming too sure of itself
    "preprocessing": "none",  # "normalise" makes all digits upright and of one size
    "augmentation": "none",  # "affine_elastic" distorts the images anew in every epoch
    "augmentation_strength": 1.0,  # src/digits/augmentation.py says what 1 means
    "validation_fraction": 0.1,  # 0 trains on everything, once nothing is left to choose
    "split_seed": 0,  # decides which images validate
    "seed": 0,  # decides the first weights, the batches and all else that is drawn
}

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from src.common.files import locked, make_writable, recover
from src.common.script import ArgumentParser, run_script
from src.digits.augmentation import augment
from src.digits.data import ROOT, Data, load_data, split
from src.digits.preprocessing import PREPROCESSING
from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.optimizers import learning_rates, sgd_step
from src.runs.code_key import code_key
from src.runs.config import Config, add_flags, given_flags
from src.runs.folder import identity, write_run
from src.runs.history import TRAIN_SAMPLE, follow, prepare, summarise, warnings_about
from src.runs.recipes import RECIPES, recipe
from src.utils import batches

FIGURES = [f"{name}.png" for name in ("curves", "layers", "first_layer", "confusion", "mistakes")]
FIGURES += ["augmentation.png", "learning.png", "learning.gif"]


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
    """One step of learning: forward, loss, backward, update. x (B, 784), labels (B,).

    gradient and velocity (P,) are overwritten. Returns the loss before the update.
    """
    logits, cache = network.forward(x, config.dropout, rng)
    loss, d_logits = cross_entropy(logits, labels, config.label_smoothing)
    network.backward(d_logits, cache, out=gradient)
    sgd_step(network, gradient, velocity, learning_rate, config)
    return loss


def train(
    config: Config,
    images: np.ndarray,
    labels: np.ndarray,
    watch: Callable[[Iterable], Iterable] = iter,
) -> Iterator[NeuralNetwork]:
    """Mini-batch SGD on images (N, 28, 28) and labels (N,), already preprocessed.

    Yields the network before training and again after every epoch: always the same object, whose
    parameters change. `watch` is handed the batches of each epoch and hands them on.
    """
    # A stream for each purpose: two configs that differ in dropout still see the same batches.
    shuffle_rng, augment_rng, dropout_rng = (
        np.random.default_rng([config.seed, stream]) for stream in (1, 2, 3)
    )
    network = NeuralNetwork(config.layer_sizes, config.activation, config.initializer, config.seed)
    gradient = np.empty_like(network.parameters)
    velocity = np.zeros_like(network.parameters)
    per_epoch = math.ceil(len(images) / config.batch_size)
    rates = learning_rates(config, per_epoch)
    distort = None
    if config.augmentation != "none":
        strength = config.augmentation_strength
        distort = partial(augment, name=config.augmentation, strength=strength, rng=augment_rng)

    yield network
    for _ in range(config.epochs):
        for x, y in watch(batches(images, labels, config.batch_size, shuffle_rng, distort)):
            training_step(network, x, y, gradient, velocity, next(rates), config, dropout_rng)
        yield network


# ------------------------------------------------------------------------------ the command line


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="a Kaggle CSV (also .gz, .zip) or an .npz like MNIST's")
    parser.add_argument("--recipe", choices=RECIPES, help="start from it instead of the values")
    parser.add_argument("--results", type=Path, default=ROOT / "results", metavar="FOLDER")
    parser.add_argument("--film", action="store_true", help="also draw how the network learns")
    add_flags(parser, VALUES)
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    start_from = (
        recipe(arguments.recipe)
        if arguments.recipe
        else Config().with_(**{str(name): value for name, value in VALUES.items()})
    )
    config = start_from.with_(**given_flags(arguments))
    folder = arguments.results / "train"
    data = load_data(arguments.data)
    make_writable(arguments.results)
    busy = f"{folder}: another training is writing there; give --results another folder"
    with locked(arguments.results / ".train.lock", busy):
        recover(folder)
        print(f"data: {data.source}, {len(data.images):,} images")
        for name, value in dataclasses.asdict(config).items():
            print(f"  {name} = {value}")
        return train_and_save(config, data, folder, arguments.film)


def train_and_save(config: Config, data: Data, folder: Path, film: bool) -> int:
    """One run, from the first weights to the figures. Returns the exit status."""
    training, validation = prepare(config, data)
    history: list[dict] = []
    snapshots: dict[int, np.ndarray] = {}  # epoch -> parameters
    said: set[str] = set()

    def on_epoch(row: dict, network: NeuralNetwork) -> None:
        print_epoch(row)
        for warning in set(warnings_about(row)) - said:
            print(f"warning: {warning}", file=sys.stderr)
            said.add(warning)
        snapshots[row["epoch"]] = network.parameters.copy()
        history.append(row)
        if not film:  # the last epoch is enough to go back to
            snapshots.pop(row["epoch"] - 1, None)

    status = 0
    try:
        epochs = train(config, *training, partial(progress_bar, config=config, images=training[0]))
        network, _ = follow(epochs, config, training, validation, on_epoch)
    except KeyboardInterrupt:
        if len(history) < 2:  # nothing has been learned yet
            raise
        status, epoch = 130, history[-1]["epoch"]
        print(f"\nstopped; keeping the network as it was after epoch {epoch}", file=sys.stderr)
        network = NeuralNetwork(config.layer_sizes, config.activation, "zeros")
        network.parameters[...] = snapshots[epoch]
    metrics = summarise(config, data, network, history, score_test=True)
    if status:
        metrics["stopped_after_epoch"] = epoch
    decided_by = identity(config, data, code_key(train, ROOT), score_test=True)
    write_run(folder, decided_by, network, history, metrics, FIGURES)
    print_metrics(metrics)
    draw(folder, config, data, network, history, snapshots if film else {})
    print(f"saved the network of the last epoch, its curves and more in {folder}")
    return status


def progress_bar(epoch_batches: Iterable, config: Config, images: np.ndarray) -> Iterable:
    """The batches of an epoch, with a bar on a terminal."""
    total, quiet = math.ceil(len(images) / config.batch_size), not sys.stderr.isatty()
    return tqdm(epoch_batches, total=total, leave=False, disable=quiet)


def print_epoch(row: dict) -> None:
    """One line about an epoch, on at most 80 columns."""
    parts = [f"epoch {row['epoch']:3d}"]
    for part in ("train", "validation"):
        if not math.isnan(row[f"{part}_loss"]):
            parts.append(f"{part} {row[f'{part}_accuracy']:.2%}, loss {row[f'{part}_loss']:.4f}")
    print("   ".join([*parts, f"{row['seconds']:.2f} s"]), flush=True)


def print_metrics(metrics: dict) -> None:
    if "best_epoch" in metrics:
        print(
            f"validation accuracy {metrics['last_validation_accuracy']:.2%}; the best was "
            f"{metrics['best_validation_accuracy']:.2%}, after epoch {metrics['best_epoch']}"
        )
    if "test_accuracy" in metrics:
        print(f"test accuracy {metrics['test_accuracy']:.2%}")


def draw(
    folder: Path,
    config: Config,
    data: Data,
    network: NeuralNetwork,
    history: list[dict],
    snapshots: dict[int, np.ndarray],
) -> None:
    """All figures of a run, those of mistakes from the validation images, or else the test set."""
    from src.figures import inside, learning  # here, because matplotlib takes long to import

    _, rows = split(len(data.images), config.validation_fraction, config.split_seed)
    shown, labels, what = data.images[rows], data.labels[rows], "validation"
    if len(rows) == 0:
        shown, labels, what = data.test_images, data.test_labels, "test"
    images = PREPROCESSING[config.preprocessing](shown)
    measured = min(len(data.images) - len(rows), TRAIN_SAMPLE)
    inside.run_figures(folder, network, history, images, shown, labels, what, measured)
    if config.augmentation != "none":
        digit = data.images[[np.argmax(data.labels == 3)]]  # a three, or whatever comes first
        seen = PREPROCESSING[config.preprocessing](digit)
        name, strength = config.augmentation, config.augmentation_strength
        inside.plot_augmentations(folder / "augmentation.png", digit, seen, strength, [name])
    if snapshots:
        twelve = images[:12], labels[:12]
        last = max(snapshots)
        early = [epoch for epoch in (0, 1, 2, 5, 10) if epoch < last]
        few = {epoch: snapshots[epoch] for epoch in [*early, last]}
        learning.plot_learning(folder / "learning.png", network, few, history, *twelve)
        learning.animate_learning(folder / "learning.gif", network, snapshots, history, *twelve)


if __name__ == "__main__":
    run_script(main)
