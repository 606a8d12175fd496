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
from src.runs.statistics import compare

RULE = "Noise: in 19 of 20 experiments, equal configurations stay within this distance. It covers "
METRICS = ["last_validation_accuracy", "test_accuracy", "last_train_loss", "seconds"]
SHOWN = 20  # configurations that are printed


class Results:
    """An experiment, and what there is of it so far, all by label: configs, runs, failures."""

    def __init__(self, configs: Configs, entry: dict, folder: Path, data: str = "") -> None:
        self.configs, self.entry, self.folder, self.data = configs, entry, folder, data
        self.runs: dict[str, list[Run]] = {label: [] for label in configs}
        self.failed: dict[str, list[str]] = {}  # why, for each run that failed
        self.notes: list[str] = []  # what else is to be said
        self.kind = "test" if entry.get("score_test") else "validation"  # the images that answer
        self.measure = "test_accuracy" if self.kind == "test" else "last_validation_accuracy"
        first = pd.DataFrame([vars(each[0]) for each in configs.values()], pd.Index(configs))
        first["hidden"] = [label_of("hidden", sizes, 1) for sizes in first["hidden"]]
        varied = [name for name in first if name != "seed" and first[name].nunique() > 1]
        self.varied = first[varied].rename_axis("configuration")  # hyperparameters that differ
        self.is_grid = len(varied) == 2 and self.varied.nunique().prod() == len(configs)
        self.is_ordered = self.varied.select_dtypes("number").shape[1] == len(varied) == 1
        self.judge()

    def add(self, label: str, outcome: Run | str) -> None:
        """Take in a finished run, or why it failed."""
        if isinstance(outcome, str):
            self.failed.setdefault(label, []).append(outcome)
        else:
            self.runs[label].append(outcome)
            self.runs[label].sort(key=lambda run: run.config.seed)

    def all_runs(self) -> list[tuple[str, Run]]:
        return [(label, run) for label, runs in self.runs.items() for run in runs]

    def reasons(self) -> dict[str, str]:
        """Why runs of a configuration failed: label -> how many, and the reason of one."""
        found = {}
        for label, why in self.failed.items():
            found[label] = f"{len(why)} of {len(self.configs[label])} runs failed: {min(why)}"
        return found

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
    """One row for each configuration; NaN for what was not measured.

    Accuracies, and how far they lie behind, in [0, 1]; _std is taken over the seeds.
    """
    rows = [{"configuration": n, "seed": r.config.seed, **r.metrics} for n, r in results.all_runs()]
    runs = pd.DataFrame(rows, columns=["configuration", "seed", *METRICS])
    groups = runs.astype(dict.fromkeys(METRICS, float)).groupby("configuration")
    table = results.varied.copy()
    table["parameters"] = [count_parameters(c[0].layer_sizes) for c in results.configs.values()]
    table["runs"] = groups.size().reindex(table.index, fill_value=0)
    table["seeds"] = groups["seed"].agg(lambda seeds: " ".join(map(str, seeds)))
    for name in METRICS:
        table[name], table[f"{name}_std"] = groups[name].mean(), groups[name].std()
    table["fastest_seconds"] = groups["seconds"].min()  # what else runs only adds to a time
    table["behind_best"], table["noise"] = results.verdict.behind, results.verdict.noise
    table["failed"] = pd.Series(results.reasons(), dtype=object)
    return table


def table_text(table: pd.DataFrame, measure: str) -> str:
    """The summary in lines of at most 80 characters; of many configurations the best 20."""
    left_out = max(0, len(table) - SHOWN)
    if left_out:
        table = table.sort_values(measure, ascending=False).head(SHOWN)
    columns = {
        "accuracy": (table[measure], " {:.2%}"),
        "+-": (table[f"{measure}_std"], " {:.2%}"),
        "behind": (100 * table["behind_best"], " {:.2f}"),  # in points, as the noise is
        "noise": (100 * table["noise"], " {:.2f}"),
        "loss": (table["last_train_loss"], " {:.4f}"),
        "seconds": (table["fastest_seconds"], " {:.1f}"),
        "parameters": (table["parameters"], " {:,}"),
    }
    shown = pd.DataFrame({head: values for head, (values, _) in columns.items()})
    shown.index = [n if len(n) < 25 else f"{n[:11]}..{n[-11:]}" for n in shown.index]
    text = shown.to_string(formatters=[form.format for _, form in columns.values()], na_rep="-")
    return text + f"\nand {left_out:,} more, see summary.csv" * (left_out > 0)


