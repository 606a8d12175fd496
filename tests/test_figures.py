"""The figures of an experiment and what all share: is what they show true, and can it be read?"""

import os
import subprocess
import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from src.figures import experiment, style
from src.figures.curves import plot_curves
from src.figures.experiment import draw_experiment, plot_grid, plot_ranking
from src.runs.config import Config
from tests.conftest import ROOT
from tests.drawn import all_texts, draw, legend_of, make_history, make_results, make_run

pytestmark = pytest.mark.filterwarnings("error")


# ------------------------------------------------------------------------- scales and looks


def test_thirty_labels_have_a_look_each_and_a_label_keeps_it():
    names = [f"configuration {number}" for number in range(30)]
    looks = style.looks(names)
    assert len({tuple(look.values()) for look in looks.values()}) == 30
    assert style.looks(names[:5]) == {name: looks[name] for name in names[:5]}


def test_a_text_that_does_not_fit_is_cut_and_says_so():
    assert style.fit("one two\nthree four five", 9, lines=2) == "one two\nthree…"


def test_colours_stay_apart_with_deuteranopia():
    """By the matrix of Machado, Oliveira and Fernandes (2009), in CIELAB."""
    deuteranope = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413]])
    deuteranope = np.append(deuteranope, [[-0.01182, 0.04294, 0.968881]], axis=0)
    to_xyz = np.array([0.4124, 0.3576, 0.1805, 0.2126, 0.7152, 0.0722, 0.0193, 0.1192, 0.9505])
    srgb = np.array([matplotlib.colors.to_rgb(colour) for colour in style.COLOURS])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    for seen in (linear, np.clip(linear @ deuteranope.T, 0, 1)):
        x, y, z = np.cbrt(seen @ to_xyz.reshape(3, 3).T / [0.9505, 1, 1.089]).T
        lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
        distances = np.linalg.norm(lab[:, None] - lab, axis=2)
        assert distances[np.triu_indices(len(lab), 1)].min() > 20


PERCENT = [(1.0, 2.2), (0.004, 80), (2.31, 2.3101), (5, 5), (5.1, 6.9), (2.1, 6.9), (90, 99)]
RANGES = [*[("%", each) for each in PERCENT], ("", (0.01, 1e3)), ("", (0, 3)), ("", (np.nan, 0))]


