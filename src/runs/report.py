"""What came of an experiment: its results, its tables, and which differences are real."""

import shlex
import textwrap
import time
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from src.common.files import replacing
from src.model import count_parameters
from src.runs.config import Config, as_flags
from src.runs.history import Run
from src.runs.questions import Configs, answer_to, is_ordered, label_of, what_differs
from src.runs.recipes import RECIPES, recipe
from src.runs.statistics import Values, Verdict, compare

RULE = "Noise: in 19 of 20 experiments, equal configurations stay within this distance. It covers "
MEASURES = {"last_validation_accuracy": "validation", "test_accuracy": "test"}
METRICS = [*MEASURES, "best_validation_accuracy", "last_train_loss", "seconds"]
SHOWN = 20  # configurations that are printed


@dataclass
class Results:
    """An experiment, and what there is of it so far: label -> configs, finished runs, failures."""

    configs: Configs
    entry: dict  # its row of the table: question, answer and more
    folder: Path  # for its tables and figures
    data: str = ""  # what it is trained on, in words
    runs: dict[str, list[Run]] = field(default_factory=dict)
    failed: dict[str, dict[int, str]] = field(default_factory=dict)  # label -> seed -> reason
    signal: dict[str, list[dict]] = field(default_factory=dict)  # layers before training
    notes: list[str] = field(default_factory=list)  # what else is to be said
    verdict: Verdict | None = None  # of the runs that the tables were last written of

    def __post_init__(self) -> None:
        self.runs = {label: [] for label in self.configs}
        self.failed = {label: {} for label in self.configs}
        self.entry = self.entry | {"answer": answer_to(self.entry, self.configs)}

    def add(self, label: str, seed: int, outcome: Run | str) -> None:
        """Take in a finished run, or why it failed."""
        if isinstance(outcome, str):
            self.failed[label][seed] = outcome
            return
        self.runs[label].append(outcome)
        self.runs[label].sort(key=lambda run: run.config.seed)

    @cached_property
    def differs(self) -> list[str]:
        """The hyperparameters, the seed aside, in which the configurations differ."""
        return what_differs(self.configs)

    @cached_property
    def ordered(self) -> bool:
        """Whether the configurations are a rising or falling series of one number."""
        return is_ordered(self.configs)

    def every_run(self) -> list[tuple[str, Run]]:
        return [(label, run) for label, runs in self.runs.items() for run in runs]

    def reasons(self) -> dict[str, str]:
        """Why runs of a configuration failed: label -> one line."""
        return {
            label: f"{len(seeds)} of {len(self.configs[label])} runs failed: "
            + "; ".join(sorted(set(seeds.values())))
            for label, seeds in self.failed.items()
            if seeds
        }

    def measured(self) -> tuple[str, Values]:
        """The accuracy that all are compared by, and its values: label -> seed -> in [0, 1].

        The validation images', unless more configurations were measured on the test images.
        """
        found: dict[str, Values] = {name: {} for name in MEASURES}
        for label, run in self.every_run():
            for name in run.metrics.keys() & found.keys():
                found[name].setdefault(label, {})[run.config.seed] = run.metrics[name]
        name = max(found, key=lambda name: len(found[name]))
        return name, found[name]

    def judge(self) -> Verdict | None:
        """Compare what is measured. None as long as nothing is."""
        name, values = self.measured()
        answers = {label: {r.config.seed: r.right for r in self.runs[label]} for label in values}
        sizes = {len(right) for seeds in answers.values() for right in seeds.values()}
        same_images = MEASURES[name] == "validation" and len(sizes) == 1 and sizes != {0}
        return compare(values, answers if same_images else None)


def summary_table(results: Results) -> pd.DataFrame:
    """One row for each configuration. Accuracies in [0, 1]; _std is taken over the seeds."""
    rows = [{"configuration": label} | varied(results, label) for label in results.configs]
    table = pd.DataFrame(rows).set_index("configuration")
    sizes = [count_parameters(configs[0].layer_sizes) for configs in results.configs.values()]
    table["parameters"] = sizes
    runs = pd.DataFrame(
        [
            {"configuration": label, "seed": run.config.seed}
            | {name: run.metrics.get(name) for name in METRICS}
            for label, run in results.every_run()
        ],
        columns=["configuration", "seed", *METRICS],
    )
    groups = runs.groupby("configuration", sort=False)
    table["runs"] = groups.size().reindex(table.index, fill_value=0)
    table["seeds"] = groups["seed"].agg(lambda seeds: " ".join(map(str, seeds)))
    for name in METRICS:
        if runs[name].notna().any():
            values = runs[name].astype(float).groupby(runs["configuration"], sort=False)
            table[name], table[f"{name}_std"] = values.mean(), values.std()
            if name == "seconds":  # the lowest says most: what else the machine does only adds
                table["fastest_seconds"] = values.min()
    if verdict := results.verdict:
        table["behind_best"], table["noise"] = pd.Series(verdict.behind), pd.Series(verdict.noise)
    table["failed"] = pd.Series(results.reasons(), dtype=object)
    return table


def varied(results: Results, label: str) -> dict:
    """What is varied, as cells of a table: hidden layers as 128-64."""
    values = {name: getattr(results.configs[label][0], name) for name in results.differs}
    if "hidden" in values:
        values["hidden"] = label_of("hidden", values["hidden"], 1)
    return values


def curves_table(results: Results) -> pd.DataFrame:
    """One row for each epoch of each run."""
    same = {label: {"configuration": label} | varied(results, label) for label in results.configs}
    rows = [
        same[label] | {"seed": run.config.seed} | row
        for label, run in results.every_run()
        for row in run.history
    ]
    return pd.DataFrame(rows, columns=None if rows else ["configuration", "seed", "epoch"])


