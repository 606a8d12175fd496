"""Runs and results of any accuracy, for the tests of figures, and what can be read in these."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from src.figures.experiment import draw_experiment
from src.model import NeuralNetwork
from src.runs.config import Config
from src.runs.history import Run
from src.runs.report import Results


def make_history(epochs: int = 3, best: float = 0.98, seed: int = 0, **changes) -> list[dict]:
    """One that falls to 1 - `best` wrong answers, a little differently for each seed."""
    rng, rows = np.random.default_rng(seed), []
    for epoch in range(epochs + 1):
        wrong = (1 - best + 0.9 * 0.2**epoch) * (1 + 0.02 * rng.random())
        row = {"epoch": epoch, "train_loss": 2.0 * wrong, "validation_loss": 2.5 * wrong}
        row |= {"train_accuracy": 1 - 0.8 * wrong, "validation_accuracy": 1 - wrong}
        rows.append(row | changes)
    return rows


def make_run(config: Config, history: list[dict], **metrics) -> Run:
    known = {"measured_training_images": 500, "training_images": 900, "seconds": 2.0}
    known |= {"parameters": 1000, "best_epoch": 1}
    network = NeuralNetwork(config.layer_sizes)
    return Run(config, network, history, [], known | metrics, np.empty(0, bool))


def make_results(folder: Path, accuracies: dict, changes: dict | None = None, **failed) -> Results:
    """Results of these accuracies: label -> one for each seed. The n-th takes n seconds at best."""
    configs = {}
    for place, (label, values) in enumerate(accuracies.items(), start=1):
        given = (changes or {}).get(label, {"hidden": (place,)})
        configs[label] = [Config(**given, seed=seed) for seed in range(max(2, len(values)))]
    results = Results(configs, {"question": "Which?"}, folder)
    for place, (label, values) in enumerate(accuracies.items(), start=1):
        for config, value in zip(configs[label], values):
            costs = {"seconds": place + config.seed, "parameters": 1000 * place}
            history = make_history(3, value, config.seed)
            run = make_run(config, history, last_validation_accuracy=value, **costs)
            results.add(label, run)
        if label in failed:
            results.add(label, failed[label])
    results.judge()
    return results


def all_texts(figure: Figure) -> str:
    """Everything that can be read in a figure."""
    return " ".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def draw(folder: Path, accuracies: dict, **more) -> None:
    draw_experiment(make_results(folder, accuracies), **more)