@pytest.mark.parametrize(("unit", "values"), [*RANGES, ("", ())])
def test_ticks_of_any_range_are_few_plain_and_apart(unit, values):
    figure = Figure((3.4, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(values, range(len(values)))
    style.log_axis(axes.xaxis, unit, least=1.25)
    figure.draw_without_rendering()
    left, right = axes.get_xlim()
    assert right / left > 1.18 and (right <= 100 or not unit)  # what hardly moves looks like it
    assert all(left < value <= right for value in values if value > 0)
    ticks = [tick for tick in axes.xaxis.get_major_ticks() if left <= tick.get_loc() <= right]
    labels = [tick.label1.get_text() for tick in ticks]
    assert 2 <= len(set(labels)) == len(labels) <= 9
    for label, tick in zip(labels, ticks):
        assert float(label.removesuffix("%").replace(",", "")) == pytest.approx(tick.get_loc())
    boxes = [tick.label1.get_window_extent() for tick in ticks]
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    assert len(axes.get_xticks(minor=True)) == 0


DRAWING = r"""
import os, sys
import src.figures, matplotlib
before = os.environ["MPLBACKEND"], dict(matplotlib.rcParams)
from pathlib import Path
from tests.drawn import draw
draw(Path(), {r"$\foo$": [0.9], "$": [0.8], "\u4e00/\n": [0.7]})
assert (os.environ["MPLBACKEND"], dict(matplotlib.rcParams)) == before
assert not [name for name in sys.modules if "pyplot" in name or "tkinter" in name]
"""
HOST = "import matplotlib\nmatplotlib.use('svg')\nmatplotlib.rcParams['font.size'] = 31"
HOSTS = [("module://not_there", ""), ("nonsense", ""), ("pdf", HOST)]


@pytest.mark.parametrize(("backend", "host"), HOSTS, ids=["missing", "nonsense", "host"])
def test_ours_and_the_hosts_figures_do_not_touch_each_other(tmp_path, backend, host):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 40\nbackend: TkAgg\n")
    environment = {**os.environ, "MPLBACKEND": backend, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", host + DRAWING]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "answer.png") as image:
        assert image.size == (1080, 321)


# ------------------------------------------------------------------------------------- curves


def test_curves_show_the_numbers_and_what_they_are_of(tmp_path, figures):
    history = make_history(5)
    history[5] |= {"train_loss": 0.0, "train_accuracy": 1.0}  # a log scale has no place for 0
    run = make_run(Config(), history, measured_training_images=3210)
    plot_curves(tmp_path / "curves.png", "784-10", [run])
    wrong, loss = figures[0].axes
    for line, part in zip(loss.lines, ("validation", "train"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), [row[f"{part}_loss"] for row in history])
    for line, part in zip(wrong.lines, ("validation", "train"), strict=True):
        expected = [max(0.004, 100 * (1 - row[f"{part}_accuracy"])) for row in history]
        np.testing.assert_allclose(line.get_ydata(), expected)
        np.testing.assert_array_equal(line.get_xdata(), range(6))
    assert [line.get_linestyle() for line in wrong.lines] == ["-", "--"]
    ends = [100 * (1 - history[-1][f"{part}_accuracy"]) for part in ("validation", "train")]
    names = "validation images", "3,210 training images"
    assert legend_of(figures[0]) == [f"{end:.2f}%  {name}" for end, name in zip(ends, names)]


def test_several_seeds_become_their_mean_and_a_band_and_the_figure_says_so(tmp_path, figures):
    draw(tmp_path, {"net": [0.97, 0.975, 0.98]})
    histories = [make_history(3, 0.97 + 0.005 * seed, seed)[1:] for seed in range(3)]
    wrong, loss, _ = figures[-1].axes
    for axes, name in ((wrong, "validation_accuracy"), (loss, "validation_loss")):
        runs = np.array([[row[name] for row in history] for history in histories])
        runs = 100 * (1 - runs) if "accuracy" in name else runs
        np.testing.assert_allclose(axes.lines[0].get_ydata(), runs.mean(axis=0))
        band = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert (band.min(), band.max()) == pytest.approx((runs.min(), runs.max()))
        assert axes.get_ylim()[0] < band.min() < band.max() < axes.get_ylim()[1]
    assert "band: from the lowest to the highest" in all_texts(figures[-1])


# -------------------------------------------------------------------------- experiments


def test_an_experiment_has_a_comparison_an_answer_and_curves_and_old_ones_go(tmp_path, figures):
    draw(tmp_path, {"old": [0.9], "128-64": [0.8]}, suffix="svg")
    mine = {"comparison.before.png", "curves_mine.png"}
    for name in mine:
        (tmp_path / name).touch()
    accuracies = {"128-64": [0.97, 0.98], "a/b $": [0.9], "none": []}
    draw_experiment(make_results(tmp_path, accuracies, none="died"))
    names = {"comparison.png", "answer.png", "curves_128-64.png", "curves_a_b__.png", ".figures"}
    assert {path.name for path in tmp_path.iterdir()} == names | mine
    first, _, comparison, answer = figures[-4:]
    assert first.get_suptitle() == "128-64: 784-1-10, 2 seeds"
    assert [text.split("  ")[-1] for text in legend_of(comparison)] == ["128-64", "a/b $"]
    assert "none: 1 of 2 runs failed: died" in all_texts(comparison)
    assert "1 of 2 runs failed: died" in all_texts(answer)
    assert comparison.get_suptitle() == answer.get_suptitle() == "Which?"
    draw(tmp_path, {"a/b $": [0.9], "none": []})  # the answer waits for two configurations
    names -= {"answer.png", "curves_128-64.png"}
    assert {path.name for path in tmp_path.iterdir()} == names | mine


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_ranking_names_and_measures_everything(tmp_path, figures, seeds):
    spread = [0, 0.001, 0.003][:seeds]
    found = {f"net {i}": [0.9 + 0.01 * i + (-1) ** i * more for more in spread] for i in range(4)}
    results = make_results(tmp_path, found | {"with x": [0.8], "lost": []})
    plot_ranking(tmp_path / "answer.png", results, list(results.configs))
    (axes,), texts = figures[0].axes, all_texts(figures[0])
    means = {label: 100 * (1 - np.mean(values)) for label, values in found.items()}
    assert [label.get_text() for label in axes.get_yticklabels()] == [*found, "with x", "lost"]
    for number, mean in enumerate(means.values(), start=1):  # as make_results made them
        assert f"{mean:.2f}% {seeds} {number:.1f} {1000 * number:,}" in texts
    assert "no result yet" in texts
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_ydata()[0] for line in hollow] == [4]
    assert ("shaded: within the noise of the best" in texts) == (seeds > 1)
    noise = [results.verdict.noise[label] for label in found]
    known = [each for each in results.verdict.noise if np.isfinite(each)]
    noise[-1] = sum(known) / max(1, len(known))  # the best one has none of its own
    bands = axes.patches[:4]
    assert [band.get_width() for band in bands] == pytest.approx(100 * np.nan_to_num(noise))
    assert [band.get_x() for band in bands] == pytest.approx([means["net 3"]] * 4)


def test_long_and_strange_labels_overlap_nothing(tmp_path, figures):
    strange = ["x" * 40, "a $b$ " * 9, "é/ü" * 20, "wide " * 9]
    draw(tmp_path, {f"{i} {text}"[:40]: [0.9 + 0.01 * i] for i, text in enumerate(strange)})
    comparison, ranking = figures[-2:]
    for named in (comparison.legends[0].get_texts(), ranking.axes[0].get_yticklabels()):
        boxes = [text.get_window_extent() for text in named]
        for one, other in pairwise(boxes):
            assert min(one.y1, other.y1) - max(one.y0, other.y0) < 1
        assert min(box.x0 for box in boxes) > 0
        assert max(box.x1 for box in boxes) < comparison.bbox.x1


def test_of_many_configurations_the_best_are_named(tmp_path, figures, monkeypatch):
    assert experiment.MOST == 20
    monkeypatch.setattr(experiment, "MOST", 2)
    accuracies = {f"net {i}": [0.9 + 0.002 * i] for i in range(5)}
    draw(tmp_path, accuracies)
    curves = [f"curves_net_{i}.png" for i in range(5)]
    assert sorted(path.name for path in tmp_path.glob("curves*")) == curves[3:]
    comparison, ranking = figures[-2:]
    names = [name.split("  ")[-1] for name in legend_of(comparison)]
    assert names == ["net 4", "net 3", "3 more"]
    assert len(comparison.axes[0].collections[-1].get_segments()) == 3
    rows = [label.get_text() for label in ranking.axes[0].get_yticklabels()]
    assert rows == ["net 4", "net 3", "3 more, their means"]
    draw(tmp_path, accuracies, all_figures=True)
    assert sorted(path.name for path in tmp_path.glob("curves*")) == curves


def test_a_grid_says_what_each_cell_reached_and_frames_the_best(tmp_path, figures):
    cells = {"a": [0.95, 0.951], "b": [0.98, 0.982], "c": [0.1], "d": []}
    places = [(0.1, 64), (0.1, 32), (1.0, 64), (1.0, 32)]  # drawn by size all the same
    changes = {c: {"learning_rate": rate, "batch_size": n} for c, (rate, n) in zip(cells, places)}
    results = make_results(tmp_path, cells, changes, d="diverged")
    assert results.is_grid
    plot_grid(tmp_path / "answer.png", results)
    axes = figures[0].axes[0]
    found = {text.get_position(): text.get_text() for text in axes.texts}
    expected = {(0, 1): "4.95%\n± 0.07", (0, 0): "1.90%\n± 0.14", (1, 1): "90.00%"}
    assert found == expected | {(1, 0): "failed"}
    (frame,) = axes.patches
    assert frame.get_center() == pytest.approx((0, 0), abs=0.02)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1", "1.0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["32", "64"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("batch size", "learning rate")
    means = axes.images[0].get_array()
    assert means[0, 0] == pytest.approx(1.9) and means.mask[0, 1]
