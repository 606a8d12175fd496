"""Ask questions of the network: train many, draw their curves, say which differences are real.

    python experiments.py                        # which hidden layers?
    python experiments.py --list                 # the other questions
    python experiments.py initializers optimizers --epochs 10 --seeds 5

Edit the table below, or add a question: it is plain data. Figures and tables go to results/NAME/.
A finished run is kept in results/runs/ and never trained twice; if you stop a sweep, the same
command continues it.
"""

from src.common.start import start

start(__name__)  # before NumPy is imported: one BLAS thread

from src.initializers import INITIALIZERS
from src.runs.questions import check_entry, configurations, grid

# ---- The questions you edit.

# Every configuration is given by its changes to this baseline, or to a recipe that it names.
BASELINE = {
    "hidden": (128, 64),
    "activation": "relu",
    "initializer": "he_uniform",
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 0.1,
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "momentum": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "preprocessing": "none",
    "augmentation": "none",
    "augmentation_strength": 1.0,
    "validation_fraction": 0.1,
    "split_seed": 0,  # the same images validate in all runs, so that these can be compared
    "seed": 0,  # of the first run of each configuration; --seeds 3 adds 1 and 2
}

PLAIN_SGD = {"learning_rate": 0.1, "batch_size": 64}
MOMENTUM = {"learning_rate": 0.03, "batch_size": 64, "momentum": 0.9}
NESTEROV = MOMENTUM | {"nesterov": True}

# Techniques that build on one another. Momentum makes steps longer, so it gets a lower rate.
COSINE = {"schedule": "cosine"}
FAST = COSINE | {"momentum": 0.9, "nesterov": True, "learning_rate": 0.03}
DECAY = FAST | {"weight_decay": 1e-4}
STRAIGHT = DECAY | {"preprocessing": "deskew"}
SIZED = STRAIGHT | {"preprocessing": "normalise"}
AFFINE = SIZED | {"augmentation": "affine", "augmentation_strength": 0.7}

HIDDEN = [[], [32], [64], [128], [128, 64], [256, 128], [512, 256], [256, 128, 64]]

