"""train.py: one step, the loop, and the script that its users start."""

import csv
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import train as script
from src.common.errors import InputError
from src.digits.data import Data, load_data, split
from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.optimizers import sgd_step
from src.reading.saved import load_network
from src.runs.config import Config
from src.runs.folder import read_run
from src.utils import batches, evaluate, scale, sorted_rows
from tests.conftest import ROOT
from tests.training import run_of, without_times
from train import train

SMALL = Config(hidden=(16,), epochs=2, batch_size=32, seed=1)
EVERYTHING = SMALL.with_(
    schedule="cosine",
    warmup_epochs=0.5,
    momentum=0.9,
    nesterov=True,
    learning_rate=0.02,
    weight_decay=1e-3,
    dropout=0.2,
    label_smoothing=0.1,
    preprocessing="deskew",
    augmentation="affine_elastic",
)
# The values in train.py are there to be edited; these runs say all that they need.
PLAIN = ["--recipe", "plain"]


def command(*arguments: object) -> list[str]:
    plain = [] if "--continue" in arguments else PLAIN  # else the saved network's own values
    return [sys.executable, str(ROOT / "train.py"), *plain, *map(str, arguments)]


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    """`python train.py ...` in a process and a folder of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def steps(monkeypatch):
    """What every training step of this test was given: a list of (x, labels, learning rate).

    Each x (B, 784) with the pixels that were left out, and all in their natural order.
    """
    seen, pixels = [], np.arange(784)

    def watched_rows(network, order):
        nonlocal pixels
        pixels = np.arange(784)[order]
        return sorted_rows(network, order)

    def watched_batches(*arguments):
        for x, labels in batches(*arguments):
            whole = np.zeros((len(x), 784), x.dtype)
            whole[:, pixels[784 - x.shape[1] :]] = x
            seen.append([whole, labels.copy()])
            yield x, labels

    def watched_step(network, gradient, velocity, learning_rate, config):
        seen[-1].append(learning_rate)
        sgd_step(network, gradient, velocity, learning_rate, config)

    monkeypatch.setattr(script, "sorted_rows", watched_rows)
    monkeypatch.setattr(script, "batches", watched_batches)
    monkeypatch.setattr(script, "sgd_step", watched_step)
    return seen


# ---------------------------------------------------------------------------------- one step


def test_one_step_is_minus_lr_times_gradient_and_decay_of_weights_only(digits, steps):
    """With all images in one batch, an epoch is one step, and that can be written down."""
    config = Config(hidden=(6,), epochs=1, batch_size=1000, learning_rate=0.5, weight_decay=0.01)
    network = NeuralNetwork([784, 6, 10], seed=2)
    network.biases[0][...] = 1
    before = network.parameters.copy()
    train(config, digits, network=network)
    ((x, labels, rate),) = steps
    assert (len(x), rate) == (540, 0.5)
    same = NeuralNetwork([784, 6, 10], seed=2)
    same.parameters[...] = before
    logits, cache = same.forward(x)
    gradient = same.backward(cross_entropy(logits, labels)[1], cache)
    decayed = before.copy()
    for biases in same.split(decayed)[1]:
        biases[...] = 0
    expected = before - 0.5 * (gradient + np.float32(0.01) * decayed)
    np.testing.assert_allclose(network.parameters, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("config", [SMALL, EVERYTHING], ids=["plain", "everything"])
def test_nothing_upcasts_on_the_way(digits, config, monkeypatch):
    arrays = []

    def watched_step(network, gradient, velocity, *rest):
        sgd_step(network, gradient, velocity, *rest)
        arrays.extend([gradient, velocity, network.parameters, *network.weights])

    def watched_loss(logits, labels, *rest):
        loss, d_logits = cross_entropy(logits, labels, *rest)
        arrays.extend([logits, d_logits])
        return loss, d_logits

    monkeypatch.setattr(script, "sgd_step", watched_step)
    monkeypatch.setattr(script, "cross_entropy", watched_loss)
    run_of(config, digits)
    assert len(arrays) > 100
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


# ---------------------------------------------------------------------------------- training


def test_a_tiny_real_set_is_learned_to_the_last_digit(digits):
    tiny = Data("tiny", digits.images[:100], digits.labels[:100], *[np.empty(0)] * 2)
    config = Config(hidden=(64, 32), epochs=40, batch_size=10, validation_fraction=0)
    network, history = train(config, tiny)
    assert network.layer_sizes == [784, 64, 32, 10]
    assert history[0]["train_accuracy"] < 0.4
    assert history[-1]["train_accuracy"] == 1
    assert history[-1]["train_loss"] < 0.02


def test_every_epoch_visits_every_training_image_once_the_ragged_batch_included(digits, steps):
    run_of(SMALL, digits)
    training_rows, _ = split(600, 0.1, SMALL.split_seed)
    assert [len(y) for _, y, _ in steps] == ([32] * 16 + [28]) * 2  # 540 = 16 * 32 + 28
    wanted = sorted(map(bytes, scale(digits.images[training_rows])))
    epochs = steps[:17], steps[17:]
    for epoch in epochs:
        assert sorted(bytes(row) for x, _, _ in epoch for row in x) == wanted
    assert not np.array_equal(epochs[0][0][0], epochs[1][0][0])


def test_the_learning_rate_follows_its_schedule_step_by_step(digits, steps):
    run_of(SMALL.with_(schedule="cosine", warmup_epochs=1, learning_rate=0.2), digits)
    rates = [rate for _, _, rate in steps]
    assert rates[:17] == pytest.approx([0.2 * (i + 1) / 17 for i in range(17)])
    assert rates[17:] == pytest.approx([0.1 * (1 + math.cos(math.pi * i / 17)) for i in range(17)])


def test_the_seed_decides_and_two_runs_share_nothing(digits):
    config = EVERYTHING
    first, _ = train(config, digits)
    np.random.seed(5)  # noqa: NPY002  (the global generator plays no part)
    other, _ = train(config.with_(seed=2), digits)
    again, _ = train(config, digits)
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert (first.parameters != other.parameters).any()


def test_the_seed_decides_the_order_of_the_batches_and_not_the_split(digits, steps):
    run_of(SMALL.with_(epochs=1, seed=1), digits)
    run_of(SMALL.with_(epochs=1, seed=2), digits)
    one, other = (np.concatenate([x for x, _, _ in part]) for part in (steps[:17], steps[17:]))
    assert (one != other).any(axis=1).mean() > 0.9
    assert sorted(map(bytes, one)) == sorted(map(bytes, other))


def test_configs_that_differ_in_dropout_see_the_same_batches_and_first_weights(digits, steps):
    _, plain = train(SMALL, digits)
    count = len(steps)
    _, dropped = train(SMALL.with_(dropout=0.5, label_smoothing=0.1), digits)
    for (x, _, _), (same_x, _, _) in zip(steps[:count], steps[count:], strict=True):
        np.testing.assert_array_equal(x, same_x)
    assert without_times(plain)[0] == without_times(dropped)[0]
    assert without_times(plain)[1] != without_times(dropped)[1]


def test_augmentation_changes_what_is_trained_on_and_not_what_is_measured_on(digits, steps):
    _, plain = train(SMALL, digits)
    count = len(steps)
    before = digits.images.copy()
    _, shifted = train(SMALL.with_(augmentation="shift"), digits)
    for (x, y, _), (moved, same_y, _) in zip(steps[:count], steps[count:], strict=True):
        np.testing.assert_array_equal(y, same_y)
        assert (x != moved).any(axis=1).mean() > 0.7
    assert without_times(plain)[0] == without_times(shifted)[0]
    np.testing.assert_array_equal(digits.images, before)


# --------------------------------------------------------------------- runs that go wrong


def run_main(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *PLAIN, *map(str, arguments)])
    script.main()


@pytest.mark.parametrize("hidden", [[], [8]])
def test_without_validation_and_test_images_everything_is_still_written(
    digits, hidden, tmp_path, monkeypatch, capsys
):
    path = tmp_path / "training_only.npz"
    np.savez(path, x_train=digits.images[:100], y_train=digits.labels[:100])
    arguments = ["--data", path, "--results", tmp_path, "--epochs", 1, "--hidden", *hidden]
    run_main(monkeypatch, *arguments, "--validation-fraction", 0)
    network, _ = load_network(tmp_path / "train" / "network.npz")
    assert network.layer_sizes == [784, *hidden, 10]
    assert (tmp_path / "train" / "curves.png").stat().st_size > 1000
    metrics = json.loads((tmp_path / "train" / "metrics.json").read_text())
    assert (metrics["training_images"], metrics["validation_images"]) == (100, 0)
    assert "test_accuracy" not in metrics and "best_validation_accuracy" not in metrics
    assert "nan" not in (tmp_path / "train" / "metrics.json").read_text().lower()
    assert "nan" not in (tmp_path / "train" / "history.csv").read_text()
    assert "nan" not in capsys.readouterr().out


# ------------------------------------------------------------------------------- the script


@pytest.fixture(scope="module")
def two_runs(small_npz, tmp_path_factory):
    """The same command in two fresh processes, each in a folder that is not the project's."""
    finished = []
    for name in ("one", "two"):
        folder = tmp_path_factory.mktemp(name)
        (folder / "digits.npz").symlink_to(small_npz)
        arguments = ["--data", "digits.npz", "--results", "out", "--hidden", 12, 8, "--epochs", 3]
        arguments += ["--batch-size", 32, "--learning-rate", 0.2, "--seed", 4]
        finished.append((run(*arguments, cwd=folder), folder))
    return finished


