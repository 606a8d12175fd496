"""Kill it, fill its disk, start it twice: what was finished is whole, and going on works."""

import contextlib
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from src.reading.saved import load_network
from tests.conftest import ROOT
from tests.test_experiments import SWEEP, folders, without_clock

pytestmark = pytest.mark.skipif(
    not shutil.which("pgrep") or not Path("/proc/self/stat").exists(),
    reason="counts processes with pgrep and /proc",
)
EPOCHS = "4"


@pytest.fixture(scope="module")
def digits_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,000 digits: enough for runs that last a while."""
    path = tmp_path_factory.mktemp("faults") / "digits.npz"
    with np.load(ROOT / "data" / "mnist.npz") as file:
        np.savez(path, x_train=file["x_train"][:3000], y_train=file["y_train"][:3000])
    return path


def start(results: Path, data: Path, *arguments: str) -> subprocess.Popen:
    """A sweep in a session of its own, as from a terminal of its own."""
    command = [*SWEEP, "--data", str(data)]
    command += ["--epochs", EPOCHS, "--results", str(results), "--jobs", "2", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=results.parent,
        start_new_session=True,
    )


def children(pid: int) -> list[int]:
    """The processes that this one has started, directly."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def parse_everything(results: Path) -> None:
    """Every file that is there, except half-written ones under a name of their own, is whole."""
    for path in results.rglob("*"):
        if not path.is_file() or ".partial" in str(path) or path.name == ".lock":
            continue
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".csv":
            with open(path, newline="") as file:
                rows = list(csv.reader(file))
            assert len({len(row) for row in rows}) == 1, path
        elif path.suffix == ".npz":
            load_network(path)
        elif path.suffix == ".png":
            assert path.read_bytes()[-8:-4] == b"IEND", path


def crash_until_done(tmp_path: Path, data: Path, kills: int, seeds: str, seed: int) -> None:
    """Kill a sweep at random moments, then let it finish and compare it with an undisturbed one."""
    undisturbed, results = tmp_path / "undisturbed", tmp_path / "results"
    process = start(undisturbed, data, "--seeds", seeds)
    process.communicate(timeout=300)
    assert process.returncode == 0
    rng = random.Random(seed)
    finished: dict[str, int] = {}
    for _ in range(kills):
        process = start(results, data, "--seeds", seeds)
        workers = []
        end = time.monotonic() + rng.uniform(0.5, 4.0)
        while time.monotonic() < end and process.poll() is None:
            workers = children(process.pid) or workers
            time.sleep(0.02)
        process.kill()
        process.communicate()
        parse_everything(results)
        now = folders(results)
        assert all(now.get(name) == when for name, when in finished.items()), "done twice or lost"
        finished = now
        assert wait_for(lambda workers=workers: not any(map(is_alive, workers)), 10), "orphans"
    process = start(results, data, "--seeds", seeds)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    now = folders(results)
    assert all(now[name] == when for name, when in finished.items())
    assert not list(results.glob("runs/.*"))
    for name in ("summary.csv", "curves.csv"):
        tables = [
            without_clock(folder / "hidden_layers" / name) for folder in (undisturbed, results)
        ]
        assert tables[0] == tables[1]
    parse_everything(results)


def test_a_killed_sweep_goes_on_where_it_was(tmp_path: Path, digits_npz: Path) -> None:
    crash_until_done(tmp_path, digits_npz, kills=2, seeds="1", seed=1)


@pytest.mark.slow
def test_a_sweep_killed_twenty_times(tmp_path: Path, digits_npz: Path) -> None:
    crash_until_done(tmp_path, digits_npz, kills=20, seeds="3", seed=2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_is_orderly(number: int, tmp_path: Path, digits_npz: Path) -> None:
    results = tmp_path / "results"
    process = start(results, digits_npz, "--seeds", "3")
    assert wait_for(lambda: len(folders(results)) >= 1, 60)
    workers = children(process.pid)
    before = time.monotonic()
    os.killpg(process.pid, number) if number == signal.SIGINT else process.terminate()
    _, errors = process.communicate(timeout=10)
    assert time.monotonic() - before < 2
    assert process.returncode == 130
    assert wait_for(lambda: not any(map(is_alive, workers)), 2)
    assert "runs are saved. Give the same command again to continue" in errors
    assert "Traceback" not in errors
    parse_everything(results)


def test_a_killed_worker_costs_only_time(tmp_path: Path, digits_npz: Path) -> None:
    results = tmp_path / "results"
    process = start(results, digits_npz, "--seeds", "1")

    workers: list[int] = []

    def started() -> bool:
        workers[:] = children(process.pid)
        return len(workers) >= 2

    assert wait_for(started, 60)
    with contextlib.suppress(ProcessLookupError):
        os.kill(workers[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert len(folders(results)) == 8


def test_two_sweeps_at_once(tmp_path: Path, digits_npz: Path) -> None:
    results = tmp_path / "results"
    first = start(results, digits_npz, "--seeds", "1")
    assert wait_for(lambda: len(folders(results)) >= 1, 60)
    second = start(results, digits_npz, "--seeds", "1")
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "another sweep is writing there" in errors
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert len(folders(results)) == 8


@pytest.mark.skipif(
    shutil.which("mount") is None or os.geteuid() != 0, reason="needs the right to mount a tmpfs"
)
def test_a_full_disk(tmp_path: Path, digits_npz: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        process = start(disk / "results", digits_npz, "--seeds", "1")
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 2
        last = errors.strip().splitlines()[-1]
        assert "No space left on device" in last
        assert str(disk / "results") in last
        assert "Traceback" not in errors
        parse_everything(disk / "results")
        kept = folders(disk / "results")
        assert 1 <= len(kept) < 8
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        process = start(disk / "results", digits_npz, "--seeds", "1")
        process.communicate(timeout=120)
        assert process.returncode == 0
        after = folders(disk / "results")
        assert len(after) == 8
        assert all(after[name] == when for name, when in kept.items())
    finally:
        subprocess.run(["umount", str(disk)], check=True)
