"""Ask questions of the network: train many, draw their curves, say which differences are real.

    python experiments.py                        # which hidden layers?
    python experiments.py --list                 # the other questions
    python experiments.py initializers optimizers --epochs 10 --seeds 5

Edit the table below, or add a question: it is plain data. Every curve is a difference from the
recipe `plain` in train.py. Figures and tables go to results/NAME/. A finished run is kept in
results/runs/ and never trained twice; after a stop the same command goes on where it was.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in train.py, so that the bits are the same
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

DEEP = [32] * 10  # ten narrow hidden layers: here the first weights decide everything
PLAIN_SGD = {"learning_rate": 0.1, "batch_size": 64}
MOMENTUM = {"learning_rate": 0.03, "batch_size": 64, "momentum": 0.9}

LADDER: list[dict] = [
    {"schedule": "cosine"},
    {"momentum": 0.9, "nesterov": True, "learning_rate": 0.03},
    {"weight_decay": 1e-4},
    {"preprocessing": "deskew"},
    {"augmentation": "affine", "augmentation_strength": 0.7},
    {"augmentation": "affine_elastic"},
]
for rung in range(1, len(LADDER)):  # every rung keeps what is below it
    LADDER[rung] = LADDER[rung - 1] | LADDER[rung]

EXPERIMENTS: dict[str, dict] = {
    "hidden_layers": {
        "question": "Which hidden layers?",
        "answer": "cost",
        "curves": {
            "none": {"hidden": []},
            "32": {"hidden": [32]},
            "64": {"hidden": [64]},
            "128": {"hidden": [128]},
            "128-64": {"hidden": [128, 64]},
            "256-128": {"hidden": [256, 128]},
            "512-256": {"hidden": [512, 256]},
            "256-128-64": {"hidden": [256, 128, 64]},
        },
    },
    "learning_rates": {
        "question": "How large may the steps be?",
        "curves": {
            f"lr {rate:g}": {"learning_rate": rate} for rate in (0.001, 0.01, 0.03, 0.1, 0.3, 1, 3)
        },
    },
    "batch_sizes": {
        "question": "How many images in a batch, at the same learning rate?",
        "curves": {f"batch {size}": {"batch_size": size} for size in (8, 32, 128, 512)},
    },
    "activations": {
        "question": "Which activation?",
        "curves": {
            name: {"activation": name} for name in ("relu", "leaky_relu", "tanh", "sigmoid")
        },
    },
    "initializers": {
        "question": "Why He initialisation? Ten hidden layers of 32 units",
        "answer": "signal",
        "curves": {
            name: {"hidden": DEEP, "learning_rate": 0.03, "initializer": name}
            for name in (
                "he_uniform",
                "he_normal",
                "xavier_uniform",
                "small_normal",
                "standard_normal",
                "zeros",
            )
        },
    },
    "pixels": {
        "question": "Do pixels have to be scaled from 0-255 to 0-1?",
        "curves": {
            "scaled, lr 0.1": {},
            "raw, lr 0.1": {"preprocessing": "raw"},
            "raw, lr 0.001": {"preprocessing": "raw", "learning_rate": 0.001},
            "raw, lr 0.00001": {"preprocessing": "raw", "learning_rate": 0.00001},
        },
    },
    "optimizers": {
        "question": "Plain SGD, momentum or Nesterov, with and without decay?",
        "curves": {
            "SGD": PLAIN_SGD,
            "SGD, cosine": PLAIN_SGD | {"schedule": "cosine"},
            "momentum": MOMENTUM,
            "momentum, cosine": MOMENTUM | {"schedule": "cosine"},
            "Nesterov": MOMENTUM | {"nesterov": True},
            "Nesterov, cosine": MOMENTUM | {"nesterov": True, "schedule": "cosine"},
            "Nesterov, step": MOMENTUM | {"nesterov": True, "schedule": "step"},
        },
    },
    "techniques": {
        "question": "What does each technique gain, added in turn?",
        "curves": {
            "plain": {},
            "+ cosine schedule": LADDER[0],
            "+ Nesterov momentum": LADDER[1],
            "+ weight decay": LADDER[2],
            "+ deskewing": LADDER[3],
            "+ affine maps": LADDER[4],
            "+ elastic maps": LADDER[5],
        },
    },
    "recipes": {
        "question": "How good are the recipes, trained on all images and tested once at the end?",
        "curves": {
            name: {"recipe": name, "validation_fraction": 0}
            for name in ("plain", "tuned", "best", "record")
        },
    },
    "kaggle": {
        "question": "How good is the recipe best on held-out digits of these data?",
        "curves": {"best": {"recipe": "best"}},
    },
}

import argparse
import csv
import dataclasses
import hashlib
import inspect
import json
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from tqdm import tqdm

from src.diagnostics import layer_statistics
from src.digits.data import ROOT, Data, load_data, split
from src.errors import InputError
from src.files import make_writable, replacing
from src.model import NeuralNetwork, count_parameters
from src.network_file import load_network
from src.runs.workers import STEP, TaskFailed, run_tasks
from src.script import ArgumentParser, run_script
from train import (
    HISTORY_COLUMNS,
    Config,
    recipe,
    save_run,
    summarise,
    train,
    training_step,
    warnings_about,
    write_csv,
)

# Student's t for 95 % confidence, by degrees of freedom (Student, 1908)
T_95 = [np.inf, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23]


def configs_of(name: str, seeds: int, epochs: int | None) -> dict[str, list[Config]]:
    """The curves of an experiment: label -> one config a seed. Raises InputError for bad values."""
    if name not in EXPERIMENTS:
        raise InputError(f"no experiment {name!r}; there are: {', '.join(EXPERIMENTS)}")
    experiment = EXPERIMENTS[name]
    for key in experiment:
        if key not in ("question", "curves", "answer"):
            raise InputError(f"experiment {name!r}: {key!r} is not question, curves or answer")
    table = experiment.get("curves")
    if not isinstance(experiment.get("question"), str) or not isinstance(table, dict) or not table:
        raise InputError(f"experiment {name!r}: needs a question, and curves: label -> changes")
    if experiment.get("answer", "ranking") not in ("ranking", "cost", "signal"):
        raise InputError(f"experiment {name!r}: answer is ranking, cost or signal")
    if len({file_name(label) for label in table}) < len(table):
        raise InputError(f"experiment {name!r}: two labels would give the same file name")
    curves: dict[str, list[Config]] = {}
    for label, changes in table.items():
        if not isinstance(changes, dict):
            raise InputError(f"experiment {name!r}, curve {label!r}: give a dict of changes")
        changes = dict(changes)
        try:
            config = recipe(changes.pop("recipe", "plain")).with_(**changes)
            if epochs is not None:
                config = config.with_(epochs=epochs)
        except InputError as error:
            raise InputError(f"experiment {name!r}, curve {label!r}: {error}") from None
        curves[label] = [config.with_(seed=config.seed + number) for number in range(seeds)]
    return curves


def file_name(label: str) -> str:
    """The label of a curve, as far as it may stand in a file's name."""
    return "curves_" + "".join(c if c.isalnum() or c in "-." else "_" for c in label) + ".png"