def about(results: Results) -> list[str]:
    """What the table shows: data, epochs, seeds, date, and what is missing."""
    configs = [config for each in results.configs.values() for config in each]
    done = len(results.every_run()) + sum(map(len, results.failed.values()))
    epochs, seeds = ({getattr(c, name) for c in configs} for name in ("epochs", "seed"))
    spans = (" to ".join(map(str, sorted({min(each), max(each)}))) for each in (epochs, seeds))
    lines = ["{}; epochs: {}; seeds: {}; {}".format(results.data, *spans, time.strftime("%F %R"))]
    if done < len(configs):
        lines.append(f"{done} of {len(configs)} runs have ended so far.")
    kinds = sorted({str(run.metrics.get("blas")) for _, run in results.every_run()})
    if len(kinds) > 1:
        lines.append(
            f"Trained on processors of several kinds ({', '.join(kinds)}): the same run can end "
            "in slightly different numbers on each."
        )
    return lines


def table_lines(table: pd.DataFrame, measure: str) -> list[str]:
    """The summary as text of at most 80 columns; of many configurations the best 20."""
    if len(table) > SHOWN and measure in table:
        table = table.sort_values(measure, ascending=False)
    shown = table.head(SHOWN)

    def cells(column: str, form: str, factor: float = 1.0) -> list[str]:
        values = shown.get(column, [np.nan] * len(shown))
        return ["-" if np.isnan(value) else form.format(factor * value) for value in values]

    columns = {"accuracy": cells(measure, "{:.2%}"), "+-": cells(f"{measure}_std", "{:.2%}")}
    columns |= {
        "behind": cells("behind_best", "{:.2f}", 100),
        "noise": cells("noise", "{:.2f}", 100),
    }
    columns |= {"loss": cells("last_train_loss", "{:.4f}")}
    columns |= {"seconds": cells("fastest_seconds", "{:.1f}")}
    if table["parameters"].nunique() > 1:
        columns["parameters"] = cells("parameters", "{:,.0f}")
    lines = pd.DataFrame(columns).to_string(index=False).splitlines()
    room = 78 - len(lines[0])
    names = [name if len(name) <= room else f"{name[: room - 2]}.." for name in shown.index]
    width = max(map(len, names))
    found = [f"{name:{width}}  {line}" for name, line in zip(["", *names], lines)]
    if len(table) > SHOWN:
        found.append(f"and {len(table) - SHOWN:,} more in summary.csv")
    return found


def verdict_lines(results: Results) -> list[str]:
    """Which configurations are worse than the best by more than the noise, and what went wrong."""
    lines = [f"{label}: {why}" for label, why in islice(results.reasons().items(), SHOWN)]
    if (verdict := results.verdict) is None:
        return lines
    measure, values = results.measured()
    what, mean = MEASURES[measure], np.mean(list(values[verdict.best].values()))
    judged = [label for label, noise in verdict.noise.items() if np.isfinite(noise)]
    groups = {
        "worse by more than the noise": [label for label in judged if verdict.is_real(label)],
        "within the noise of it": [label for label in judged if not verdict.is_real(label)],
        "no verdict, because their seeds differ too much": verdict.wild,
        f"not compared, because not measured on the {what} images": [
            label for label, runs in results.runs.items() if runs and label not in values
        ],
    }
    lines.append(f"best: {verdict.best}, {mean:.2%} of the {what} images")
    for group, labels in groups.items():
        if labels:
            more = f" and {len(labels) - SHOWN:,} more" * (len(labels) > SHOWN)
            lines.append(f"{group}: {'; '.join(labels[:SHOWN])}{more}")
    if judged:
        images = f" and the choice of {what} images" if verdict.covers_images else " alone"
        lines.append(f"{RULE}the seeds{images}.")
    elif len(verdict.behind) > 1:
        lines.append("One seed cannot tell a difference from noise; --seeds 3 can.")
    return lines


def write_tables(results: Results) -> None:
    """Judge what there is, and write summary.csv, curves.csv and summary.txt, each whole."""
    results.verdict = results.judge()
    table, folder = summary_table(results), results.folder
    frames = {"summary.csv": table.reset_index(), "curves.csv": curves_table(results)}
    for name, frame in frames.items():
        with replacing(folder / name) as path:
            frame.to_csv(path, index=False)
    wrap = partial(textwrap.fill, width=80, subsequent_indent="  ", break_on_hyphens=False)
    lines = [*map(wrap, [results.entry["question"], *about(results)]), ""]
    lines += [*table_lines(table, results.measured()[0]), ""]
    lines += map(wrap, [*verdict_lines(results), *results.notes])
    with replacing(folder / "summary.txt") as path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def command_for(results: Results, values: dict, data: str | None, folder: Path | None) -> str:
    """The shortest command that trains the best configuration, with --data and --results.

    `values` are those of train.py, from which it starts unless a recipe is named.
    """
    if results.verdict is None:
        return ""
    starts = {"": Config().with_(**values)} | {f" --recipe {n}": recipe(n) for n in RECIPES}
    best = results.configs[results.verdict.best][0]
    flags = [f"{name} {as_flags(best, start)}".rstrip() for name, start in starts.items()]
    command = f"python train.py{min(flags, key=len)}"
    for name, value in (("data", data), ("results", folder)):
        command += f" --{name} {shlex.quote(str(value))}" if value else ""
    return f"to train {results.verdict.best}:\n  {command}\n"
