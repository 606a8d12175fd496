"""The tables: what stands in summary.csv and curves.csv, and what is said of the differences."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.runs.config import Config
from src.runs.folder import Run
from src.runs.history import HISTORY_COLUMNS
from src.runs.report import RULE, Results, summary_rows, to_draw, verdict_lines, write_tables

NAN = float("nan")


def a_run(config: Config, accuracy: float, **more: float) -> Run:
    row = dict.fromkeys(HISTORY_COLUMNS, 0.5) | {"epoch": 0}
    metrics = {
        "parameters": 1,
        "measured_training_images": 50,
        "last_train_loss": 0.1,
        "seconds": 2.0,
        "best_validation_accuracy": accuracy,
        "last_validation_accuracy": accuracy,
    }
    return Run(config, Path(f"run{config.seed}"), [row, row | {"epoch": 1}], metrics | more)


def results_of(accuracies: dict[str, list[float]], **changes: dict) -> Results:
    """label -> one accuracy a seed; NaN for a run that failed."""
    configs = {
        label: [Config(**changes.get(label, {}), seed=seed) for seed in range(len(values))]
        for label, values in accuracies.items()
    }
    results = Results(configs)
    for label, values in accuracies.items():
        for config, value in zip(configs[label], values):
            failed = np.isnan(value)
            results.add(label, config.seed, "it broke" if failed else a_run(config, value))
    return results


def test_the_verdict_tells_noise_from_difference() -> None:
    results = results_of(
        {
            "good": [0.980, 0.982, 0.984],
            "near": [0.9805, 0.9815, 0.983],
            "bad": [0.97, 0.972, 0.9741],
        }
    )
    best, near, bad, rule = verdict_lines(results)
    assert best == "best: good, 98.20% of the validation images"
    assert near.startswith("near: 0.03 points behind (within the noise of 0.")
    assert bad.startswith("bad: 1.00 points behind (larger than the noise of 0.")
    assert rule == RULE


def test_failed_seeds_and_wild_configurations_are_mentioned() -> None:
    results = results_of(
        {
            "a": [0.980, 0.982, 0.984],
            "b": [0.9805, NAN, 0.983],
            "c": [0.9801, 0.9823, 0.9841],
            "wild": [0.98, 0.981, 0.11],
            "dead": [NAN, NAN, NAN],
        }
    )
    text = "\n".join(verdict_lines(results))
    assert "b: 0.0" in text and "1 runs failed" in text
    assert "(its seeds differ too much for a verdict)" in text
    assert "dead" not in text and "nan" not in text
    rows = {row["configuration"]: row for row in summary_rows(results)}
    assert rows["dead"]["failed"] == "3 of 3 runs failed: it broke"
    assert rows["b"]["failed"] == "1 of 3 runs failed: it broke"
    assert (rows["b"]["runs"], rows["b"]["seeds"]) == (2, "0 2")


def test_one_seed_gives_a_table_and_no_verdict() -> None:
    lines = verdict_lines(results_of({"a": [0.98], "b": [0.9]}))
    assert lines == [
        "best: a, 98.00% of the validation images",
        "b: 8.00 points behind",
        "One seed cannot tell a difference from noise; --seeds 3 can.",
    ]


def test_nothing_finished_and_nothing_measured(tmp_path: Path) -> None:
    write_tables(tmp_path, "Why?", results_of({"a": [NAN, NAN]}))
    assert "nan" not in (tmp_path / "summary.txt").read_text()
    assert "2 of 2 runs failed: it broke" in (tmp_path / "summary.txt").read_text()
    results = Results({"a": [Config()]})
    run = a_run(Config(), 0.5)
    del run.metrics["last_validation_accuracy"], run.metrics["best_validation_accuracy"]
    results.add("a", 0, run)
    write_tables(tmp_path, "Why?", results)
    assert "nan" not in (tmp_path / "summary.txt").read_text()
    assert "nan" not in (tmp_path / "summary.csv").read_text()


@pytest.fixture
def grid_results() -> Results:
    cells = {(rate, size): f"{rate}, {size}" for rate in (0.1, 0.3) for size in (32, 64)}
    changes = {
        label: {"learning_rate": rate, "batch_size": size, "hidden": (8, 4)}
        for (rate, size), label in cells.items()
    }
    values = [[0.97, 0.9702, 0.971], [0.98, 0.9803, 0.981], [0.9799, 0.9804, 0.981], [NAN] * 3]
    return results_of(dict(zip(cells.values(), values)), **changes)


def test_the_tables_are_ready_for_pandas(grid_results: Results, tmp_path: Path) -> None:
    write_tables(tmp_path, "Which?", grid_results)
    summary = pd.read_csv(tmp_path / "summary.csv")
    table = summary.pivot(
        index="learning_rate", columns="batch_size", values="last_validation_accuracy"
    )
    assert table.loc[0.1, 64] == pytest.approx(np.mean([0.98, 0.9803, 0.981]))
    assert np.isnan(table.loc[0.3, 64])
    assert list(summary["seeds"][:1]) == ["0 1 2"]
    assert summary["noise"].notna().sum() == 2 and "test_accuracy" not in summary
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert curves.dtypes[["seed", "epoch", "batch_size"]].eq("int64").all()
    assert list(curves.columns[:5]) == [
        "configuration",
        "batch_size",
        "learning_rate",
        "seed",
        "folder",
    ]
    assert len(curves) == 3 * 3 * 2
    with open(tmp_path / "curves.csv", newline="") as file:
        assert {row["epoch"] for row in csv.DictReader(file)} == {"0", "1"}


def test_a_grid_marks_the_best_and_what_is_within_its_noise(grid_results: Results) -> None:
    cells = to_draw(grid_results, "grid")["cells"]
    assert (cells["row_name"], cells["rows"]) == ("batch_size", [32, 64])
    assert (cells["column_name"], cells["columns"]) == ("learning_rate", [0.1, 0.3])
    assert cells["marked"].tolist() == [[False, True], [True, False]]
    assert np.isnan(cells["means"][1, 1]) and "it broke" in cells["failed"][1, 1]
    assert cells["deviations"][0, 0] == pytest.approx(np.std([0.97, 0.9702, 0.971], ddof=1))
