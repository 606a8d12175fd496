"""The figures of an experiment and what all share: is what they show true, and can it be read?"""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from src.figures import answers, curves, style
from src.figures.experiment import draw_experiment

ROOT = Path(__file__).resolve().parent.parent
NAN = float("nan")
pytestmark = pytest.mark.filterwarnings("error")


def make_history(epochs: int = 3, best: float = 0.98, seed: int = 0, **changes) -> list[dict]:
    rng = np.random.default_rng(seed)
    rows = []
    for epoch in range(epochs + 1):
        wrong = 1 - best + 0.9 * 0.2**epoch * (1 - (1 - best) / 0.9)
        row = {
            "epoch": epoch,
            "train_loss": 2.0 * wrong,
            "train_accuracy": 1 - 0.8 * wrong,
            "validation_loss": 2.5 * wrong * (1 + 0.02 * rng.random()),
            "validation_accuracy": 1 - wrong * (1 + 0.02 * rng.random()),
        }
        rows.append(row | changes)
    return rows


def make_results(folder: Path, accuracies: dict[str, list[float]], **failed) -> SimpleNamespace:
    """Results of these accuracies, label -> one for each seed, and a verdict with noise 0.002."""
    configs, runs = {}, {}
    for place, (label, values) in enumerate(accuracies.items()):
        config = SimpleNamespace(hidden=(64,))
        configs[label] = [config] * max(2, len(values))
        sizes = {"measured_training_images": 500, "parameters": 1000 * (place + 1)}
        runs[label] = [
            SimpleNamespace(
                config=config,
                history=make_history(3, value, seed),
                metrics=sizes | {"last_validation_accuracy": value, "seconds": 2.0 + place},
            )
            for seed, value in enumerate(values)
        ]
    measured = {label: dict(enumerate(values)) for label, values in accuracies.items() if values}
    means = {label: np.mean(values) for label, values in accuracies.items() if values}
    verdict = None
    if means:
        best = max(means, key=lambda label: means[label])
        behind = {label: means[best] - mean for label, mean in means.items()}
        noise = {label: NAN if label == best else 0.002 for label in means}
        verdict = SimpleNamespace(best=best, behind=behind, noise=noise)
    return SimpleNamespace(
        entry={"question": "Which?"},
        folder=folder,
        configs=configs,
        runs=runs,
        reasons=lambda: failed,
        measure="last_validation_accuracy",
        values=measured,
        verdict=verdict,
        is_grid=False,
        is_ordered=False,
    )


def all_texts(figure: Figure) -> list[str]:
    """Everything that can be read in a figure."""
    texts = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    return [text for text in texts if text]


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture
def figures(monkeypatch):
    """The figures as they are saved: whole PNGs that name no NaN, whose texts are on the page."""
    saved: list[Figure] = []
    save = Figure.savefig

    def watched(figure, path, **options):
        saved.append(figure)
        save(figure, path, **options)
        if options.get("format") == "png":
            with Image.open(path) as image:
                image.load()
                assert 400 <= image.width <= 1500
        assert "nan" not in " ".join(all_texts(figure)).lower()

    monkeypatch.setattr(Figure, "savefig", watched)
    return saved


def draw(folder: Path, accuracies: dict, **more) -> None:
    draw_experiment(make_results(folder, accuracies), **more)


# ------------------------------------------------------------------------- scales and looks


def test_twenty_four_labels_have_a_look_each_and_a_label_keeps_it():
    names = [f"configuration {number}" for number in range(24)]
    looks = style.looks(names)
    assert len({tuple(look.values()) for look in looks.values()}) == 24
    assert style.looks(names[:5]) == {name: looks[name] for name in names[:5]}


def test_colours_stay_apart_with_deuteranopia():
    """By the matrix of Machado, Oliveira and Fernandes (2009), in CIELAB."""
    deuteranope = np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.01182, 0.04294, 0.968881],
        ]
    )
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    srgb = np.array([matplotlib.colors.to_rgb(colour) for colour in style.COLOURS])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    for seen in (linear, np.clip(linear @ deuteranope.T, 0, 1)):
        x, y, z = np.cbrt(seen @ to_xyz.T / [0.9505, 1, 1.089]).T
        lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
        distances = np.linalg.norm(lab[:, None] - lab, axis=2)
        assert distances[np.triu_indices(len(lab), 1)].min() > 20


