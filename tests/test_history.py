"""A run: measured at the same moment by the same code, and summed up truly."""

import math

import numpy as np
import pytest

import train as script
from src.common.errors import InputError
from src.digits.data import Data, split
from src.digits.preprocessing import PREPROCESSING
from src.model import NeuralNetwork
from src.runs import history as module
from src.runs.config import Config
from src.runs.history import Recorder, Run
from src.runs.messages import print_start, warnings_about
from src.utils import evaluate
from tests.training import run_of, without_times

SMALL = Config(hidden=(16,), epochs=2, batch_size=32, seed=1)


def test_the_history_begins_before_training_and_ends_with_the_network(digits):
    rows = []
    run = run_of(SMALL, digits, Recorder(rows.append))
    assert rows == run.history
    assert [row["epoch"] for row in run.history] == [0, 1, 2]
    parts = split(600, 0.1, SMALL.split_seed)
    training, validation = ((digits.images[rows], digits.labels[rows]) for rows in parts)
    untrained = NeuralNetwork([784, 16, 10], seed=SMALL.seed)
    for row, network in ((run.history[0], untrained), (run.history[-1], run.network)):
        found = [*row.values()][1:5]
        assert found == [*evaluate(network, *training), *evaluate(network, *validation)]
    assert run.history[-1]["train_loss"] < run.history[0]["train_loss"] - 0.5
    assert run.history[0]["images_per_second"] == 0
    assert run.history[1]["images_per_second"] == pytest.approx(540 / run.history[1]["seconds"])
    assert [(row["epoch"], row["layer"]) for row in run.layers] == [
        (epoch, layer) for epoch in range(3) for layer in (1, 2)
    ]
    assert run.right.mean() == run.history[-1]["validation_accuracy"]
    assert run.right.shape == (60,)


def test_the_train_columns_are_measured_on_a_fixed_sample(digits, monkeypatch):
    monkeypatch.setattr(module, "TRAIN_SAMPLE", 50)
    run = run_of(SMALL, digits)
    rows = split(600, 0.1, SMALL.split_seed)[0][:50]
    expected = evaluate(run.network, digits.images[rows], digits.labels[rows])
    assert (run.history[-1]["train_loss"], run.history[-1]["train_accuracy"]) == expected


def test_training_does_not_touch_the_test_set(digits):
    without = Data("", digits.images, digits.labels, None, None)
    history = run_of(SMALL, without).history
    assert without_times(history) == without_times(run_of(SMALL, digits).history)


def test_preprocessing_applies_to_training_validation_and_test_images(digits, monkeypatch):
    def invert(images):
        return 255 - images

    images, test_images = invert(digits.images), invert(digits.test_images)
    same, record = run_of(SMALL, digits), Recorder()
    monkeypatch.setitem(PREPROCESSING, "none", invert)
    run_of(SMALL, Data("", images, digits.labels, test_images, digits.test_labels), record)
    metrics = record.finish(score_test=True).metrics
    np.testing.assert_array_equal(record.network.parameters, same.network.parameters)
    assert without_times(record.history) == without_times(same.history)
    expected = evaluate(same.network, digits.test_images, digits.test_labels)
    assert (metrics["test_loss"], metrics["test_accuracy"]) == expected
    assert "test_accuracy" not in same.metrics


def scored(
    digits: Data, accuracies: list[float], epochs: int = 99, **options: int
) -> tuple[Recorder, list[bool]]:
    """A recorder that has seen these validation accuracies, and whether each stopped it."""
    record, network = Recorder(**options), NeuralNetwork([784, 10])
    record.begin(SMALL.with_(epochs=epochs), digits)
    said = []
    for accuracy in accuracies:
        network.parameters += 1
        values = [(0.5, accuracy), (0.5, 0.5)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "evaluate", lambda *_, values=values: values.pop())
            record.measure(network)
        said.append(bool(record.stopped))
    return record, said


def test_the_best_epoch_is_named_and_kept_and_the_last_is_the_network(digits):
    record, _ = scored(digits, [0.3, 0.9, 0.8])
    run = record.finish()
    metrics = run.metrics
    assert (metrics["best_epoch"], metrics["best_validation_accuracy"]) == (1, 0.9)
    assert metrics["last_validation_accuracy"] == 0.8
    assert metrics["training_images"] == 540
    assert metrics["parameters"] == 7850
    assert metrics["seconds"] == sum(row["seconds"] for row in run.history)
    np.testing.assert_allclose(run.network.parameters - run.best, 1, rtol=1e-6)  # one epoch apart


