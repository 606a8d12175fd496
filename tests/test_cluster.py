"""Tasks on a Dask cluster of separate processes that have no checkout of this project."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from src.runs.workers import START, STEP, TaskFailed, run_tasks

from src.common.errors import InputError
from src.reading.saved import load_network
from src.runs import cluster as dask_cluster
from tests.conftest import ROOT
from tests.test_experiments import folders, without_clock

distributed = pytest.importorskip("distributed", reason="pip install -r requirements-dask.txt")
pytestmark = pytest.mark.slow
HERE = sys.modules[__name__]
IMAGES = np.ones((2000, 784), np.uint8)


class Cluster:
    """A scheduler and workers, each a process of its own, started in an empty folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.folder, self.processes = folder, []
        dashboard = ("--dashboard-address", ":0")
        self.scheduler = self.launch(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port), *dashboard
        )

    def launch(self, *arguments: str, **environment: str) -> subprocess.Popen:
        dask = shutil.which("dask", path=str(Path(sys.executable).parent)) or "dask"
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        process = subprocess.Popen(
            [dask, *arguments],
            cwd=self.folder,
            env=inherited | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def add_worker(self, *arguments: str, **environment: str) -> subprocess.Popen:
        options = ("--nthreads", "1", "--no-dashboard", *arguments)
        return self.launch("worker", self.address, *options, **environment)

    def wait_for_workers(self, count: int) -> list[str]:
        with distributed.Client(self.address, timeout=60, set_as_default=False) as client:
            wait_until(lambda: len(client.scheduler_info()["workers"]) == count)
            return list(client.scheduler_info()["workers"])

    @staticmethod
    def kill(process: subprocess.Popen) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def empty_cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "empty").mkdir()
    cluster = Cluster(tmp_path / "empty")
    yield cluster
    for process in cluster.processes:
        process.terminate()  # Dask then removes its semaphores
    for process in cluster.processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        cluster.kill(process)


@pytest.fixture
def cluster(empty_cluster: Cluster) -> Cluster:
    for _ in range(2):
        empty_cluster.add_worker()
    empty_cluster.wait_for_workers(2)
    return empty_cluster


def wait_until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def nap(step, number: int, seconds: float, images: np.ndarray) -> tuple[int, int]:
    step()
    time.sleep(seconds)
    return number * int(images[0, 0]), os.getpid()


def kill_always(step, deadly: bool, images: np.ndarray) -> int:
    if deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1


def refuse(step, number: int, images: np.ndarray) -> int:
    if number == 1:
        raise InputError("one is odd")
    if number == 2:
        raise KeyError("two")
    return number


def naps(count: int, seconds: float) -> dict[str, tuple]:
    return {str(number): (number, seconds) for number in range(count)}


def on(address: str, function: Callable, tasks: dict[str, tuple], **options) -> Iterator:
    return run_tasks(function, tasks, (IMAGES,), 1, address, by_value=[HERE], **options)


# --------------------------------------------------------------------------------- what must work


def test_results_reports_and_failures_arrive(cluster: Cluster) -> None:
    reports: list[tuple[str, str]] = []
    found = dict(
        on(cluster.address, nap, naps(6, 0.1), on_report=lambda *report: reports.append(report))
    )
    assert {key: value for key, (value, _) in found.items()} == {str(n): n for n in range(6)}
    assert len({pid for _, pid in found.values()}) == 2
    assert set(reports) == {(key, what) for key in found for what in (START, STEP)}
    found = dict(on(cluster.address, refuse, {str(n): (n,) for n in range(4)}))
    assert (found["0"], found["3"]) == (0, 3)
    assert isinstance(found["1"], TaskFailed)
    assert str(found["1"]) == "one is odd"
    assert str(found["2"]).startswith("KeyError: 'two' (in refuse")


def test_a_single_worker_does_it_all_until_others_come(empty_cluster: Cluster) -> None:
    empty_cluster.add_worker()
    empty_cluster.wait_for_workers(1)
    found, pids = {}, set()
    for key, (value, pid) in on(empty_cluster.address, nap, naps(40, 0.5)):
        if not found:
            empty_cluster.add_worker()
        found[key] = value
        pids.add(pid)
    assert found == {str(n): n for n in range(40)}
    assert len(pids) == 2


