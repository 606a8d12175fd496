"""The sweep: what is missing is trained, what is finished is kept, and the answers are written."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

import experiments
from src.common.errors import InputError
from src.digits.data import Data
from src.reading.saved import load_network
from tests.conftest import ROOT

CLOCK = {"seconds", "seconds_std", "fastest_seconds", "images_per_second"}  # never the same twice
SWEEP = [sys.executable, str(ROOT / "tests" / "small_sweep.py")]
LABELS = ["none", "16", "32", "48", "32-16", "64-32", "96-48", "64-32-16"]


def run(results: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The sweep as its user runs it, from some other folder."""
    command = [*SWEEP, "--data", str(data), "--results", str(results), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=results.parent, timeout=120)


def without_clock(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return [{k: v for k, v in row.items() if k not in CLOCK} for row in csv.DictReader(file)]


def folders(results: Path) -> dict[str, int]:
    """Each finished run, and when its network was written."""
    return {
        path.parent.name: path.stat().st_mtime_ns for path in results.glob("runs/[!.]*/network.npz")
    }


@pytest.fixture(scope="module")
def swept(small_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a small default sweep, two seeds, two jobs."""
    results = tmp_path_factory.mktemp("sweep") / "results"
    finished = run(results, small_npz, "--seeds", "2", "--jobs", "2")
    assert finished.returncode == 0, finished.stderr
    assert "16 runs, 0 of them finished before" in finished.stdout
    assert "\nto train " in finished.stdout
    (results.parent / "stdout").write_text(finished.stdout)
    return results


def test_figures_and_tables_are_written(swept: Path) -> None:
    folder = swept / "hidden_layers"
    pictures = {path.name for path in folder.glob("*.png")}
    assert pictures == {"comparison.png", "answer.png", *(f"curves_{one}.png" for one in LABELS)}
    rows = without_clock(folder / "summary.csv")
    assert [row["configuration"] for row in rows] == [row["hidden"] for row in rows] == LABELS
    assert [int(row["parameters"]) for row in rows][:2] == [7850, 785 * 16 + 170]
    assert {(row["runs"], row["seeds"]) for row in rows} == {("2", "0 1")}
    assert "test_accuracy" not in rows[0]
    tidy = without_clock(folder / "curves.csv")
    assert len(tidy) == 8 * 2 * 3  # configurations, seeds, epochs from 0
    text = (folder / "summary.txt").read_text()
    assert "300 images; epochs 2; seeds 0 to 1; 20" in " ".join(text.split())
    assert "ended so far" not in text and text in (swept.parent / "stdout").read_text()


def test_the_summary_is_the_mean_of_the_runs(swept: Path) -> None:
    folder = swept / "hidden_layers"
    curves = pd.read_csv(folder / "curves.csv", dtype={"configuration": str})
    means = curves[curves.epoch == 2].groupby("configuration").validation_accuracy
    table = pd.read_csv(folder / "summary.csv", dtype={"configuration": str})
    table = table.set_index("configuration").sort_index()
    assert np.allclose(table.last_validation_accuracy, means.mean())
    assert np.allclose(table.last_validation_accuracy_std, means.std())


def test_jobs_and_threads_set_outside_do_not_change_a_bit(
    swept: Path, small_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    results = tmp_path / "results"
    assert run(results, small_npz, "--seeds", "2", "--jobs", "1").returncode == 0
    assert set(folders(results)) == set(folders(swept))
    for name in folders(results):
        one, other = results / "runs" / name, swept / "runs" / name
        assert without_clock(one / "history.csv") == without_clock(other / "history.csv")
        assert (one / "layers.csv").read_bytes() == (other / "layers.csv").read_bytes()
        parameters = [load_network(run / "network.npz")[0].parameters for run in (one, other)]
        assert parameters[0].tobytes() == parameters[1].tobytes()


def test_a_failed_configuration_is_reported_and_the_others_go_on(
    small_npz: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    finished = run(results, small_npz, "wild", "--seeds", "2", "--epochs", "3")
    assert finished.returncode == 1, finished.stderr
    calm, wild = without_clock(results / "wild" / "summary.csv")
    assert (calm["runs"], calm["failed"]) == ("2", "")
    assert wild["runs"] == "0" and "no longer finite" in wild["failed"]
    assert "2 of 2 runs failed: epoch 1" in finished.stdout
    (results / "expected").mkdir()
    (results / "expected" / "curves_mine.png").write_text("mine")
    expected = run(results, small_npz, "expected", "--seeds", "2", "--epochs", "3")
    assert expected.returncode == 0, expected.stderr
    assert not list((results / "expected").glob("[!c]*.png"))
    assert (results / "expected" / "curves_mine.png").read_text() == "mine"


def test_an_old_table_is_not_left_as_the_answer(
    swept: Path, small_npz: Path, tmp_path: Path
) -> None:
    """Other epochs, and every run fails: what stood there is gone; a name keeps it."""
    results, folder = tmp_path / "results", tmp_path / "results" / "wild"
    shutil.copytree(swept, results)
    shutil.copytree(results / "hidden_layers", folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    named = run(results, small_npz, "wild", "--seeds", "1", "--name", "mine", "--format", "svg")
    assert named.returncode == 1, named.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert {"answer.svg", "summary.csv"} > {path.name for path in (results / "mine").glob("a*")}
    assert "<svg" in (results / "mine" / "comparison.svg").read_text()
    code = "import experiments, src.runs.sweep as s; s.sweep = lambda *_: (one for one in ())\n"
    code += "import tests.small_sweep; experiments.main()"
    arguments = ["wild", "--data", str(small_npz), "--results", str(results)]
    command = [sys.executable, "-c", code, *arguments]
    stopped = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert stopped.returncode == 0, stopped.stderr
    assert "0 of 6 runs have ended so far." in (folder / "summary.txt").read_text()
    assert not list(folder.glob("*.png"))
    assert len((folder / "curves.csv").read_text().splitlines()) == 1


def test_two_saved_runs_are_compared(swept: Path, small_npz: Path) -> None:
    one, other = sorted(folders(swept))[:2]
    compared = run(swept, small_npz, "--compare", f"{swept}/runs/{one}", f"runs/{other}")
    assert compared.returncode == 0, compared.stderr
    assert "One seed cannot tell" in compared.stdout and "McNemar" in compared.stdout
    (folder,) = swept.glob("compare_*")
    assert (folder / "comparison.png").stat().st_size > 3000
    shutil.rmtree(folder)


def test_each_answer_has_its_figure_and_runs_are_shared(small_npz: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    finished = run(results, small_npz, "grid", "zeros", "tested", "--seeds", "1", "--epochs", "2")
    assert finished.returncode == 0, finished.stderr
    assert "8 runs, 0 of them" in finished.stdout
    for name in ("grid", "zeros", "tested"):
        assert (results / name / "answer.png").stat().st_size > 3000
    assert "warning: the loss is still about ln 10" in finished.stderr  # of the initializer zeros
    (row, _) = without_clock(results / "tested" / "summary.csv")
    assert 0 < float(row["test_accuracy"]) < 1
    assert "nan" not in finished.stdout
    table = (results / "grid" / "summary.csv").read_bytes()
    again = run(results, small_npz, "grid", "--seeds", "1", "--epochs", "2")
    assert "4 runs, 4 of them finished before" in again.stdout
    assert (results / "grid" / "summary.csv").read_bytes() == table
    fresh = run(results, small_npz, "tested", "--seeds", "1", "--epochs", "2", "--fresh")
    assert "2 runs, 0 of them finished before" in fresh.stdout


ONE = {"question": "?", "configurations": {"a": {}}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no experiment 'nothing'"),
        (["--seeds", "0"], "--seeds: 0: give a whole number from 1 to 1,000"),
        (["--jobs", "x"], "--jobs: x: give a whole number"),
        (["--epochs", "0"], "--epochs: 0: give a whole number"),
        (["one", "--name", "Runs"], "folder of the sweeps' runs"),
        (["one", "tested", "--name", "x"], "--name is for one experiment"),
        (["--compare", "x", "y"], "no run is saved there"),
        (["one", "--compare", "x", "y"], "leave out one"),
        (["tested"], r"mine\.npz has no test set"),
        (["one"], "another sweep is writing there"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_trained(
    arguments: list[str],
    message: str,
    digits: Data,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    np.savez(tmp_path / "mine.npz", x_train=digits.images[:300], y_train=digits.labels[:300])
    monkeypatch.setattr(
        experiments, "EXPERIMENTS", {"one": ONE, "tested": ONE | {"score_test": True}}
    )
    where = ["--data", str(tmp_path / "mine.npz"), "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["experiments.py", *arguments, *where])
    with FileLock(tmp_path / ".lock"), pytest.raises(InputError, match=message):
        experiments.main()
    assert not (tmp_path / "runs").exists()


def test_list_names_the_questions_and_a_wrong_name_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "experiments.py")]
    options: dict = {"capture_output": True, "text": True, "cwd": tmp_path, "timeout": 60}
    listed = subprocess.run([*command, "--list"], **options)
    assert listed.returncode == 0
    assert all(name in listed.stdout for name in experiments.EXPERIMENTS)
    wrong = subprocess.run([*command, "nothing"], **options)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith("error: there is no experiment 'nothing'; ")
    assert not os.listdir(tmp_path)