def remarks(results: Results, table: pd.DataFrame) -> list[str]:
    """What failed, which differences are real, and what else is to be known of the summary."""
    verdict, kind = results.verdict, results.kind
    lines = [f"{label}: {why}" for label, why in results.reasons().items()][:SHOWN]
    if verdict.best:
        behind, noise = table["behind_best"], table["noise"]
        unmeasured = table.index[behind.isna() & (table["runs"] > 0)]
        accuracy = table.at[verdict.best, results.measure]
        lines.append(f"best: {verdict.best}, {accuracy:.2%} of the {kind} images")
        groups = {
            "worse by more than the noise": table.index[behind > noise],
            "within the noise of it": table.index[behind <= noise],
            "no verdict, because their seeds differ too much": verdict.unstable,
            f"not compared, because not measured on the {kind} images": unmeasured,
        }
        lines += [f"{words}: {'; '.join(n)}" for words, n in groups.items() if len(n)]
        if noise.notna().any():
            images = f" and the choice of {kind} images" if verdict.covers_images else " alone"
            lines.append(f"{RULE}the seeds{images}.")
        elif behind.count() > 1 and max(table["runs"]) == 1 and not results.notes:
            lines.append("One seed cannot tell a difference from noise; --seeds 3 can.")
        if max(table["runs"]) == 2:
            lines.append("Two seeds show little: the noise that they leave is large; give three.")
    kernels = sorted({str(run.metrics.get("blas")) for _, run in results.all_runs()})
    if len(kernels) > 1:
        lines.append(f"Trained on processors that round differently: {', '.join(kernels)}.")
    return lines + results.notes


def write_tables(results: Results) -> None:
    """Judge what there is, and write summary.csv, curves.csv and summary.txt, each whole."""
    results.judge()
    table, rows = summary_table(results), []
    for label, run in results.all_runs():
        rows += [{"configuration": label, "seed": run.config.seed} | row for row in run.history]
    curves = pd.DataFrame(rows, columns=None if rows else ["configuration", "seed", "epoch"])
    curves = results.varied.merge(curves, on="configuration", how="right")
    about = results.data
    configs = [config for seeds in results.configs.values() for config in seeds]
    for name, field in {"epochs": "epochs", "seeds": "seed"}.items():
        values = sorted({getattr(config, field) for config in configs})
        about += f"; {name} {values[0]}" + f" to {values[-1]}" * (len(values) > 1)
    about += time.strftime("; %Y-%m-%d %H:%M")
    ended = len(results.all_runs()) + sum(map(len, results.failed.values()))
    if ended < len(configs):
        about += f"; {ended} of {len(configs)} runs have ended so far"
    wrapper = textwrap.TextWrapper(80, subsequent_indent="  ", break_on_hyphens=False)
    wrapper.max_lines, wrapper.placeholder = 8, " ... (see summary.csv)"
    lines = [*map(wrapper.fill, [results.entry["question"], about]), ""]
    lines += [table_text(table, results.measure), ""]
    lines += [*map(wrapper.fill, remarks(results, table)), ""]
    texts = table.to_csv(), curves.to_csv(index=False), "\n".join(lines)
    for name, text in zip(("summary.csv", "curves.csv", "summary.txt"), texts):
        with replacing(results.folder / name) as path:
            path.write_text(text, "utf-8", "backslashreplace", newline="")


def answer(results: Results, data: str | None, root: Path) -> str:
    """What write_tables wrote, and a command that trains the best configuration of a sweep.

    It has --data and --results where they are not the defaults.
    """
    text = (results.folder / "summary.txt").read_text(encoding="utf-8")
    best = results.verdict.best
    if best and not results.notes:
        given = {"--data": data, "--results": root if root != ROOT / "results" else None}
        rest = [f" {flag} {shlex.quote(str(at))}" for flag, at in given.items() if at]
        command = f"python train.py {as_flags(results.configs[best][0])}{''.join(rest)}"
        text += f"\nto train {best}:\n  {command}\n"
    return f"\n{text}figures and tables: {results.folder}"
