"""What came of an experiment: its results, its tables, and which differences are real."""

import shlex
import textwrap
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from src.common.files import replacing
from src.digits.data import ROOT
from src.model import count_parameters
from src.runs.config import Config, as_flags
from src.runs.history import Run
from src.runs.questions import Configs, label_of
from src.runs.recipes import RECIPES, recipe
from src.runs.statistics import Values, Verdict, compare

RULE = "Noise: in 19 of 20 experiments, equal configurations stay within this distance. It covers "
MEASURES = {"last_validation_accuracy": "validation", "test_accuracy": "test"}
METRICS = [*MEASURES, "best_validation_accuracy", "last_train_loss", "seconds"]
SHOWN = 20  # configurations that are printed


class Results:
    """An experiment, and what there is of it so far, all by label: configs, runs, failures."""

    def __init__(self, configs: Configs, entry: dict, folder: Path, data: str = "") -> None:
        self.configs, self.entry, self.folder, self.data = configs, entry, folder, data
        self.runs: dict[str, list[Run]] = {label: [] for label in configs}
        self.failed: dict[str, dict[int, str]] = {label: {} for label in configs}  # by seed: why
        self.notes: list[str] = []  # what else is to be said
        every = pd.DataFrame([vars(each[0]) for each in configs.values()], pd.Index(configs))
        every["hidden"] = [label_of("hidden", sizes, 1) for sizes in every["hidden"]]
        varied = [name for name in every if name != "seed" and every[name].nunique() > 1]
        self.varied = every[varied].rename_axis("configuration")  # hyperparameters that differ
        self.is_grid = len(varied) == 2 and self.varied.nunique().prod() == len(configs)
        steps = (
            self.varied.select_dtypes("number").diff()[1:].to_numpy()
        )  # of a series: all up or down
        one = len(varied) == steps.shape[1] == 1
        self.is_ordered = one and bool((steps > 0).all() or (steps < 0).all())
        self.judge()

    def add(self, label: str, seed: int, outcome: Run | str) -> None:
        """Take in a finished run, or why it failed."""
        if isinstance(outcome, str):
            self.failed[label][seed] = outcome
        else:
            self.runs[label].append(outcome)
            self.runs[label].sort(key=lambda run: run.config.seed)

    def all_runs(self) -> list[tuple[str, Run]]:
        return [(label, run) for label, runs in self.runs.items() for run in runs]

    def reasons(self) -> dict[str, str]:
        """Why runs of a configuration failed: label -> one line."""
        return {
            label: f"{len(why)} of {len(self.configs[label])} runs failed: "
            + "; ".join(sorted(set(why.values())))
            for label, why in self.failed.items()
            if why
        }

    def judge(self) -> None:
        """Compare the runs so far, all by one accuracy: `measure`, `values`, `verdict`.

        That is the validation images', unless more configurations were measured on the test images.
        """
        found: dict[str, Values] = {name: {} for name in MEASURES}
        for label, run in self.all_runs():
            for name in run.metrics.keys() & found.keys():
                found[name].setdefault(label, {})[run.config.seed] = run.metrics[name]
        self.measure, self.values = max(found.items(), key=lambda item: len(item[1]))
        right = {n: {run.config.seed: run.right for run in self.runs[n]} for n in self.values}
        sizes = {len(each) for seeds in right.values() for each in seeds.values()}
        same_images = MEASURES[self.measure] == "validation" and len(sizes) == 1 and sizes != {0}
        self.verdict: Verdict | None = compare(self.values, right if same_images else None)


def summary_table(results: Results) -> pd.DataFrame:
    """One row for each configuration. Accuracies in [0, 1]; _std is taken over the seeds."""
    rows = [{"configuration": n, "seed": r.config.seed, **r.metrics} for n, r in results.all_runs()]
    runs = pd.DataFrame(rows, columns=["configuration", "seed", *METRICS])
    groups = runs.astype(dict.fromkeys(METRICS, float)).groupby("configuration", sort=False)
    table = results.varied.copy()
    table["parameters"] = [count_parameters(c[0].layer_sizes) for c in results.configs.values()]
    table["runs"] = groups.size().reindex(table.index, fill_value=0)
    table["seeds"] = groups["seed"].agg(lambda seeds: " ".join(map(str, seeds)))
    for name in METRICS:
        if runs[name].notna().any():
            table[name], table[f"{name}_std"] = groups[name].mean(), groups[name].std()
    table["fastest_seconds"] = groups["seconds"].min()  # what else runs only adds to a time
    if verdict := results.verdict:
        table["behind_best"], table["noise"] = pd.Series(verdict.behind), pd.Series(verdict.noise)
    table["failed"] = pd.Series(results.reasons(), dtype=object)
    return table


def curves_table(results: Results) -> pd.DataFrame:
    """One row for each epoch of each run."""
    rows = [
        {"configuration": label, "seed": run.config.seed} | row
        for label, run in results.all_runs()
        for row in run.history
    ]
    curves = pd.DataFrame(rows, columns=None if rows else ["configuration", "seed", "epoch"])
    return results.varied.merge(curves, on="configuration", how="right")