def test_two_sweeps_share_a_cluster(cluster: Cluster) -> None:
    reports: list[str] = []
    found: dict = {}

    def other() -> None:
        found.update(on(cluster.address, nap, {f"b{n}": (n, 0.2) for n in range(6)}))

    thread = threading.Thread(target=other)
    thread.start()
    here = dict(
        on(cluster.address, nap, naps(6, 0.2), on_report=lambda key, what: reports.append(key))
    )
    thread.join()
    assert {key: value for key, (value, _) in here.items()} == {str(n): n for n in range(6)}
    assert {key: value for key, (value, _) in found.items()} == {f"b{n}": n for n in range(6)}
    assert set(reports) == set(here)
    with distributed.Client(cluster.address, set_as_default=False) as client:
        assert not [name for name in plugins(client) if name.startswith("sweep-")]


def plugins(client) -> list[str]:
    return client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.worker_plugins))


# ------------------------------------------------------------------------------- what may be lost


def test_four_workers_killed_in_one_sweep(cluster: Cluster) -> None:
    """Dask starts each again. A task that happens to be under all four may fail, with a reason."""
    reports: list[str] = []
    killed: set[int] = set()

    def killer() -> None:
        with distributed.Client(cluster.address, set_as_default=False) as client:
            while len(killed) < 4:
                time.sleep(1)
                if reports:
                    pids = set(client.run(os.getpid, on_error="ignore").values()) - killed
                    for pid in list(pids)[:1]:
                        os.kill(pid, signal.SIGKILL)
                        killed.add(pid)

    thread = threading.Thread(target=killer)
    thread.start()
    found = dict(
        on(cluster.address, nap, naps(24, 0.5), on_report=lambda key, what: reports.append(key))
    )
    thread.join()
    assert set(found) == {str(n) for n in range(24)}
    values = {k: v[0] for k, v in found.items() if not isinstance(v, TaskFailed)}
    assert len(values) >= 22
    assert values == {key: int(key) for key in values}


def test_a_task_that_kills_every_worker_fails_and_the_others_go_on(cluster: Cluster) -> None:
    found = dict(on(cluster.address, kill_always, {str(n): (n == 3,) for n in range(8)}))
    failure = found.pop("3")
    assert isinstance(failure, TaskFailed)
    assert "killed again and again" in str(failure)
    assert found == {str(n): 1 for n in (0, 1, 2, 4, 5, 6, 7)}


def test_all_workers_lost(cluster: Cluster) -> None:
    found = {}
    with pytest.raises(InputError, match="no workers are connected"):
        for key, result in on(cluster.address, nap, naps(50, 0.5)):
            found[key] = result
            if len(found) == 2:
                for process in cluster.processes[1:]:
                    cluster.kill(process)
    assert len(found) >= 2


def test_the_scheduler_lost(cluster: Cluster) -> None:
    found = {}
    with pytest.raises(InputError, match="the Dask scheduler is gone"):
        for key, result in on(cluster.address, nap, naps(50, 0.5)):
            found[key] = result
            if len(found) == 2:
                cluster.kill(cluster.scheduler)
    assert len(found) >= 2


# ------------------------------------------------------------------------------ what is refused


def test_a_cluster_without_workers(empty_cluster: Cluster) -> None:
    empty_cluster.wait_for_workers(0)
    with pytest.raises(InputError, match="no workers are connected; start some"):
        list(on(empty_cluster.address, nap, naps(2, 0)))


def test_the_address_of_a_worker_or_of_nobody(cluster: Cluster) -> None:
    address = cluster.wait_for_workers(2)[0]
    with pytest.raises(InputError, match="a worker is there; give the scheduler's address"):
        list(on(address, nap, naps(2, 0)))
    with pytest.raises(InputError, match="TLS"):
        list(on(cluster.address.replace("tcp", "tls"), nap, naps(2, 0)))
    without_scheme = cluster.address.removeprefix("tcp://")
    assert len(dict(on(without_scheme, nap, naps(2, 0)))) == 2


