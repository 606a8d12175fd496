"""python train.py: what it says and writes, and what is left when it is stopped or killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

import train as script
from src.common.errors import InputError
from src.digits.data import fingerprint, load_data, split
from src.reading.saved import load_network
from src.runs.config import Config
from src.runs.storage import read_run
from src.utils import evaluate
from tests.conftest import ROOT

# The values in train.py are there to be edited; these runs say all that they need.
PLAIN = ["--recipe", "plain", "--results", "out"]
PICTURES = {"curves.png", "layers.png", "first_layer.png", "confusion.png", "mistakes.png"}


def start(*arguments: object, cwd: Path) -> subprocess.Popen:
    """`python train.py ...` in a process and a folder of its own."""
    command = [sys.executable, str(ROOT / "train.py"), *PLAIN, *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=clean, stdout=pipe, stderr=pipe, text=True)


def run(*arguments: object, cwd: Path, status: int = 0) -> tuple[str, str]:
    """What it prints and complains of until it ends with this status."""
    process = start(*arguments, cwd=cwd)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == status, errors
    return printed, errors


def check_whole(folder: Path) -> dict:
    """The network of a run and what came of it belong together. Returns its config."""
    found, identity = read_run(folder / "network.npz")
    assert [row["epoch"] for row in found.history] == list(range(len(found.history)))
    assert found.network.layer_sizes == [784, *identity["config"]["hidden"], 10]
    assert found.metrics["parameters"] == found.network.parameters.size
    return identity["config"]


@pytest.fixture(scope="module")
def two_runs(small_npz, tmp_path_factory):
    """The same command in two fresh processes, each in a folder that is not the project's."""
    arguments = ["--data", "digits.npz", "--hidden", "12,8", "--epochs", 3, "--seed", 4]
    finished = []
    for name in ("one", "two"):
        folder = tmp_path_factory.mktemp(name)
        (folder / "digits.npz").symlink_to(small_npz)
        finished.append((run(*arguments, cwd=folder), folder / "out" / "train"))
    return finished


def test_it_runs_from_anywhere_and_says_what_it_does(two_runs):
    (printed, errors), folder = two_runs[0]
    assert errors == ""
    lines = printed.splitlines()
    assert lines[0] == "data: digits.npz, 300 images"
    assert "  hidden = (12, 8)" in lines
    assert [line.split()[1] for line in lines if line.startswith("epoch ")] == list("0123")
    assert "test accuracy" not in printed
    assert lines[-1].endswith(str(Path("out") / "train"))
    assert all(len(line) <= 80 for line in lines[1:-1])
    assert [path.name for path in folder.parent.glob("[!.]*")] == ["train"]


def test_it_writes_these_files(two_runs, small_npz):
    folder, data = two_runs[0][1], load_data(small_npz)
    files = {"network.npz", "best.npz", "run.json", "history.csv", "layers.csv", *PICTURES}
    assert {path.name for path in folder.glob("[!.]*")} == files
    assert Config(**check_whole(folder)) == Config(hidden=(12, 8), epochs=3, seed=4)
    described = json.loads((folder / "run.json").read_text())
    assert described["training_digits"] == fingerprint(data.images, data.labels)
    assert described["test_digits"] is None
    rows, layers = pd.read_csv(folder / "history.csv"), pd.read_csv(folder / "layers.csv")
    names = "epoch train_loss train_accuracy validation_loss validation_accuracy"
    assert list(rows) == [*names.split(), "seconds", "images_per_second"]
    assert list(layers["epoch"]) == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert list(layers["layer"]) == [1, 2, 3] * 4
    network, metadata = load_network(folder / "network.npz")
    metrics = described.pop("metrics")
    assert metadata["identity"] == described and metadata["preprocessing"] == "none"
    _, held_out = split(300, 0.1, seed=0)
    found = evaluate(network, data.images[held_out], data.labels[held_out])
    last = rows.iloc[-1]
    assert found == pytest.approx((last["validation_loss"], last["validation_accuracy"]), rel=1e-6)
    assert metrics == metadata["metrics"]
    assert metrics["last_validation_accuracy"] == last["validation_accuracy"]


def test_the_same_seed_gives_the_same_bits_in_a_fresh_process(two_runs):
    one, two = (folder for _, folder in two_runs)
    parameters = [load_network(folder / "network.npz")[0].parameters for folder in (one, two)]
    assert parameters[0].tobytes() == parameters[1].tobytes()
    tables = [pd.read_csv(folder / "history.csv", dtype=str) for folder in (one, two)]
    assert tables[0].iloc[:, :5].equals(tables[1].iloc[:, :5])
    assert (one / "layers.csv").read_bytes() == (two / "layers.csv").read_bytes()


def test_without_validation_and_test_images_everything_is_still_written(digits, tmp_path):
    path = tmp_path / "training_only.npz"
    np.savez(path, x_train=digits.images[:100], y_train=digits.labels[:100])
    arguments = ["--data", path, "--epochs", 1, "--hidden", "none", "--validation-fraction", 0]
    printed, _ = run(*arguments, cwd=tmp_path)
    folder = tmp_path / "out" / "train"
    network, _ = load_network(folder / "network.npz")
    assert network.layer_sizes == [784, 10]
    assert {path.name for path in folder.glob("*.png")} == PICTURES
    text = (folder / "run.json").read_text()
    metrics = json.loads(text)["metrics"]
    assert metrics["training_images"] == 100
    found, _ = read_run(folder / "network.npz")
    assert np.isnan(found.history[-1]["validation_loss"])
    assert len(found.right) == 0 and not (folder / "best.npz").exists()
    assert "test_accuracy" not in metrics and "best_validation_accuracy" not in metrics
    assert "nan" not in (printed + text + (folder / "history.csv").read_text()).lower()


