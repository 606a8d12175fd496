"""What came of an experiment: its results, its tables, and which differences are real."""

import shlex
import textwrap
import time
from pathlib import Path

import pandas as pd

from src.common.files import replacing
from src.digits.data import ROOT
from src.model import count_parameters
from src.runs.config import as_flags
from src.runs.history import Run
from src.runs.questions import Configs, label_of
from src.runs.recipes import RECIPES, recipe
from src.runs.statistics import compare

RULE = "Noise: in 19 of 20 experiments, equal configurations stay within this distance. It covers "
METRICS = ["last_validation_accuracy", "test_accuracy", "best_validation_accuracy"]
METRICS += ["last_train_loss", "seconds"]
SHOWN = 20  # configurations that are printed


class Results:
    """An experiment, and what there is of it so far, all by label: configs, runs, failures."""

    def __init__(self, configs: Configs, entry: dict, folder: Path, data: str = "") -> None:
        self.configs, self.entry, self.folder, self.data = configs, entry, folder, data
        self.runs: dict[str, list[Run]] = {label: [] for label in configs}
        self.failed: dict[str, list[str]] = {label: [] for label in configs}  # why, for each run
        self.notes: list[str] = []  # what else is to be said
        self.kind = "test" if entry.get("score_test") else "validation"  # the images that answer
        self.measure = "test_accuracy" if self.kind == "test" else "last_validation_accuracy"
        every = pd.DataFrame([vars(each[0]) for each in configs.values()], pd.Index(configs))
        every["hidden"] = [label_of("hidden", sizes, 1) for sizes in every["hidden"]]
        varied = [name for name in every if name != "seed" and every[name].nunique() > 1]
        self.varied = every[varied].rename_axis("configuration")  # hyperparameters that differ
        self.is_grid = len(varied) == 2 and self.varied.nunique().prod() == len(configs)
        self.is_ordered = self.varied.select_dtypes("number").shape[1] == len(varied) == 1
        self.judge()

    def add(self, label: str, outcome: Run | str) -> None:
        """Take in a finished run, or why it failed."""
        if isinstance(outcome, str):
            self.failed[label].append(outcome)
        else:
            self.runs[label].append(outcome)
            self.runs[label].sort(key=lambda run: run.config.seed)

    def all_runs(self) -> list[tuple[str, Run]]:
        return [(label, run) for label, runs in self.runs.items() for run in runs]

    def reasons(self) -> dict[str, str]:
        """Why runs of a configuration failed: label -> how many, and the reason of one."""
        return {
            label: f"{len(why)} of {len(self.configs[label])} runs failed: {min(why)}"
            for label, why in self.failed.items()
            if why
        }

    def judge(self) -> None:
        """Compare the runs so far by the images that answer: `values`, `verdict`."""
        self.values: dict[str, dict[int, float]] = {}
        right: dict = {}
        for label, run in self.all_runs():
            if self.measure in run.metrics:
                self.values.setdefault(label, {})[run.config.seed] = run.metrics[self.measure]
                right.setdefault(label, {})[run.config.seed] = run.right
        sizes = {run.right.size for _, run in self.all_runs()}
        same_images = self.kind == "validation" and len(sizes) == 1 and sizes != {0}
        self.verdict = compare(self.values, right if same_images else None)


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
    verdict = results.verdict
    table["behind_best"] = pd.Series(verdict.behind if verdict else {}, dtype=float)
    table["noise"] = pd.Series(verdict.noise if verdict else {}, dtype=float)
    table["failed"] = pd.Series(results.reasons(), dtype=object)
    return table


def curves_table(results: Results) -> pd.DataFrame:
    """One row for each epoch of each run."""
    rows = []
    for label, run in results.all_runs():
        rows += [{"configuration": label, "seed": run.config.seed} | row for row in run.history]
    curves = pd.DataFrame(rows, columns=None if rows else ["configuration", "seed", "epoch"])
    return results.varied.merge(curves, on="configuration", how="right")


def about(results: Results) -> list[str]:
    """What the table shows: data, epochs, seeds, date, and what is missing."""
    runs, configs = results.all_runs(), [c for each in results.configs.values() for c in each]
    line = results.data
    for name in ("epochs", "seed"):
        values = sorted({getattr(config, name) for config in configs})
        line += f"; {name.rstrip('s')}s {values[0]}" + f" to {values[-1]}" * (len(values) > 1)
    lines = [f"{line}; {time.strftime('%Y-%m-%d %H:%M')}"]
    ended = len(runs) + sum(map(len, results.failed.values()))
    if ended < len(configs):
        lines.append(f"{ended} of {len(configs)} runs have ended so far.")
    kernels = sorted({str(run.metrics.get("blas")) for _, run in runs})
    if len(kernels) > 1:
        lines.append(f"Trained on processors that round differently: {', '.join(kernels)}.")
    return lines


