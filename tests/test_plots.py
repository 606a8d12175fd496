import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.digits.preprocessing import deskew
from src.figures import plots
from src.model import NeuralNetwork

ROOT = Path(__file__).resolve().parent.parent
NAN = float("nan")
MANY = 12  # more than there are colours

pytestmark = [
    pytest.mark.filterwarnings("error::UserWarning"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]


def make_history(epochs: int = 3, layers: int = 3, seed: int = 0, **changes) -> list[dict]:
    rng = np.random.default_rng(seed)
    rows = []
    for epoch in range(epochs + 1):
        row = {
            "epoch": epoch,
            "train_loss": 2.3 / (epoch + 1),
            "train_accuracy": 1 - 0.9 / (epoch + 1),
            "validation_loss": 2.4 / (epoch + 1) + 0.1 * rng.random(),
            "validation_accuracy": 1 - 0.95 / (epoch + 1) - 0.01 * rng.random(),
        }
        row["layers"] = [
            {
                "layer": number,
                "activation_std": 1.0,
                "gradient_std": 0.1,
                "gradient_ratio": 0.01,
                "dead_share": 0.1,
            }
            for number in range(1, layers + 1)
        ]
        rows.append(row | changes)
    return rows


def make_metrics(**changes) -> dict:
    return {"last_validation_accuracy": 0.97, "parameters": 5000, "seconds": 2.0} | changes


HISTORIES = {
    "several epochs": make_history(20),
    "one epoch": make_history(1),
    "no validation": make_history(validation_loss=NAN, validation_accuracy=NAN),
    "all NaN": make_history(
        train_loss=NAN, train_accuracy=NAN, validation_loss=NAN, validation_accuracy=NAN
    ),
    "ends in NaN": [*make_history(2), make_history(3, train_loss=NAN, validation_loss=NAN)[3]],
    "perfect": make_history(validation_loss=1e-9, validation_accuracy=1.0, train_accuracy=1.0),
    "loss zero": [*make_history(2), make_history(3, train_loss=0.0, validation_loss=0.0)[3]],
    "one layer": make_history(layers=1),
    "many layers": make_history(layers=MANY),
}


@pytest.fixture
def figures(monkeypatch):
    """The figures as they are saved: what is in them can be asked, not only that they are there."""
    saved = []
    save = plots.save

    def watched(figure, *arguments):
        saved.append(figure)
        save(figure, *arguments)

    monkeypatch.setattr(plots, "save", watched)
    return saved


def assert_picture(path: Path) -> None:
    """A whole PNG with something in it, as wide as a README page, and no half file beside it."""
    assert path.read_bytes().startswith(b"\x89PNG")
    with Image.open(path) as image:
        image.load()
        assert 600 <= image.width <= 1300
        assert image.height >= 100
        darkest, lightest = image.convert("L").getextrema()
        assert (darkest < 100, lightest) == (True, 255)
    assert not list(path.parent.glob("*partial*"))


def has_integer_epochs(axes) -> bool:
    """Whether every tick is a whole number; of axes that are empty, nothing is asked."""
    empty = not any(np.isfinite(line.get_ydata()).any() for line in axes.lines)
    return empty or all(float(tick).is_integer() for tick in axes.get_xticks())


# ------------------------------------------------------------------------------------ curves


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_curves_are_drawn_whatever_the_history(tmp_path, figures, history):
    plots.plot_curves(tmp_path / "curves.png", "title", [history])
    assert_picture(tmp_path / "curves.png")
    plots.plot_comparison(tmp_path / "comparison.png", "title", {"one": [history]})
    assert_picture(tmp_path / "comparison.png")
    plots.plot_layers(tmp_path / "layers.png", history)
    assert_picture(tmp_path / "layers.png")
    assert all(has_integer_epochs(axes) for figure in figures for axes in figure.axes)


def test_curves_show_the_numbers_on_a_log_axis(tmp_path, figures):
    history = make_history(5)
    plots.plot_curves(tmp_path / "curves.png", "784-128-64-10 after 5 epochs", [history])
    loss, accuracy = figures[0].axes
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    assert figures[0].get_suptitle() == "784-128-64-10 after 5 epochs"
    for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
        for line, part in zip(axes.lines[:2], ("validation", "train"), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), range(6))
            np.testing.assert_array_equal(
                line.get_ydata(), [row[f"{part}_{quantity}"] for row in history]
            )
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "validation",
        "train (5,000 images)",
    ]