def test_figures_go_with_the_run_that_they_show_and_notes_stay(small_npz, tmp_path, monkeypatch):
    arguments = ["--data", small_npz, "--epochs", 2, "--hidden", 8]
    folder = tmp_path / "out" / "train"
    run(*arguments, cwd=tmp_path)
    (folder / "notes.txt").write_text("mine")
    with np.load(small_npz) as file:  # ten of the images to train on are in its test set
        leaky = dict(file) | {"x_test": file["x_train"][:10], "y_test": file["y_train"][:10]}
        np.savez(tmp_path / "leaky.npz", **leaky)
    arguments[1:2] = ["leaky.npz", "--validation-fraction", 0]
    printed, told = run(*arguments, "--test", "--format", "svg", cwd=tmp_path)
    assert "that was the one look at the test set" in printed
    assert "note: 10 of the 10 images are among those that the network was trained on" in told
    left = {path.name for path in folder.iterdir()}
    assert left >= {"notes.txt", *(name.replace("png", "svg") for name in PICTURES)}
    assert not left & PICTURES
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", *PLAIN, *map(str, arguments)])
    monkeypatch.setattr("src.figures.inside.draw_run", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        script.main()
    assert not list(folder.glob("*.svg"))
    assert (folder / "network.npz").exists() and (folder / "notes.txt").exists()


def test_a_run_that_diverges_keeps_and_draws_what_there_was(small_npz, tmp_path):
    arguments = ["--data", small_npz, "--epochs", 5, "--learning-rate", 900, "--test"]
    printed, errors = run(*arguments, cwd=tmp_path, status=2)
    assert "the test set was not looked at" in printed and "test accuracy" not in printed
    assert errors.startswith("error: epoch 1: the loss is no longer finite; try a lower learning")
    assert errors.count("\n") == 1
    folder = tmp_path / "out" / "train"
    check_whole(folder)
    assert np.isfinite(load_network(folder / "network.npz")[0].parameters).all()
    assert (folder / "curves.png").is_file()


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")
def test_ctrl_c_keeps_what_was_learned_up_to_the_last_whole_epoch(small_npz, tmp_path):
    process = start("--data", small_npz, "--epochs", 100_000, cwd=tmp_path)
    try:
        while not process.stdout.readline().startswith("epoch   3"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    folder = tmp_path / "out" / "train"
    check_whole(folder)
    last = pd.read_csv(folder / "history.csv").iloc[-1]
    assert f"stopped after epoch {last['epoch']:.0f}: interrupted" in printed
    network, _ = load_network(folder / "network.npz")
    data, (_, held_out) = load_data(small_npz), split(300, 0.1, seed=0)
    _, accuracy = evaluate(network, data.images[held_out], data.labels[held_out])
    assert accuracy == pytest.approx(last["validation_accuracy"])
    assert (folder / "curves.png").is_file()


@pytest.mark.parametrize("kills", [4, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_runs_leave_one_whole_run(kills, small_npz, tmp_path):
    """Runs of alternating sizes, killed before, while and after they are written."""
    arguments, folder = ["--data", small_npz, "--epochs", 2], tmp_path / "out" / "train"
    run(*arguments, "--hidden", 8, cwd=tmp_path)
    for number in range(kills):
        process = start(*arguments, "--hidden", 9 + number % 2, cwd=tmp_path)
        while not process.stdout.readline().startswith("epoch   2"):
            assert process.poll() is None
        time.sleep(0.013 * (number % 7))
        process.kill()
        process.communicate()
        check_whole(folder)
    run(*arguments, cwd=tmp_path)
    left = {path.name for path in folder.parent.iterdir()} - {"train", ".train.lock"}
    assert not left | {path.name for path in folder.glob(".*")} - {".figures"}
    assert check_whole(folder)["hidden"] == [128, 64]


def test_a_second_training_into_the_same_folder_is_refused(small_npz, tmp_path):
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".train.lock"):
        _, errors = run("--data", small_npz, cwd=tmp_path, status=2)
    assert "another run of train.py is writing there" in errors


REFUSED = [({}, name, "name") for name in ("..", "runs")]
REFUSED += [({}, "activations", "activations: holds summary.txt")]
REFUSED += [({name: 0}, "train", name) for name in ("hidden", "epochs", "epoch")]


@pytest.mark.parametrize(("values", "name", "message"), REFUSED)
def test_what_does_not_fit_ends_in_one_line(values, name, message, tmp_path, monkeypatch):
    assert script.VALUES.keys() <= vars(Config()).keys()
    (tmp_path / "activations").mkdir()
    (tmp_path / "activations" / "summary.txt").touch()
    monkeypatch.setattr(script, "VALUES", script.VALUES | values)
    monkeypatch.setattr(sys, "argv", ["train.py", "--results", str(tmp_path), "--name", name])
    with pytest.raises(InputError, match=message):
        script.main()
    assert [path.name for path in tmp_path.rglob("*")] == ["activations", "summary.txt"]