EXPERIMENTS: dict[str, dict] = {
    "hidden_layers": {
        "question": "Which hidden layers?",
        "answer": "cost",  # the figure that answers it: ranking (the default), cost, signal, grid
        "configurations": grid(hidden=HIDDEN),
    },
    "learning_rates": {
        "question": "How large may the steps be?",
        "failures": "expected",  # that some rates are too large is part of the answer
        "configurations": grid(learning_rate=[0.001, 0.01, 0.03, 0.1, 0.3, 1, 3]),
    },
    "batch_sizes": {
        "question": "How many images in a batch, at the same learning rate?",
        "configurations": grid(batch_size=[8, 32, 128, 512]),
    },
    "rate_and_batch": {
        "question": "Which learning rate for which batch size?",
        "answer": "grid",
        "configurations": grid(learning_rate=[0.03, 0.1, 0.3], batch_size=[32, 64, 128]),
    },
    "activations": {
        "question": "Which activation?",
        "configurations": grid(activation=["relu", "leaky_relu", "tanh", "sigmoid"]),
    },
    "initializers": {
        "question": "Why He initialisation? Ten hidden layers of 32 units",
        "answer": "signal",
        "failures": "expected",
        "baseline": {"hidden": [32] * 10, "learning_rate": 0.03},
        "configurations": grid(initializer=list(INITIALIZERS)),
    },
    "pixels": {
        "question": "Do pixels have to be scaled from 0-255 to 0-1?",
        "failures": "expected",
        "configurations": {
            "scaled, lr 0.1": {},
            "raw, lr 0.1": {"preprocessing": "raw"},
            "raw, lr 0.001": {"preprocessing": "raw", "learning_rate": 0.001},
            "raw, lr 0.00001": {"preprocessing": "raw", "learning_rate": 0.00001},
        },
    },
    "optimizers": {
        "question": "Plain SGD, momentum or Nesterov, with which schedule?",
        "configurations": {
            "SGD": PLAIN_SGD,
            "SGD, cosine": PLAIN_SGD | COSINE,
            "momentum": MOMENTUM,
            "momentum, cosine": MOMENTUM | COSINE,
            "Nesterov": NESTEROV,
            "Nesterov, cosine": NESTEROV | COSINE,
            "Nesterov, step": NESTEROV | {"schedule": "step"},
        },
    },
    "techniques": {  # "+" adds to the last "+" above it; "with" is tried on top of it, not kept
        "question": "What does each technique gain?",
        "configurations": {
            "plain": {},
            "with dropout 0.1": {"dropout": 0.1},
            "+ cosine schedule": COSINE,
            "+ Nesterov, lr 0.03": FAST,
            "with warm-up": FAST | {"warmup_epochs": 1},
            "with label smoothing": FAST | {"label_smoothing": 0.05},
            "+ weight decay": DECAY,
            "+ deskewing": STRAIGHT,
            "+ standard size": SIZED,
            "with shifts": SIZED | {"augmentation": "shift", "augmentation_strength": 0.5},
            "+ affine maps": AFFINE,
            "+ elastic maps": AFFINE | {"augmentation": "affine_elastic"},
        },
    },
    "ablation": {
        "question": "What does the recipe best lose without each of its techniques?",
        "baseline": {"recipe": "best"},
        "configurations": {
            "best": {},
            "constant rate": {"schedule": "constant"},
            "no momentum, lr 0.3": {"momentum": 0.0, "nesterov": False, "learning_rate": 0.3},
            "no weight decay": {"weight_decay": 0.0},
            "deskewing alone": {"preprocessing": "deskew"},
            "no preprocessing": {"preprocessing": "none"},
            "no elastic maps": {"augmentation": "affine"},
            "no augmentation": {"augmentation": "none"},
        },
    },
    "recipes": {
        "question": "How good are the recipes, trained on all images and tested once at the end?",
        "score_test": True,  # here nothing is left to choose
        "configurations": {
            name: {"recipe": name, "validation_fraction": 0}
            for name in ("plain", "tuned", "best", "record")
        },
    },
    "kaggle": {
        "question": "How good is the recipe best on held-out images of these data?",
        "configurations": {"best": {"recipe": "best"}},
    },
}

# ---- How they become runs, figures and tables.

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import src
import train as train_script
from src.common.files import locked, make_writable, recover
from src.common.script import ArgumentParser, run_script, whole_number
from src.digits.data import ROOT, Data, load_data
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.runs.code_key import code_key
from src.runs.config import Config, as_flags
from src.runs.diagnostics import layer_statistics
from src.runs.folder import identity, run_name
from src.runs.history import Recorder, Run
from src.runs.report import Results, to_draw, write_tables
from src.runs.sweep import Due, Wanted, sweep
from src.runs.workers import jobs_possible
from train import train


def train_one(
    step: Callable[[], None], config: Config, score_test: bool, source: str, *arrays: np.ndarray
) -> Run:
    """In a worker: one run. arrays: images, labels, test images, test labels."""
    record = Recorder(lambda row, layers: step() if row["epoch"] else None)
    train(config, Data(source, *arrays), record)
    return record.finish(score_test)


def publish(name: str, results: Results, data: Data, root: Path) -> None:
    """Tables first, then figures, of what there is so far."""
    from src.figures.experiment import draw_experiment  # here, because matplotlib takes long

    question, answer = EXPERIMENTS[name]["question"], EXPERIMENTS[name].get("answer", "ranking")
    write_tables(root / name, question, results)
    signal = None
    if answer == "signal":
        signal = {label: signal_at_start(c[0], data) for label, c in results.configs.items()}
    draw_experiment(root / name, question, answer, signal=signal, **to_draw(results, answer))