@pytest.fixture
def finished(two_runs):
    process, folder = two_runs[0]
    return process, folder / "out" / "train"


def read_csv(path: Path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_it_runs_from_anywhere_and_says_what_it_does(finished):
    process, folder = finished
    assert (process.returncode, process.stderr) == (0, "")
    lines = process.stdout.splitlines()
    assert lines[0] == "data: digits.npz, 300 images"
    assert "  hidden = (12, 8)" in lines
    assert [line.split()[1] for line in lines if line.startswith("epoch ")] == list("0123")
    assert not any("test accuracy" in line for line in lines)
    assert lines[-1].endswith(str(Path("out") / "train"))
    assert all(len(line) <= 80 for line in lines[1:-1])
    assert [path.name for path in folder.parent.glob("[!.]*")] == ["train"]


def test_it_writes_these_files(finished):
    _, folder = finished
    tables = {"config.json", "metrics.json", "history.csv", "layers.csv", "network.npz"}
    tables |= {"best.npz", "right.npy"}
    pictures = {"curves.png", "layers.png", "first_layer.png", "confusion.png", "mistakes.png"}
    assert {path.name for path in folder.glob("[!.]*")} == tables | pictures


def test_the_history_file(finished):
    _, folder = finished
    rows = read_csv(folder / "history.csv")
    names = "epoch train_loss train_accuracy validation_loss validation_accuracy"
    assert list(rows[0]) == [*names.split(), "seconds", "images_per_second"]
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    for row in rows:
        assert 0 <= row["train_accuracy"] <= 1
        right = row["validation_accuracy"] * 30
        assert right == pytest.approx(round(right))
        assert row["train_loss"] > 0
    assert all(row["images_per_second"] > 0 for row in rows[1:])
    layers = read_csv(folder / "layers.csv")
    assert [row["epoch"] for row in layers] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert [row["layer"] for row in layers] == [1, 2, 3] * 4


def test_the_files_tell_the_whole_run(finished, small_npz):
    _, folder = finished
    described = json.loads((folder / "config.json").read_text())
    del described["sha256"]
    config = Config(**described["config"])
    assert config == Config(hidden=(12, 8), epochs=3, learning_rate=0.2, seed=4)
    data = load_data(small_npz)
    assert described["training_digits"] == data.fingerprint()
    assert described["test_digits"] is None
    assert len(read_run(folder, described).history) == 4
    metrics = json.loads((folder / "metrics.json").read_text())
    network, metadata = load_network(folder / "network.npz")
    assert network.layer_sizes == [784, 12, 8, 10]
    assert metadata["config"] == described["config"] and metadata["preprocessing"] == "none"
    _, rows = split(300, 0.1, seed=0)
    last = read_csv(folder / "history.csv")[-1]
    found = evaluate(network, data.images[rows], data.labels[rows])
    assert found == pytest.approx((last["validation_loss"], last["validation_accuracy"]), rel=1e-6)
    assert metrics["last_validation_accuracy"] == last["validation_accuracy"]
    assert "test_accuracy" not in metrics


def test_the_same_seed_gives_the_same_bits_in_a_fresh_process(two_runs):
    one, two = (folder / "out" / "train" for _, folder in two_runs)
    parameters = [load_network(folder / "network.npz")[0].parameters for folder in (one, two)]
    assert parameters[0].tobytes() == parameters[1].tobytes()
    histories = [without_times(read_csv(folder / "history.csv")) for folder in (one, two)]
    assert histories[0] == histories[1]
    assert (one / "layers.csv").read_bytes() == (two / "layers.csv").read_bytes()


def test_a_run_that_diverges_keeps_and_draws_what_there_was(small_npz, tmp_path):
    arguments = ["--data", small_npz, "--results", "out", "--epochs", 5]
    assert run(*arguments, cwd=tmp_path).returncode == 0
    curves = tmp_path / "out" / "train" / "curves.png"
    before = curves.read_bytes()
    process = run(*arguments, "--learning-rate", 900, cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith("error: epoch 1: the loss is no longer finite; try a learning")
    assert process.stderr.count("\n") == 1
    network, _ = load_network(tmp_path / "out" / "train" / "network.npz")
    assert np.isfinite(network.parameters).all()
    assert curves.read_bytes() != before


def test_training_goes_on_with_a_saved_network(small_npz, tmp_path):
    arguments = ["--data", small_npz, "--results", "out", "--hidden", 8, "--activation", "tanh"]
    first = run(*arguments, "--epochs", 2, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    network = tmp_path / "out" / "train" / "network.npz"
    more = ["--continue", network, "--name", "more", "--results", "out", "--data", small_npz]
    second = run(*more, "--epochs", 1, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert "activation = tanh" in second.stdout
    last = read_csv(tmp_path / "out" / "train" / "history.csv")[-1]
    start = read_csv(tmp_path / "out" / "more" / "history.csv")[0]
    assert start["validation_loss"] == last["validation_loss"]
    trained_on = np.load(tmp_path / "out" / "train" / "network.npz")["trained_on"]
    process = run(*more, "--epochs", 1, "--split-seed", 1, cwd=tmp_path)  # 270 others of the 300
    assert process.returncode == 0, process.stderr
    now = np.load(tmp_path / "out" / "more" / "network.npz")["trained_on"]
    assert set(trained_on) < set(now)  # it has seen the first run's images, too
    for change in (["--hidden", 9], ["--activation", "relu"], ["--recipe", "best"]):
        other = run(*more, *change, cwd=tmp_path)
        assert (other.returncode, other.stderr.count("\n")) == (2, 1)
        assert "--continue: the network is [784, 8, 10] with tanh" in other.stderr


# ------------------------------------------------------------------- stopped, killed, at once


def start(*arguments: object, cwd: Path) -> subprocess.Popen:
    return subprocess.Popen(
        command(*arguments), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def check_whole(folder: Path) -> dict:
    """What is in the folder of a run belongs together. Returns its config."""
    described = json.loads((folder / "config.json").read_text())
    described.pop("sha256")
    run = read_run(folder, described)
    assert [row["epoch"] for row in run.history] == list(range(len(run.history)))
    assert "last_train_loss" in run.metrics
    return described["config"]


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")
def test_ctrl_c_keeps_what_was_learned_up_to_the_last_whole_epoch(small_npz, tmp_path):
    process = start("--data", small_npz, "--epochs", 100_000, "--results", "out", cwd=tmp_path)
    try:
        for line in process.stdout:
            if line.startswith("epoch   3"):
                break
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    folder = tmp_path / "out" / "train"
    check_whole(folder)
    rows = read_csv(folder / "history.csv")
    assert f"stopped after epoch {len(rows) - 1}: interrupted" in printed
    network, _ = load_network(folder / "network.npz")
    data = load_data(small_npz)
    _, held_out = split(300, 0.1, seed=0)
    _, accuracy = evaluate(network, data.images[held_out], data.labels[held_out])
    assert accuracy == pytest.approx(rows[-1]["validation_accuracy"])
    assert (folder / "curves.png").is_file()


@pytest.mark.parametrize("kills", [4, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_runs_leave_one_whole_run(kills, small_npz, tmp_path):
    """Runs of alternating sizes, killed at all moments."""
    arguments = ["--data", small_npz, "--epochs", 2, "--results", "out"]
    for number in range(kills):
        process = start(*arguments, "--hidden", 8 + number % 2, cwd=tmp_path)
        for lines, _ in enumerate(process.stdout):  # at another line of its output each time
            if lines > 19 + number % 5:
                break
        time.sleep(0.013 * (number % 7))
        process.kill()
        process.communicate()
        if (tmp_path / "out" / "train" / "config.json").exists():
            check_whole(tmp_path / "out" / "train")
    finished = run(*arguments, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    left = {path.name for path in (tmp_path / "out").iterdir()} - {"train", ".train.lock"}
    left |= {path.name for path in (tmp_path / "out" / "train").glob(".*")} - {".figures"}
    assert not left
    assert check_whole(tmp_path / "out" / "train")["hidden"] == [128, 64]


def test_a_second_training_into_the_same_folder_is_refused(small_npz, tmp_path):
    first = start("--data", small_npz, "--epochs", 100_000, "--results", "out", cwd=tmp_path)
    try:
        for line in first.stdout:
            if line.startswith("epoch   1"):
                break
        second = run("--data", small_npz, "--epochs", 1, "--results", "out", cwd=tmp_path)
    finally:
        first.kill()
        first.communicate()
    assert second.returncode == 2
    assert "another training is writing there" in second.stderr
    third = run("--data", small_npz, "--epochs", 1, "--results", "out", cwd=tmp_path)
    assert third.returncode == 0, third.stderr


@pytest.mark.parametrize("name", ["", "a/b", "..", "runs"])
def test_a_name_is_a_name_and_no_path(name, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="name"):
        run_main(monkeypatch, "--results", tmp_path, "--name", name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "value"), [("hidden", 64), ("epochs", 0), ("epoch", 3)])
def test_values_edited_wrongly_end_in_one_line(name, value, tmp_path, monkeypatch):
    monkeypatch.setitem(script.VALUES, name, value)
    monkeypatch.setattr(sys, "argv", ["train.py", "--results", str(tmp_path)])
    with pytest.raises(InputError, match=name):
        script.main()


def test_the_values_are_hyperparameters_with_their_defaults():
    """What is edited there wins; what is not edited there is no other number than in Config."""
    fields = {each.name: each.default for each in dataclasses.fields(Config)}
    assert script.VALUES.keys() <= fields.keys()


def test_the_film_is_drawn_on_request(small_npz, tmp_path):
    arguments = ["--data", small_npz, "--epochs", 3, "--hidden", 8, "--results", "out", "--film"]
    finished = run(*arguments, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    folder = tmp_path / "out" / "train"
    assert (folder / "learning.png").stat().st_size > 5000
    assert 1000 < (folder / "learning.gif").stat().st_size < 2_000_000


def test_figures_of_an_earlier_run_go_and_notes_stay(small_npz, tmp_path):
    arguments = ["--data", small_npz, "--epochs", 1, "--hidden", 8, "--results", "out"]
    folder = tmp_path / "out" / "train"
    assert run(*arguments, "--film", cwd=tmp_path).returncode == 0
    (folder / "notes.txt").write_text("mine")
    assert (folder / "learning.png").is_file()
    assert run(*arguments, cwd=tmp_path).returncode == 0
    assert not (folder / "learning.png").exists() and not (folder / "learning.gif").exists()
    assert (folder / "notes.txt").read_text() == "mine" and (folder / "curves.png").is_file()
