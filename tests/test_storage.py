"""The file of a run: its name says what decided it, it is whole, and damage to it is noticed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from src.common.errors import InputError
from src.digits.data import Data, row_hashes, split
from src.reading.saved import load_network, save_network
from src.runs.config import Config, option
from src.runs.history import Recorder, Run
from src.runs.storage import identity_of, read_run, run_name, write_folder, write_run
from train import train

CONFIG = Config(hidden=(8,), epochs=2)


@pytest.fixture(scope="module")
def finished(digits: Data) -> tuple[Run, dict]:
    record = Recorder()
    train(CONFIG, digits, record)
    return record.finish(score_test=True), identity_of(CONFIG, digits, "code", score_test=True)


def test_what_is_read_is_what_was_written(finished: tuple[Run, dict], tmp_path: Path) -> None:
    run, identity = finished
    write_run(tmp_path / "run.npz", run, identity)
    read, found = read_run(tmp_path / "run.npz")
    assert read.config == CONFIG and run_name(found) == run_name(identity)
    assert (read.metrics, read.history) == (run.metrics, run.history)
    assert (read.right == run.right).all() and len(read.right) == 60
    assert run.metrics["blas"]
    assert read.network.parameters.tobytes() == run.network.parameters.tobytes()
    with pytest.raises(FileNotFoundError):
        read_run(tmp_path / "none.npz")


def test_a_folder_shows_the_run_to_people(
    finished: tuple[Run, dict], digits: Data, tmp_path: Path
) -> None:
    run, identity = finished
    run = replace(run, best=run.network.parameters + 1)
    (tmp_path / "notes.txt").write_text("mine")
    write_folder(tmp_path, run, identity, digits)
    network, about = load_network(tmp_path / "best.npz")
    assert network.parameters.tobytes() == run.best.tobytes()
    rows, _ = split(600, 0.1, CONFIG.split_seed)
    assert about["trained_on"].tolist() == row_hashes(digits.images[rows]).tolist()
    assert about["digits"].tolist() == list(range(10))
    described = json.loads((tmp_path / "run.json").read_text())
    assert described.pop("metrics") == run.metrics
    assert run_name(described) == run_name(identity)
    for name, rows in (("history", run.history), ("layers", run.layers)):
        assert len(pd.read_csv(tmp_path / f"{name}.csv")) == len(rows)
    write_folder(tmp_path, replace(run, best=None), identity, digits)
    left = {"network.npz", "run.json", "history.csv", "layers.csv", "notes.txt", ".figures"}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_nothing_of_an_earlier_run_stands_beside_a_new_network(
    finished: tuple[Run, dict], digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is full after network.npz, or cannot even take that."""
    run, identity = finished
    write_folder(tmp_path, run, identity, digits)
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(*arguments: object, **options: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="full") as caught:
        patch.setattr(Path, "write_bytes", full)
        write_folder(tmp_path, run, identity | {"code": "other"}, digits)
    assert caught.value.filename == str(tmp_path / "network.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert read_run(tmp_path / "network.npz")[1]["code"] == "code"
    with monkeypatch.context() as patch, pytest.raises(OSError, match="full") as caught:
        patch.setattr(pd.DataFrame, "to_csv", full)
        write_folder(tmp_path, replace(run, best=None), identity | {"code": "other"}, digits)
    assert caught.value.filename == str(tmp_path / "history.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"network.npz", ".figures"}
    assert read_run(tmp_path / "network.npz")[1]["code"] == "other"


@dataclass(frozen=True)
class Wider(Config):
    """With a field that JSON gives back as a list."""

    step_at: tuple = option((0.6, 0.85), (0, 1), "when the rate falls")


def test_a_tuple_among_the_hyperparameters_makes_no_other_run(
    finished: tuple[Run, dict], digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.runs.storage.Config", Wider)
    identity = identity_of(Wider(), digits, "code", score_test=True)
    write_run(tmp_path / "run.npz", replace(finished[0], config=Wider()), identity)
    run, found = read_run(tmp_path / "run.npz")
    assert found["config"]["step_at"] == [0.6, 0.85]
    again = identity_of(run.config, digits, "code", score_test=True)
    assert run_name(found) == run_name(again) == run_name(identity)


def test_the_name_depends_on_all_that_decides_the_numbers(digits: Data) -> None:
    base = CONFIG, digits, "code", True
    others = {
        name: replace(digits, **{name: getattr(digits, name)[::-1]})
        for name in ("images", "labels", "test_images", "test_labels")
    }
    variants = [base, (CONFIG, digits, "edited code", True), (CONFIG, digits, "code", False)]
    for change in ({"learning_rate": 0.2}, {"seed": 1}, {"split_seed": 1}):
        variants.append((CONFIG.with_(**change), *base[1:]))
    variants += [(CONFIG, other, "code", True) for other in others.values()]
    assert len({run_name(identity_of(*variant)) for variant in variants}) == 10
    assert identity_of(CONFIG, replace(digits, source="elsewhere"), "code", True) == identity_of(
        *base
    )
    unscored = CONFIG, others["test_images"], "code", False
    assert identity_of(*unscored) == identity_of(CONFIG, digits, "code", False)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable] = {
    "zeros": lambda path: path.write_bytes(bytes(200_000)),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-200]),
    "one bit": flip_a_bit,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_noticed_and_named(
    damage: str, finished: tuple[Run, dict], tmp_path: Path
) -> None:
    path = tmp_path / "run.npz"
    write_run(path, *finished)
    DAMAGE[damage](path)
    with pytest.raises(InputError, match=r"run\.npz: not a sound \.npz file"):
        read_run(path)


def test_a_network_that_is_no_whole_run_is_named(
    finished: tuple[Run, dict], tmp_path: Path
) -> None:
    run, identity = finished
    path = tmp_path / "run.npz"
    about = {"identity": identity, "metrics": run.metrics, "history": run.history}
    lacking = [{name: about[name] for name in about if name != one} for one in about]
    for strange in (*lacking, about | {"identity": [1]}):
        save_network(path, run.network, strange, right=run.right)
        with pytest.raises(InputError, match=r"run\.npz: holds no whole run"):
            read_run(path)
