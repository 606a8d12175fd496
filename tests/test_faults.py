"""Kill it, stop it, fill its disk: what was finished is whole, and going on works."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from src.runs.storage import read_run, run_name
from tests.conftest import ROOT
from tests.sweeping import (
    needs_proc,
    results_of,
    start_sweep,
    until_nobody_is_left,
    wait_for_a_result,
)

CONFIGS = {str(seed): {"hidden": [32], "epochs": 4, "seed": seed} for seed in range(8)}


@pytest.fixture(scope="module")
def digits_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,000 digits: enough for runs that last a while."""
    path = tmp_path_factory.mktemp("faults") / "digits.npz"
    with np.load(ROOT / "data" / "mnist.npz") as file:
        np.savez(path, x_train=file["x_train"][:3000], y_train=file["y_train"][:3000])
    return path


def whole_runs(runs: Path) -> dict[str, bytes]:
    """The network of each run that is there, after a look at all of it."""
    found = {}
    for path in runs.glob("*.npz"):
        run, identity = read_run(path)
        assert path.name == run_name(identity) and len(run.history) == 5
        found[path.name] = run.network.parameters.tobytes()
    return found


@needs_proc
@pytest.mark.parametrize(("kills", "seed"), [(2, 1), pytest.param(20, 2, marks=pytest.mark.slow)])
def test_a_killed_sweep_goes_on_where_it_was(
    kills: int, seed: int, tmp_path: Path, digits_npz: Path
) -> None:
    undisturbed, runs = tmp_path / "undisturbed", tmp_path / "runs"
    results_of(start_sweep(undisturbed, digits_npz, CONFIGS))
    rng, finished = random.Random(seed), {}
    for _ in range(kills):
        process = start_sweep(runs, digits_npz, CONFIGS)
        time.sleep(rng.uniform(0.5, 3))
        process.kill()
        process.communicate()
        until_nobody_is_left(process.pid)
        now = whole_runs(runs)
        assert finished.items() <= now.items(), "lost, or done twice"
        finished = now
    results_of(start_sweep(runs, digits_npz, CONFIGS))
    assert whole_runs(runs) == whole_runs(undisturbed) and len(whole_runs(runs)) == 8


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_is_orderly(number: int, tmp_path: Path, digits_npz: Path) -> None:
    process = start_sweep(tmp_path / "runs", digits_npz, CONFIGS)
    wait_for_a_result(process)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.terminate()
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "runs are saved. Run the same command again to continue" in errors
    assert "Traceback" not in errors
    until_nobody_is_left(process.pid)
    assert 1 <= len(whole_runs(tmp_path / "runs")) < 8


@pytest.mark.skipif(
    shutil.which("mount") is None or os.geteuid() != 0, reason="needs the right to mount a tmpfs"
)
def test_a_full_disk(tmp_path: Path, digits_npz: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        _, errors = (process := start_sweep(disk / "runs", digits_npz, CONFIGS)).communicate(
            timeout=120
        )
        assert process.returncode == 2
        last = errors.strip().splitlines()[-1]
        assert "No space left on device" in last and str(disk / "runs") in last
        assert "Traceback" not in errors
        kept = whole_runs(disk / "runs")
        assert 1 <= len(kept) < 8
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        results_of(start_sweep(disk / "runs", digits_npz, CONFIGS))
        after = whole_runs(disk / "runs")
        assert len(after) == 8 and kept.items() <= after.items()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