@pytest.mark.parametrize("unit", ["", "%"])
@pytest.mark.parametrize(
    ("low", "high"),
    [(1.0, 2.2), (0.004, 80), (1e-17, 1e2), (0.0301, 0.0302), (5, 5), (1.8, 90), (90, 99)],
)
def test_ticks_of_any_range_are_few_plain_and_differ(low, high, unit):
    axes = Figure().add_subplot()
    style.log_axis(axes.yaxis, [np.array([low, high])], unit)
    bottom, top = axes.get_ylim()
    assert bottom < low <= high <= top
    ticks = [tick for tick in axes.get_yticks() if bottom <= tick <= top]
    labels = [axes.yaxis.get_major_formatter()(tick) for tick in ticks]
    assert 2 <= len(set(labels)) == len(labels) <= 9
    for label, tick in zip(labels, ticks):
        assert float(label.removesuffix("%").replace(",", "")) == pytest.approx(tick, rel=1e-5)
    assert len(axes.get_yticks(minor=True)) == 0


def test_axes_of_nothing_are_still_axes():
    axes = Figure().add_subplot()
    style.log_axis(axes.yaxis, [])
    style.log_axis(axes.xaxis, [np.array([NAN, 0])], "%")


def test_mosaic_puts_tiles_row_by_row():
    tiles = np.arange(3)[:, None, None] * np.ones((3, 28, 28))
    sheet = style.mosaic(tiles, columns=2, across=29, down=30)
    assert sheet.shape == (60, 57)
    assert (sheet[0, 0], sheet[0, 29], sheet[30, 0]) == (0, 1, 2)
    assert np.isnan(sheet[30:, 29:]).all() and np.isnan(sheet[28:30]).all()


