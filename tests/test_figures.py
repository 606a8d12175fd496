"""Curves, answers and what all figures share: is what they show true, and can it be read?"""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from src.figures import answers, curves, noise, style

ROOT = Path(__file__).resolve().parent.parent
NAN = float("nan")
pytestmark = pytest.mark.filterwarnings("error")


def make_history(epochs: int = 3, best: float = 0.98, seed: int = 0, **changes) -> list[dict]:
    rng = np.random.default_rng(seed)
    rows = []
    for epoch in range(epochs + 1):
        wrong = 1 - best + 0.9 * 0.2**epoch * (1 - (1 - best) / 0.9)
        row = {
            "epoch": float(epoch),
            "train_loss": 2.0 * wrong,
            "train_accuracy": 1 - 0.8 * wrong,
            "validation_loss": 2.5 * wrong * (1 + 0.02 * rng.random()),
            "validation_accuracy": 1 - wrong * (1 + 0.02 * rng.random()),
        }
        rows.append(row | changes)
    return rows


def make_metrics(accuracy: float, seconds: float = 2.0, parameters: int = 5000) -> dict:
    return {
        "last_validation_accuracy": accuracy,
        "test_accuracy": accuracy - 0.01,
        "seconds": seconds,
        "parameters": parameters,
    }


def all_texts(figure: Figure) -> list[str]:
    """Everything that can be read in a figure."""
    texts = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    return [text for text in texts if text]


@pytest.fixture
def figures(monkeypatch):
    """The figures as they are saved, which are whole PNGs that name no NaN."""
    saved = []
    save = style.save

    def watched(figure, path, *arguments):
        saved.append(figure)
        save(figure, path, *arguments)
        with Image.open(path) as image:
            image.load()
            assert 400 <= image.width <= 1200
            assert image.convert("L").getextrema()[1] == 255
        assert not list(path.parent.glob("*partial*"))
        assert "nan" not in " ".join(all_texts(figure)).lower()

    monkeypatch.setattr(style, "save", watched)
    return saved


def label_colours(axes) -> dict[str, str]:
    """The colour of each text in axes, by what it says."""
    return {text.get_text(): text.get_color() for text in axes.texts}


# ------------------------------------------------------------------------- scales and colours


def test_thirty_two_labels_have_a_look_each_and_a_label_keeps_it():
    names = [f"configuration {number}" for number in range(32)]
    looks = style.looks(names)
    assert len(set(looks.values())) == 32
    assert style.looks(names[:5]) == {name: looks[name] for name in names[:5]}


def test_ordered_values_grow_evenly_lighter():
    looks = style.looks("abcdefg", ordered=True)
    weights = [0.2126, 0.7152, 0.0722]
    shades = [weights @ np.array(matplotlib.colors.to_rgb(look[0])) for look in looks.values()]
    steps = np.diff(shades)
    assert steps.min() > 0.04
    assert steps.max() < 4 * steps.min()


@pytest.mark.parametrize(
    ("low", "high"),
    [(60_000, 70_000), (1.0, 2.2), (7850, 535_818), (1e-17, 1e6), (0.0301, 0.0302), (5, 5)],
)
def test_ticks_of_any_range_are_few_and_differ(low, high):
    axes = Figure().add_subplot()
    style.log_axis(axes.xaxis, [np.array([low, high])])
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert 2 <= len(labels) == len(set(labels)) <= 7
    assert not any("\N{MULTIPLICATION SIGN}" in label or "$" in label for label in labels)
    left, right = axes.get_xlim()
    assert left < low <= high < right
    assert all(left <= tick <= right for tick in axes.get_xticks())
    assert len(axes.get_xticks(minor=True)) == 0


@pytest.mark.parametrize("range_", [(0.1, 0.99), (0.97, 0.981), (0.1, 0.1), (0.998, 1.0), (0, 0.2)])
def test_the_accuracy_axis_has_better_up_and_true_labels(range_):
    axes = Figure().add_subplot()
    errors = style.error_rate(range_)
    style.accuracy_axis(axes.yaxis, [errors])
    bottom, top = axes.get_ylim()
    assert top < errors.min() <= errors.max() <= bottom <= 1
    for tick, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        assert float(label.get_text().rstrip("%")) == pytest.approx(100 * (1 - tick), abs=1e-4)
    assert len(axes.get_yticks()) >= 1