def table_text(table: pd.DataFrame, measure: str) -> str:
    """The summary in lines of at most 80 characters; of many configurations the best 20."""
    columns = {
        measure: ("accuracy", " {:.2%}"),
        f"{measure}_std": ("+-", " {:.2%}"),
        "behind_best": ("behind", " {:.2f}"),  # in points, as the noise is
        "noise": ("noise", " {:.2f}"),
        "last_train_loss": ("loss", " {:.4f}"),
        "fastest_seconds": ("seconds", " {:.1f}"),
        "parameters": ("parameters", " {:,}"),
    }
    if len(table) > SHOWN and measure in table:
        table = table.sort_values(measure, ascending=False)
    shown = table.head(SHOWN).reindex(columns=list(columns))
    shown[["behind_best", "noise"]] *= 100
    shown.index = [n if len(n) < 25 else f"{n[:11]}..{n[-11:]}" for n in shown.index]
    heads, forms = zip(*columns.values())
    formatters = [form.format for form in forms]
    text = shown.to_string(header=list(heads), formatters=formatters, na_rep="-")
    more = f"\nand {len(table) - SHOWN:,} more, see summary.csv"
    return text + more * (len(table) > SHOWN)


def verdict_lines(results: Results, table: pd.DataFrame) -> list[str]:
    """Which configurations are worse than the best by more than the noise, and what went wrong."""
    lines = [f"{label}: {why}" for label, why in results.reasons().items()][:SHOWN]
    if (verdict := results.verdict) is None:
        return lines
    kind, behind, noise = results.kind, table["behind_best"], table["noise"]
    mean = table.at[verdict.best, results.measure]
    lines.append(f"best: {verdict.best}, {mean:.2%} of the {kind} images")
    unmeasured = behind.isna() & (table["runs"] > 0)
    groups = {
        "worse by more than the noise": table.index[behind > noise],
        "within the noise of it": table.index[behind <= noise],
        "no verdict, because their seeds differ too much": verdict.unstable,
        f"not compared, because not measured on the {kind} images": table.index[unmeasured],
    }
    lines += [f"{words}: {'; '.join(labels)}" for words, labels in groups.items() if len(labels)]
    if noise.notna().any():
        images = f" and the choice of {kind} images" if verdict.covers_images else " alone"
        lines.append(f"{RULE}the seeds{images}.")
    elif behind.count() > 1 and not results.notes:
        lines.append("One seed cannot tell a difference from noise; --seeds 3 can.")
    return lines


def write_tables(results: Results) -> None:
    """Judge what there is, and write summary.csv, curves.csv and summary.txt, each whole."""
    results.judge()
    table = summary_table(results)
    wrapper = textwrap.TextWrapper(80, subsequent_indent="  ", break_on_hyphens=False)
    wrapper.max_lines, wrapper.placeholder = 8, " ... (see summary.csv)"
    above = [results.entry["question"], *about(results), ""]
    below = ["", *verdict_lines(results, table), *results.notes, ""]
    lines = [*map(wrapper.fill, above), table_text(table, results.measure)]
    lines += map(wrapper.fill, below)
    for name, text in {
        "summary.csv": table.to_csv(),
        "curves.csv": curves_table(results).to_csv(index=False),
        "summary.txt": "\n".join(lines),
    }.items():
        with replacing(results.folder / name) as path:
            path.write_text(text, encoding="utf-8", newline="")


def answer(results: Results, data: str | None, root: Path) -> str:
    """What write_tables wrote, and the shortest command that trains the best configuration.

    (Two runs that are compared have been trained, perhaps in a way that it does not say.)
    It has --data and --results where they are not the defaults.
    """
    text = (results.folder / "summary.txt").read_text(encoding="utf-8")
    if results.verdict and not results.notes:
        best = results.configs[results.verdict.best][0]
        commands = [f"--recipe {name} {as_flags(best, recipe(name))}".strip() for name in RECIPES]
        given = {"--data": data, "--results": root if root != ROOT / "results" else None}
        rest = [f" {flag} {shlex.quote(str(at))}" for flag, at in given.items() if at]
        command = f"python train.py {min(commands, key=len)}{''.join(rest)}"
        text += f"\nto train {results.verdict.best}:\n  {command}\n"
    return f"\n{text}figures and tables: {results.folder}"
