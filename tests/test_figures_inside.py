"""The figures of one network, and of its learning: do they show what is in it?"""

import contextlib
import sys
from types import SimpleNamespace

import learning_drawing
import numpy as np
import pytest
from PIL import Image

from src.common.errors import InputError
from src.digits.data import Data, split
from src.figures import inside
from src.figures.predictions import plot_predictions
from src.model import NeuralNetwork
from src.runs.config import Config
from src.runs.history import Recorder, Run
from tests.drawn import all_texts, legend_of, make_history, make_run
from train import train

NAN = float("nan")
pytestmark = pytest.mark.filterwarnings("error")
NAMES = {"curves", "layers", "first_layer", "confusion", "mistakes"}


def run_with_layers(epochs: int = 1, hidden: tuple = (16,), **changes) -> Run:
    config = Config(hidden=hidden, **{"validation_fraction": 0.1} | changes)
    run = make_run(config, make_history(epochs))
    row = {"activation_std": 1.0, "gradient_std": 0.1, "gradient_ratio": 0.01, "dead_share": 0.1}
    numbers = range(1, len(hidden) + 2)
    run.layers = [row | {"epoch": e, "layer": n} for e in range(epochs + 1) for n in numbers]
    return run


@pytest.mark.parametrize(("hidden", "suffix"), [((), "png"), ((64, 8), "svg"), ((8,), "pdf")])
def test_all_figures_of_a_run(digits: Data, tmp_path, figures, hidden, suffix):
    inside.draw_run(tmp_path, run_with_layers(hidden=hidden), digits, suffix)
    assert {path.name for path in tmp_path.glob("[!.]*")} == {f"{n}.{suffix}" for n in NAMES}
    assert figures[0].get_suptitle().endswith("-10 after 1 epoch")
    assert "of 60 validation images misread" in all_texts(figures[3])


@pytest.mark.parametrize("rate", [3, 1000])  # 3 goes on, 1000 ends in epoch 1
def test_a_run_that_overflows_is_drawn_without_a_warning(digits, tmp_path, figures, rate):
    """Warnings are errors in this file."""
    record = Recorder()
    config = Config(hidden=(64, 64, 64), learning_rate=rate, epochs=2, validation_fraction=0.2)
    with contextlib.suppress(InputError):
        train(config, digits, record)
    weights = record.last
    weights[...] = np.where(weights < 0, -1e30, 1e30)  # as a longer training may leave them
    inside.draw_run(tmp_path, record.finish(), digits)
    assert len(figures) == len(NAMES)
    names = " ".join(" ".join(legend_of(figures[0])).split())
    assert ("the loss is no longer finite" in names) == (rate == 1000)
    for axes in figures[0].axes:
        crosses = [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "X"]
        assert crosses == ([[0, 0]] if rate == 1000 else [])


@pytest.mark.parametrize(("scored", "kind"), [(True, "test"), (False, "training")])
def test_without_validation_images_others_are_looked_at_by_name(
    digits, tmp_path, figures, scored, kind
):
    run = run_with_layers(validation_fraction=0.0)
    for row in run.history:
        row.update(validation_loss=NAN, validation_accuracy=NAN)
    del run.metrics["best_epoch"]
    run.metrics.update({"test_accuracy": 0.9} if scored else {})
    images, labels, name = inside.look_at(run, digits)
    rows, _ = split(len(digits.images), 0.0, run.config.split_seed)
    expected = digits.test_images if scored else digits.images[rows[:500]]
    np.testing.assert_array_equal(images, expected)
    assert name == kind and len(images) == len(labels)
    inside.draw_run(tmp_path, run, digits)
    assert "validation" not in "".join(map(all_texts, figures))


@pytest.mark.parametrize(("activation", "panels", "epochs"), [("relu", 3, 0), ("tanh", 2, 4)])
def test_only_hidden_relu_units_can_be_silent(tmp_path, figures, activation, panels, epochs):
    run = run_with_layers(epochs, (8,) * 10, activation=activation)
    inside.plot_layers(tmp_path / "layers.png", "title", run)
    axes = figures[0].axes
    silent = "hidden units silent for all of 900 images"
    assert (silent in [each.get_title().replace("\n", " ") for each in axes]) == (panels == 3)
    assert [len(each.lines) for each in axes] == [11, 11, 10][:panels]
    assert legend_of(figures[0]) == [*(f"layer {number}" for number in range(1, 11)), "output"]
    assert set(axes[-1].lines[0].get_ydata()) == {0.1 if panels == 3 else 0.01}
    assert {line.get_marker() for line in axes[0].lines} == {"None" if epochs else "o"}


def test_confusion_counts_the_mistakes(tmp_path, figures):
    labels, answers = np.array([3, 3, 3, 8]), np.array([3, 5, 5, 8])
    inside.plot_confusion(tmp_path / "confusion.png", labels, answers, "validation")
    assert figures[0].get_suptitle() == "2 of 4 validation images misread"
    found = {text.get_text(): text.get_position() for text in figures[0].axes[0].texts}
    assert found["2"] == (5, 3)  # answer 5, true digit 3
    assert found["33.3%"][1] == 3


