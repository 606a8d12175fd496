"""The tables of an experiment, made from its finished runs."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from src.common.files import replacing
from src.model import count_parameters
from src.runs.config import Config
from src.runs.folder import write_csv
from src.runs.history import Run
from src.runs.questions import file_name, is_ordered, label_of, what_differs
from src.runs.statistics import Verdict, compare

RULE = (
    "Noise: equal configurations stay within this distance in 19 of 20 experiments "
    "(studentised range, standard deviation pooled over all runs)."
)
MEASURED = (
    "last_validation_accuracy",
    "best_validation_accuracy",
    "test_accuracy",
    "last_train_loss",
    "seconds",
)


@dataclass
class Results:
    """What there is of an experiment so far: label -> configs, finished runs, failed seeds."""

    configs: dict[str, list[Config]]
    runs: dict[str, list[Run]] = field(default_factory=dict)
    failed: dict[str, dict[int, str]] = field(default_factory=dict)  # label -> seed -> reason

    def __post_init__(self) -> None:
        self.runs = {label: [] for label in self.configs}
        self.failed = {label: {} for label in self.configs}

    def add(self, label: str, seed: int, outcome: Run | str) -> None:
        """Take in a finished run, or why it failed."""
        if isinstance(outcome, str):
            self.failed[label][seed] = outcome
            return
        self.runs[label].append(outcome)
        self.runs[label].sort(key=lambda run: run.config.seed)

    def reasons(self) -> dict[str, str]:
        """Why runs of a configuration failed: label -> one line."""
        return {
            label: f"{len(seeds)} of {len(self.configs[label])} runs failed: "
            + "; ".join(sorted(set(seeds.values())))
            for label, seeds in self.failed.items()
            if seeds
        }

    def verdict(self) -> Verdict | None:
        """Of the validation accuracies after the last epoch, or of the test set's without any."""
        return compare(
            {
                label: {run.config.seed: score(run.metrics) for run in runs}
                for label, runs in self.runs.items()
            }
        )


def score(metrics: dict) -> float:
    """The accuracy that a run is judged by, in [0, 1]."""
    return metrics.get("last_validation_accuracy", metrics.get("test_accuracy", np.nan))