def test_several_seeds_become_their_mean_and_a_band(tmp_path, figures):
    histories = [make_history(4, seed=seed) for seed in range(3)]
    plots.plot_comparison(tmp_path / "comparison.png", "title", {"net": histories})
    loss, _ = figures[0].axes
    runs = np.array([[row["validation_loss"] for row in history] for history in histories])
    np.testing.assert_allclose(loss.lines[0].get_ydata(), runs.mean(axis=0))
    band = loss.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == runs.min()
    assert band[:, 1].max() == runs.max()


def test_many_curves(tmp_path, figures):
    curves = {f"configuration {i}": [make_history(seed=i)] for i in range(MANY)}
    plots.plot_comparison(tmp_path / "comparison.png", "title", curves)
    assert_picture(tmp_path / "comparison.png")
    names = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert names == [*curves, "validation", "train (5,000 images)"]


def test_accuracy_is_zoomed_to_where_the_curves_differ():
    climb = np.array([0.1, 0.90, 0.95, 0.96, 0.97, 0.975])
    low, high = plots.accuracy_limits([climb])
    assert 0.88 < low < 0.90
    assert 0.975 < high < 0.99
    never_learns = np.full(6, 0.1)
    low, _ = plots.accuracy_limits([climb, never_learns])
    assert low < 0.1
    _, high = plots.accuracy_limits([np.ones(6)])
    assert 1 < high < 1.01
    assert plots.accuracy_limits([np.full(6, NAN)]) == (0, 1)


# ----------------------------------------------------------------------------- the answers


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("count", [1, MANY])
def test_rankings_and_costs(tmp_path, figures, seeds, count):
    results = {
        f"configuration {i}": [
            make_metrics(last_validation_accuracy=0.9 + 0.001 * i + 0.01 * seed)
            for seed in range(seeds)
        ]
        for i in range(count)
    }
    plots.plot_ranking(tmp_path / "ranking.png", "title", results)
    plots.plot_cost(tmp_path / "cost.png", "title", results)
    assert_picture(tmp_path / "ranking.png")
    assert_picture(tmp_path / "cost.png")
    ranking = figures[0].axes[0]
    assert [label.get_text() for label in ranking.get_yticklabels()] == list(results)
    mean = 0.9 + 0.01 * (seeds - 1) / 2
    assert ranking.texts[0].get_text() == f"{mean:.2%}"


def test_rankings_and_costs_of_runs_without_validation(tmp_path):
    results = {"a": [make_metrics(last_validation_accuracy=NAN)], "b": [make_metrics()]}
    plots.plot_ranking(tmp_path / "ranking.png", "title", results)
    plots.plot_cost(tmp_path / "cost.png", "title", results)
    assert_picture(tmp_path / "ranking.png")
    assert_picture(tmp_path / "cost.png")


def test_the_signal_of_many_networks_and_of_one_that_has_none(tmp_path, figures):
    layers = {f"configuration {i}": make_history()[0]["layers"] for i in range(MANY)}
    layers["zeros"] = [
        row | {"activation_std": 0.0, "gradient_std": 0.0} for row in layers.popitem()[1]
    ]
    plots.plot_signal(tmp_path / "signal.png", "title", layers)
    assert_picture(tmp_path / "signal.png")
    assert np.isnan(figures[0].axes[0].lines[-1].get_ydata()).all()
    plots.plot_signal(tmp_path / "signal.png", "title", {"zeros": layers["zeros"]})
    assert_picture(tmp_path / "signal.png")


# ---------------------------------------------------------------------------- one network


@pytest.mark.parametrize("hidden", [[], [5], [64, 8]])
@pytest.mark.parametrize("initializer", ["he_uniform", "zeros"])
def test_all_figures_of_a_run(digits, tmp_path, figures, hidden, initializer):
    network = NeuralNetwork([784, *hidden, 10], initializer=initializer)
    history = make_history(1, layers=len(hidden) + 1)
    if initializer == "zeros":
        for row in history:
            row["layers"] = [
                layer | {"activation_std": 0.0, "gradient_ratio": 0.0} for layer in row["layers"]
            ]
    images, labels = digits.test_images, digits.test_labels
    plots.run_figures(tmp_path, network, history, images, images, labels, "test")
    assert {path.name for path in tmp_path.iterdir()} == {
        "curves.png",
        "layers.png",
        "first_layer.png",
        "confusion.png",
        "mistakes.png",
    }
    for path in tmp_path.iterdir():
        assert_picture(path)
    title = figures[0].get_suptitle()
    assert title.startswith("-".join(map(str, [784, *hidden, 10])) + " after 1 epochs")
    assert f"{history[-1]['validation_accuracy']:.2%}" in title


