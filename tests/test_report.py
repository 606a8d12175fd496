"""The tables: what stands in summary.csv and curves.csv, and what is said of the differences."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.model import NeuralNetwork
from src.runs.config import Config
from src.runs.history import Run
from src.runs.questions import grid
from src.runs.recipes import recipe
from src.runs.report import SHOWN, Results, answer, write_tables
from tests.conftest import ROOT

NAN = float("nan")
NETWORK = NeuralNetwork([784, 10], "relu", "zeros")
SPREAD = {"good": [0.980, 0.982, 0.984], "near": [0.9805, 0.9815, 0.983]}
SPREAD |= {"bad": [0.97, 0.972, 0.9741]}


def a_run(config: Config, accuracy: float, images: int = 0, **more: object) -> Run:
    row = {"epoch": 0, "train_loss": 2.3, "validation_accuracy": 0.1, "seconds": 0.5}
    metrics: dict = {"parameters": 1, "measured_training_images": 50, "last_train_loss": 0.1}
    metrics |= {"seconds": 2.0, "best_validation_accuracy": accuracy}
    metrics |= {"last_validation_accuracy": accuracy} | more
    metrics = {name: value for name, value in metrics.items() if value is not None}
    right = np.arange(images) < round(accuracy * images)
    return Run(config, NETWORK, [row, row | {"epoch": 1}], [], metrics, right)


def results_of(folder: Path, accuracies: dict[str, list[float]], **changes: dict) -> Results:
    """label -> an accuracy for each seed; NaN for a run that failed."""
    configs = {
        label: [Config(**changes.get(label, {}), seed=seed) for seed in range(len(values))]
        for label, values in accuracies.items()
    }
    results = Results(configs, {"question": "Which?"}, folder, "600 digits")
    for label, values in accuracies.items():
        for config, value in zip(configs[label], values):
            failed = np.isnan(value)
            results.add(label, config.seed, "it broke" if failed else a_run(config, value))
    return results


def text_of(results: Results) -> str:
    write_tables(results)
    text = (results.folder / "summary.txt").read_text()
    assert "nan" not in text.lower()
    assert max(map(len, text.splitlines())) <= 80
    return text


def test_the_verdict_tells_noise_from_difference(tmp_path: Path) -> None:
    text = text_of(results_of(tmp_path, SPREAD))
    lines = text.splitlines()
    assert lines[0] == "Which?" and lines[1].startswith("600 digits; epochs 20; seeds 0 to 2; 20")
    table = {line.split()[0]: line.split()[1:] for line in lines[4:7]}
    assert table["good"][:4] == ["98.20%", "0.20%", "0.00", "-"]
    assert table["near"][2] == "0.03" and table["bad"][2] == "1.00"
    assert float(table["near"][3]) > 0.1
    assert "best: good, 98.20% of the validation images\n" in text
    assert "worse by more than the noise: bad\n" in text
    assert "within the noise of it: near\n" in text
    assert "It covers\n  the seeds alone." in text or "covers the seeds alone." in text


def test_the_noise_covers_the_images_where_the_answers_are_kept(tmp_path: Path) -> None:
    results = results_of(tmp_path, SPREAD)
    for runs in results.runs.values():
        for run in runs:
            run.right = np.random.default_rng(0).random(500) < 0.98  # the same with each seed
    seeds_alone = results_of(tmp_path, SPREAD)
    seeds_alone.judge()
    for run in results.runs["bad"]:
        run.right = run.right[::-1]
    text = " ".join(text_of(results).split())
    assert "covers the seeds and the choice of validation images." in text
    assert results.verdict.noise["bad"] > seeds_alone.verdict.noise["bad"]
    results.runs["bad"][0].right = results.runs["bad"][0].right[1:]  # other images
    assert "the seeds alone." in " ".join(text_of(results).split())


def test_failed_seeds_and_wild_configurations_are_mentioned(tmp_path: Path) -> None:
    values = SPREAD | {"part": [0.98, NAN, 0.983], "wild": [0.98, 0.981, 0.11], "dead": [NAN] * 3}
    text = text_of(results_of(tmp_path, values))
    assert "no verdict, because their seeds differ too much: wild\n" in text
    assert "part: 1 of 3 runs failed: it broke\ndead: 3 of 3 runs failed: it broke\n" in text
    rows = pd.read_csv(tmp_path / "summary.csv").set_index("configuration")
    assert rows.failed["dead"] == "3 of 3 runs failed: it broke" and pd.isna(rows.failed["good"])
    assert (rows.runs["part"], rows.seeds["part"]) == (2, "0 2")
    assert (rows.runs["dead"], rows.behind_best.isna()["dead"]) == (0, True)


def test_one_seed_gives_a_table_and_no_verdict(tmp_path: Path) -> None:
    text = text_of(results_of(tmp_path, {"a": [0.98], "b": [0.9]}))
    assert "One seed cannot tell a difference from noise; --seeds 3 can.\n" in text
    assert "worse" not in text and "8.00" in text


def test_nothing_finished_and_nothing_measured(tmp_path: Path) -> None:
    text = text_of(results_of(tmp_path, {"a": [NAN, NAN]}))
    assert "a: 2 of 2 runs failed: it broke" in text and "best" not in text
    results = Results({"a": [Config()]}, {"question": "Which?"}, tmp_path)
    assert "0 of 1 runs have ended so far" in text_of(results)
    assert list(pd.read_csv(tmp_path / "curves.csv")) == ["configuration", "seed", "epoch"]
    unmeasured = {"last_validation_accuracy": None, "best_validation_accuracy": None}
    results.add("a", 0, a_run(Config(), 0.5, **unmeasured))
    assert "best" not in text_of(results)
    assert "nan" not in (tmp_path / "summary.csv").read_text()


def test_all_are_compared_by_one_measure_and_the_others_are_named(tmp_path: Path) -> None:
    """A test accuracy less a validation accuracy is no difference."""
    configs = {name: [Config(seed=seed) for seed in (0, 1)] for name in ("all", "90 %", "80 %")}
    results = Results(configs, {"question": "Which?"}, tmp_path)
    for label, seeds in configs.items():
        for config in seeds:
            validated = {"last_validation_accuracy": None} if label == "all" else {}
            results.add(label, config.seed, a_run(config, 0.75, **validated))
    text = text_of(results)
    assert "not compared, because not measured on the validation images: all\n" in text
    assert set(results.verdict.behind) == {"90 %", "80 %"}
    for runs in results.runs.values():
        for run in runs:
            run.metrics["test_accuracy"] = 0.6 + 0.1 * (run.config.seed == 1)
    text = text_of(results)
    assert "best: all, 65.00% of the test images" in text and "not compared" not in text


@pytest.fixture
def grid_results(tmp_path: Path) -> Results:
    cells = {(rate, size): f"{rate}, {size}" for rate in (0.3, 0.1) for size in (64, 32)}
    changes = {
        label: {"learning_rate": rate, "batch_size": size, "hidden": (8, 4)}
        for (rate, size), label in cells.items()
    }
    values = [[0.97, 0.9702, 0.971], [0.98, 0.9803, 0.981], [0.9799, 0.9804, 0.981], [NAN] * 3]
    return results_of(tmp_path, dict(zip(cells.values(), values)), **changes)


def test_the_tables_are_ready_for_pandas(grid_results: Results, tmp_path: Path) -> None:
    write_tables(grid_results)
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert list(summary["configuration"]) == list(grid_results.configs)  # the order of the question
    table = summary.pivot(
        index="learning_rate", columns="batch_size", values="last_validation_accuracy"
    )
    assert table.loc[0.3, 32] == pytest.approx(np.mean([0.98, 0.9803, 0.981]))
    assert np.isnan(table.loc[0.1, 32])
    assert list(summary["seeds"][:1]) == ["0 1 2"]
    spread = summary["last_validation_accuracy_std"][0]
    assert spread == pytest.approx(np.std([0.97, 0.9702, 0.971], ddof=1))
    assert summary["noise"].notna().sum() == 2 and "test_accuracy" not in summary
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert curves.dtypes[["seed", "epoch", "batch_size"]].eq("int64").all()
    assert list(curves)[:4] == ["configuration", "batch_size", "learning_rate", "seed"]
    assert len(curves) == 3 * 3 * 2


def test_what_is_varied_decides_the_answer_and_its_colours(tmp_path: Path) -> None:
    """All combinations of two make a heat map; a rising or falling number is a scale of colours."""

    def varied(**values: list) -> tuple:
        configs = {n: [Config().with_(**changes)] for n, changes in grid(**values).items()}
        results = Results(configs, {}, tmp_path)
        assert {name for name in results.varied} == {n for n in values if len(values[n]) > 1}
        return results.is_grid, results.is_ordered

    both: dict = {"learning_rate": [0.1, 0.2], "hidden": [[], [8, 4]]}
    assert varied(**both) == varied(**both, momentum=[0.5]) == (True, False)
    assert varied(**both, batch_size=[8, 16]) == (False, False)
    assert varied(batch_size=[8, 16, 32]) == varied(learning_rate=[3, 2, 1]) == (False, True)
    assert varied(batch_size=[8, 32, 16]) == varied(hidden=[[8], [16], [32]]) == (False, False)
    some = dict(list(grid(**both).items())[:3])  # not all combinations
    configs = {label: [Config().with_(**changes)] for label, changes in some.items()}
    assert not Results(configs, {}, tmp_path).is_grid


def test_processors_of_several_kinds_are_mentioned(tmp_path: Path) -> None:
    results = results_of(tmp_path, SPREAD)
    for runs in results.runs.values():
        for run in runs:
            run.metrics["blas"] = "Haswell"
    assert "Trained on processors" not in text_of(results)
    results.runs["bad"][0].metrics["blas"] = "SkylakeX"
    assert "round differently: Haswell, SkylakeX." in text_of(results)


def test_of_many_configurations_the_best_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = [f"a rather long label of number {number}" for number in range(90)]
    values = {
        label: list(0.9 + n / 1000 + rng.normal(0, 0.001, 3)) for n, label in enumerate(labels)
    }
    text = text_of(results_of(tmp_path, values))
    assert f"and {90 - SHOWN} more, see summary.csv" in text
    assert "; ".join(labels[:1]) in " ".join(text.split()) and " more, see" in text
    assert len(text.splitlines()) < 90
    assert len(pd.read_csv(tmp_path / "summary.csv")) == 90


def test_the_command_is_the_shortest_that_trains_the_best(tmp_path: Path) -> None:
    def command(config: Config, values: dict, data: str | None, root: Path) -> str:
        results = Results({"mine": [config]}, {"question": "Which?"}, tmp_path)
        results.add("mine", 0, a_run(config, 0.9))
        write_tables(results)
        *_, head, line, folder = answer(results, values, data, root).splitlines()
        assert (head, folder) == ("to train mine:", f"figures and tables: {tmp_path}")
        return line.removeprefix("  python train.py")

    home, values = ROOT / "results", {"epochs": 5}
    flags = " --epochs 20 --learning-rate 0.03 --data 'my train.csv' --results r"
    assert command(Config(learning_rate=0.03), values, "my train.csv", Path("r")) == flags
    assert command(Config(), values, None, home) == " --epochs 20"
    assert command(Config(), {}, None, home) == ""
    assert command(recipe("best").with_(seed=1), values, None, home) == " --recipe best --seed 1"