def test_patience_ends_a_run_that_no_longer_gains(digits):
    _, said = scored(digits, [0.3, 0.9, 0.8, 0.9, 0.95, 0.9, 0.9, 0.9], patience=3)
    assert said == [False] * 7 + [True]
    assert not any(scored(digits, [0.9, 0.1, 0.1, 0.1, 0.1])[1])
    assert not any(scored(digits, [0.9, 0.1, 0.1], epochs=2, patience=2)[1])  # that was the end
    idle = SMALL.with_(epochs=9, learning_rate=1e-9)
    assert len(run_of(idle, digits, Recorder(patience=2)).history) == 3


def test_an_interrupted_run_ends_with_its_last_whole_epoch(digits, monkeypatch):
    whole = run_of(SMALL.with_(epochs=1, schedule="constant"), digits)
    step, count = script.sgd_step, 0

    def stop_in_the_second_epoch(*arguments):
        nonlocal count
        count += 1
        if count == 20:  # an epoch has 17 steps
            raise KeyboardInterrupt
        step(*arguments)

    monkeypatch.setattr(script, "sgd_step", stop_in_the_second_epoch)
    run = run_of(SMALL.with_(epochs=9), digits)
    assert run.metrics["stopped"] == "interrupted" and run.history[-1]["epoch"] == 1
    np.testing.assert_array_equal(run.network.parameters, whole.network.parameters)
    count = 15  # in the first epoch there is nothing to keep
    with pytest.raises(KeyboardInterrupt):
        run_of(SMALL, digits)


@pytest.mark.filterwarnings("error")  # NumPy's own complaints would not help anybody
@pytest.mark.parametrize("batch_size", [32, 600])  # 600: in the very last step of an epoch
def test_a_run_whose_numbers_explode_stops_and_keeps_what_it_was(digits, batch_size):
    config = Config(hidden=(64, 64, 64), learning_rate=1000, batch_size=batch_size, epochs=10)
    record = Recorder()
    with pytest.raises(InputError, match=r"epoch \d+: the loss is no longer finite; try a lower"):
        script.train(config, digits, record)
    run = record.finish()
    assert all(math.isfinite(row["train_loss"]) for row in run.history)
    assert np.isfinite(run.network.parameters).all()
    assert run.metrics["stopped"].startswith("the loss is no longer finite; ")
    run.network.biases[0][0] = -np.inf  # that unit is silent, and the loss finite
    with pytest.raises(InputError, match="no longer finite"):
        record.measure(run.network)


def warned(loss: float, accuracy: float, *silent: float) -> list[str]:
    layers = [{"epoch": 2, "layer": n, "dead_share": share} for n, share in enumerate(silent, 1)]
    row = {"epoch": 2, "train_loss": loss, "train_accuracy": accuracy}
    layers.append({"epoch": 1, "layer": 1, "dead_share": 1.0})  # it has revived since
    return warnings_about(Run(SMALL, NeuralNetwork([784, 10]), [row], layers, {}, np.empty(0)))


def test_warnings():
    (warning,) = warned(0.5, 0.8, 0.2, 0.75)
    assert warning.startswith("in hidden layer 2 more than half of the units are silent")
    assert "1,000" not in warning  # a small table has fewer images
    assert "that of guessing is ln 10" in warned(9, 0.1)[0]
    assert "that of guessing is ln 10" in warned(2.3, 0.1)[0]
    assert not warned(2.2, 0.15)
    assert not warned(9, 0.77)  # raw pixels at a tiny rate: the logits are large, but it learns


@pytest.mark.parametrize("hidden", [(784, 128), (128, 10)])
def test_the_start_counts_parameters_and_doubts_a_hidden_that_holds_too_much(
    digits, hidden, capsys
):
    print_start(Config(), digits)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "data: 600 digits, 600 images"
    assert [line.split()[3] for line in lines[-4:-1]] == ["100,480", "8,256", "650"]
    assert lines[-1].split()[-1] == "109,386"
    print_start(Config(hidden=hidden), digits)
    assert "784 inputs" in capsys.readouterr().out
