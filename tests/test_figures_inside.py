"""The figures of one network, and of its learning: do they show what is in it?"""

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from src.digits.preprocessing import deskew
from src.figures import inside, learning, style
from src.model import NeuralNetwork

NAN = float("nan")
pytestmark = pytest.mark.filterwarnings("error")


def make_layers(count: int, **changes) -> list[dict]:
    row = {"activation_std": 1.0, "gradient_std": 0.1, "gradient_ratio": 0.01, "dead_share": 0.1}
    return [row | {"layer": number} | changes for number in range(1, count + 1)]


def make_history(epochs: int, layers: list[dict], **changes) -> list[dict]:
    rows = []
    for epoch in range(epochs + 1):
        loss, accuracy = 2.3 / (epoch + 1), 1 - 0.9 / (epoch + 1)
        row = {"epoch": float(epoch), "train_loss": loss, "train_accuracy": accuracy}
        row |= {"validation_loss": loss, "validation_accuracy": accuracy, "layers": layers}
        rows.append(row | changes)
    return rows


@pytest.fixture
def figures(monkeypatch):
    """The figures as they are saved, which name no NaN."""
    saved = []
    save = style.save

    def watched(figure, path, *arguments):
        saved.append(figure)
        save(figure, path, *arguments)
        with Image.open(path) as image:
            assert image.width >= 400
        texts = [text.get_text() for text in figure.findobj(Text)]
        assert "nan" not in " ".join(texts).lower()

    monkeypatch.setattr(style, "save", watched)
    return saved