def test_all_figures_of_a_run_with_nothing_to_show(digits, tmp_path, figures):
    history = make_history(1, layers=2, validation_loss=NAN, validation_accuracy=NAN)
    none = digits.images[:0]
    network = NeuralNetwork([784, 4, 10])
    plots.run_figures(tmp_path, network, history, none, none, digits.labels[:0], "test")
    assert len(list(tmp_path.glob("*.png"))) == 5
    assert "nan" not in figures[0].get_suptitle()


def test_confusion_counts_the_mistakes(tmp_path, figures):
    labels, answers = np.array([3, 3, 3, 8]), np.array([3, 5, 5, 8])
    plots.plot_confusion(tmp_path / "confusion.png", labels, answers, "validation")
    axes = figures[0].axes[0]
    assert axes.get_title() == "2 of 4 validation images are misread"
    found = {text.get_text(): text.get_position() for text in axes.texts}
    assert found["2"] == (5, 3)  # answer 5, true digit 3
    assert found["33.3%"][1] == 3


def test_mistakes_are_the_surest_ones_first(digits, tmp_path, figures):
    labels = np.zeros(40, int)
    probabilities = np.zeros((40, 10))
    probabilities[:, 0] = 1  # right
    probabilities[7] = [0.1, 0, 0, 0, 0.9, 0, 0, 0, 0, 0]
    probabilities[9] = [0.3, 0.7, 0, 0, 0, 0, 0, 0, 0, 0]
    path = tmp_path / "mistakes.png"
    plots.plot_mistakes(path, digits.images[:40], labels, probabilities)
    axes = figures[0].axes[0]
    assert axes.get_title() == "The 2 most confident mistakes"
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["0, read as 4\n90.0% sure", "0, read as 1\n70.0% sure"]
    plots.plot_mistakes(path, digits.images[:40], labels + 9, probabilities)
    assert figures[1].axes[0].get_title() == "The 24 most confident mistakes"
    plots.plot_mistakes(path, digits.images[:1], labels[:1], probabilities[:1])
    assert figures[2].axes[0].get_title() == "No mistakes"


def test_the_first_layer_shows_at_most_40_units_the_most_important_first(tmp_path, figures):
    network = NeuralNetwork([784, 64, 10], initializer="zeros")
    network.weights[0][0, :] = 1
    network.weights[0][:2, 5] = 0, 1  # unit 5 looks at pixel 1
    network.weights[1][...] = 1
    network.weights[1][5] = 9
    plots.plot_first_layer(tmp_path / "first_layer.png", network)
    axes = figures[0].axes[0]
    assert axes.get_title().startswith("The 40 most important of 64 first-layer units")
    sheet = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert sheet.shape == (4 * 31, 10 * 31)
    assert list(sheet[0, :2]) == [0, 1]
    assert list(sheet[0, 31:33]) == [1, 0]


def test_mosaic_puts_tiles_row_by_row():
    tiles = np.arange(3)[:, None, None] * np.ones((3, 28, 28))
    sheet = plots.mosaic(tiles, columns=2, gap=1)
    assert sheet.shape == (58, 58)
    assert (sheet[0, 0], sheet[0, 29], sheet[29, 0]) == (0, 1, 2)
    assert np.isnan(sheet[29:, 29:]).all()
    for blank in (28, 57):
        assert np.isnan(sheet[blank]).all() and np.isnan(sheet[:, blank]).all()


def test_augmentations(digits, tmp_path, figures):
    digit = digits.images[:1]
    plots.plot_augmentations(tmp_path / "augmentation.png", digit, deskew(digit), strength=0.7)
    assert_picture(tmp_path / "augmentation.png")
    names = [label.get_text() for label in figures[0].axes[0].get_yticklabels()]
    assert names == ["as it is", "preprocessed", "shift", "affine", "elastic", "affine, elastic"]


def test_architecture():
    assert plots.architecture((128, 64)) == "784-128-64-10"
    assert plots.architecture([]) == "784-10"


# ------------------------------------------------------------------------------- no window


def test_no_window_is_ever_opened_and_pyplot_stays_out(tmp_path):
    code = (
        "import sys\n"
        "from src.figures import plots\n"
        "rows = [dict(epoch=e, train_loss=1, train_accuracy=.5, validation_loss=1,"
        " validation_accuracy=.5) for e in (0, 1)]\n"
        f"plots.plot_curves(plots.Path({str(tmp_path / 'curves.png')!r}), 'title', [rows])\n"
        "print([name for name in sys.modules if 'pyplot' in name or 'tkinter' in name])\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment | {"MPLBACKEND": "TkAgg"},  # a setting that would want a screen
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")
    assert_picture(tmp_path / "curves.png")