def test_nothing_outside_decides_how_figures_are_drawn(tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 40\nbackend: TkAgg\n")
    code = (
        "import sys\nfrom pathlib import Path\nimport src.figures\n"
        "from tests.test_figures import draw\n"
        r"draw(Path(), {r'$\foo$': [.9], '$': [.8], '\u4e00/\n': [.7]})" + "\n"
        "print([name for name in sys.modules if 'pyplot' in name or 'tkinter' in name])\n"
    )
    for backend in ("module://not_there", "nonsense"):
        environment = {**os.environ, "MPLBACKEND": backend, "PYTHONPATH": str(ROOT)}
        command, pipe = [sys.executable, "-c", code], subprocess.PIPE
        done = subprocess.run(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe)
        assert (done.stdout.split(), done.stderr) == ([b"[]"], b"")
        with Image.open(tmp_path / "answer.png") as image:
            assert image.size == (1080, 309)


def test_the_host_keeps_its_own_matplotlib(tmp_path):
    code = (
        "import matplotlib\nmatplotlib.use('svg')\nmatplotlib.rcParams['font.size'] = 31\n"
        "before = dict(matplotlib.rcParams)\nfrom pathlib import Path\n"
        "from tests.test_figures import draw\ndraw(Path(), {'a': [.9], 'b': [.8]})\n"
        "assert dict(matplotlib.rcParams) == before\n"
    )
    environment = {**os.environ, "MPLBACKEND": "pdf", "PYTHONPATH": str(ROOT)}
    again = code + "import os\nassert os.environ['MPLBACKEND'] == 'pdf'\n"
    for each in (again, again.replace("matplotlib.use('svg')\n", "")):
        subprocess.run([sys.executable, "-c", each], cwd=tmp_path, env=environment, check=True)


# ------------------------------------------------------------------------------------- curves

HISTORIES = {
    "several epochs": make_history(20),
    "one epoch": make_history(1),
    "no epoch": make_history(0),
    "no validation": make_history(validation_loss=NAN, validation_accuracy=NAN),
    "perfect": make_history(validation_loss=1e-9, validation_accuracy=1.0, train_accuracy=1.0),
    "loss zero": [*make_history(2), make_history(3, train_loss=0.0, validation_loss=0.0)[3]],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_curves_are_drawn_whatever_the_history(tmp_path, figures, history):
    curves.plot_curves(tmp_path / "curves.png", "title", [history], 5000)
    looks = style.looks(["one"])
    curves.plot_comparison(tmp_path / "comparison.png", "title", {"one": [history]}, looks, 5000)
    validated = np.isfinite(history[0]["validation_loss"])
    assert ("validation images" in " ".join(all_texts(figures[0]))) == validated
    assert len(figures[1].axes) == 2 + validated


def test_curves_show_the_numbers_and_what_they_are_of(tmp_path, figures):
    history = make_history(5)
    curves.plot_curves(tmp_path / "curves.png", "784-10", [history], 3210)
    wrong, loss = figures[0].axes
    for line, part in zip(loss.lines, ("validation", "train"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), [row[f"{part}_loss"] for row in history])
    for line, part in zip(wrong.lines, ("validation", "train"), strict=True):
        shown = 1 - line.get_ydata() / 100
        np.testing.assert_allclose(shown, [row[f"{part}_accuracy"] for row in history])
        np.testing.assert_array_equal(line.get_xdata(), range(6))
    assert [line.get_linestyle() for line in wrong.lines] == ["-", "--"]
    ends = [100 * (1 - history[-1][f"{part}_accuracy"]) for part in ("validation", "train")]
    names = "validation images", "3,210 training images"
    assert legend_of(figures[0]) == [f"{end:.2f}%  {name}" for end, name in zip(ends, names)]


def test_a_run_that_broke_off_says_why_at_the_end_of_its_curve(tmp_path, figures):
    why = "epoch 4: the loss is no longer finite"
    curves.plot_curves(tmp_path / "curves.png", "title", [make_history(3)], 5000, why)
    assert why in " ".join(" ".join(legend_of(figures[0])).split())
    for axes in figures[0].axes:
        crosses = [line for line in axes.lines if line.get_marker() == "X"]
        assert [line.get_xdata()[0] for line in crosses] == [3, 3]


def test_a_loss_that_stays_at_ln_10_looks_dead(tmp_path, figures):
    history = make_history(8, train_accuracy=0.1, validation_accuracy=0.1)
    for row, noise in zip(history, 1e-4 * np.random.default_rng(0).random(9)):
        row["train_loss"] = row["validation_loss"] = np.log(10) + noise
    curves.plot_curves(tmp_path / "curves.png", "title", [history], 5000)
    for axes in figures[0].axes:
        pixels = axes.transData.transform(axes.lines[0].get_xydata())
        assert np.ptp(axes.transAxes.inverted().transform(pixels)[:, 1]) < 0.01


def test_several_seeds_become_their_mean_and_a_band_and_the_figure_says_so(tmp_path, figures):
    histories = [make_history(4, seed=seed) for seed in range(3)]
    looks = style.looks(["net"])
    curves.plot_comparison(tmp_path / "comparison.png", "title", {"net": histories}, looks, 5000)
    wrong, loss, _ = figures[0].axes
    for axes, name in ((wrong, "validation_accuracy"), (loss, "validation_loss")):
        runs = np.array([[row[name] for row in history[1:]] for history in histories])
        runs = 100 * (1 - runs) if "accuracy" in name else runs
        np.testing.assert_allclose(axes.lines[0].get_ydata(), runs.mean(axis=0))
        band = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert (band.min(), band.max()) == pytest.approx((runs.min(), runs.max()))
    assert "band: from the lowest to the highest" in " ".join(all_texts(figures[0]))
    assert wrong.get_xlabel() == "epoch (before training: 91% wrong)"


# -------------------------------------------------------------------------- experiments


def test_an_experiment_has_a_comparison_an_answer_and_curves(tmp_path, figures):
    accuracies = {"128-64": [0.97, 0.98], "a/b $": [0.9], "none": []}
    draw_experiment(make_results(tmp_path, accuracies, none="died"))
    names = {"comparison.png", "answer.png", "curves_128-64.png", "curves_a_b__.png"}
    assert {path.name for path in tmp_path.glob("*.png")} == names
    assert [text.split("  ")[-1] for text in legend_of(figures[0])] == [
        "128-64",
        "a/b $",
        "no result: none",
    ]
    assert "none: died" in " ".join(all_texts(figures[0]))
    assert figures[0].get_suptitle() == "Which?"


def test_old_figures_of_ours_go_and_others_stay(tmp_path):
    draw(tmp_path, {"a": [0.9], "b": [0.8]}, suffix="svg")
    (tmp_path / "comparison.before.png").touch()
    (tmp_path / "curves_mine.png").touch()
    draw(tmp_path, {"a": [0.9], "c": []})
    names = {"comparison.png", "curves_a.png", "comparison.before.png", "curves_mine.png"}
    assert {path.name for path in tmp_path.iterdir()} == names | {".figures"}
    (tmp_path / ".figures").write_bytes(b"\xff\n..\n\n../outside\n")
    draw(tmp_path, {"a": [], "b": []})
    assert (tmp_path / "comparison.before.png").exists()


def test_the_answer_waits_for_two_configurations(tmp_path):
    draw(tmp_path, {"a": [0.9], "b": [], "c": []})
    assert not (tmp_path / "answer.png").exists()
    assert (tmp_path / "comparison.png").exists()


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_ranking_names_and_measures_everything(tmp_path, figures, seeds):
    found = {f"net {i}": [0.9 + 0.005 * i + 0.001 * s for s in range(seeds)] for i in range(12)}
    draw(tmp_path, found | {"with x": [0.8], "lost": []})
    (axes, seconds, parameters), texts = figures[-1].axes, all_texts(figures[-1])
    means = {label: 100 * (1 - np.mean(values)) for label, values in found.items()}
    assert [label.get_text() for label in axes.get_yticklabels()] == [*found, "with x", "lost"]
    assert {f"{mean:.2f}%" for mean in means.values()} <= set(texts)
    assert "no result yet" in texts
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_ydata()[0] for line in hollow] == [12]
    best, band = means["net 11"], axes.patches[0]
    assert (band.get_x(), band.get_width()) == pytest.approx((best, 0.2))
    assert [bar.get_width() for bar in seconds.patches][:3] == [2, 3, 4]
    assert [bar.get_width() for bar in parameters.patches][:3] == [1000, 2000, 3000]
    assert "shaded: within the noise of the best" in " ".join(texts)


def test_long_and_strange_labels_overlap_nothing(tmp_path, figures):
    strange = ["x" * 40, "a $b$ " * 9, "é/ü" * 20, "wide " * 9]
    draw(tmp_path, {f"{i} {text}"[:40]: [0.9 + 0.01 * i] for i, text in enumerate(strange)})
    comparison, ranking = figures[0], figures[-1]
    for named in (comparison.legends[0].get_texts(), ranking.axes[0].get_yticklabels()):
        boxes = [text.get_window_extent() for text in named]
        for one, other in pairwise(boxes):
            assert min(one.y1, other.y1) - max(one.y0, other.y0) < 1
        assert min(box.x0 for box in boxes) > 0
        assert max(box.x1 for box in boxes) < comparison.bbox.x1


def test_of_many_configurations_the_best_twenty_are_named(tmp_path, figures):
    draw(tmp_path, {f"net {i}": [0.9 + 0.002 * i] for i in range(24)})
    assert len(list(tmp_path.glob("curves_*.png"))) == 20
    comparison, ranking = figures[0], figures[-1]
    names = legend_of(comparison)
    assert (len(names), names[0][-6:], names[-1]) == (21, "net 23", "4 more")
    assert len(comparison.axes[0].collections[-1].get_segments()) == 4
    rows = [label.get_text() for label in ranking.axes[0].get_yticklabels()]
    assert (rows[0], rows[-1]) == ("net 23", "4 more, their means")
    draw(tmp_path, {f"net {i}": [0.9 + 0.002 * i] for i in range(24)}, all_figures=True)
    assert len(list(tmp_path.glob("curves_*.png"))) == 24


def test_a_grid_says_what_each_cell_reached_and_frames_the_best(tmp_path, figures):
    cells = {"1 64": [], "0.1 32": [0.95, 0.951], "0.1 64": [0.98, 0.982], "1 32": [0.1]}
    results = make_results(tmp_path, cells, **{"1 64": "diverged"})
    varied = {"rate": [1.0, 0.1, 0.1, 1.0], "batch_size": [64, 32, 64, 32]}  # sorted in the figure
    results.varied, results.is_grid = pd.DataFrame(varied, index=list(cells)), True
    draw_experiment(results)
    axes = figures[-1].axes[0]
    found = {text.get_position(): text.get_text() for text in axes.texts}
    assert found == {
        (0, 0): "4.95%\n± 0.07",
        (1, 0): "1.90%\n± 0.14",
        (0, 1): "90.00%",
        (1, 1): "failed: diverged",
    }
    (frame,) = axes.patches
    assert frame.get_center() == pytest.approx((1, 0), abs=0.02)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["32", "64"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.1", "1.0"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("rate", "batch size")
    means = axes.images[0].get_array()
    assert means[0, 1] == pytest.approx(1.9) and means.mask[1, 1]


def test_noise_is_the_median_where_a_configuration_has_none():
    verdict = SimpleNamespace(
        best="a", noise={"a": NAN, "b": 0.001, "c": 0.002, "d": NAN, "e": 0.003}
    )
    assert [answers.noise_of(verdict, label) for label in "abce"] == pytest.approx(
        [0.2, 0.1, 0.2, 0.3]
    )
    assert answers.noise_of(SimpleNamespace(noise={"a": NAN}), "a") == 0