@pytest.mark.parametrize("hidden", [[], [64, 8]])
@pytest.mark.parametrize("initializer", ["he_uniform", "zeros"])
def test_all_figures_of_a_run(digits, tmp_path, figures, hidden, initializer):
    network = NeuralNetwork([784, *hidden, 10], initializer=initializer)
    dead = {"activation_std": 0.0, "gradient_ratio": 0.0} if initializer == "zeros" else {}
    history = make_history(1, make_layers(len(hidden) + 1, **dead))
    images, labels = digits.test_images, digits.test_labels
    inside.run_figures(tmp_path, network, history, images, images, labels, "test", 5000)
    names = {"curves", "layers", "first_layer", "confusion", "mistakes"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.png" for name in names}
    title = figures[0].get_suptitle()
    assert title.startswith("-".join(map(str, [784, *hidden, 10])) + " after 1 epoch: ")
    assert f"{history[-1]['validation_accuracy']:.2%}" in title


def test_all_figures_of_a_run_with_nothing_to_show(digits, tmp_path, figures):
    history = make_history(1, make_layers(2), validation_loss=NAN, validation_accuracy=NAN)
    none, network = digits.images[:0], NeuralNetwork([784, 4, 10])
    inside.run_figures(tmp_path, network, history, none, none, digits.labels[:0], "test", 5000)
    assert len(list(tmp_path.glob("*.png"))) == 5
    assert "validation" not in figures[0].get_suptitle()


@pytest.mark.parametrize(("activation", "panels"), [("relu", 3), ("tanh", 2)])
def test_only_relu_units_can_be_dead(tmp_path, figures, activation, panels):
    history = make_history(4, make_layers(11))
    inside.plot_layers(tmp_path / "layers.png", "784-10, layer by layer", history, activation)
    assert figures[0].get_suptitle() == "784-10, layer by layer"
    titles = [axes.get_title() for axes in figures[0].axes]
    assert len(titles) == panels
    assert any("dead" in title for title in titles) == (activation == "relu")
    assert [len(axes.lines) for axes in figures[0].axes[:-1]] == [10, 11][-panels + 1 :]
    names = {text.get_text() for text in figures[0].axes[-1].texts}
    assert names == {"output", *(f"layer {number}" for number in range(1, 11))}


@pytest.mark.parametrize("share", [0.0, 0.013, 1.0])
def test_the_dead_share_fills_its_axes_and_ends_in_percent(tmp_path, figures, share):
    history = make_history(4, make_layers(3, dead_share=share))
    inside.plot_layers(tmp_path / "layers.png", "title", history, "relu")
    low, high = figures[0].axes[0].get_ylim()
    assert low < 0 and max(share, 0.04) <= high <= max(0.05, 2.7 * share)
    labels = [label.get_text() for label in figures[0].axes[0].get_yticklabels()]
    assert len(set(labels)) == 5 and all(label.endswith("%") for label in labels)


def test_confusion_counts_the_mistakes(tmp_path, figures):
    labels, answers = np.array([3, 3, 3, 8]), np.array([3, 5, 5, 8])
    inside.plot_confusion(tmp_path / "confusion.png", labels, answers, "validation")
    axes = figures[0].axes[0]
    assert axes.get_title() == "2 of 4 validation images are misread"
    found = {text.get_text(): text.get_position() for text in axes.texts}
    assert found["2"] == (5, 3)  # answer 5, true digit 3
    assert found["33.3%"][1] == 3


def test_mistakes_are_the_surest_ones_first(digits, tmp_path, figures):
    labels, probabilities = np.zeros(40, int), np.zeros((40, 10))
    probabilities[:, 0] = 1  # right
    probabilities[7, [0, 4]] = 0.1, 0.9
    probabilities[9, [0, 1]] = 0.3, 0.7
    path, images = tmp_path / "mistakes.png", digits.images[:40]
    inside.plot_mistakes(path, images, labels, probabilities)
    axes = figures[0].axes[0]
    assert axes.get_title().startswith("The 2 most confident mistakes")
    assert [text.get_text() for text in axes.texts] == ["0 → 4, 90.0%", "0 → 1, 70.0%"]
    sheet = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(sheet[:28, :28], images[7])
    np.testing.assert_array_equal(sheet[:28, 42:70], images[9])
    inside.plot_mistakes(path, images, labels + 9, probabilities)
    inside.plot_mistakes(path, images[:1], labels[:1] + 1, probabilities[:1])
    inside.plot_mistakes(path, images[:1], labels[:1], probabilities[:1])
    titles = [figure.axes[0].get_title().split(":")[0] for figure in figures[1:]]
    assert titles == ["The 24 most confident mistakes", "The only mistake", "No mistakes"]


def test_the_first_layer_shows_at_most_40_units_the_most_important_first(tmp_path, figures):
    network = NeuralNetwork([784, 64, 10], initializer="zeros")
    network.weights[0][0, :] = 0.1
    network.weights[0][:2, 5] = 0, 3  # unit 5 looks at pixel 1
    network.weights[1][...] = 1
    network.weights[1][5] = 9
    inside.plot_first_layer(tmp_path / "first_layer.png", network)
    axes = figures[0].axes[0]
    title = axes.get_title()
    assert title.startswith("The 40 most important of 64 first-layer units")
    assert title.endswith("each has its own scale")
    sheet = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert (list(sheet[0, :2]), list(sheet[0, 31:33])) == ([0, 1], [1, 0])


@pytest.mark.parametrize("units", [1, 7, 32, 100])
def test_the_sheet_of_units_leaves_little_blank(tmp_path, figures, units):
    inside.plot_first_layer(tmp_path / "first_layer.png", NeuralNetwork([784, units, 10]))
    sheet = np.ma.filled(figures[0].axes[0].images[0].get_array(), np.nan)
    assert np.isnan(sheet).mean() < 0.45


@pytest.mark.parametrize("names", [["affine"], ["shift", "affine", "elastic", "affine_elastic"]])
def test_augmentations_repeat_nothing_and_say_their_strength(digits, tmp_path, figures, names):
    digit = digits.images[:1]
    for seen in (digit, deskew(digit)):
        inside.plot_augmentations(tmp_path / "augmentation.png", digit, seen, 0.7, names)
    rows = [label.get_text() for label in figures[0].axes[1].get_yticklabels()]
    assert rows == [f"{name.replace('_', ' + ')}\nstrength 0.7" for name in names]
    tiles = [[t.get_text() for t in figure.axes[0].get_xticklabels()] for figure in figures]
    assert tiles == [["original"], ["original", "preprocessed"]]


# ----------------------------------------------------------------------------------- learning


@pytest.fixture
def lesson(digits):
    """A network, its snapshots, history, and twelve images with labels."""
    network = NeuralNetwork([784, 16, 10])
    snapshots = {epoch: network.parameters * (epoch + 1) for epoch in (0, 1, 2, 5, 10, 20)}
    history = make_history(20, make_layers(2))
    return network, snapshots, history, digits.images[:12], digits.labels[:12]


def test_learning_shows_six_epochs_with_the_answers_of_each(tmp_path, figures, lesson):
    network, snapshots, _, images, labels = lesson
    before = network.parameters.copy()
    snapshots[5] = 0 * before  # says 0 to everything
    learning.plot_learning(tmp_path / "learning.png", *lesson)
    columns = figures[0].axes[:-1]
    titles = [axes.get_title() for axes in columns[::2]]
    assert titles == ["before training", "epoch 1", "epoch 2", "epoch 5", "epoch 10", "epoch 20"]
    for axes, epoch in zip(columns[1::2], snapshots):
        network.parameters[...] = snapshots[epoch]
        answers = network.predict(images.reshape(12, 784) / np.float32(255))
        assert [text.get_text() for text in axes.texts] == [str(answer) for answer in answers]
        for text, right in zip(axes.texts, answers == labels):
            assert text.get_color() == style.colour(0 if right else 1)
    dots = [line for line in figures[0].axes[-1].lines if line.get_marker() == "o"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == list(snapshots)
    assert [text.get_text() for text in figures[0].axes[-1].texts][:2] == ["10.0%", "55.0%"]


def test_learning_leaves_the_network_as_it_was(tmp_path, lesson):
    before = lesson[0].parameters.copy()
    learning.plot_learning(tmp_path / "learning.png", *lesson)
    np.testing.assert_array_equal(lesson[0].parameters, before)


def test_learning_moves(tmp_path, lesson):
    network, snapshots, history, images, labels = lesson
    history = make_history(20, [], validation_accuracy=NAN)
    short = {epoch: snapshots[epoch] for epoch in (0, 1, 20)}
    path = tmp_path / "learning.gif"
    learning.animate_learning(path, network, short, history, images, labels)
    assert path.stat().st_size < 2e6 / 21 * 3  # a run of 20 epochs stays under 2 MB
    with Image.open(path) as movie:
        assert (movie.n_frames, movie.info["loop"]) == (3, 0)
        durations = []
        for frame in range(3):
            movie.seek(frame)
            durations.append(movie.info["duration"])
    assert durations == [500, 500, 3000]
