import csv
import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import train as script
from src.digits.data import Data, load_data, split
from src.errors import InputError
from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.network_file import load_network
from src.utils import evaluate, scale
from train import CHOICES, HISTORY_COLUMNS, RANGES, RECIPES, Config, recipe, train, training_step

ROOT = Path(__file__).resolve().parent.parent
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


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    """`python train.py ...` in a process and a folder of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def without_times(history: list[dict]) -> list[dict]:
    times = ("seconds", "images_per_second")
    return [{name: row[name] for name in row if name not in times} for row in history]


@pytest.fixture
def steps(monkeypatch):
    """What every training step of this test was given: a list of (x, labels, learning rate)."""
    seen = []

    def watched(network, x, labels, gradient, velocity, learning_rate, *rest):
        seen.append((x.copy(), labels.copy(), learning_rate))
        return training_step(network, x, labels, gradient, velocity, learning_rate, *rest)

    monkeypatch.setattr(script, "training_step", watched)
    return seen


# ------------------------------------------------------------------------------------ Config


def test_every_field_has_a_check():
    fields = {field.name for field in dataclasses.fields(Config)}
    assert {*RANGES, *CHOICES, "hidden"} == fields


@pytest.mark.parametrize("name", RANGES)
def test_numbers_out_of_range_are_refused_with_field_and_range(name):
    low, high, whole = RANGES[name]
    for value in (low, high):
        assert getattr(Config().with_(**{name: value}), name) == value
    for value in (low - 1, high + 1, math.nan, math.inf, "1", None, True, [1]):
        with pytest.raises(InputError, match=rf"{name} = .* from "):
            Config().with_(**{name: value})
    if whole:
        with pytest.raises(InputError, match=f"{name} = .* whole number"):
            Config().with_(**{name: low + 0.5})


@pytest.mark.parametrize("name", CHOICES)
def test_unknown_choices_are_refused_and_the_known_ones_named(name):
    for choice in CHOICES[name]:
        assert getattr(Config().with_(**{name: choice}), name) == choice
    for value in ("swish", None, 7):
        with pytest.raises(InputError, match=f"{name} = ") as caught:
            Config().with_(**{name: value})
        assert all(str(choice) in str(caught.value) for choice in CHOICES[name])


@pytest.mark.parametrize("hidden", [5, None, "64", [0], [-1], [1.5], [True], [10_001], [8] * 101])
def test_impossible_hidden_layers_are_refused(hidden):
    with pytest.raises(InputError, match="hidden = "):
        Config(hidden=hidden)


def test_hidden_layers_may_be_a_list_or_none_and_a_config_cannot_change():
    assert Config(hidden=[32, 16]) == Config(hidden=(32, 16))
    assert hash(Config(hidden=[])) == hash(Config(hidden=()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().epochs = 3


def test_an_unknown_name_is_refused_and_the_known_ones_named():
    with pytest.raises(InputError, match=r"'learning_rat' is no hyperparameter.*learning_rate"):
        Config().with_(learning_rat=0.1)


def test_the_plain_recipe_is_the_reference_network_with_plain_sgd():
    plain = recipe("plain")
    assert plain == Config()
    assert (plain.hidden, plain.activation, plain.initializer) == ((128, 64), "relu", "he_uniform")
    assert (plain.epochs, plain.momentum, plain.augmentation) == (20, 0, "none")


# ---------------------------------------------------------------------------------- one step


def test_one_step_is_minus_lr_times_gradient_and_decay_of_weights_only(digits):
    network = NeuralNetwork([784, 6, 10], seed=2)
    network.biases[0][...] = 1
    x, labels = scale(digits.images[:20]), digits.labels[:20]
    logits, cache = network.forward(x)
    loss, d_logits = cross_entropy(logits, labels)
    gradient = network.backward(d_logits, cache)
    decayed = network.parameters.copy()
    for biases in network.split(decayed)[1]:
        biases[...] = 0
    expected = network.parameters - 0.5 * (gradient + np.float32(0.01) * decayed)
    config = Config(weight_decay=0.01)
    out, velocity = np.empty_like(gradient), np.zeros_like(gradient)
    rng = np.random.default_rng(0)
    assert training_step(network, x, labels, out, velocity, 0.5, config, rng) == loss
    np.testing.assert_allclose(network.parameters, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("config", [SMALL, EVERYTHING], ids=["plain", "everything"])
def test_nothing_upcasts_on_the_way(digits, config, monkeypatch):
    arrays = []

    def watched(network, x, labels, gradient, velocity, *rest):
        result = training_step(network, x, labels, gradient, velocity, *rest)
        arrays.extend([x, gradient, velocity, network.parameters, *network.weights])
        return result

    def watched_loss(logits, labels, *rest):
        loss, d_logits = cross_entropy(logits, labels, *rest)
        arrays.extend([logits, d_logits])
        return loss, d_logits

    monkeypatch.setattr(script, "training_step", watched)
    monkeypatch.setattr(script, "cross_entropy", watched_loss)
    train(config, digits)
    assert len(arrays) > 100
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


# ---------------------------------------------------------------------------------- training


def test_a_tiny_real_set_is_learned_to_the_last_digit(digits):
    tiny = Data("tiny", digits.images[:100], digits.labels[:100], *[np.empty(0)] * 2)
    config = Config(hidden=(64, 32), epochs=40, batch_size=10, validation_fraction=0)
    _, history = train(config, tiny)
    assert history[0]["train_accuracy"] < 0.4
    assert history[-1]["train_accuracy"] == 1
    assert history[-1]["train_loss"] < 0.02


def test_every_epoch_visits_every_training_image_once_the_ragged_batch_included(digits, steps):
    train(SMALL, digits)
    training_rows, _ = split(600, 0.1, SMALL.seed)
    assert [len(y) for _, y, _ in steps] == ([32] * 16 + [28]) * 2  # 540 = 16 * 32 + 28
    wanted = sorted(map(bytes, scale(digits.images[training_rows])))
    epochs = steps[:17], steps[17:]
    for epoch in epochs:
        assert sorted(bytes(row) for x, _, _ in epoch for row in x) == wanted
    assert not np.array_equal(epochs[0][0][0], epochs[1][0][0])


def test_the_learning_rate_follows_its_schedule_step_by_step(digits, steps):
    train(SMALL.with_(schedule="cosine", warmup_epochs=1, learning_rate=0.2), digits)
    rates = [rate for _, _, rate in steps]
    assert rates[:17] == pytest.approx([0.2 * (i + 1) / 17 for i in range(17)])
    assert rates[17:] == pytest.approx([0.1 * (1 + math.cos(math.pi * i / 17)) for i in range(17)])


def test_the_history_begins_before_training_and_ends_with_the_network(digits):
    rows = []
    network, history = train(SMALL, digits, rows.append)
    assert rows == history
    assert [row["epoch"] for row in history] == [0, 1, 2]
    training_rows, validation_rows = split(600, 0.1, SMALL.seed)
    training, validation = (
        (digits.images[part], digits.labels[part]) for part in (training_rows, validation_rows)
    )
    untrained = NeuralNetwork([784, 16, 10], seed=SMALL.seed)
    for row, its_network in ((history[0], untrained), (history[-1], network)):
        found = [row[name] for name in HISTORY_COLUMNS[1:5]]
        assert found == [*evaluate(its_network, *training), *evaluate(its_network, *validation)]
    assert history[-1]["train_loss"] < history[0]["train_loss"] - 0.5
    assert history[0]["images_per_second"] == 0
    assert history[1]["images_per_second"] == pytest.approx(540 / history[1]["seconds"])


def test_the_train_columns_are_measured_on_a_fixed_sample(digits, monkeypatch):
    monkeypatch.setattr(script, "TRAIN_SAMPLE", 50)
    network, history = train(SMALL, digits)
    rows = split(600, 0.1, SMALL.seed)[0][:50]
    expected = evaluate(network, digits.images[rows], digits.labels[rows])
    assert (history[-1]["train_loss"], history[-1]["train_accuracy"]) == expected


def test_training_does_not_touch_the_test_set(digits):
    without = Data("", digits.images, digits.labels, None, None)
    _, history = train(SMALL, without)
    assert without_times(history) == without_times(train(SMALL, digits)[1])


def test_the_seed_decides_and_two_runs_share_nothing(digits):
    config = EVERYTHING
    first, _ = train(config, digits)
    np.random.seed(5)  # noqa: NPY002  (the global generator plays no part)
    train(config.with_(seed=2), digits)
    again, _ = train(config, digits)
    other, _ = train(config.with_(seed=2), digits)
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert (first.parameters != other.parameters).any()


def test_the_seed_decides_the_order_of_the_batches_too(digits, steps, monkeypatch):
    monkeypatch.setattr(script, "split", lambda *_: (np.arange(540), np.arange(540, 600)))
    train(SMALL.with_(epochs=1, seed=1), digits)
    train(SMALL.with_(epochs=1, seed=2), digits)
    (one, _, _), (other, _, _) = steps[0], steps[17]
    assert (one != other).any(axis=1).mean() > 0.9


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


def test_preprocessing_applies_to_training_validation_and_test_images(digits, monkeypatch):
    def invert(images):
        return 255 - images

    monkeypatch.setitem(script.PREPROCESSING, "none", invert)
    inverted = Data(
        "", invert(digits.images), digits.labels, invert(digits.test_images), digits.test_labels
    )
    network, history = train(SMALL, inverted)
    metrics = script.summarise(SMALL, inverted, network, history)
    monkeypatch.undo()
    same_network, same_history = train(SMALL, digits)
    np.testing.assert_array_equal(network.parameters, same_network.parameters)
    assert without_times(history) == without_times(same_history)
    expected = evaluate(same_network, digits.test_images, digits.test_labels)
    assert (metrics["test_loss"], metrics["test_accuracy"]) == expected


def test_the_summary_names_the_best_and_the_last_epoch(digits):
    network, history = train(SMALL, digits)
    for row, value in zip(history, (0.3, 0.9, 0.8), strict=True):
        row["validation_accuracy"] = value
    metrics = script.summarise(SMALL, digits, network, history)
    assert (metrics["best_epoch"], metrics["best_validation_accuracy"]) == (1, 0.9)
    assert metrics["last_validation_accuracy"] == 0.8
    assert (metrics["training_images"], metrics["validation_images"]) == (540, 60)
    assert metrics["parameters"] == 784 * 16 + 16 + 16 * 10 + 10
    assert metrics["seconds"] == sum(row["seconds"] for row in history)


# --------------------------------------------------------------------- runs that go wrong


@pytest.mark.filterwarnings("error")  # NumPy's own complaints would not help anybody
@pytest.mark.parametrize(("learning_rate", "batch_size"), [(1000, 32), (100, 600), (1000, 600)])
def test_a_run_whose_numbers_explode_stops_and_says_what_to_do(digits, batch_size, learning_rate):
    config = Config(
        hidden=(64, 64, 64), learning_rate=learning_rate, batch_size=batch_size, epochs=10
    )
    rows = []
    with pytest.raises(InputError, match=rf"epoch \d+: .*learning rate below {learning_rate}"):
        train(config, digits, rows.append)
    assert all(math.isfinite(row["train_loss"]) for row in rows)


def test_the_first_loss_that_is_not_finite_is_the_last_step(digits, monkeypatch):
    losses = iter([2.3, 1.5, math.nan])
    monkeypatch.setattr(script, "training_step", lambda *_: next(losses))
    with pytest.raises(InputError, match="epoch 1: the loss is not finite"):
        train(SMALL, digits)
    assert not list(losses)


@pytest.mark.filterwarnings("error")
def test_an_explosion_in_the_very_last_step_is_noticed(digits, monkeypatch):
    def explode(network, *rest):
        network.parameters[...] = 1e30  # finite, but what it computes is not
        return 1.0

    monkeypatch.setattr(script, "training_step", explode)
    with pytest.raises(InputError, match="epoch 1: the loss is not finite"):
        train(SMALL.with_(epochs=1), digits)


def run_main(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *map(str, arguments)])
    script.main()


@pytest.mark.parametrize(
    ("initializer", "guessing"),
    [("zeros", True), ("small_normal", True), ("he_uniform", False), ("xavier_uniform", False)],
)
def test_a_loss_that_stays_at_ln_10_gets_a_warning(digits, initializer, guessing, capsys):
    train(SMALL.with_(initializer=initializer), digits, script.print_epoch)
    warnings = capsys.readouterr().err
    assert ("no better than ln 10" in warnings) == guessing
    assert ("initial weights of zero" in warnings) == guessing


def test_dead_layers_get_a_warning():
    layers = [{"layer": 1, "dead_share": 0.2}, {"layer": 2, "dead_share": 0.75}]
    (warning,) = script.warnings_about({"epoch": 1, "train_loss": 0.5, "layers": layers})
    assert warning.startswith("more than half of the units of hidden layer 2 are dead")


@pytest.mark.parametrize("hidden", [[], [8]])
def test_without_validation_and_test_images_everything_is_still_written(
    digits, hidden, tmp_path, monkeypatch
):
    path = tmp_path / "training_only.npz"
    np.savez(path, x_train=digits.images[:100], y_train=digits.labels[:100])
    monkeypatch.setitem(RECIPES, "plain", {"validation_fraction": 0})
    run_main(monkeypatch, "--data", path, "--results", tmp_path, "--epochs", 1, "--hidden", *hidden)
    network, _ = load_network(tmp_path / "train" / "network.npz")
    assert network.layer_sizes == [784, *hidden, 10]
    assert (tmp_path / "train" / "curves.png").stat().st_size > 1000
    metrics = json.loads((tmp_path / "train" / "metrics.json").read_text())
    assert (metrics["training_images"], metrics["validation_images"]) == (100, 0)
    assert "test_accuracy" not in metrics


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
    assert any(line.startswith("test accuracy ") for line in lines)
    assert lines[-1].endswith(str(Path("out") / "train"))
    assert [path.name for path in folder.parent.iterdir()] == ["train"]


def test_it_writes_these_files(finished):
    _, folder = finished
    tables = {"config.json", "metrics.json", "history.csv", "layers.csv", "network.npz"}
    pictures = {"curves.png", "layers.png", "first_layer.png", "confusion.png", "mistakes.png"}
    assert {path.name for path in folder.iterdir()} == tables | pictures


def test_the_history_file(finished):
    _, folder = finished
    rows = read_csv(folder / "history.csv")
    assert list(rows[0]) == [
        "epoch",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "seconds",
        "images_per_second",
    ]
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    for row in rows:
        assert 0 <= row["train_accuracy"] <= 1
        assert (row["validation_accuracy"] * 30) == pytest.approx(
            round(row["validation_accuracy"] * 30)
        )
        assert row["train_loss"] > 0
    assert all(row["images_per_second"] > 0 for row in rows[1:])
    layers = read_csv(folder / "layers.csv")
    assert [(row["epoch"], row["layer"]) for row in layers] == [
        (epoch, layer) for epoch in range(4) for layer in (1, 2, 3)
    ]


def test_the_files_tell_the_whole_run(finished, small_npz):
    _, folder = finished
    described = json.loads((folder / "config.json").read_text())
    config = Config(**described["config"])
    assert config == Config(hidden=(12, 8), epochs=3, learning_rate=0.2, seed=4)
    data = load_data(small_npz)
    assert described["fingerprint"] == data.fingerprint()
    metrics = json.loads((folder / "metrics.json").read_text())
    network, metadata = load_network(folder / "network.npz")
    assert network.layer_sizes == [784, 12, 8, 10]
    assert metadata == {"preprocessing": "none", "config": described["config"], "metrics": metrics}
    _, rows = split(300, 0.1, 4)
    last = read_csv(folder / "history.csv")[-1]
    found = evaluate(network, data.images[rows], data.labels[rows])
    assert found == pytest.approx((last["validation_loss"], last["validation_accuracy"]), rel=1e-6)
    assert metrics["last_validation_accuracy"] == last["validation_accuracy"]
    _, test_accuracy = evaluate(network, data.test_images, data.test_labels)
    assert metrics["test_accuracy"] == test_accuracy


def test_the_same_seed_gives_the_same_bits_in_a_fresh_process(two_runs):
    one, two = (folder / "out" / "train" for _, folder in two_runs)
    parameters = [load_network(folder / "network.npz")[0].parameters for folder in (one, two)]
    assert parameters[0].tobytes() == parameters[1].tobytes()
    histories = [without_times(read_csv(folder / "history.csv")) for folder in (one, two)]
    assert histories[0] == histories[1]
    assert (one / "layers.csv").read_bytes() == (two / "layers.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--learning-rate", 900], "epoch 1: the loss is not finite"),
        (["--epochs", 0], "epochs = 0: "),
        (["--hidden", 0], "hidden = [0]: "),
        (["--data", "nowhere.npz"], "nowhere.npz: "),
    ],
)
def test_what_a_user_can_put_right_is_one_line_and_exit_status_2(
    small_npz, tmp_path, arguments, message
):
    process = run("--data", small_npz, "--results", "out", *arguments, cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith(f"error: {message}")
    assert process.stderr.count("\n") == 1
    assert not list(tmp_path.rglob("*.npz"))