def parameters_of(config: Config) -> int:
    return count_parameters([784, *config.hidden, 10])


# ------------------------------------------------------------------------ one run, and its folder


CODE = ("activations", "digits/augmentation", "digits/preprocessing", "digits/warp")
CODE += ("initializers", "losses", "model", "optimizers", "utils")


def code_fingerprint() -> str:
    """Changes with the code that a result depends on: edited code never shows old curves."""
    files = b"".join((ROOT / "src" / f"{name}.py").read_bytes() for name in CODE)
    functions = "".join(inspect.getsource(part) for part in (train, training_step, split))
    return hashlib.sha256(files + functions.encode()).hexdigest()[:16]


def run_folder(results: Path, config: Config, fingerprint: str, code: str) -> Path:
    """Where this run is kept: named after all that decides its result."""
    key = json.dumps([dataclasses.asdict(config), fingerprint, code], sort_keys=True)
    layers = "-".join(map(str, config.hidden[:4])) or "none"
    short = hashlib.sha256(key.encode()).hexdigest()[:16]
    return results / "runs" / f"{layers}_seed{config.seed}_{short}"


def load_run(folder: Path) -> dict:
    """What a finished run wrote. Raises InputError if the folder is damaged."""
    try:
        with open(folder / "history.csv", newline="", encoding="utf-8") as file:
            history: list[dict] = [
                {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)
            ]
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))["config"]
        complete = [row["epoch"] for row in history] == list(range(config["epochs"] + 1))
        if not complete or list(history[0]) != HISTORY_COLUMNS:
            raise ValueError("history.csv is not complete")
        metrics["last_validation_accuracy"] + metrics["seconds"] + metrics["parameters"]
        load_network(folder / "network.npz")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{folder}: damaged ({error})") from error
    return {"history": history, "metrics": metrics}


