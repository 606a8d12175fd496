"""Ask questions of the network: train many, draw their curves, say which differences are real.

    python experiments.py                        # which hidden layers?
    python experiments.py --list                 # the other questions
    python experiments.py activations optimizers --epochs 10 --seeds 5
    python experiments.py activations --epochs 5 --name short    # beside the last answer
    python experiments.py --compare train mine   # two runs of train.py

Edit the table below, or add a question: it is plain data. Figures and tables go to results/NAME/.
A finished run is kept in results/runs/ and trained again only if its hyperparameters, the data, the
code or NumPy have changed; if you stop a sweep, the same command continues it.
"""

from src.common.script import ArgumentParser, run_script, start, whole_number

start(__name__)  # before NumPy is imported: one BLAS thread, and the code as it is now

from src.activations import ACTIVATIONS
from src.initializers import INITIALIZERS
from src.runs.questions import grid

# ---- The questions you edit.

# A configuration is given by its changes to this baseline, or to a recipe that it names. All other
# hyperparameters have the defaults of src/runs/config.py.
BASELINE = {
    "hidden": (128, 64),  # small enough to train in seconds, large enough for 98%
    "epochs": 20,  # by then plain SGD has memorised the training images
    "batch_size": 32,  # smaller batches are noisier, but make more steps in each epoch
    "learning_rate": 0.1,  # far smaller is slow, far larger kills the units
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
    "hidden_layers": {"question": "Which hidden layers?", "configurations": grid(hidden=HIDDEN)},
    "learning_rates": {
        "question": "How large may the steps be?",
        "may_fail": True,  # that some rates are too large is part of the answer
        "configurations": grid(learning_rate=[0.001, 0.01, 0.03, 0.1, 0.3, 1, 3]),
    },
    "batch_sizes": {
        "question": "How many images in a batch, at the same learning rate?",
        "configurations": grid(batch_size=[8, 32, 128, 512]),
    },
    "rate_and_batch": {
        "question": "Which learning rate for which batch size?",
        "configurations": grid(learning_rate=[0.03, 0.1, 0.3, 1.0], batch_size=[32, 64, 128]),
    },
    "activations": {
        "question": "Which activation?",
        "configurations": grid(activation=list(ACTIVATIONS)),
    },
    "initializers": {
        "question": "Why He initialisation? Ten hidden layers of 32 units",
        "may_fail": True,
        "baseline": {"hidden": [32] * 10, "learning_rate": 0.03},
        "configurations": grid(initializer=list(INITIALIZERS)),
    },
    "pixels": {
        "question": "Do pixels have to be scaled from 0-255 to 0-1?",
        "may_fail": True,
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
        "question": "What does the recipe best lose without each technique?",
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
        "question": "How good are the recipes, tested once at the end?",
        "score_test": True,  # here nothing is left to choose
        "configurations": {
            name: {"recipe": name, "validation_fraction": 0}
            for name in ("plain", "tuned", "best", "record")
        },
    },
}

# ---- How they become runs, tables and figures.

import argparse
import time
from contextlib import closing
from pathlib import Path

from src.common.errors import InputError
from src.common.files import locked
from src.digits.data import ROOT, load_data


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser(__doc__)
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group().add_argument
    what("experiments", nargs="*", default=[], metavar="EXPERIMENT", help="default: the first")
    what("--list", action="store_true", help="print the experiments and their questions")
    what("--compare", nargs=2, metavar=("A", "B"), help="compare two saved runs, train nothing")
    add("--data", help="a table of digits, such as Kaggle's train.csv")
    add("--epochs", type=whole_number, help="of every configuration")
    add("--seeds", type=whole_number, default=3, help="runs of each configuration (default: 3)")
    add("--jobs", type=whole_number, help="runs at a time (default: one on each core)")
    add("--scheduler", help="a Dask scheduler, such as tcp://host:8786")
    add("--fresh", action="store_true", help="train finished runs again")
    add("--results", type=Path, default=ROOT / "results", help="(default: results)")
    add("--name", help="folder in results (default: the name of the experiment)")
    add("--format", choices=("png", "svg", "pdf"), default="png", help="of the figures")
    add("--all-figures", action="store_true", help="curves of all, not of the best 20")
    return parser.parse_args()


def main() -> int:
    from src.runs.compare import compare_runs
    from src.runs.questions import read_entry
    from src.runs.report import Results, write_tables
    from src.runs.storage import folder_for
    from src.runs.sweep import sweep

    arguments = parse_arguments()
    if not isinstance(EXPERIMENTS, dict) or not EXPERIMENTS:
        raise InputError("EXPERIMENTS in experiments.py has to be a dict with a row or more")
    root, names = arguments.results, dict.fromkeys(arguments.experiments or [*EXPERIMENTS][:1])
    if arguments.list:
        for name in EXPERIMENTS:
            print(f"{name:15} {read_entry(name, EXPERIMENTS, BASELINE)[0]['question']}")
        return 0
    if arguments.compare:
        publish([compare_runs(root, *arguments.compare)], arguments, finished=True)
        return 0
    if arguments.jobs and arguments.scheduler:
        raise InputError("--jobs is for this machine; a cluster has as many as its workers take")
    if arguments.name and len(names) > 1:
        raise InputError("--name is for one experiment at a time")

    # What is asked for: a run for each configuration and seed.
    data = load_data(arguments.data)
    about = f"{data.source}, {len(data.images):,} images"
    asked = []
    for name in names:
        entry, configs = read_entry(name, EXPERIMENTS, BASELINE, arguments.seeds, arguments.epochs)
        if entry["score_test"] and not len(data.test_images):
            raise InputError(f"{name}: {data.source} has no test set; data/mnist.npz has one")
        folder = folder_for(root, arguments.name or name, "network.npz")
        asked.append(Results(configs, entry, folder, about))
    print(f"data: {about}")

    # Each is trained once. Meanwhile tables and figures show what there is: what stands there
    # before may answer for other data, other code or other epochs.
    busy = f"{root}: another sweep is writing there; wait for it, or give --results another folder"
    with locked(root / ".lock", busy):
        options = arguments.jobs, arguments.scheduler, arguments.fresh
        again, pause = 0.0, 10
        try:
            with closing(sweep(asked, data, root / "runs", *options)) as runs:  # a stop ends it
                for _ in runs:
                    if time.monotonic() > again:
                        publish(asked, arguments)
                        again, pause = time.monotonic() + pause, 60  # it may take seconds
        except BaseException:  # after a stop the tables alone: it is not to wait for figures
            for results in asked:
                write_tables(results)
            raise
        publish(asked, arguments, finished=True)
    return int(any(each.failed and not each.entry["may_fail"] for each in asked))


def publish(every: list, arguments: argparse.Namespace, finished: bool = False) -> None:
    """Write tables and figures of these Results so far, and print what is finished."""
    from src.figures.experiment import draw_experiment  # here: matplotlib takes long to import
    from src.runs.report import answer, write_tables

    for results in every:
        write_tables(results)
        draw_experiment(results, arguments.format, arguments.all_figures)
        if finished:
            print(answer(results, arguments.data, arguments.results))


if __name__ == "__main__":
    run_script(main)