def signal_at_start(config: Config, data: Data) -> list[dict]:
    """The statistics of each layer of the network as it is initialised, on 1,000 images."""
    images = PREPROCESSING[config.preprocessing](data.images[:1000])
    network = NeuralNetwork(config.layer_sizes, config.activation, config.initializer, config.seed)
    return layer_statistics(network, images, data.labels[:1000])


def parse_arguments() -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: the first")
    parser.add_argument("--list", action="store_true", help="the experiments and their questions")
    parser.add_argument("--data", help="a Kaggle CSV (also .gz, .zip) or an .npz like MNIST's")
    parser.add_argument("--epochs", type=int, help="epochs of every configuration")
    number = whole_number(1, 1000)
    parser.add_argument("--seeds", type=number, help="runs per configuration (default: 3)")
    parser.add_argument("--jobs", type=number, help="runs at a time (default: one per core)")
    parser.add_argument("--results", type=Path, default=ROOT / "results", metavar="FOLDER")
    parser.add_argument("--fresh", action="store_true", help="repeat finished runs")
    parser.add_argument("--scheduler", help="a Dask scheduler, such as tcp://host:8786")
    parser.set_defaults(names=list(EXPERIMENTS)[:1], seeds=3, jobs=jobs_possible())
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    if arguments.list:
        for name, experiment in EXPERIMENTS.items():
            check_entry(experiment, f"experiment {name!r}")
            count = len(experiment["configurations"])
            print(f"{name:15} {experiment['question']} ({count} configurations)")
        return 0
    every = {
        name: Results(
            configurations(name, EXPERIMENTS, BASELINE, arguments.seeds, arguments.epochs)
        )
        for name in dict.fromkeys(arguments.names)
    }
    code, root = code_key(train_one, ROOT), arguments.results
    for name in ("runs", *every):
        make_writable(root / name)
    busy = f"{root}: another sweep is writing there; wait for it, or give --results another folder"
    with locked(root / ".lock", busy):
        data = load_data(arguments.data)
        print(f"data: {data.source}, {len(data.images):,} images")
        return run_experiments(every, data, code, arguments)


def run_experiments(
    every: dict[str, Results], data: Data, code: str, arguments: argparse.Namespace
) -> int:
    """Train what the experiments need, each run once, and report. Returns the exit status."""
    root = arguments.results
    wanted = [
        Wanted(name, label, config, decided_by, root / "runs" / run_name(decided_by))
        for name, results in every.items()
        for label, configs in results.configs.items()
        for config in configs
        for decided_by in [identity(config, data, code, EXPERIMENTS[name].get("score_test", False))]
    ]
    for folder in ("runs", *every):
        recover(root / folder)
    if arguments.fresh:
        for each in wanted:
            shutil.rmtree(each.folder, ignore_errors=True)
    modules = [src, train_script, sys.modules[__name__]]
    due, stale = Due(), set()
    for each, outcome in sweep(
        wanted, train_one, data, arguments.jobs, arguments.scheduler, modules
    ):
        every[each.experiment].add(each.label, each.config.seed, outcome)
        stale.add(each.experiment)
        if due.now():
            with due.working():
                for name in stale:
                    publish(name, every[name], data, root)
            stale.clear()
    status = 0
    for name, results in every.items():
        publish(name, results, data, root)
        print_answer(name, results, root / name)
        if results.reasons() and EXPERIMENTS[name].get("failures") != "expected":
            status = 1
    return status


def print_answer(name: str, results: Results, folder: Path) -> None:
    """The table and the verdict, and the command that trains the best configuration."""
    print("\n" + (folder / "summary.txt").read_text(encoding="utf-8"))
    verdict = results.verdict()
    if verdict and not EXPERIMENTS[name].get("score_test"):
        best = results.configs[verdict.best][0]
        print(f"to train {verdict.best}: python train.py {as_flags(best, Config())}")
    print(f"figures and tables: {folder}")


if __name__ == "__main__":
    run_script(main)