def run_one(
    step: Callable[[], None],
    fields: dict,
    source: str,
    images: np.ndarray,
    labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
) -> tuple[np.ndarray, list[dict], dict]:
    """In a worker: train one network. Plain arrays and dicts go in and out."""
    config = Config(**fields)
    data = Data(source, images, labels, test_images, test_labels)
    network, history = train(config, data, lambda row: step() if row["epoch"] else None)
    return network.parameters, history, summarise(config, data, network, history)


# -------------------------------------------------------------------------------------- the sweep


class Progress:
    """One line for the whole sweep; a thread keeps its clock going during long runs."""

    def __init__(self, work: dict[str, float], epochs: dict[str, int]) -> None:
        self.work, self.epochs, self.runs = work, sum(epochs.values()), len(work)
        self.epochs_done, self.runs_done = 0, 0
        self.bar = tqdm(
            desc=self.describe(),
            total=sum(work[key] * epochs[key] for key in work),
            bar_format="{desc} |{bar:20}| {elapsed}, {remaining} left",
            leave=False,
            disable=not sys.stderr.isatty(),
        )
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.tick, daemon=True)
        self.thread.start()

    def describe(self) -> str:
        epochs_done = min(self.epochs_done, self.epochs)  # a run done again counts once
        return f"{self.runs_done}/{self.runs} runs, {epochs_done}/{self.epochs} epochs"

    def tick(self) -> None:
        while not self.stop.wait(1):
            self.bar.update(0)

    def note(self, key: str, what: str) -> None:
        if what == STEP:
            self.epochs_done += 1
            self.bar.set_description_str(self.describe(), refresh=False)
            self.bar.update(min(self.work[key], self.bar.total - self.bar.n))

    def close(self) -> None:
        self.stop.set()
        self.thread.join()
        self.bar.close()


def sweep(
    wanted: dict[Path, Config],
    labels: dict[Path, str],
    data: Data,
    jobs: int,
    scheduler: str | None,
) -> dict[Path, str]:
    """Train what is missing of the wanted runs, each into its folder. Returns what failed, and why.

    Longest first, so that no core is left waiting for the last run.
    """
    missing = {}
    for folder, config in wanted.items():
        try:
            load_run(folder)
        except InputError as error:
            if folder.exists():
                print(f"ignoring and redoing {error}", file=sys.stderr)
                shutil.rmtree(folder, ignore_errors=True)
            missing[folder] = config
    print(f"{len(wanted)} runs, {len(wanted) - len(missing)} of them finished before")
    if not missing:
        return {}
    order = sorted(
        missing, key=lambda folder: -parameters_of(missing[folder]) * missing[folder].epochs
    )
    by_key = {folder.name: folder for folder in order}
    tasks = {folder.name: (dataclasses.asdict(missing[folder]),) for folder in order}
    shared = (data.source, data.images, data.labels, data.test_images, data.test_labels)
    # The work of one epoch, for the estimate of the time left: its products, and a fixed part.
    work = {folder.name: parameters_of(missing[folder]) + 3000.0 for folder in order}
    progress = Progress(work, {folder.name: missing[folder].epochs for folder in order})
    failed: dict[Path, str] = {}
    done = 0
    try:
        for key, result in run_tasks(run_one, tasks, shared, jobs, scheduler, progress.note):
            folder, config = by_key[key], missing[by_key[key]]
            label = f"{labels[folder]}, seed {config.seed}"
            if isinstance(result, TaskFailed):
                failed[folder] = str(result)
                tqdm.write(f"{label}: failed: {result}", file=sys.stderr)
                continue
            parameters, history, metrics = result
            network = NeuralNetwork([784, *config.hidden, 10], config.activation, "zeros")
            network.parameters[...] = parameters
            save_run(folder, config, data, network, history, metrics)
            done += 1
            progress.runs_done = done
            tqdm.write(
                f"{label}: validation accuracy {metrics['last_validation_accuracy']:.2%}, "
                f"train loss {metrics['last_train_loss']:.4f}, {metrics['seconds']:.1f} s"
            )
            for warning in warnings_about(history[-1]):
                tqdm.write(f"{label}: warning: {warning}", file=sys.stderr)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {len(wanted) - len(missing) + done} of {len(wanted)} runs are saved. "
            "Give the same command again to go on"
        ) from None
    finally:
        progress.close()
    return failed


# ------------------------------------------------------------------------------- tables, figures