def test_mistakes_are_the_surest_ones_first(digits, tmp_path, figures):
    labels, probabilities = np.zeros(40, int), np.zeros((40, 10))
    probabilities[:, 0] = 1  # right
    probabilities[7, [0, 4]] = 0.1, 0.9
    probabilities[9, [0, 1]] = 0.3, 0.7
    path, images = tmp_path / "mistakes.png", digits.images[:40]
    inside.plot_mistakes(path, images, labels, probabilities, "test")
    axes = figures[0].axes[0]
    assert figures[0].get_suptitle() == "The surest of 2 mistakes on 40 test images"
    captions = {text.get_text(): text.get_position() for text in axes.texts}
    assert captions == {"0 → 4\n90.0%": (13.5, 29), "0 → 1\n70.0%": (44.5, 29)}
    sheet = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(sheet[:28, :28], images[7])
    np.testing.assert_array_equal(sheet[:28, 31:59], images[9])
    inside.plot_mistakes(path, images, labels + 9, probabilities, "test")
    inside.plot_mistakes(path, images[:1], labels[:1], probabilities[:1], "test")
    assert [len(figure.axes[0].texts) for figure in figures[1:]] == [24, 0]
    assert figures[2].get_suptitle() == "The surest of 0 mistakes on 1 test images"


def test_the_first_layer_shows_at_most_40_units_the_most_important_first(tmp_path, figures):
    network = NeuralNetwork([784, 64, 10], initializer="zeros")
    network.weights[0][0, :] = 0.1
    network.weights[0][:2, 5] = 0, 3  # unit 5 looks at pixel 1
    network.weights[1][...] = 1
    network.weights[1][5] = 9
    inside.plot_first_layer(tmp_path / "first_layer.png", network)
    assert figures[0].get_suptitle() == "The 40 most important of 64 first-layer units"
    assert "each has its own scale" in all_texts(figures[0])
    sheet = np.ma.filled(figures[0].axes[0].images[0].get_array(), np.nan)
    assert (list(sheet[0, :2]), list(sheet[0, 31:33])) == ([0, 1], [1, 0])


def test_predictions_show_page_boxes_what_was_seen_and_how_sure(digits, tmp_path, figures):
    sure, doubtful = np.eye(10)[7], np.full(10, 0.04)
    doubtful[[5, 4]] = 0.4, 0.28
    found = [
        SimpleNamespace(box=(10 * n, 2, 10 * n + 9, 12), image=digits.images[n], probabilities=p)
        for n, p in enumerate([sure, doubtful])
    ]
    picture = np.zeros((20, 30, 3), np.uint8)
    page = SimpleNamespace(picture=picture, digits=found, marks=[(0, 0, 3, 3)])
    plot_predictions(tmp_path / "p.png", [("name", page)], lambda images: images // 2, total=3)
    left, right = figures[0].axes
    assert [text.get_text() for text in right.texts] == ["7: > 99%", "5: 40%, 4: 28%"]
    np.testing.assert_array_equal(right.images[0].get_array()[:28, :28], digits.images[0] // 2)
    assert (left.get_title(), [text.get_text() for text in left.texts]) == ("name", ["7", "5"])
    assert left.lines[1].get_xydata().max(axis=0).tolist() == [19, 12]  # its box
    assert len(left.patches) == 1  # what was left out
    assert "the first 1 of 3 pictures" in all_texts(figures[0])


@pytest.mark.parametrize("epochs", [1, 6])  # after one epoch no answer changes
def test_learning_shows_epochs_with_images_whose_answers_change(
    digits, tmp_path, figures, monkeypatch, epochs
):
    values = {"hidden": (8,), "epochs": epochs, "validation_fraction": 0.5}
    monkeypatch.setattr(learning_drawing, "VALUES", values)
    monkeypatch.setattr(learning_drawing, "load_data", lambda _: digits)
    monkeypatch.setattr(sys, "argv", ["", "--folder", str(tmp_path)])
    learning_drawing.main()
    *columns, progress = figures[0].axes
    shown = [epoch for epoch in (0, 1, 2, 5, 6) if epoch <= epochs]
    titles = [axes.get_title() for axes in columns[: len(shown)]]
    assert titles == ["before training", *(f"epoch {epoch}" for epoch in shown[1:])]
    answers = [[text.get_text()[-1] for text in axes.texts] for axes in columns[len(shown) :]]
    assert np.shape(answers) == (len(shown), 12)
    changes = np.array(answers[1:]) != answers[1]
    assert epochs == 1 or changes.any(axis=0).all()  # each of the twelve
    for axes in columns[len(shown) :]:
        for text in axes.texts:  # "9→5" is bold and wrong, a lone answer is right
            assert ("→" in text.get_text()) == (text.get_weight() == "bold")
    assert list(progress.lines[-1].get_xdata()) == shown
    with Image.open(tmp_path / "learning.gif") as movie:  # the last stands for six frames
        assert (movie.n_frames, movie.info["loop"]) == (epochs + 1, 0)


def test_learning_cannot_be_drawn_without_validation_images(digits):
    with pytest.raises(InputError, match="validation_fraction"):
        learning_drawing.make_film(Config(epochs=1, validation_fraction=0), digits)
