"""Train one network and look at it.

    python train.py                                  # with the values below
    python train.py --hidden 256,128 --epochs 30     # a flag for each hyperparameter: see --help
    python train.py --recipe best                    # a recipe from src/runs/recipes.py instead

Writes curves.png, history.csv, network.npz and more to results/train/.
"""

from src.common.script import ArgumentParser, held_back, run_script, start, whole_number

start(__name__)  # before NumPy is imported: one BLAS thread, and the code as it is now

# ---- The values you edit. All other hyperparameters have the defaults of src/runs/config.py.

VALUES = {
    "hidden": (128, 64),  # units of each hidden layer: (128,) is one layer, () is none
    "activation": "relu",  # its gradient does not fade, and it costs next to nothing
    "epochs": 20,  # by then plain SGD has memorised the training images
    "batch_size": 32,  # smaller batches are noisier, but make more steps in each epoch
    "learning_rate": 0.1,  # far smaller is slow, far larger kills the units
    "schedule": "constant",  # the simplest; "cosine" ends with ever smaller steps
    "momentum": 0.0,  # 0.9 averages over about ten steps, and makes steps ten times as long
    "preprocessing": "none",  # "normalise" makes all digits upright and of one size
    "augmentation": "none",  # "affine_elastic" distorts the images anew in each epoch
    "seed": 0,  # decides the first weights, the batches and all else that is random
}

import argparse
import math
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from src.common.errors import InputError
from src.digits.augmentation import augment
from src.digits.data import ROOT, Data, load_data
from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.optimizers import learning_rates, sgd_step
from src.runs.config import Config, add_flags
from src.runs.history import Recorder
from src.utils import batches, ink_order, sort_pixels, sorted_rows


@np.errstate(all="ignore")  # the recorder notices what overflows, and says so in plain words
def train(
    config: Config, data: Data, record: Recorder | None = None, network: NeuralNetwork | None = None
) -> tuple[NeuralNetwork, list[dict]]:
    """Mini-batch SGD. Returns the trained network and its history, one dict for each epoch.

    `record` measures the network after each epoch. If a `network` is given, it is trained further.
    Ctrl-C ends the training after the last whole epoch. Raises InputError if the loss is no longer
    finite, or the network has other layers than the config.
    """
    record = record or Recorder()
    images, labels = record.begin(config, data)  # (N, 28, 28) uint8 and (N,), without validation
    layers = config.layer_sizes, config.activation
    network = network or NeuralNetwork(*layers, config.initializer, config.seed)
    if (network.layer_sizes, network.activation) != layers:
        raise InputError("the network has other layers than the config")
    space = np.empty_like(network.parameters)  # for the gradient of each step
    velocity = np.zeros_like(network.parameters)
    # A stream for each purpose: two configs that differ in dropout still see the same batches.
    shuffle_rng, augment_rng, dropout_rng = (
        np.random.default_rng([config.seed, stream]) for stream in (1, 2, 3)
    )
    order = ink_order(images)  # blank pixels come first: they need no arithmetic
    distort = None
    if config.augmentation == "none":
        sort_pixels(images, order)
    else:  # new variants of the images in every epoch
        name, strength = config.augmentation, config.augmentation_strength
        distort = partial(augment, name=name, strength=strength, rng=augment_rng, order=order)
    rates = learning_rates(config, math.ceil(len(images) / config.batch_size))

    record.measure(network)
    try:
        for _ in range(config.epochs):
            with sorted_rows(network, order):
                for x, y in batches(images, labels, config.batch_size, shuffle_rng, distort):
                    logits, cache = network.forward(x, config.dropout, dropout_rng)
                    _, d_logits = cross_entropy(logits, y, config.label_smoothing)
                    gradient = network.backward(d_logits, cache, out=space)
                    sgd_step(network, gradient, velocity, next(rates), config)
            record.measure(network)
            if record.stopped:
                break
    except KeyboardInterrupt:
        record.interrupt()
    return network, record.history


# ------------------------------------------------------------------------------ the command line


def parse_arguments() -> tuple[argparse.Namespace, Config]:
    from src.runs.recipes import RECIPES, chosen

    parser = ArgumentParser(__doc__)
    add = parser.add_argument
    add("--data", help="a table of digits, such as Kaggle's train.csv")
    add("--recipe", choices=RECIPES, help="start from it instead of the VALUES in train.py")
    add("--results", type=Path, default=ROOT / "results", help="(default: results)")
    add("--name", default="train", help="the folder in results (default: train)")
    add("--test", action="store_true", help="score the test set, once, at the end")
    add("--format", choices=("png", "svg", "pdf"), default="png", help="of the figures")
    add("--threads", type=whole_number, default=1, help="2 is faster for large networks")
    add("--patience", type=whole_number, default=0, help="stop if so many epochs gain nothing")
    add_flags(parser, VALUES)
    arguments = parser.parse_args()
    return arguments, chosen(VALUES, arguments)


def main() -> int:
    from src.common.code import code_key, sources
    from src.common.files import locked
    from src.runs import messages
    from src.runs.storage import folder_for, identity_of, write_folder

    arguments, config = parse_arguments()
    threadpool_limits(arguments.threads, user_api="blas")
    folder = folder_for(arguments.results, arguments.name, "summary.txt")
    busy = f"{folder}: another run of train.py is writing there; give another --name or --results"
    with locked(arguments.results / f".{arguments.name}.lock", busy):
        data = load_data(arguments.data)
        if arguments.test and not len(data.test_images):
            raise InputError(f"--test: {data.source} has no test set; data/mnist.npz has one")
        identity = identity_of(config, data, code_key(sources()), arguments.test)
        identity["patience"] = arguments.patience
        messages.print_start(config, data)
        record, failure = Recorder(messages.print_epoch, arguments.patience), None
        try:
            train(config, data, record)
        except InputError as error:
            if not record.history:
                raise
            failure = error  # the last epoch before it is kept
        with held_back():  # a second, impatient Ctrl-C loses nothing
            tested = arguments.test and not failure and record.stopped != "interrupted"
            run = record.finish(tested)
            write_folder(folder, run, identity, data)
        if arguments.test and not tested:
            print("the test set was not looked at, because the training did not end as planned")
        messages.print_end(run, data, folder)
        from src.figures.inside import draw_run  # here: matplotlib takes long to import

        draw_run(folder, run, data, arguments.format)
    if failure:
        raise failure
    return 130 if record.stopped == "interrupted" else 0


if __name__ == "__main__":
    run_script(main)
