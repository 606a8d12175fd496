"""A run's history: measured at the same moment by the same code, and summed up truly."""

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
from src.runs.history import HISTORY_COLUMNS, summarise, warnings_about
from src.utils import evaluate
from tests.training import run_of, without_times

SMALL = Config(hidden=(16,), epochs=2, batch_size=32, seed=1)


def test_the_history_begins_before_training_and_ends_with_the_network(digits):
    rows = []
    network, history = run_of(SMALL, digits, lambda row, network: rows.append(row))
    assert rows == history
    assert [row["epoch"] for row in history] == [0, 1, 2]
    training_rows, validation_rows = split(600, 0.1, SMALL.split_seed)
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
    monkeypatch.setattr(module, "TRAIN_SAMPLE", 50)
    network, history = run_of(SMALL, digits)
    rows = split(600, 0.1, SMALL.split_seed)[0][:50]
    expected = evaluate(network, digits.images[rows], digits.labels[rows])
    assert (history[-1]["train_loss"], history[-1]["train_accuracy"]) == expected


def test_training_does_not_touch_the_test_set(digits):
    without = Data("", digits.images, digits.labels, None, None)
    _, history = run_of(SMALL, without)
    assert without_times(history) == without_times(run_of(SMALL, digits)[1])


def test_preprocessing_applies_to_training_validation_and_test_images(digits, monkeypatch):
    def invert(images):
        return 255 - images

    monkeypatch.setitem(PREPROCESSING, "none", invert)
    inverted = Data(
        "", invert(digits.images), digits.labels, invert(digits.test_images), digits.test_labels
    )
    network, history = run_of(SMALL, inverted)
    metrics = summarise(SMALL, inverted, network, history, score_test=True)
    monkeypatch.undo()
    same_network, same_history = run_of(SMALL, digits)
    np.testing.assert_array_equal(network.parameters, same_network.parameters)
    assert without_times(history) == without_times(same_history)
    expected = evaluate(same_network, digits.test_images, digits.test_labels)
    assert (metrics["test_loss"], metrics["test_accuracy"]) == expected


def test_the_summary_names_the_best_and_the_last_epoch(digits):
    network, history = run_of(SMALL, digits)
    for row, value in zip(history, (0.3, 0.9, 0.8), strict=True):
        row["validation_accuracy"] = value
    metrics = summarise(SMALL, digits, network, history, score_test=False)
    assert (metrics["best_epoch"], metrics["best_validation_accuracy"]) == (1, 0.9)
    assert metrics["last_validation_accuracy"] == 0.8
    assert (metrics["training_images"], metrics["validation_images"]) == (540, 60)
    assert metrics["parameters"] == 784 * 16 + 16 + 16 * 10 + 10
    assert metrics["seconds"] == sum(row["seconds"] for row in history)


@pytest.mark.filterwarnings("error")  # NumPy's own complaints would not help anybody
@pytest.mark.parametrize(("learning_rate", "batch_size"), [(1000, 32), (1000, 600)])
def test_a_run_whose_numbers_explode_stops_and_says_what_to_do(digits, batch_size, learning_rate):
    config = Config(
        hidden=(64, 64, 64), learning_rate=learning_rate, batch_size=batch_size, epochs=10
    )
    rows = []
    with pytest.raises(InputError, match=rf"epoch \d+: .*learning rate below {learning_rate}"):
        run_of(config, digits, lambda row, network: rows.append(row))
    assert all(math.isfinite(row["train_loss"]) for row in rows)


@pytest.mark.filterwarnings("error")
def test_an_explosion_in_the_very_last_step_is_noticed(digits, monkeypatch):
    def explode(network, *rest):
        network.parameters[...] = 1e30  # finite, but what it computes is not
        return 1.0

    monkeypatch.setattr(script, "training_step", explode)
    with pytest.raises(InputError, match="epoch 1: the loss is no longer finite"):
        run_of(SMALL.with_(epochs=1), digits)


def test_dead_layers_get_a_warning():
    layers = [{"layer": 1, "dead_share": 0.2}, {"layer": 2, "dead_share": 0.75}]
    (warning,) = warnings_about({"epoch": 1, "train_loss": 0.5, "layers": layers})
    assert warning.startswith("more than half of the units of hidden layer 2 are dead")
