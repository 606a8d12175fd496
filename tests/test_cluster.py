"""Tasks on a Dask cluster of separate processes that have no checkout of this project."""

import contextlib
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from src.common import code
from src.common.errors import InputError
from src.runs.cluster import run_on_cluster
from tests.sweeping import needs_proc, processes_of, results_of, start_sweep, wait_for_a_result

distributed = pytest.importorskip("distributed", reason="pip install -r requirements-dask.txt")
pytestmark = pytest.mark.slow
STUB = b"""
import os, signal, time
from src.common.errors import InputError

def nap(data, number, seconds):
    time.sleep(seconds)
    if number == 1001: raise InputError("it is odd")
    if number == 1002: os.kill(os.getpid(), signal.SIGKILL)
    os.write(1, b"on stdout")
    number *= int(data["ones"][0, 0])
    return number, os.getppid(), os.environ["OPENBLAS_NUM_THREADS"]
"""


class Cluster:
    """A scheduler and workers, each a process of its own, started in an empty folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.folder, self.processes = folder, []
        where = ["--host", "127.0.0.1", "--port", str(port), "--dashboard-address", ":0"]
        self.launch("scheduler", *where)

    def launch(self, *arguments: str, path: str = "") -> None:
        dask = shutil.which("dask", path=str(Path(sys.executable).parent)) or "dask"
        environment = os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "2"}
        silent: dict = dict.fromkeys(["stdout", "stderr"], subprocess.DEVNULL)
        own = {"cwd": self.folder, "env": environment, "start_new_session": True}
        self.processes.append(subprocess.Popen([dask, *arguments], **silent, **own))

    def add_worker(self, path: str = "") -> None:
        self.launch("worker", self.address, "--nthreads", "1", "--no-dashboard", path=path)

    def wait_for_workers(self, count: int) -> list[str]:
        with distributed.Client(self.address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=90)
            return list(client.nthreads())


def kill(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def empty_cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "empty").mkdir()
    cluster = Cluster(tmp_path / "empty")
    yield cluster
    for process in reversed(cluster.processes):  # the scheduler last, or workers wait for it
        process.terminate()  # Dask then removes its semaphores
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        kill(process)


@pytest.fixture
def cluster(empty_cluster: Cluster) -> Cluster:
    for _ in range(2):
        empty_cluster.add_worker()
    empty_cluster.wait_for_workers(2)
    return empty_cluster


def naps(count: int, seconds: float) -> dict[str, bytes]:
    return {str(number): pickle.dumps((number, seconds)) for number in range(count)}


def run(address: str, tasks: dict[str, bytes]) -> Iterator:
    program = code.read() | {"stub.py": STUB}, "stub:nap", {"ones": np.ones((2000, 784), np.uint8)}
    return run_on_cluster(program, tasks, address)


def test_results_and_failures_arrive(cluster):
    """From workers that were started with other BLAS threads: a task has one all the same."""
    tasks = naps(6, 0.1) | {str(n): pickle.dumps((n, 0)) for n in (1001, 1002)}
    found = dict(run(cluster.address, tasks))
    assert str(found.pop("1001")) == "it is odd"
    assert str(found.pop("1002")) == "its worker died twice (exit status -9)"
    assert {key: value[0] for key, value in found.items()} == {str(n): n for n in range(6)}
    assert {value[2] for value in found.values()} == {"1"}
    assert len({value[1] for value in found.values()}) == 2  # the Dask workers
    assert len(dict(run(cluster.address.removeprefix("tcp://"), naps(2, 0)))) == 2


def test_two_of_eight_workers_are_unfit_and_two_more_come_late(empty_cluster, capfd):
    """The unfit ones get nothing and are named once; a fit one that comes late takes its share."""
    other = empty_cluster.folder / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import numpy\nnumpy.__version__ = '1.0.0'\n")
    (other / "numpy-1.0.0.dist-info").mkdir()  # where newer versions of Dask look
    (other / "numpy-1.0.0.dist-info" / "METADATA").write_text("Name: numpy\nVersion: 1.0.0\n")
    for number in range(8):
        empty_cluster.add_worker(path=str(other) if number < 2 else "")
    empty_cluster.wait_for_workers(8)
    found, parents = {}, set()
    for key, result in run(empty_cluster.address, naps(150, 0.5)):
        if not found:
            empty_cluster.add_worker(path=str(other))
            empty_cluster.add_worker()
        assert not isinstance(result, str), result
        found[key], parent, _ = result
        parents.add(parent)
    assert found == {str(n): n for n in range(150)}
    assert len(parents) == 7
    told = capfd.readouterr().err
    assert told.count("gets no runs: it has Python") == 3
    assert told.count("NumPy 1.0.0, but the sweep was started with") == 3


def test_two_sweeps_share_a_cluster(cluster):
    found: dict = {}
    thread = threading.Thread(target=lambda: found.update(run(cluster.address, naps(6, 0.2))))
    thread.start()
    here = dict(run(cluster.address, naps(6, 0.2)))
    thread.join()
    for each in (here, found):
        assert {key: value[0] for key, value in each.items()} == {str(n): n for n in range(6)}


def test_four_workers_killed_in_one_sweep(cluster):
    """Dask starts each again. A task that happens to be under all four may fail, with a reason."""
    killed: set[int] = set()
    found = {}
    for key, result in run(cluster.address, naps(24, 0.5)):
        found[key] = result
        if not isinstance(result, str) and len(killed) < 4 and result[1] not in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(result[1], signal.SIGKILL)
            killed.add(result[1])
    assert set(found) == {str(n) for n in range(24)}
    values = {k: v[0] for k, v in found.items() if not isinstance(v, str)}
    assert len(values) >= 22 and len(killed) == 4, [str(v) for v in found.values()]
    assert values == {key: int(key) for key in values}


@pytest.mark.parametrize(
    ("lost", "message"), [("workers", "no fit workers are connected"), ("scheduler", "scheduler")]
)
def test_all_are_lost(lost, message, cluster):
    results = run(cluster.address, naps(50, 0.5))
    assert len([next(results), next(results)]) == 2
    for process in cluster.processes[1:] if lost == "workers" else cluster.processes[:1]:
        kill(process)
    with pytest.raises(InputError, match=message):
        list(results)


def test_nobody_to_work_until_a_worker_comes(empty_cluster):
    with pytest.raises(InputError, match="no fit workers are connected; start some"):
        list(run(empty_cluster.address, naps(2, 0)))
    threading.Timer(3, empty_cluster.add_worker).start()
    assert len(dict(run(empty_cluster.address, naps(3, 0)))) == 3
    (address,) = empty_cluster.wait_for_workers(1)
    with pytest.raises(InputError, match="a worker is there; give the scheduler's address"):
        list(run(address, naps(2, 0)))


@pytest.mark.parametrize("address", ["foo://x", "localhost", "tcp://127.0.0.1:1", "tls://x", ":::"])
def test_addresses_that_are_none(address):
    with pytest.raises(InputError, match=f"--scheduler {address}: no Dask scheduler") as raised:
        list(run(address, naps(2, 0)))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_the_port_of_another_server(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)

        if answer:  # else it never says anything
            threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(InputError, match="no Dask scheduler answers"):
            list(run(f"127.0.0.1:{server.getsockname()[1]}", naps(2, 0)))


CONFIGS = {str(seed): {"hidden": [64], "epochs": 3, "seed": seed} for seed in range(8)}


@needs_proc
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_stop_leaves_nothing_on_the_cluster(name, cluster, small_npz, tmp_path):
    sessions = [process.pid for process in cluster.processes]
    before = set().union(*map(processes_of, sessions))
    sweep = start_sweep(tmp_path / "runs", small_npz, CONFIGS, cluster.address)
    wait_for_a_result(sweep)
    assert set().union(*map(processes_of, sessions)) - before
    sweep.send_signal(signal.Signals[name])
    _, errors = sweep.communicate(timeout=30)
    if name != "SIGKILL":
        assert sweep.returncode == 130
        assert "Traceback" not in errors and len(errors.splitlines()) <= 4, errors
    end = time.monotonic() + 20
    while left := set().union(*map(processes_of, sessions)) - before:
        assert time.monotonic() < end, left
        time.sleep(0.1)
    with distributed.Client(cluster.address, set_as_default=False) as client:
        assert not client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))


def test_same_bits_as_a_local_sweep(cluster, small_npz, tmp_path):
    for place, more in (("local", []), ("remote", [cluster.address])):
        results_of(start_sweep(tmp_path / place, small_npz, CONFIGS, *more))
    files = list((tmp_path / "local").glob("*.npz"))
    for file in files:
        one, other = (
            np.load(each)["parameters"] for each in (file, tmp_path / "remote" / file.name)
        )
        assert one.tobytes() == other.tobytes()
    assert len(files) == 8