@pytest.mark.parametrize("address", ["foo://x", "localhost", "tcp://127.0.0.1:1", ":::"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(InputError, match="--scheduler") as raised:
        list(on(address, nap, naps(2, 0)))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_the_port_of_another_server(answer: bytes | None) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        accepted = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    accepted.append(connection)
                    if answer:
                        connection.sendall(answer)
                        connection.close()

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(InputError, match="no Dask scheduler answers there"):
            list(on(f"127.0.0.1:{server.getsockname()[1]}", nap, naps(2, 0)))
        assert accepted
        for connection in accepted:
            connection.close()


def test_workers_with_other_versions_or_without_a_package_are_named() -> None:
    def node(python: str, numpy: str | None) -> dict:
        return {"host": {"python": python}, "packages": {"numpy": numpy}}

    here = node("3.11.7.final.0", "2.0.1")
    same = node("3.11.9.final.0", "2.0.1")
    dask_cluster.check_versions({"client": here, "workers": {"tcp://a:1": same}})
    for other, words in (
        (node("3.12.1.final.0", "2.0.1"), "tcp://b:2 has Python 3.12, but here it is 3.11"),
        (node("3.11.7.final.0", "1.26.4"), "tcp://b:2 has NumPy 1.26.4, but here it is 2.0.1"),
        (node("3.11.7.final.0", None), "tcp://b:2 has NumPy missing"),
    ):
        with pytest.raises(InputError, match=words):
            dask_cluster.check_versions(
                {"client": here, "workers": {"tcp://a:1": same, "tcp://b:2": other}}
            )


def test_a_worker_that_lacks_a_package(cluster: Cluster, tmp_path: Path) -> None:
    """Here it is the module of a user that is not sent along."""
    (tmp_path / "only_here.py").write_text("def work(step, number, images):\n    return number\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import only_here

        with pytest.raises(InputError, match="No module named 'only_here'"):
            list(on(cluster.address, only_here.work, {"a": (1,)}))
    finally:
        sys.path.remove(str(tmp_path))
    assert len(dict(on(cluster.address, nap, naps(2, 0)))) == 2  # the cluster is as it was


def test_workers_with_several_blas_threads_are_refused(empty_cluster: Cluster) -> None:
    empty_cluster.add_worker(OPENBLAS_NUM_THREADS="2")
    empty_cluster.wait_for_workers(1)
    with pytest.raises(InputError, match="start its workers with OPENBLAS_NUM_THREADS=1"):
        list(on(empty_cluster.address, nap, naps(2, 0)))


# ----------------------------------------------------------------------------------- whole sweeps


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


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stop_is_quiet_and_leaves_nothing_on_the_cluster(
    name: str, cluster: Cluster, digits_npz: Path, tmp_path: Path
) -> None:
    sweep = start(tmp_path / "results", digits_npz, "--scheduler", cluster.address)
    wait_until(lambda: bool(folders(tmp_path / "results")))
    sweep.send_signal(signal.Signals[name])
    _, errors = sweep.communicate(timeout=30)
    assert sweep.returncode == 130
    assert "Traceback" not in errors
    assert len(errors.splitlines()) <= 3
    with distributed.Client(cluster.address, set_as_default=False) as client:
        assert not [name for name in plugins(client) if name.startswith("sweep-")]


def test_a_sweep_that_was_killed_leaves_nothing_to_the_next(
    cluster: Cluster, digits_npz: Path, tmp_path: Path
) -> None:
    sweep = start(tmp_path / "results", digits_npz, "--scheduler", cluster.address)
    wait_until(lambda: bool(folders(tmp_path / "results")))
    sweep.kill()
    sweep.communicate()
    with distributed.Client(cluster.address, set_as_default=False) as client:
        assert [name for name in plugins(client) if name.startswith("sweep-")]
        wait_until(lambda: len(clients(client)) == 1)
        assert len(dict(on(cluster.address, nap, naps(2, 0)))) == 2
        assert not [name for name in plugins(client) if name.startswith("sweep-")]


def clients(client) -> list[str]:
    return client.run_on_scheduler(
        lambda dask_scheduler: [
            name for name in dask_scheduler.clients if name != "fire-and-forget"
        ]
    )


@pytest.mark.parametrize("kill", [False, True])
def test_same_bits_as_a_local_sweep(
    kill: bool, cluster: Cluster, digits_npz: Path, tmp_path: Path
) -> None:
    local, remote = tmp_path / "local", tmp_path / "remote"
    sweep = start(remote, digits_npz, "--scheduler", cluster.address)
    if kill:
        wait_until(lambda: bool(folders(remote)))
        cluster.kill(cluster.processes[1])
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