def test_axes_of_nothing_are_still_axes():
    axes = Figure().add_subplot()
    style.log_axis(axes.yaxis, [])
    style.accuracy_axis(axes.xaxis, [np.array([NAN])])


@pytest.mark.parametrize("last", [*range(1, 40), 100, 137, 1000])
@pytest.mark.parametrize("first", [0, 1])
def test_epochs_are_whole_and_end_where_the_run_ends(first, last):
    axes = Figure().add_subplot()
    style.whole_axis(axes, first, last)
    ticks = axes.get_xticks()
    assert (ticks[0], ticks[-1]) == (first, last)
    assert all(float(tick).is_integer() for tick in ticks)
    assert len(ticks) <= 9
    assert list(ticks) == sorted(set(ticks))


def test_labels_at_the_ends_keep_their_order_and_do_not_overlap():
    figure = Figure((9, 4.6))
    axes = style.place(figure, 0.7, 0.65, 3.6, 3.35)
    values = [0.02, 0.0201, 0.0199, NAN, 0.08, 0.02, 0.0202, 0.004]
    style.accuracy_axis(axes.yaxis, [np.array(values)])
    ends = [(str(i), value, ("red", "-", "o")) for i, value in enumerate(values)]
    style.label_ends(axes, ends)
    places = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert sorted(places, key=lambda label: -places[label]) == list("72051643")
    inches = np.diff(sorted(places.values())) * 3.35
    assert inches.min() > 0.16
    assert len(axes.lines) == 14  # a leader and a marker each, none for what is not there


def test_a_hundred_labels_stay_beside_the_axes():
    figure = Figure((9, 4.6))
    axes = style.place(figure, 0.7, 0.65, 3.6, 3.35)
    style.label_ends(axes, [(str(i), i / 100, ("red", "-", "o")) for i in range(100)])
    places = [text.get_position()[1] for text in axes.texts]
    assert min(places) > -0.01 and max(places) < 1.01
    assert np.diff(sorted(places)).min() > 0.009


def test_long_and_broken_labels_are_cut():
    assert style.short("a\nb\tc") == "a b c"
    assert style.short("x" * 260, 10) == "x" * 9 + "…"
    assert style.short("\udcff") == "?"
    assert style.architecture((128, 64)) == "784-128-64-10"
    assert style.architecture([]) == "784-10"


def test_mosaic_puts_tiles_row_by_row():
    tiles = np.arange(3)[:, None, None] * np.ones((3, 28, 28))
    sheet = style.mosaic(tiles, columns=2, across=29, down=30)
    assert sheet.shape == (60, 57)
    assert (sheet[0, 0], sheet[0, 29], sheet[30, 0]) == (0, 1, 2)
    assert np.isnan(sheet[30:, 29:]).all() and np.isnan(sheet[28:30]).all()
    assert np.isnan(sheet[:, 28]).all()


