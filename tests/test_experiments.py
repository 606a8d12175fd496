"""The sweep: what is missing is trained, what is finished is kept, and the answers are written."""

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
from src.runs import sweep
from src.runs.storage import read_run
from tests.conftest import ROOT

SWEEP = [sys.executable, str(ROOT / "tests" / "small_sweep.py")]
LABELS = ["none", "16", "32", "48", "32-16", "64-32", "96-48", "64-32-16"]


def run(results: Path, data: Path, *arguments: str, status: int = 0) -> tuple[str, str]:
    """What the sweep prints and complains of, as its user runs it, from some other folder."""
    command = [*SWEEP, "--data", str(data), "--results", str(results), *arguments]
    options: dict = {"capture_output": True, "text": True, "cwd": results.parent, "timeout": 120}
    finished = subprocess.run(command, **options)
    assert finished.returncode == status, finished.stderr
    return finished.stdout, finished.stderr


def summary(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "summary.csv", dtype={"configuration": str, "hidden": str})


def run_files(results: Path) -> set[str]:
    """Each finished run."""
    return {path.name for path in results.glob("runs/*.npz")}


@pytest.fixture(scope="module")
def swept(small_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The results of a small default sweep, two seeds, two jobs, and what it printed."""
    results = tmp_path_factory.mktemp("sweep") / "results"
    return results, run(results, small_npz, "--seeds", "2", "--jobs", "2")[0]


def test_figures_and_tables_are_written(swept: tuple[Path, str]) -> None:
    folder, printed = swept[0] / "hidden_layers", swept[1]
    assert "16 runs, 0 of them finished before" in printed and "\nto train " in printed
    pictures = {path.name for path in folder.glob("*.png")}
    assert pictures == {"comparison.png", "answer.png", *(f"curves_{one}.png" for one in LABELS)}
    text = (folder / "summary.txt").read_text()
    assert "300 images; epochs 2; seeds 0 to 1; 20" in " ".join(text.split())
    assert "ended so far" not in text and text in printed
    table, curves = summary(folder), pd.read_csv(folder / "curves.csv")
    assert list(table.configuration) == list(table.hidden) == LABELS
    assert list(table.parameters)[:2] == [7850, 785 * 16 + 170]
    assert set(table.runs) == {2} and set(table.seeds) == {"0 1"}
    assert len(curves) == 8 * 2 * 3  # configurations, seeds, epochs from 0
    means = curves[curves.epoch == 2].groupby("configuration", sort=False).validation_accuracy
    assert np.allclose(table.last_validation_accuracy, means.mean())
    assert np.allclose(table.last_validation_accuracy_std, means.std())


def test_jobs_and_threads_set_outside_do_not_change_a_bit(
    swept: tuple[Path, str], small_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    results = tmp_path / "results"
    run(results, small_npz, "--seeds", "2", "--jobs", "1")
    assert run_files(results) == run_files(swept[0])
    for name in run_files(results):
        both = [read_run(root / "runs" / name)[0] for root in (results, swept[0])]
        one, other = (pd.DataFrame(run.history).iloc[:, :5] for run in both)
        assert one.equals(other)
        assert len({run.network.parameters.tobytes() for run in both}) == 1


def test_a_failed_configuration_is_reported_and_the_others_go_on(
    small_npz: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    printed, _ = run(results, small_npz, "wild", "--seeds", "2", "--epochs", "3", status=1)
    assert "2 of 2 runs failed: epoch 1" in printed
    calm, wild = (row for _, row in summary(results / "wild").iterrows())
    assert (calm.runs, wild.runs) == (2, 0) and "no longer finite" in wild.failed
    (results / "expected").mkdir()
    (results / "expected" / "curves_mine.png").write_text("mine")
    run(results, small_npz, "expected", "--seeds", "2", "--epochs", "3")
    assert not list((results / "expected").glob("[!c]*.png"))
    assert (results / "expected" / "curves_mine.png").read_text() == "mine"


def test_an_old_table_is_not_left_as_the_answer(
    swept: tuple[Path, str], small_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as a sweep on other epochs begins, what stood there is gone; a name keeps it."""
    results, folder = tmp_path / "results", tmp_path / "results" / "wild"
    shutil.copytree(swept[0], results)
    shutil.copytree(results / "hidden_layers", folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    named = ["wild", "--seeds", "1", "--name", "mine", "--format", "svg"]
    run(results, small_npz, *named, status=1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert "<svg" in (results / "mine" / "comparison.svg").read_text()
    monkeypatch.setattr(sweep, "sweep", lambda *_: (each for each in ()))  # stopped at once
    monkeypatch.setattr(experiments, "EXPERIMENTS", {"wild": ONE})
    arguments = ["wild", "--data", str(small_npz), "--results", str(results)]
    monkeypatch.setattr(sys, "argv", ["experiments.py", *arguments])
    experiments.main()
    assert "; 0 of 3 runs have ended so far" in (folder / "summary.txt").read_text()
    assert not list(folder.glob("*.png"))
    assert len((folder / "curves.csv").read_text().splitlines()) == 1


def test_two_saved_runs_are_compared(swept: tuple[Path, str], small_npz: Path) -> None:
    one, other = sorted(run_files(swept[0]))[:2]
    places = f"{swept[0]}/runs/{one}", f"runs/{other}"
    printed, _ = run(swept[0], small_npz, "--compare", *places)
    assert "They differ in:" in printed and "McNemar" in printed and "to train" not in printed
    (folder,) = swept[0].glob("compare_*")
    assert (folder / "comparison.png").stat().st_size > 3000
    shutil.rmtree(folder)


def test_each_answer_has_its_figure_and_runs_are_shared(small_npz: Path, tmp_path: Path) -> None:
    results, options = tmp_path / "results", ("--seeds", "1", "--epochs", "2")
    printed, errors = run(results, small_npz, "grid", "zeros", "tested", *options)
    assert "8 runs, 0 of them" in printed and "nan" not in printed
    assert all((results / name / "answer.png").is_file() for name in ("grid", "zeros", "tested"))
    assert "warning: the loss is 2.30, that of guessing" in errors  # of the initializer zeros
    assert summary(results / "tested").test_accuracy.between(0, 1, inclusive="neither").all()
    table = (results / "grid" / "summary.csv").read_bytes()
    printed, _ = run(results, small_npz, "grid", *options)
    assert "4 runs, 4 of them finished before" in printed
    assert (results / "grid" / "summary.csv").read_bytes() == table
    printed, _ = run(results, small_npz, "tested", *options, "--fresh")
    assert "2 runs, 0 of them finished before" in printed


ONE = {"question": "?", "configurations": {"a": {}}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no experiment 'nothing'"),
        (["--seeds", "0"], "--seeds: 0: give a whole number from 1 to 100,000"),
        (["one", "--name", "Runs"], "folder of the sweeps' runs"),
        (["one", "tested", "--name", "x"], "--name is for one experiment"),
        (["--compare", "x", "y"], "no run is saved there"),
        (["one", "--compare", "x", "y"], "not allowed with argument"),
        (["tested"], r"mine\.npz has no test set"),
        (["--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"], "--jobs is for this machine"),
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


def test_what_ends_a_sweep_leaves_what_is_finished_in_table_and_figures(
    swept: tuple[Path, str], small_npz: Path, tmp_path: Path
) -> None:
    results = shutil.copytree(swept[0], tmp_path / "results")
    run(results, small_npz, "--seeds", "3", "--scheduler", "tcp://127.0.0.1:1", status=2)
    text = " ".join((results / "hidden_layers" / "summary.txt").read_text().split())
    assert "; 16 of 24 runs have ended so far" in text and "best: " in text
    assert (results / "hidden_layers" / "comparison.png").is_file()


@pytest.mark.parametrize("table", [{}, [], None])
def test_a_table_that_is_none_is_named(table: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments, "EXPERIMENTS", table)
    monkeypatch.setattr(sys, "argv", ["experiments.py", "--list"])
    with pytest.raises(InputError, match=r"EXPERIMENTS in .* has to be a dict"):
        experiments.main()


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
