"""The tables: what stands in summary.csv and curves.csv, and what is said of the differences."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.model import NeuralNetwork
from src.runs.config import Config
from src.runs.history import Run
from src.runs.questions import grid
from src.runs.report import SHOWN, Results, answer, write_tables
from tests.conftest import ROOT

NAN = float("nan")
NETWORK = NeuralNetwork([784, 10], "relu", "zeros")
SPREAD = {"good": [0.980, 0.982, 0.984], "near": [0.9805, 0.9815, 0.983]}
SPREAD |= {"bad": [0.97, 0.972, 0.9741]}


def a_run(config: Config, accuracy: float | None) -> Run:
    row = {"epoch": 0, "train_loss": 2.3, "validation_accuracy": 0.1, "seconds": 0.5}
    metrics = {"last_train_loss": 0.1, "seconds": 2.0 + config.seed, "blas": "Haswell"}
    if accuracy is not None:
        metrics["last_validation_accuracy"] = accuracy
    return Run(config, NETWORK, [row, row | {"epoch": 1}], [], metrics, np.empty(0, bool))


def results_of(
    folder: Path, accuracies: dict[str, list[float]], entry: dict | None = None, **changes: dict
) -> Results:
    """label -> an accuracy for each seed; NaN for a run that failed."""
    configs = {
        label: [Config(**changes.get(label, {}), seed=seed) for seed in range(len(values))]
        for label, values in accuracies.items()
    }
    results = Results(configs, {"question": "Which?"} | (entry or {}), folder, "600 digits")
    for label, values in accuracies.items():
        for config, value in reversed([*zip(configs[label], values)]):  # as they end
            results.add(label, "it broke" if np.isnan(value) else a_run(config, value))
    return results


def text_of(results: Results) -> str:
    """summary.txt on one line. What was broken into lines is no longer than 80 characters."""
    write_tables(results)
    text = (results.folder / "summary.txt").read_text()
    assert "nan" not in text.lower()
    assert max(map(len, text.splitlines())) <= 80
    return " ".join(text.split())


def test_the_verdict_tells_noise_from_difference(tmp_path: Path) -> None:
    results = results_of(tmp_path, SPREAD)
    text = text_of(results)
    assert text.startswith("Which? 600 digits; epochs 20; seeds 0 to 2; 20")
    lines = (tmp_path / "summary.txt").read_text().splitlines()
    table = {line.split()[0]: line.split()[1:] for line in lines[4:7]}
    assert table["good"] == ["98.20%", "0.20%", "0.00", "-", "0.1000", "2.0", "109,386"]
    assert table["near"][2] == "0.03" and table["bad"][2] == "1.00"
    assert float(table["near"][3]) > 0.1
    assert "best: good, 98.20% of the validation images worse by more than the noise: bad" in text
    assert "within the noise of it: near Noise: in 19 of 20" in text
    assert "It covers the seeds alone." in text and "Trained on processors" not in text
    results.runs["bad"][0].metrics["blas"] = "SkylakeX"
    assert "Trained on processors that round differently: Haswell, Sky" in text_of(results)


def test_the_noise_covers_the_images_where_the_answers_are_kept(tmp_path: Path) -> None:
    results, seeds_alone = results_of(tmp_path, SPREAD), results_of(tmp_path, SPREAD)
    for _, run in results.all_runs():
        run.right = np.random.default_rng(0).random(500) < 0.98  # the same with each seed
    for run in results.runs["bad"]:
        run.right = run.right[::-1]
    seeds_alone.judge()
    assert "covers the seeds and the choice of validation images." in text_of(results)
    assert results.verdict.noise["bad"] > seeds_alone.verdict.noise["bad"]
    results.kind = "test"  # of which no answers are kept
    assert "the seeds alone." in text_of(results)
    results.kind = "validation"
    results.runs["bad"][0].right = results.runs["bad"][0].right[1:]  # other images
    assert "the seeds alone." in text_of(results)


def test_failed_and_unstable_seeds_are_mentioned(tmp_path: Path) -> None:
    values = SPREAD | {"part": [0.98, NAN, 0.983], "odd": [0.98, 0.981, 0.11], "dead": [NAN] * 3}
    text = text_of(results_of(tmp_path, values))
    assert "no verdict, because their seeds differ too much: odd Noise" in text
    assert "part: 1 of 3 runs failed: it broke dead: 3 of 3 runs failed: it broke best" in text
    rows = pd.read_csv(tmp_path / "summary.csv").set_index("configuration")
    assert rows.failed["dead"] == "3 of 3 runs failed: it broke" and pd.isna(rows.failed["good"])
    assert (rows.runs["part"], rows.seeds["part"]) == (2, "0 2")
    assert (rows.runs["dead"], rows.behind_best.isna()["dead"]) == (0, True)


def test_without_verdict(tmp_path: Path) -> None:
    """One seed, only failures, nothing finished, nothing measured."""
    text = text_of(results_of(tmp_path, {"a": [0.98], "b": [0.9]}))
    assert "One seed cannot tell a difference from noise; --seeds 3 can." in text
    assert "worse" not in text and "8.00" in text
    text = text_of(results_of(tmp_path, {"a": [NAN, NAN]}))
    assert "a: 2 of 2 runs failed: it broke" in text and "best" not in text
    results = Results({"a": [Config()]}, {"question": "Which?"}, tmp_path)
    assert "0 of 1 runs have ended so far" in text_of(results)
    results.add("a", a_run(Config(), None))
    assert "best" not in text_of(results)
    assert "nan" not in (tmp_path / "summary.csv").read_text()


@pytest.mark.parametrize("score_test", [False, True])
def test_all_are_compared_by_one_measure_and_the_others_are_named(
    score_test: bool, tmp_path: Path
) -> None:
    """A test accuracy less a validation accuracy is no difference."""
    measure = "test_accuracy" if score_test else "last_validation_accuracy"
    results = results_of(tmp_path, {"a": [0.9, 0.8], "b": [0.7, 0.6]}, {"score_test": score_test})
    for label, run in results.all_runs():
        run.metrics |= {"last_validation_accuracy": 0.75, "test_accuracy": 0.65}
        if label == "a":
            del run.metrics[measure]
    kind, accuracy = ("test", 65) if score_test else ("validation", 75)
    text = text_of(results)
    assert f"not compared, because not measured on the {kind} images: a" in text
    assert list(results.verdict.behind.index) == ["b"]
    assert f"best: b, {accuracy}.00% of the {kind} images" in text


def test_the_tables_are_ready_for_pandas(tmp_path: Path) -> None:
    cells = [(rate, size) for rate in (0.3, 0.1) for size in (64, 32)]
    changes = {str(at): {"learning_rate": at[0], "batch_size": at[1]} for at in cells}
    values = [[0.97, 0.9702, 0.971], [0.98, 0.9803, 0.981], [0.9799, 0.9804, 0.981], [NAN] * 3]
    results = results_of(tmp_path, dict(zip(changes, values)), **changes)
    write_tables(results)
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert list(summary["configuration"]) == list(changes)  # in the order of the question
    table = summary.pivot(
        index="learning_rate", columns="batch_size", values="last_validation_accuracy"
    )
    assert table.loc[0.3, 32] == pytest.approx(np.mean(values[1]))
    assert np.isnan(table.loc[0.1, 32])
    spread = summary["last_validation_accuracy_std"][0]
    assert spread == pytest.approx(np.std(values[0], ddof=1))
    assert summary["noise"].notna().sum() == 2
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert list(curves)[:4] == ["configuration", "batch_size", "learning_rate", "seed"]
    assert curves.dtypes[["seed", "epoch", "batch_size"]].eq("int64").all()
    assert len(curves) == 3 * 3 * 2


def test_what_is_varied_decides_the_answer_and_its_colours(tmp_path: Path) -> None:
    """All combinations of two make a heat map; different numbers have colours on a scale."""

    def varied(count: int | None = None, **values: list) -> tuple:
        some = list(grid(**values).items())[:count]
        results = Results({n: [Config(**changes)] for n, changes in some}, {}, tmp_path)
        assert {name for name in results.varied} == {n for n in values if len(values[n]) > 1}
        return results.is_grid, results.is_ordered

    both: dict = {"learning_rate": [0.1, 0.2], "hidden": [[], [8, 4]]}
    assert varied(**both) == varied(**both, momentum=[0.5]) == (True, False)
    assert varied(**both, batch_size=[8, 16]) == varied(3, **both) == (False, False)
    assert varied(learning_rate=[3, 2, 1]) == (False, True)
    assert varied(hidden=[[8], [16]]) == varied(nesterov=[True, False]) == (False, False)


def test_of_many_configurations_the_best_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = {
        f"a rather long label of number {n}": list(0.9 + n / 1000 + rng.normal(0, 0.001, 3))
        for n in range(90)
    }
    text = text_of(results_of(tmp_path, values))
    assert f"and {90 - SHOWN} more, see summary.csv best: a rather" in text
    assert "..f number 85 " in text and "..f number 3 " not in text
    assert "noise: a rather long label of number 0; a rather" in text
    assert " ... (see summary.csv) within the noise" in text
    assert len((tmp_path / "summary.txt").read_text().splitlines()) < 90
    assert len(pd.read_csv(tmp_path / "summary.csv")) == 90


def test_a_command_trains_the_best(tmp_path: Path) -> None:
    def command(config: Config, data: str | None, root: Path) -> str:
        results = Results({"mine": [config]}, {"question": "Which?"}, tmp_path)
        results.add("mine", a_run(config, 0.9))
        write_tables(results)
        *_, head, line, folder = answer(results, data, root).splitlines()
        assert (head, folder) == ("to train mine:", f"figures and tables: {tmp_path}")
        return line.removeprefix("  python train.py ")

    home = ROOT / "results"
    flags = "--recipe plain --learning-rate 0.03 --data 'my train.csv' --results r"
    assert command(Config(learning_rate=0.03), "my train.csv", Path("r")) == flags
    assert (
        command(Config(nesterov=True, hidden=()), None, home)
        == "--recipe plain --hidden none --nesterov"
    )
