"""The folder of a run: its name says what decided it, and what was changed since is noticed."""

import contextlib
import itertools
import json
import os
import shutil
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from src.common.errors import InputError
from src.digits.data import Data
from src.reading.saved import load_network
from src.runs.config import Config
from src.runs.folder import identity_of, read_run, run_name, write_run
from src.runs.history import Recorder, Run
from train import train

CONFIG = Config(hidden=(8,), epochs=2)


@pytest.fixture(scope="module")
def finished(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, Run]:
    record = Recorder()
    train(CONFIG, digits, record)
    identity = identity_of(CONFIG, digits, "code", score_test=True)
    folder = tmp_path_factory.mktemp("runs") / run_name(identity)
    run = record.finish(score_test=True)
    write_run(folder, run, identity)
    return folder, identity, run


@pytest.fixture
def copy(finished: tuple[Path, dict, Run], tmp_path: Path) -> tuple[Path, dict]:
    folder, identity, _ = finished
    shutil.copytree(folder, tmp_path / folder.name)
    return tmp_path / folder.name, identity


def test_what_is_read_is_what_was_written(finished: tuple[Path, dict, Run]) -> None:
    folder, identity, run = finished
    read = read_run(folder, identity)
    assert read.config == CONFIG
    assert (read.metrics, read.history) == (run.metrics, run.history)
    assert (read.right == run.right).all() and len(read.right) == 60
    assert run.metrics["blas"]
    for name, parameters in (("network", run.network.parameters), ("best", run.best)):
        network, saved_with = load_network(folder / f"{name}.npz")
        assert network.parameters.tobytes() == parameters.tobytes()
        assert saved_with["config"] == identity["config"]


def test_there_may_be_no_run(tmp_path: Path) -> None:
    assert read_run(tmp_path / "none", {}) is None
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "network.npz").write_bytes(b"not marked as whole")
    (tmp_path / "half" / ".new").mkdir()
    (tmp_path / "half" / ".new" / "config.json").touch()  # after a power cut
    assert read_run(tmp_path / "half", {}) is None


def test_without_validation_images_nothing_is_missed(digits: Data, tmp_path: Path) -> None:
    config, record = CONFIG.with_(validation_fraction=0), Recorder()
    train(config, digits, record)
    identity = identity_of(config, digits, "code", score_test=False)
    write_run(tmp_path, record.finish(), identity)
    run = read_run(tmp_path, identity)
    assert np.isnan(run.history[-1]["validation_loss"])
    assert len(run.right) == 0 and not (tmp_path / "best.npz").exists()


@dataclass(frozen=True)
class Wider(Config):
    """With a field that JSON gives back as a list."""

    step_at: tuple = field(default=(0.6, 0.85), metadata={"what": "when the rate falls"})


def test_a_tuple_among_the_hyperparameters_is_no_damage(
    finished: tuple[Path, dict, Run], digits: Data, tmp_path: Path
) -> None:
    identity = identity_of(Wider(), digits, "code", score_test=True)
    write_run(tmp_path / "run", replace(finished[2], config=Wider()), identity)
    identity["config"].pop("step_at")  # as Config does not know it
    mark = json.loads((tmp_path / "run" / "config.json").read_text())
    assert mark["config"]["step_at"] == [0.6, 0.85]
    assert mark.pop("sha256") and mark == identity_of(Wider(), digits, "code", score_test=True)


def test_a_folder_holds_the_old_or_the_new_run_wherever_it_is_killed(
    finished: tuple[Path, dict, Run], digits: Data, tmp_path: Path
) -> None:
    """After each of its calls to the file system in turn. What is a user's own stays."""

    class Killed(BaseException):
        """As after SIGKILL, nothing more is done."""

    _, old, run = finished
    new = identity_of(CONFIG, digits, "other code", score_test=True)
    kept, complete = [], False
    for killed_at in range(1, 60):
        folder, calls = tmp_path / str(killed_at), itertools.count(1)
        write_run(folder, run, old)
        (folder / "notes.csv").write_text("mine")

        def call(original, *arguments, calls=calls, killed_at=killed_at, **options):
            if next(calls) >= killed_at:
                raise Killed
            return original(*arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
                patch.setattr(os, name, partial(call, getattr(os, name)))
            patch.setattr(shutil, "rmtree", partial(call, shutil.rmtree))
            with contextlib.suppress(Killed):
                write_run(folder, replace(run, best=None), new)
                complete = True
        there = old
        with contextlib.suppress(FileNotFoundError):
            there = {"code": old, "other code": new}[
                json.loads((folder / "config.json").read_text())["code"]
            ]
        if (folder / ".new" / "config.json").exists():
            there = new
        assert read_run(folder, there).history == run.history
        assert (folder / "notes.csv").read_text() == "mine"
        assert (folder / "best.npz").exists() == (there is old)
        assert not (folder / ".new").exists()
        kept.append(there is old)
        if complete:
            break
    assert complete and kept == sorted(kept, reverse=True) and any(kept) and not all(kept)


def test_a_full_disk_is_told_with_the_place(
    finished: tuple[Path, dict, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="full") as caught:
        write_run(tmp_path / "run", finished[2], finished[1])
    assert caught.value.filename == str(tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())


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


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGE = {
    "metrics edited": lambda folder: edit(folder / "metrics.json", test_accuracy=0.99),
    "metrics gone": lambda folder: (folder / "metrics.json").unlink(),
    "history cut": lambda folder: (folder / "history.csv").write_text("epoch\n0\n"),
    "zeros": lambda folder: (folder / "network.npz").write_bytes(bytes(200_000)),
    "config empty": lambda folder: (folder / "config.json").write_text("{}"),
    "config a list": lambda folder: (folder / "config.json").write_text("[]"),
    "config zeros": lambda folder: (folder / "config.json").write_bytes(bytes(200_000)),
    "config deep": lambda folder: (folder / "config.json").write_text("[" * 100_000),
    "no checksums": lambda folder: edit(folder / "config.json", sha256={}),
    "a folder in the way": lambda folder: (
        (folder / "history.csv").unlink(),
        (folder / "history.csv").mkdir(),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_changed_since_is_noticed_and_named(damage: str, copy: tuple[Path, dict]) -> None:
    folder, identity = copy
    DAMAGE[damage](folder)
    with pytest.raises(InputError, match=folder.name):
        read_run(folder, identity)
