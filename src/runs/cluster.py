"""The tasks of a sweep on a Dask cluster, whose workers need Python, NumPy and no more.

Sources and data are part of a plugin, which the scheduler hands once to each worker, also to those
that come late. A worker that is fit offers a resource, which each task needs, so that the others
get no tasks. On a fit worker a task runs as on this machine: in a process of its own, with one BLAS
thread.
"""

import asyncio
import contextlib
import functools
import logging
import queue
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np
from tqdm import tqdm

from src.common.errors import InputError
from src.runs import pool
from src.runs.pool import DEAD, TaskFailed, ask, end, result_of, start
from src.runs.worker import reason

WAIT_SECONDS = 7  # for an answer, and for a worker when there is none
PREFIX = "numpy-mnist-sweep-"  # of the plugins' names: nobody else's begin so


def run_on_cluster(
    program: tuple, tasks: dict[str, bytes], scheduler: str, on_step: Callable[[str], None]
) -> Generator[tuple[str, Any]]:
    """Like pool.run_tasks, on the Dask cluster at `scheduler`. Unfit workers are named once.

    Raises InputError if there is no scheduler or no fit worker, or none any more.
    """
    events: queue.SimpleQueue = queue.SimpleQueue()
    with connected(scheduler) as client, in_one_line(scheduler):
        name = PREFIX + client.id  # two sweeps may share a cluster
        client.subscribe_topic(name, lambda event: events.put(event[1]))
        unfit: dict[str, str] = {}
        seen, left = time.monotonic(), len(tasks)
        try:
            futures = submit(client, name, tasks, program)
            for key, future in futures.items():
                future.add_done_callback(functools.partial(fetch, key=key, events=events))
            while left:
                try:
                    what, key, value = events.get(timeout=0.5)
                except queue.Empty:
                    if client.nthreads().keys() - unfit:
                        seen = time.monotonic()
                    elif time.monotonic() - seen > WAIT_SECONDS:
                        raise InputError(
                            f"--scheduler {scheduler}: no fit worker is connected; start some"
                        ) from None
                    continue
                if what == "step":
                    on_step(key)
                elif what == "gone":
                    raise InputError("the Dask scheduler is gone; start it and its workers again")
                elif what == "unfit":
                    if key not in unfit:
                        tqdm.write(f"the Dask worker {key} gets no runs: {value}", file=sys.stderr)
                    unfit[key] = value
                else:
                    left -= 1
                    futures.pop(key).release()
                    yield key, value
        finally:
            if client.status == "running":
                with contextlib.suppress(Exception):
                    client.unregister_worker_plugin(name)


def submit(client: Any, name: str, tasks: dict[str, bytes], program: tuple) -> dict[str, Any]:
    """Give the program to the workers, and the tasks to the scheduler. Returns their futures."""
    import cloudpickle
    from distributed import Status, WorkerPlugin, get_worker

    *rest, (content, arrays) = program
    packed = [zlib.compress(array, 1) for array in arrays]
    needed = f"Python {sys.version_info[0]}.{sys.version_info[1]} and NumPy {np.__version__}"

    class Trainer(WorkerPlugin):  # in a function, so that Dask sends it by value
        def setup(self, worker: Any) -> Any:
            self.workers: list = []
            self.idle: list = []
            try:
                import numpy

                version = numpy.__version__
            except Exception as error:
                version = f"missing ({error})"
            here = f"Python {sys.version_info[0]}.{sys.version_info[1]} and NumPy {version}"
            if here != needed:
                worker.log_event(
                    name, ("unfit", worker.address, f"it has {here}, but here it is {needed}")
                )
                return None
            return self.offer(worker)

        async def offer(self, worker: Any) -> None:
            await worker.set_resources(**{name: worker.state.nthreads})
            if worker.status == Status.running:  # or tasks that wait for it are not looked at again
                worker.status = Status.paused
                worker.status = Status.running

        def teardown(self, worker: Any) -> None:
            for each in self.workers:
                end(each)

        def run(self, task: bytes, on_step: Callable[[], None]) -> tuple:
            for _ in range(2):
                arrays = [zlib.decompress(array) for array in packed]
                worker = (
                    self.idle.pop()
                    if self.idle
                    else start((*rest, (content, arrays)), self.workers)
                )
                try:
                    answer = ask(worker, task, on_step)
                    self.idle.append(worker)
                    return answer
                except DEAD:
                    status = end(worker)
            return "failed", f"its worker died twice (exit status {status})"

    def run(key: str, task: bytes) -> tuple:
        worker: Any = get_worker()
        return worker.plugins[name].run(task, lambda: worker.log_event(name, ("step", key, None)))

    def left_over(dask_scheduler: Any) -> list[str]:
        names = {PREFIX + client for client in dask_scheduler.clients}
        plugins = dask_scheduler.worker_plugins
        return [plugin for plugin in plugins if plugin.startswith(PREFIX) and plugin not in names]

    cloudpickle.register_pickle_by_value(pool)  # of which workers have no copy
    for plugin in client.run_on_scheduler(left_over):  # by sweeps that were killed
        client.unregister_worker_plugin(plugin)
    client.register_plugin(Trainer(), name)
    options = {"resources": {name: 1}, "pure": False}
    keys = [f"{name}-{key}" for key in tasks]
    return dict(zip(tasks, client.map(run, tasks, tasks.values(), key=keys, **options)))


def fetch(future: Any, key: str, events: queue.SimpleQueue) -> None:
    """In a thread of Dask's: fetch what has come of a task."""
    value: Any
    try:
        value = result_of(*future.result(timeout=WAIT_SECONDS))
    except asyncio.TimeoutError:  # it died with its worker, and is computed again
        future.add_done_callback(functools.partial(fetch, key=key, events=events))
        return
    except Exception as error:
        if future.cancelled():
            events.put(("gone", key, None))
            return
        killed = type(error).__name__ == "KilledWorker"
        value = TaskFailed("its workers were killed again and again" if killed else reason(error))
    events.put(("result", key, value))


@contextlib.contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """A client of the Dask scheduler at this address. Raises InputError if there is none."""
    try:
        from distributed import Client, rpc
    except ImportError:
        raise InputError(
            "--scheduler needs Dask; install it with: pip install -r requirements-dask.txt"
        ) from None
    logging.disable()  # Dask tells at length what is told here in one line
    warnings.filterwarnings("ignore", "coroutine", RuntimeWarning)  # of what a stop cut off

    async def kind_of_server() -> str:
        async with rpc(scheduler) as server:
            return (await server.identity())["type"]

    with in_one_line(scheduler):
        # asked first, because Client waits for ever for a server that says nothing
        kind = asyncio.run(asyncio.wait_for(kind_of_server(), WAIT_SECONDS))
        if kind != "Scheduler":
            raise ValueError(f"a {kind.lower()} is there; give the scheduler's address")
        client = Client(scheduler, timeout=WAIT_SECONDS, set_as_default=False)
    with client:
        yield client


@contextlib.contextmanager
def in_one_line(scheduler: str) -> Iterator[None]:
    """Turn whatever Dask raises into an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if isinstance(error, (asyncio.TimeoutError, MemoryError, EOFError)) or (
            type(error).__name__ == "CommClosedError"
        ):  # MemoryError: another server's answer was read as the length of Dask's
            why = "no Dask scheduler answers there"
        else:
            why = str(error) if isinstance(error, (OSError, ValueError)) else reason(error)
        raise InputError(f"--scheduler {scheduler}: {why}") from None
