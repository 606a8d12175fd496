"""The folder of a run: its name says what decided it, and what was changed since is noticed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import InputError
from src.digits.data import Data
from src.reading.saved import load_network
from src.runs.config import Config
from src.runs.folder import identity, read_run, run_name, write_run
from src.runs.history import summarise
from tests.training import run_of, without_times

CONFIG = Config(hidden=(8,), epochs=2)


@pytest.fixture(scope="module")
def finished(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, list]:
    network, history = run_of(CONFIG, digits)
    metrics = summarise(CONFIG, digits, network, history, score_test=True)
    decided_by = identity(CONFIG, digits, "code", score_test=True)
    folder = tmp_path_factory.mktemp("runs") / run_name(decided_by)
    write_run(folder, decided_by, network, history, metrics)
    return folder, decided_by, history


@pytest.fixture
def copy(finished: tuple[Path, dict, list], tmp_path: Path) -> tuple[Path, dict]:
    folder, decided_by, _ = finished
    shutil.copytree(folder, tmp_path / folder.name)
    return tmp_path / folder.name, decided_by


def test_what_is_read_is_what_was_written(finished: tuple[Path, dict, list]) -> None:
    folder, decided_by, history = finished
    run = read_run(folder, decided_by)
    assert run.config == CONFIG
    assert run.metrics == json.loads((folder / "metrics.json").read_text())
    for read, row in zip(without_times(run.history), without_times(history), strict=True):
        assert read == {name: value for name, value in row.items() if name != "layers"}
    assert load_network(folder / "network.npz")[0].layer_sizes == [784, 8, 10]


def test_the_name_depends_on_all_that_decides_the_numbers(digits: Data) -> None:
    base = CONFIG, digits, "code", True
    other_digits = Data("", digits.images[1:], digits.labels[1:], *digits_test(digits))
    other_test = Data("", digits.images, digits.labels, *(a[1:] for a in digits_test(digits)))
    variants = [
        base,
        (CONFIG.with_(learning_rate=0.2), *base[1:]),
        (CONFIG.with_(seed=1), *base[1:]),
        (CONFIG.with_(split_seed=1), *base[1:]),
        (CONFIG, other_digits, "code", True),
        (CONFIG, other_test, "code", True),
        (CONFIG, digits, "edited code", True),
        (CONFIG, digits, "code", False),
    ]
    assert len({run_name(identity(*variant)) for variant in variants}) == len(variants)
    moved = Data("elsewhere", digits.images, digits.labels, *digits_test(digits))
    assert identity(CONFIG, moved, "code", True) == identity(*base)
    assert identity(CONFIG, other_test, "code", False) == identity(CONFIG, digits, "code", False)


def digits_test(digits: Data) -> tuple[np.ndarray, np.ndarray]:
    return digits.test_images, digits.test_labels


def edit_metrics(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(metrics | {"test_accuracy": 0.99}))


DAMAGE = {
    "metrics edited": edit_metrics,
    "metrics gone": lambda folder: (folder / "metrics.json").unlink(),
    "history cut": lambda folder: (folder / "history.csv").write_text("epoch\n0\n"),
    "zeros": lambda folder: (folder / "network.npz").write_bytes(bytes(200_000)),
    "config empty": lambda folder: (folder / "config.json").write_text("{}"),
    "config a list": lambda folder: (folder / "config.json").write_text("[]"),
    "config zeros": lambda folder: (folder / "config.json").write_bytes(bytes(200_000)),
    "config deep": lambda folder: (folder / "config.json").write_text("[" * 100_000),
    "no checksums": lambda folder: (folder / "config.json").write_text(
        json.dumps(json.loads((folder / "config.json").read_text()) | {"sha256": {}})
    ),
    "a folder in the way": lambda folder: (
        (folder / "history.csv").unlink(),
        (folder / "history.csv").mkdir(),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_changed_since_is_noticed_and_named(damage: str, copy: tuple[Path, dict]) -> None:
    folder, decided_by = copy
    DAMAGE[damage](folder)
    with pytest.raises(InputError, match=folder.name):
        read_run(folder, decided_by)


def test_the_folder_of_another_run_is_noticed(copy: tuple[Path, dict], digits: Data) -> None:
    folder, _ = copy
    with pytest.raises(InputError, match="holds another run than its name says"):
        read_run(folder, identity(CONFIG.with_(seed=3), digits, "code", score_test=True))