def mean_and_deviation(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; of a single value, the latter is NaN."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def summary_row(label: str, runs: list[dict], parameters: int, reasons: list[str]) -> dict:
    """One row of summary.csv. Accuracies are fractions; +- is over the seeds."""
    row: dict = {"configuration": label, "parameters": parameters, "runs": len(runs)}
    for name in (
        "best_validation_accuracy",
        "last_validation_accuracy",
        "last_train_loss",
        "test_accuracy",
        "seconds",
    ):
        values = [run["metrics"][name] for run in runs if name in run["metrics"]]
        row[name], row[f"{name}_std"] = mean_and_deviation(values) if values else (np.nan, np.nan)
    row["failed"] = "; ".join(reasons)
    return row


def compare(results: dict[str, list[dict]]) -> list[str]:
    """Say of every configuration whether it differs from the best one by more than the noise.

    Runs with the same seed share their split and their batches, so they are compared in pairs: with
    d the differences over n seeds, the mean of d is larger than the noise if it exceeds
    t std(d) / sqrt(n), where t is Student's for 95 % confidence.
    """
    accuracies = {
        label: np.array([run["metrics"]["last_validation_accuracy"] for run in runs])
        for label, runs in results.items()
    }
    full = max(map(len, accuracies.values()), default=0)
    accuracies = {label: values for label, values in accuracies.items() if len(values) == full}
    if not accuracies or any(np.isnan(values).any() for values in accuracies.values()):
        return []
    best = max(accuracies, key=lambda label: accuracies[label].mean())
    lines = [f"best: {best}, {accuracies[best].mean():.2%} of the validation images"]
    for label, values in accuracies.items():
        if label == best:
            continue
        differences = 100 * (accuracies[best] - values)
        text = f"{label}: {differences.mean():.2f} points behind"
        if full > 1:
            t = T_95[full - 1] if full <= len(T_95) else 2.0
            noise = t * differences.std(ddof=1) / np.sqrt(full)
            real = "larger than the noise" if differences.mean() > noise else "within the noise"
            text += f" ({real} of {noise:.2f})"
        lines.append(text)
    if full < 3:
        lines.append("one or two seeds say little; --seeds 3 tells noise from difference better")
    return lines


def report(
    name: str,
    curves: dict[str, list[Config]],
    folders: dict[Config, Path],
    failed: dict[Path, str],
    data: Data,
    results: Path,
) -> None:
    """Write the tables and figures of one experiment to results/NAME/, from its runs' folders."""
    from src.figures import plots

    folder = results / name
    question = EXPERIMENTS[name]["question"]
    runs: dict[str, list[dict]] = {}
    rows, tidy = [], []
    for label, configs in curves.items():
        found = [folders[config] for config in configs if folders[config] not in failed]
        reasons = sorted(
            {failed[folders[config]] for config in configs if folders[config] in failed}
        )
        runs[label] = [load_run(path) for path in found]
        rows.append(summary_row(label, runs[label], parameters_of(configs[0]), reasons))
        for path, run in zip(found, runs[label]):
            same = {"configuration": label, "seed": path.name.split("_seed")[1].split("_")[0]}
            tidy += [{**same, **row} for row in run["history"]]
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "summary.csv") as path:
        write_csv(path, rows, list(rows[0]))
    with replacing(folder / "curves.csv") as path:
        write_csv(path, tidy, ["configuration", "seed", *HISTORY_COLUMNS])

    finished = {label: found for label, found in runs.items() if found}
    lines = compare(finished)
    with replacing(folder / "summary.txt") as path:
        path.write_text("\n".join([question, "", *table_lines(rows), "", *lines]) + "\n", "utf-8")
    print("\n" + (folder / "summary.txt").read_text("utf-8"))
    for old in (*folder.glob("curves_*.png"), folder / "signal.png"):  # of a table edited since
        old.unlink(missing_ok=True)
    if not finished:
        return
    histories = {label: [run["history"] for run in found] for label, found in finished.items()}
    metrics = {label: [run["metrics"] for run in found] for label, found in finished.items()}
    for label, label_histories in histories.items():
        accuracy = np.mean([run["last_validation_accuracy"] for run in metrics[label]])
        loss = np.mean([run["last_train_loss"] for run in metrics[label]])
        layers = plots.architecture(curves[label][0].hidden)
        title = (
            f"{label}: {layers}, {len(label_histories)} seeds, "
            f"train loss {loss:.4f}, validation accuracy {accuracy:.2%}"
        )
        plots.plot_curves(folder / file_name(label), title, label_histories)
    plots.plot_comparison(folder / "comparison.png", question, histories)
    answer = EXPERIMENTS[name].get("answer")
    if answer == "cost":
        plots.plot_cost(folder / "answer.png", question, metrics)
    else:
        plots.plot_ranking(folder / "answer.png", question, metrics)
    if answer == "signal":
        signal = {label: signal_at_start(configs[0], data) for label, configs in curves.items()}
        plots.plot_signal(folder / "signal.png", f"{question}: before training", signal)
    print(f"figures and tables: {folder}")