def about(results: Results) -> list[str]:
    """What the table shows: data, epochs, seeds, date, and what is missing."""
    runs, configs = results.all_runs(), [c for each in results.configs.values() for c in each]
    line = results.data
    for name in ("epochs", "seed"):
        values = {getattr(config, name) for config in configs}
        low, high = min(values), max(values)
        line += f"; {name.rstrip('s')}s {low}" + f" to {high}" * (low != high)
    lines = [f"{line}; {time.strftime('%Y-%m-%d %H:%M')}"]
    ended = len(runs) + sum(map(len, results.failed.values()))
    if ended < len(configs):
        lines.append(f"{ended} of {len(configs)} runs have ended so far.")
    kinds = sorted({str(run.metrics.get("blas")) for _, run in runs})
    if len(kinds) > 1:
        lines.append(f"Trained on processors that round differently: {', '.join(kinds)}.")
    return lines


def table_lines(table: pd.DataFrame, measure: str) -> list[str]:
    """The summary as text of at most 80 columns; of many configurations the best 20."""
    columns = {measure: ("accuracy", "{:.2%}"), f"{measure}_std": ("+-", "{:.2%}")}
    columns |= {"behind_best": ("behind", "{:.2f}"), "noise": ("noise", "{:.2f}")}  # in points
    columns |= {"last_train_loss": ("loss", "{:.4f}"), "fastest_seconds": ("seconds", "{:.1f}")}
    if table["parameters"].nunique() > 1:
        columns["parameters"] = "parameters", "{:,}"
    if len(table) > SHOWN and measure in table:
        table = table.sort_values(measure, ascending=False)
    shown = table.head(SHOWN).rename(lambda n: n if len(n) < 25 else f"{n[:11]}..{n[-11:]}")
    text = pd.DataFrame(index=[*shown.index])
    for name, (head, form) in columns.items():
        if name in shown:
            values = shown[name] * (100 if name in ("behind_best", "noise") else 1)
            text[head] = ["-" if value != value else form.format(value) for value in values]
    return [*text.to_string().splitlines(), *few([*table.index])[SHOWN:]]


def few(words: list[str]) -> list[str]:
    """The first 20, and how many more there are."""
    more = [f"and {len(words) - SHOWN:,} more, see summary.csv"] * (len(words) > SHOWN)
    return words[:SHOWN] + more


def verdict_lines(results: Results) -> list[str]:
    """Which configurations are worse than the best by more than the noise, and what went wrong."""
    lines = few([f"{label}: {why}" for label, why in results.reasons().items()])
    if (verdict := results.verdict) is None:
        return lines
    what, values = MEASURES[results.measure], results.values
    judged = [label for label, noise in verdict.noise.items() if np.isfinite(noise)]
    left_out = [label for label, runs in results.runs.items() if runs and label not in values]
    mean = np.mean(list(values[verdict.best].values()))
    lines.append(f"best: {verdict.best}, {mean:.2%} of the {what} images")
    for words, labels in {
        "worse by more than the noise": [label for label in judged if verdict.is_real(label)],
        "within the noise of it": [label for label in judged if not verdict.is_real(label)],
        "no verdict, because their seeds differ too much": verdict.wild,
        f"not compared, because not measured on the {what} images": left_out,
    }.items():
        if labels:
            lines.append(f"{words}: {'; '.join(few(labels))}")
    if judged:
        images = f" and the choice of {what} images" if verdict.covers_images else " alone"
        lines.append(f"{RULE}the seeds{images}.")
    elif len(verdict.behind) > 1:
        lines.append("One seed cannot tell a difference from noise; --seeds 3 can.")
    return lines


def write_tables(results: Results) -> None:
    """Judge what there is, and write summary.csv, curves.csv and summary.txt, each whole."""
    results.judge()
    table, wrap = (
        summary_table(results),
        partial(textwrap.fill, width=80, subsequent_indent="  ", break_on_hyphens=False),
    )
    for name, frame in {
        "summary.csv": table.reset_index(),
        "curves.csv": curves_table(results),
    }.items():
        with replacing(results.folder / name) as path:
            frame.to_csv(path, index=False)
    lines = [*map(wrap, [results.entry["question"], *about(results)]), ""]
    lines += [*table_lines(table, results.measure), ""]
    lines += map(wrap, [*verdict_lines(results), *results.notes])
    with replacing(results.folder / "summary.txt") as path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def answer(results: Results, values: dict, data: str | None, root: Path) -> str:
    """What write_tables wrote, and the shortest command that trains the best configuration.

    `values` are those of train.py, from which it starts unless a recipe is named. The command has
    --data and --results where they are not the defaults.
    """
    text = (results.folder / "summary.txt").read_text(encoding="utf-8")
    if results.verdict:
        best = results.configs[results.verdict.best][0]
        starts = {"": Config().with_(**values)} | {f" --recipe {n}": recipe(n) for n in RECIPES}
        flags = [f"{name} {as_flags(best, start)}".rstrip() for name, start in starts.items()]
        given = {"--data": data, "--results": root if root != ROOT / "results" else None}
        rest = [f" {flag} {shlex.quote(str(at))}" for flag, at in given.items() if at]
        command = f"python train.py{min(flags, key=len)}{''.join(rest)}"
        text += f"\nto train {results.verdict.best}:\n  {command}\n"
    return f"\n{text}figures and tables: {results.folder}"
