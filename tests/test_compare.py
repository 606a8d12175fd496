"""Two saved runs beside each other, and what may be said of their difference."""

from pathlib import Path

import numpy as np
import pytest

from src.common.errors import InputError
from src.digits.data import Data
from src.figures.experiment import draw_experiment
from src.model import NeuralNetwork
from src.reading.saved import save_network
from src.runs.compare import compare_runs
from src.runs.config import Config
from src.runs.report import write_tables
from src.runs.storage import identity_of, write_run
from tests.training import run_of


def save(folder: Path, data: Data, right: np.ndarray, **changes: object) -> None:
    config = Config(hidden=(), epochs=1, **changes)
    run = run_of(config, data)
    run.right = right
    write_run(folder / "network.npz", run, identity_of(config, data, "code", False))


def said(root: Path, *places: str) -> str:
    results = compare_runs(root, *places)
    write_tables(results)
    text = (results.folder / "summary.txt").read_text()
    assert max(map(len, text.splitlines())) <= 80
    return " ".join(text.split())


def test_two_networks_are_told_apart_by_what_one_alone_reads_right(
    digits: Data, tmp_path: Path
) -> None:
    """By hand: of 10 images that one alone reads, 9 or 10 fall to one side in 22 of 1,024 cases."""
    rows = np.arange(60)
    save(tmp_path / "a", digits, rows < 49)
    save(tmp_path / "b", digits, (rows < 40) | (rows == 59), learning_rate=0.2)
    save(tmp_path / "c", digits, (rows < 48) | (rows == 59), seed=1)
    text = said(tmp_path, "a", "b")
    assert "They differ in: learning_rate 0.1 or 0.2." in text
    assert "Of 60 validation images, a alone reads 9 and b alone 1: these two networks" in text
    assert "differ by more than the choice of images explains (McNemar's test, p = 0.021)" in text
    assert "One seed each cannot show whether what they differ in" in text
    assert "--seeds" not in text  # which --compare does not have
    text = said(tmp_path, "a", "c")
    assert "They differ in: seed 0 or 1." in text
    assert "by no more than the choice of images explains (McNemar's test, p = 1)" in text


def test_code_and_an_early_end_are_differences_too(digits: Data, tmp_path: Path) -> None:
    """As in the exercises: the same values, other code, and a run that has diverged at once."""
    for name, code, stopped in (("a", "code", ""), ("b", "other code", "the loss is infinite")):
        run = run_of(Config(hidden=(), epochs=1), digits)
        if stopped:
            run.history = run.history[:1]
            run.metrics["stopped"] = stopped
        identity = identity_of(run.config, digits, code, False)
        write_run(tmp_path / name / "network.npz", run, identity)
    text = said(tmp_path, "a", "b")
    assert "They differ in: code. b stopped after epoch 0: the loss is infinite." in text
    draw_experiment(compare_runs(tmp_path, "a", "b"))  # although one curve is a point


def test_nothing_is_said_where_the_images_are_not_the_same(digits, tmp_path, figures) -> None:
    rows = np.arange(60) < 50
    save(tmp_path / "a", digits, rows)
    save(tmp_path / "b", digits, rows, split_seed=1)
    save(tmp_path / "c", digits, np.empty(0, bool), validation_fraction=0)
    for other in ("b", "c"):
        assert "not measured on the same images" in said(tmp_path, "a", other)
        draw_experiment(compare_runs(tmp_path, "a", other))


def test_runs_of_two_projects_may_have_the_same_name(digits, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = ["mine/results/train", "yours/results/train"]
    for seed, place in enumerate(places):
        save(Path(place), digits, np.arange(60) < 50, seed=seed)
    assert "mine/results/train or yours/results/train?" in said(tmp_path, *places)
    for same in (places[0], f"{places[0]}/network.npz"):
        with pytest.raises(InputError, match="give two different runs"):
            compare_runs(tmp_path, places[0], same)


def test_what_is_no_run_is_named(digits: Data, tmp_path: Path) -> None:
    save(tmp_path / "a", digits, np.arange(60) < 50)
    (tmp_path / "hidden_layers").mkdir()
    with pytest.raises(InputError, match="hidden_layers: no run is saved there"):
        compare_runs(tmp_path, "a", "hidden_layers")
    save_network(tmp_path / "b.npz", NeuralNetwork([784, 10]))
    with pytest.raises(InputError, match=r"b\.npz: holds no whole run"):
        compare_runs(tmp_path, "a", "b.npz")