def mean_and_deviation(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; of a single value, the latter is NaN."""
    if not values:
        return np.nan, np.nan
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def differing(results: Results, label: str) -> dict:
    """A configuration's values of what the experiment varies, as cells: hidden layers as 128-64."""
    values = {n: getattr(results.configs[label][0], n) for n in what_differs(results.configs)}
    if "hidden" in values:
        values["hidden"] = label_of("hidden", values["hidden"], 1)
    return values


def summary_rows(results: Results) -> list[dict]:
    """summary.csv: one row a configuration. Accuracies in [0, 1]; _std is over the seeds."""
    verdict, reasons = results.verdict(), results.reasons()
    tested = any("test_accuracy" in run.metrics for runs in results.runs.values() for run in runs)
    rows = []
    for label, runs in results.runs.items():
        row = {"configuration": label} | differing(results, label)
        row["parameters"] = count_parameters(results.configs[label][0].layer_sizes)
        row |= {"runs": len(runs), "seeds": " ".join(str(run.config.seed) for run in runs)}
        for name in MEASURED:
            if name != "test_accuracy" or tested:
                values = [run.metrics[name] for run in runs if name in run.metrics]
                row[name], row[f"{name}_std"] = mean_and_deviation(values)
        # of the times the lowest says most: whatever else the machine does only adds to it
        row["fastest_seconds"] = min((run.metrics["seconds"] for run in runs), default=np.nan)
        if verdict:
            row["behind_best"] = verdict.behind.get(label, np.nan)
            row["noise"] = verdict.noise.get(label, np.nan)
        rows.append(row | {"failed": reasons.get(label, "")})
    return rows


def curve_rows(results: Results) -> list[dict]:
    """curves.csv: one row for each epoch of each run."""
    rows = []
    for label, runs in results.runs.items():
        for run in runs:
            same = {"configuration": label} | differing(results, label)
            rows += [same | {"seed": run.config.seed} | row for row in run.history]
    return rows


def table_lines(rows: list[dict]) -> list[str]:
    """The summary as text, for the terminal."""
    width = max(len(row["configuration"]) for row in rows)
    columns = {"validation, last": "last_validation_accuracy", "best": "best_validation_accuracy"}
    if any(np.isfinite(row.get("test_accuracy", np.nan)) for row in rows):
        columns = {"test accuracy": "test_accuracy"}  # only where nothing is left to choose

    def accuracy(row: dict, name: str) -> str:
        if np.isnan(row[name]):
            return "-"
        deviation = row[f"{name}_std"]
        return f"{row[name]:.2%}" + ("" if np.isnan(deviation) else f" +- {deviation:.2%}")

    heads = "  ".join(f"{head:>16}" for head in columns)
    lines = [f"{'':{width}}  parameters  {heads}  train loss  seconds"]
    for row in rows:
        line = f"{row['configuration']:{width}}  {row['parameters']:10,}  "
        if row["runs"]:
            line += "  ".join(f"{accuracy(row, name):>16}" for name in columns.values())
            line += f"  {row['last_train_loss']:10.4f}  {row['fastest_seconds']:7.1f}"
        lines.append(line.rstrip() + (f"  {row['failed']}" if row["failed"] else ""))
    return lines


def verdict_lines(results: Results) -> list[str]:
    """Which differences are larger than the noise, configuration by configuration."""
    verdict = results.verdict()
    if verdict is None or np.isnan(verdict.behind[verdict.best]):
        return []
    best = results.runs[verdict.best]
    mean = np.mean([score(run.metrics) for run in best])
    what = "validation" if "last_validation_accuracy" in best[0].metrics else "test"
    lines = [f"best: {verdict.best}, {mean:.2%} of the {what} images"]
    for label, behind in verdict.behind.items():
        if label == verdict.best:
            continue
        text, noise = f"{label}: {100 * behind:.2f} points behind", 100 * verdict.noise[label]
        if label in verdict.wild:
            text += " (its seeds differ too much for a verdict)"
        elif np.isfinite(noise):
            real = "larger than" if verdict.is_real(label) else "within"
            text += f" ({real} the noise of {noise:.2f})"
        if results.failed[label]:
            text += f"; {len(results.failed[label])} runs failed"
        lines.append(text)
    judged = [label for label, noise in verdict.noise.items() if np.isfinite(noise)]
    if judged:
        lines.append(RULE)
    elif len(verdict.behind) > 1:
        lines.append("One seed cannot tell a difference from noise; --seeds 3 can.")
    return lines


def write_tables(folder: Path, question: str, results: Results) -> None:
    """summary.csv, curves.csv and summary.txt, each whole."""
    rows, curves = summary_rows(results), curve_rows(results)
    lines = [question, "", *table_lines(rows), "", *verdict_lines(results)]
    write_csv(folder / "summary.csv", rows, list(rows[0]))
    (folder / "curves.csv").unlink(missing_ok=True)  # of an earlier table, if no run finished
    if curves:
        write_csv(folder / "curves.csv", curves, list(curves[0]))
    with replacing(folder / "summary.txt") as path:
        path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def to_draw(results: Results, answer: str) -> dict:
    """The results as figures.experiment.draw_experiment takes them."""
    reasons = results.reasons()
    configurations = {
        label: {
            "file": file_name(label),
            "layer_sizes": configs[0].layer_sizes,
            "histories": [run.history for run in results.runs[label]],
            "metrics": [run.metrics for run in results.runs[label]],
            "failed": reasons.get(label, ""),
        }
        for label, configs in results.configs.items()
    }
    cells = grid_cells(results) if answer == "grid" else None
    ordered = is_ordered(results.configs)
    return {"configurations": configurations, "ordered": ordered, "cells": cells}


def grid_cells(results: Results) -> dict:
    """The results over two hyperparameters, as figures.answers.plot_grid takes them."""
    row_name, column_name = what_differs(results.configs)
    values = {label: differing(results, label) for label in results.configs}
    rows, columns = (  # numbers by size, then anything else by name
        sorted({each[name] for each in values.values()}, key=lambda v: (isinstance(v, str), v))
        for name in (row_name, column_name)
    )
    means, deviations = np.full((2, len(rows), len(columns)), np.nan)
    marked, failed = np.zeros(means.shape, bool), {}
    verdict, reasons = results.verdict(), results.reasons()
    for label, value in values.items():
        place = rows.index(value[row_name]), columns.index(value[column_name])
        scores = [score(run.metrics) for run in results.runs[label]]
        means[place], deviations[place] = mean_and_deviation(scores)
        if label in reasons:
            failed[place] = reasons[label]
        if verdict and label in verdict.behind and label not in verdict.wild:
            near = verdict.behind[label] <= verdict.noise[label]
            marked[place] = label == verdict.best or near
    names = {"row_name": row_name, "rows": rows, "column_name": column_name, "columns": columns}
    return names | {"means": means, "deviations": deviations, "marked": marked, "failed": failed}