def test_nothing_outside_decides_how_figures_are_drawn(tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 40\nbackend: TkAgg\n")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from src.figures import answers\n"
        "run = dict(last_validation_accuracy=.9, seconds=1, parameters=9)\n"
        r"labels = {r'$\foo$': [run], '$': [run], '\u4e00\n': [run]}" + "\n"
        r"answers.plot_cost(Path('a.png'), r'$\foo$', labels, {'$': r'$\bar$'}, False)" + "\n"
        "print([name for name in sys.modules if 'pyplot' in name or 'tkinter' in name])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "module://not_there", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1080, 516)


# ------------------------------------------------------------------------------------- curves

HISTORIES = {
    "several epochs": make_history(20),
    "one epoch": make_history(1),
    "two epochs": make_history(2),
    "no validation": make_history(validation_loss=NAN, validation_accuracy=NAN),
    "all NaN": make_history(
        train_loss=NAN, train_accuracy=NAN, validation_loss=NAN, validation_accuracy=NAN
    ),
    "ends in NaN": [*make_history(2), make_history(3, train_loss=NAN, validation_loss=NAN)[3]],
    "perfect": make_history(validation_loss=1e-9, validation_accuracy=1.0, train_accuracy=1.0),
    "loss zero": [*make_history(2), make_history(3, train_loss=0.0, validation_loss=0.0)[3]],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_curves_are_drawn_whatever_the_history(tmp_path, figures, history):
    curves.plot_curves(tmp_path / "curves.png", "title", [history], 5000)
    arguments = {"one": [history]}, {}, False, 5000
    curves.plot_comparison(tmp_path / "comparison.png", "title", *arguments)
    validated = np.isfinite(history[0]["validation_loss"])
    for figure in figures:
        assert any("validation" in text for text in all_texts(figure)) == validated
        assert all(axes.get_xticks()[-1] == history[-1]["epoch"] for axes in figure.axes)


def test_curves_show_the_numbers_and_how_many_images_they_are_of(tmp_path, figures):
    history = make_history(5)
    curves.plot_curves(tmp_path / "curves.png", "784-10", [history], 3210)
    loss, accuracy = figures[0].axes
    assert figures[0].get_suptitle() == "784-10"
    for line, part in zip(loss.lines, ("train", "validation"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), [row[f"{part}_loss"] for row in history])
    for line, part in zip(accuracy.lines, ("train", "validation")):
        shown = 1 - line.get_ydata()
        np.testing.assert_allclose(shown, [row[f"{part}_accuracy"] for row in history])
    for line in (*loss.lines, *accuracy.lines[:2]):
        np.testing.assert_array_equal(line.get_xdata(), range(6))
    last = history[-1]
    assert {text.get_text() for text in accuracy.texts} == {
        f"train (3,210 images)\n{last['train_accuracy']:.2%}",
        f"validation\n{last['validation_accuracy']:.2%}",
    }


def test_a_loss_that_stays_at_ln_10_looks_dead(tmp_path, figures):
    rng = np.random.default_rng(0)
    history = make_history(8, train_accuracy=0.1, validation_accuracy=0.1)
    for row in history:
        row["train_loss"], row["validation_loss"] = np.log(10) + 1e-4 * rng.random(2)
    curves.plot_curves(tmp_path / "curves.png", "title", [history], 5000)
    for axes in figures[0].axes:
        heights = axes.transAxes.inverted().transform(
            axes.transData.transform(axes.lines[0].get_xydata())
        )[:, 1]
        assert np.ptp(heights) < 0.01
        assert all(len(label.get_text()) <= 4 for label in axes.get_yticklabels())


def test_several_seeds_become_their_mean_and_a_band(tmp_path, figures):
    histories = [make_history(4, seed=seed) for seed in range(3)]
    arguments = {"net": histories}, {}, False, 5000
    curves.plot_comparison(tmp_path / "comparison.png", "title", *arguments)
    accuracy, loss, _ = figures[0].axes
    for axes, name in ((accuracy, "validation_accuracy"), (loss, "validation_loss")):
        runs = np.array([[row[name] for row in history[1:]] for history in histories])
        runs = 1 - runs if "accuracy" in name else runs
        np.testing.assert_allclose(axes.lines[0].get_ydata(), runs.mean(axis=0))
        band = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert (band.min(), band.max()) == pytest.approx((runs.min(), runs.max()))


def test_the_start_that_a_comparison_leaves_out_is_said(tmp_path, figures):
    arguments = {"a": [make_history(4)]}, {}, False, 5000
    curves.plot_comparison(tmp_path / "comparison.png", "title", *arguments)
    axes = figures[0].axes[0]
    assert axes.lines[0].get_xdata()[0] == 1
    start = make_history(4)[0]["validation_accuracy"]
    assert axes.get_xlabel() == f"epoch (accuracy before training: {start:.0%})"


@pytest.mark.parametrize("count", [1, 12])
def test_every_configuration_is_named_in_the_order_of_the_lines(tmp_path, figures, count):
    found = {f"net {i}": [make_history(5, 0.95 + 0.003 * i)] for i in range(count)}
    failed = {"net x": "epoch 1: the loss is not finite any more"}
    arguments = found | {"net x": []}, failed, False, 777
    curves.plot_comparison(tmp_path / "comparison.png", "title", *arguments)
    main, *losses = figures[0].axes
    assert [len(axes.lines) for axes in losses] == [count, count]
    assert "777" in losses[1].get_title() and "777" not in losses[0].get_title()
    texts = sorted(main.texts, key=lambda text: -text.get_position()[1])
    names = [text.get_text().split("  ")[-1] for text in texts]
    assert names == [*reversed(found), "net x (failed)"]
    assert f"net x failed: {failed['net x']}" in all_texts(figures[0])


def test_a_configuration_of_which_some_seeds_failed_says_so(tmp_path, figures):
    arguments = {"a": [make_history(3, 0.9)]}, {"a": "killed"}, False, 5000
    curves.plot_comparison(tmp_path / "comparison.png", "title", *arguments)
    assert figures[0].axes[0].texts[0].get_text().endswith("  a (some failed)")
    assert "a failed: killed" in all_texts(figures[0])


def test_nothing_wrong_is_a_hundred_percent(tmp_path, figures):
    history = make_history(3, train_accuracy=1.0)
    curves.plot_curves(tmp_path / "curves.png", "title", [history], 5000)
    texts = [text.get_text() for text in figures[0].axes[1].texts]
    assert "train (5,000 images)\n100.00%" in texts


def test_good_rates_can_be_told_apart_beside_one_that_diverges(tmp_path, figures):
    found = {f"lr {best}": [make_history(20, best)] for best in (0.973, 0.978, 0.982)}
    dead = make_history(20, train_accuracy=0.1, validation_accuracy=0.1)
    arguments = found | {"lr 3": [dead]}, {}, True, 5000
    curves.plot_comparison(tmp_path / "comparison.png", "title", *arguments)
    axes = figures[0].axes[0]
    ends = [axes.transData.transform(line.get_xydata()[-1])[1] for line in axes.lines[:3]]
    assert np.diff(ends).min() > 10  # pixels


def test_a_configuration_has_one_colour_in_all_figures(tmp_path, figures):
    names = ["a", "b", "c", "d"]
    looks = style.looks(names)
    accuracies = {"a": 0.97, "c": 0.96, "d": 0.98}
    found = {n: [make_history(3, accuracies[n])] if n in accuracies else [] for n in names}
    metrics = {n: [make_metrics(accuracies[n])] if n in accuracies else [] for n in names}
    failed = {"b": "diverged"}
    curves.plot_comparison(tmp_path / "1.png", "title", found, failed, False, 5000)
    answers.plot_cost(tmp_path / "2.png", "title", metrics, failed, False)
    answers.plot_ranking(tmp_path / "3.png", "title", metrics, failed, False)
    comparison, cost, ranking = figures
    for axes in (comparison.axes[0], cost.axes[1]):
        colours = {
            text.split("  ")[-1].split(" ")[0]: ink for text, ink in label_colours(axes).items()
        }
        assert {name: colours[name] for name in names} == {n: looks[n][0] for n in names}
    for axes in comparison.axes:
        assert [line.get_color() for line in axes.lines[:3]] == [looks[n][0] for n in "acd"]
    assert label_colours(ranking.axes[0])["failed: diverged"] == looks["b"][0]
    bars = [matplotlib.colors.to_hex(bar.get_facecolor()) for bar in ranking.axes[1].patches]
    assert bars == [looks[name][0].lower() for name in "acd"]


# -------------------------------------------------------------------------------- the answers


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("count", [1, 12])
def test_rankings_and_costs(tmp_path, figures, seeds, count):
    metrics = {
        f"net {i}": [make_metrics(0.9 + 0.001 * i + 0.01 * seed) for seed in range(seeds)]
        for i in range(count)
    }
    answers.plot_ranking(tmp_path / "ranking.png", "title", metrics, {}, False)
    answers.plot_cost(tmp_path / "cost.png", "title", metrics, {}, True)
    ranking, cost = figures[0].axes[0], figures[1].axes[1]
    assert [label.get_text() for label in ranking.get_yticklabels()] == list(metrics)
    assert "validation" in ranking.get_xlabel()
    mean = 0.9 + 0.01 * (seeds - 1) / 2
    assert ranking.texts[0].get_text() == f"{mean:.2%}"
    assert {text.get_text() for text in cost.texts} >= set(metrics)


def test_runs_that_validated_on_nothing_are_ranked_by_the_test_images(tmp_path, figures):
    metrics = {"a": [make_metrics(0.97) | {"last_validation_accuracy": NAN}], "b": [], "c": []}
    failed = {"b": "out of memory"}
    answers.plot_ranking(tmp_path / "ranking.png", "title", metrics, failed, False)
    answers.plot_cost(tmp_path / "cost.png", "title", metrics, failed, False)
    ranking = figures[0].axes[0]
    assert "test images" in ranking.get_xlabel()
    texts = [text.get_text() for text in ranking.texts]
    assert texts == ["96.00%", "failed: out of memory", "not measured"]
    nothing = {"a": [make_metrics(NAN)], "b": []}
    answers.plot_cost(tmp_path / "cost.png", "title", nothing, {"b": "why"}, False)
    answers.plot_ranking(tmp_path / "ranking.png", "title", nothing, {"b": "why"}, False)


def test_seeds_that_failed_are_counted_beside_those_that_finished(tmp_path, figures):
    metrics = {"a": [make_metrics(0.97)] * 2}
    answers.plot_ranking(tmp_path / "ranking.png", "title", metrics, {"a": "killed"}, False)
    assert figures[0].axes[0].texts[0].get_text() == "97.00%\n(2 finished)"


def test_the_pareto_front_is_what_nothing_beats_in_both(tmp_path, figures):
    points = [(1, 0.10), (2, 0.05), (2, 0.06), (3, 0.05), (4, 0.07), (5, 0.02)]
    assert answers.pareto_front(points) == [(1, 0.10), (2, 0.05), (5, 0.02)]
    metrics = {str(i): [make_metrics(1 - e, c, 100 * c)] for i, (c, e) in enumerate(points)}
    answers.plot_cost(tmp_path / "cost.png", "title", metrics, {}, False)
    for axes, unit in zip(figures[0].axes, (100, 1)):
        (front,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
        np.testing.assert_allclose(front.get_xdata(), [unit, 2 * unit, 5 * unit])


def test_the_signal_of_many_networks_and_of_one_that_has_none(tmp_path, figures):
    def rows(signal: float) -> list[dict]:
        return [{"activation_std": signal, "gradient_std": signal / 9} for _ in range(11)]

    layers = {f"net {i}": rows(10.0**i) for i in range(-6, 6)} | {"zeros": rows(0.0)}
    answers.plot_signal(tmp_path / "signal.png", "title", layers)
    left, right = figures[0].axes
    assert len(left.lines) == 12
    texts = sorted(right.texts, key=lambda text: text.get_position()[1])
    assert [text.get_text() for text in texts] == ["zeros: all 0", *list(layers)[:-1]]
    answers.plot_signal(tmp_path / "signal.png", "title", {"zeros": layers["zeros"]})


def test_a_grid_says_what_each_cell_reached_and_frames_the_best(tmp_path, figures):
    means = np.array([[0.95, 0.98], [0.1, NAN]])
    deviations = np.array([[0.001, 0.002], [NAN, NAN]])
    marked = means == 0.98
    arguments = "rate", [0.1, 1], "batch", [32, 64], means, deviations, marked
    answers.plot_grid(tmp_path / "grid.png", "title", *arguments, {(1, 1): "diverged"})
    axes = figures[0].axes[0]
    found = {text.get_position(): text.get_text() for text in axes.texts}
    assert found == {
        (0, 0): "95.00%\n± 0.10",
        (1, 0): "98.00%\n± 0.20",
        (0, 1): "10.00%",
        (1, 1): "failed\ndiverged",
    }
    (frame,) = axes.patches
    assert frame.get_center() == pytest.approx((1, 0), abs=0.02)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["32", "64"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.1", "1"]
    shades = axes.images[0].get_array()
    assert shades[0, 1] == 1 and shades[1, 0] == 0 and 0 < shades[0, 0] < 1


def test_noise_counts_the_sweeps_that_would_find_a_difference(tmp_path, figures):
    means = np.full((40, 3), 0.98)
    means[:10, 0] -= 0.02
    means[10:, 0] -= 0.001
    noise.plot_noise(tmp_path / "noise.png", "title", means, 0.01)
    noise.plot_noise(tmp_path / "noise.png", "title", means, np.full(40, 0.03))
    assert figures[0].axes[1].texts[0].get_text().startswith("25.0% of 40 sweeps")
    assert figures[1].axes[1].texts[0].get_text().startswith("0.0% of 40 sweeps")
    reds = [line for line in figures[0].axes[0].lines if line.get_color() == style.colour(1)]
    assert len(reds) == 10