def signal_at_start(config: Config, data: Data) -> list[dict]:
    """The statistics of each layer of the network as it is initialised, on 1,000 images."""
    sizes = [784, *config.hidden, 10]
    network = NeuralNetwork(sizes, config.activation, config.initializer, config.seed)
    return layer_statistics(network, data.images[:1000], data.labels[:1000])


def table_lines(rows: list[dict]) -> list[str]:
    """The summary as text, for the terminal."""
    width = max(len(row["configuration"]) for row in rows)
    columns = {"validation, last": "last_validation_accuracy", "best": "best_validation_accuracy"}
    if all(np.isnan(row["last_validation_accuracy"]) for row in rows):
        columns = {"test accuracy": "test_accuracy"}  # only where nothing is left to choose

    def accuracy(row: dict, name: str) -> str:
        deviation = row[f"{name}_std"]
        return f"{row[name]:.2%}" + ("" if np.isnan(deviation) else f" +- {deviation:.2%}")

    heads = "  ".join(f"{head:>16}" for head in columns)
    lines = [f"{'':{width}}  parameters  {heads}  train loss  seconds"]
    for row in rows:
        line = f"{row['configuration']:{width}}  {row['parameters']:10,}  "
        if row["runs"]:
            line += "  ".join(f"{accuracy(row, name):>16}" for name in columns.values())
            line += f"  {row['last_train_loss']:10.4f}  {row['seconds']:7.1f}"
        lines.append(line + (f"  failed: {row['failed']}" if row["failed"] else ""))
    return lines


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=["hidden_layers"], metavar="NAME")
    parser.add_argument("--list", action="store_true", help="the experiments and their questions")
    parser.add_argument("--data", help="a Kaggle CSV (also .gz, .zip) or an .npz like MNIST's")
    parser.add_argument("--epochs", type=int, help="instead of each config's own number")
    parser.add_argument("--seeds", type=int, default=3, help="runs a configuration, default 3")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="default: all cores")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--fresh", action="store_true", help="train again what is finished")
    parser.add_argument("--scheduler", help="a Dask scheduler, such as tcp://host:8786")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    if arguments.list:
        for name, experiment in EXPERIMENTS.items():
            print(f"{name:15} {experiment['question']} ({len(experiment['curves'])} curves)")
        return 0
    for name in ("seeds", "jobs"):
        if not 1 <= getattr(arguments, name) <= 1000:
            raise InputError(f"--{name} {getattr(arguments, name)}: give 1 to 1,000")
    experiments = {
        name: configs_of(name, arguments.seeds, arguments.epochs) for name in arguments.names
    }
    for name in ("runs", *experiments):
        make_writable(arguments.results / name)
    try:
        with FileLock(arguments.results / ".lock", timeout=0):
            return run_experiments(experiments, arguments)
    except Timeout:
        raise InputError(
            f"{arguments.results}: another sweep is writing there; "
            "wait until it has ended, or give --results another folder"
        ) from None


def run_experiments(
    experiments: dict[str, dict[str, list[Config]]], arguments: argparse.Namespace
) -> int:
    """Train what the experiments need, each run once, and report. Returns the exit status."""
    results = arguments.results
    for left_over in (results / "runs").glob(".*.partial"):  # of a sweep that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    data = load_data(arguments.data)
    print(f"data: {data.source}, {len(data.images):,} images")
    fingerprint, code = data.fingerprint(), code_fingerprint()
    folders = {
        config: run_folder(results, config, fingerprint, code)
        for curves in experiments.values()
        for configs in curves.values()
        for config in configs
    }
    if arguments.fresh:
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
    wanted = {folder: config for config, folder in folders.items()}
    labels = {
        folders[config]: label
        for curves in experiments.values()
        for label, configs in curves.items()
        for config in configs
    }
    failed = sweep(wanted, labels, data, arguments.jobs, arguments.scheduler)
    for name, curves in experiments.items():
        report(name, curves, folders, failed, data, results)
    return 1 if failed else 0


if __name__ == "__main__":
    run_script(main)
