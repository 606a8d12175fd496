"""The same sweep on a Dask cluster of separate processes that have no checkout of this project."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from src.network_file import load_network
from tests.conftest import ROOT
from tests.test_experiments import folders, without_clock

pytest.importorskip("distributed", reason="pip install -r requirements-dask.txt")
pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A scheduler and two workers, each a process started from an empty folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    empty = tmp_path / "empty"
    empty.mkdir()
    dask = shutil.which("dask", path=str(Path(sys.executable).parent)) or "dask"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def launch(*arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [dask, *arguments],
            cwd=empty,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    host, port = address.split(":")
    processes = [
        launch("scheduler", "--host", host, "--port", port, "--dashboard-address", ":0"),
        *(
            launch("worker", f"tcp://{address}", "--nthreads", "1", "--no-dashboard")
            for _ in range(2)
        ),
    ]
    yield f"tcp://{address}", processes[1:]
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start(results: Path, data: Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "experiments.py"), "--data", str(data), "--epochs", "4"]
    command += ["--seeds", "1", "--results", str(results), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=results.parent
    )


@pytest.fixture
def digits_npz(tmp_path: Path) -> Path:
    path = tmp_path / "digits.npz"
    with np.load(ROOT / "data" / "mnist.npz") as file:
        np.savez(path, x_train=file["x_train"][:12000], y_train=file["y_train"][:12000])
    return path


def test_a_single_worker_does_all_the_work_and_none_is_refused(
    cluster: tuple[str, list[subprocess.Popen]], digits_npz: Path, tmp_path: Path
) -> None:
    address, workers = cluster
    os.killpg(workers[0].pid, signal.SIGKILL)
    sweep = start(tmp_path / "one", digits_npz, "--scheduler", address)
    _, errors = sweep.communicate(timeout=300)
    assert sweep.returncode == 0, errors
    assert len(folders(tmp_path / "one")) == 8
    os.killpg(workers[1].pid, signal.SIGKILL)
    time.sleep(1)
    sweep = start(tmp_path / "none", digits_npz, "--scheduler", address)
    _, errors = sweep.communicate(timeout=100)
    assert sweep.returncode == 2
    assert "no Dask scheduler with workers" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("kill", [False, True])
def test_same_bits_as_a_local_sweep(
    kill: bool, cluster: tuple[str, list[subprocess.Popen]], digits_npz: Path, tmp_path: Path
) -> None:
    address, workers = cluster
    local, remote = tmp_path / "local", tmp_path / "remote"
    sweep = start(remote, digits_npz, "--scheduler", address)
    if kill:
        end = time.monotonic() + 90
        while not folders(remote) and time.monotonic() < end:
            time.sleep(0.05)
        os.killpg(workers[0].pid, signal.SIGKILL)
    _, errors = sweep.communicate(timeout=300)
    assert sweep.returncode == 0, errors
    assert start(local, digits_npz).wait() == 0
    assert set(folders(remote)) == set(folders(local))
    for name in folders(local):
        runs = [results / "runs" / name for results in (local, remote)]
        histories = [without_clock(run / "history.csv") for run in runs]
        assert histories[0] == histories[1]
        parameters = [load_network(run / "network.npz")[0].parameters for run in runs]
        assert parameters[0].tobytes() == parameters[1].tobytes()
    tables = [without_clock(r / "hidden_layers" / "summary.csv") for r in (local, remote)]
    assert tables[0] == tables[1]
