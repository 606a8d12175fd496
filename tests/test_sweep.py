"""A sweep trains what is missing, keeps what is finished, and says what it cannot read."""

import dataclasses
import errno
import shutil
from pathlib import Path

import pytest

from src.common import code
from src.digits.data import Data
from src.runs import pool, storage, sweep
from src.runs.config import Config
from src.runs.history import Run
from src.runs.report import Results
from src.runs.sweep import work

CONFIGS = {str(size): Config(hidden=(size,), epochs=1) for size in (4, 8, 16)}


def asking(configs: dict[str, Config] = CONFIGS, score_test: bool = False) -> Results:
    """An experiment that needs one run for each of these labels."""
    seeds = {label: [config] for label, config in configs.items()}
    return Results(seeds, {"score_test": score_test}, Path())


WANTED, FIRST = asking(), asking({"4": CONFIGS["4"]})


def swept(asked: Results, data: Data, runs: Path, **options) -> dict[str, Run | str]:
    asked = Results(asked.configs, asked.entry, Path())
    for _ in sweep.sweep([asked], data, runs, 2, **options):
        pass
    return {label: (asked.runs[label] or asked.failed[label])[-1] for label in asked.configs}


def times(runs: Path) -> dict[str, int]:
    """When each run was written."""
    return {path.name: path.stat().st_mtime_ns for path in runs.glob("*.npz")}


@pytest.fixture(scope="module")
def finished(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    runs = tmp_path_factory.mktemp("sweep") / "runs"
    return runs, swept(WANTED, digits, runs)


@pytest.fixture
def copy(finished: tuple[Path, dict], tmp_path: Path) -> Path:
    return shutil.copytree(finished[0], tmp_path / "runs")


def test_a_second_sweep_trains_nothing_and_finds_the_same(
    finished: tuple[Path, dict], copy: Path, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For 3 runs that two experiments want, the digits are hashed twice."""
    hashed = []
    original = storage.fingerprint
    monkeypatch.setattr(storage, "fingerprint", lambda *data: hashed.append(1) or original(*data))
    before = times(copy)
    asked = asking(), asking()
    assert len(list(sweep.sweep([*asked], digits, copy, 2))) == 1  # all is there at once
    for label, was in finished[1].items():
        (run,) = asked[0].runs[label]
        assert asked[1].runs[label] == [run]
        assert (run.config, run.metrics, run.history) == (was.config, was.metrics, was.history)
        assert (run.right == was.right).all()
        assert was.network is None and was.layers == []  # a thousand would fill the memory
    assert times(copy) == before and len(hashed) == 2


def test_what_decides_the_numbers_trains_again(
    copy: Path, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(times(copy))
    fewer = dataclasses.replace(digits, images=digits.images[1:], labels=digits.labels[1:])
    swept(FIRST, fewer, copy)
    swept(asking({"4": CONFIGS["4"]}, score_test=True), digits, copy)
    texts = code.read() | {"src/losses.py": code.read()["src/losses.py"] + b"\nX = 1\n"}
    monkeypatch.setattr(sweep, "sources", lambda: texts)
    swept(FIRST, digits, copy)
    assert len(set(times(copy)) - before) == 3


def test_damaged_and_swapped_runs_are_named_and_done_again(
    copy: Path, digits: Data, capsys: pytest.CaptureFixture
) -> None:
    first, second, third = sorted(times(copy))
    (copy / first).write_bytes(b"not a network")
    (copy / second).rename(copy / "aside")
    (copy / third).rename(copy / second)
    (copy / "aside").rename(copy / third)
    (copy / "my notes").mkdir()
    (copy / ".8_seed0.1234.partial.npz").touch()  # of a run that was killed
    found = swept(WANTED, digits, copy)
    out, err = capsys.readouterr()
    assert "3 runs, 0 of them finished before" in out
    assert err.count("training again: ") == 3
    assert err.count("holds another run than its name says") == 2
    assert all(isinstance(run, Run) for run in found.values())
    swept(WANTED, digits, copy)
    assert "3 runs, 3 of them" in capsys.readouterr().out
    assert (copy / "my notes").is_dir() and not list(copy.glob(".*"))


def test_a_run_that_cannot_be_read_stays(
    copy: Path, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says so (errors.explain): to train it again could overwrite it."""
    before, original = times(copy), Path.read_bytes

    def read(path: Path) -> bytes:
        if path.name.startswith("8_"):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    with pytest.raises(OSError, match="Input/output error") as caught:
        swept(WANTED, digits, copy)
    assert Path(caught.value.filename).name.startswith("8_") and times(copy) == before


def test_fresh_replaces_a_run_when_its_successor_is_there(
    copy: Path, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = times(copy)
    with monkeypatch.context() as patch, pytest.raises(FileNotFoundError):
        patch.setattr(pool.sys, "executable", "/no/such/python")
        swept(WANTED, digits, copy, fresh=True)
    assert times(copy) == before
    assert all(isinstance(run, Run) for run in swept(WANTED, digits, copy, fresh=True).values())
    after = times(copy)
    assert set(after) == set(before) and all(after[name] > before[name] for name in before)


def test_a_run_that_fails_says_why_and_the_others_go_on(
    digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    wild = Config(hidden=(8,), epochs=2, learning_rate=1000.0, activation="leaky_relu")
    found = swept(asking({"4": CONFIGS["4"], "wild": wild}), digits, tmp_path)
    assert isinstance(found["4"], Run)
    assert found["wild"].startswith("epoch 1: the loss is no longer finite; try a lower")
    assert "wild, seed 0: failed: epoch 1: the loss" in capsys.readouterr().err
    assert len(times(tmp_path)) == 1


def test_a_run_takes_longer_with_more_parameters_epochs_and_distortions() -> None:
    small, large = Config(hidden=(8,)), Config(hidden=(256,))
    more = [small.with_(epochs=40), small.with_(augmentation="affine"), large]
    assert all(work(config) > work(small) for config in more)


def test_whoever_stops_listening_is_told_what_is_saved(
    digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    asked = asking()
    runs = sweep.sweep([asked], digits, tmp_path, 1)
    next(runs)
    assert not asked.all_runs()  # nothing was finished before
    next(runs)
    runs.close()
    assert len(asked.all_runs()) == 1
    assert "\n1 of 3 runs are saved. Run the same command again" in capsys.readouterr().err
    assert len(times(tmp_path)) == 1
