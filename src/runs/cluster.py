"""The tasks of a sweep on a Dask cluster, whose workers need Python, NumPy and no more.

Sources and data are part of a plugin, which the scheduler hands once to each worker, also to those
that come late. A worker that is fit offers a resource, which each task needs: so the others get no
tasks. There a task runs as on this machine, in a process of its own with one BLAS thread.
"""

import asyncio
import collections
import contextlib
import functools
import logging
import pickle
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
from src.runs.pool import TaskFailed, Workers, result_of
from src.runs.worker import reason

WAIT_SECONDS = 7  # for an answer, and for a worker when there is none
POLL_SECONDS = 0.5
PREFIX = "numpy-mnist-sweep-"  # of the plugins' names: nobody else's begin so
VERSIONS = f"Python {sys.version_info[0]}.{sys.version_info[1]} and NumPy {np.__version__}"


def run_on_cluster(
    program: tuple, tasks: dict[str, bytes], scheduler: str, on_step: Callable[[str], None]
) -> Generator[tuple[str, Any]]:
    """Like pool.run_tasks, on the Dask cluster at `scheduler`. Unfit workers are named once.

    Raises InputError if there is no scheduler or no fit worker, or none any more.
    """
    events: queue.SimpleQueue[tuple] = queue.SimpleQueue()
    with connected(scheduler) as client:
        name = PREFIX + client.id  # two sweeps may share a cluster
        waiting, futures, unfit, slots = collections.deque(tasks), dict[str, Any](), set[str](), 0
        looked, seen = 0.0, time.monotonic()
        try:
            with in_one_line(scheduler):
                client.subscribe_topic(name, lambda event: events.put(event[1]))
                run = prepare(client, name, program)
            while waiting or futures:
                if (now := time.monotonic()) > looked + POLL_SECONDS:
                    with in_one_line(scheduler):
                        fit = {
                            each: n for each, n in client.nthreads().items() if each not in unfit
                        }
                        looked, slots = now, 2 * sum(fit.values())
                        seen = now if fit else seen
                        if now - seen > WAIT_SECONDS:
                            raise ValueError("no fit workers are connected; start some")
                while waiting and len(futures) < slots:  # few, or each death would count for all
                    key = waiting.popleft()
                    more = {"key": f"{name}-{key}", "resources": {name: 1}, "pure": False}
                    futures[key] = client.submit(run, key, tasks[key], **more)
                    futures[key].add_done_callback(functools.partial(fetch, key, events))
                try:
                    what, key, value = events.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                if what == "step":
                    on_step(key)
                elif what == "result":
                    del futures[key]
                    yield key, value
                elif what == "gone":
                    raise InputError("the Dask scheduler is gone; start it and its workers again")
                elif key not in unfit:
                    unfit.add(key)
                    tqdm.write(f"the Dask worker {key} gets no runs: {value}", file=sys.stderr)
        finally:
            if client.status == "running":
                with contextlib.suppress(Exception):
                    client.unregister_worker_plugin(name)


def prepare(client: Any, name: str, program: tuple) -> Callable:
    """Give the program to the workers. Returns what runs a task on one of them."""
    import cloudpickle
    from distributed import Status, WorkerPlugin, get_worker

    packed = zlib.compress(pickle.dumps(program, protocol=5), 1)

    class Trainer(WorkerPlugin):  # in a function, so that Dask sends it by value
        def setup(self, worker: Any) -> Any:  # if it failed, each task that comes here would fail
            try:
                import numpy

                here = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
                here += f" and NumPy {numpy.__version__}"
            except Exception as error:
                here = f"no NumPy ({error!r})"
            if here == VERSIONS:
                return self.offer(worker)
            why = f"it has {here}, but the sweep was started with {VERSIONS}"
            worker.log_event(name, ("unfit", worker.address, why))

        async def offer(self, worker: Any) -> None:
            self.workers = Workers(packed)
            await worker.set_resources(**{name: worker.state.nthreads})
            if worker.status == Status.running:  # so that tasks that found nobody are told
                worker.status = Status.paused
                worker.status = Status.running

        def teardown(self, worker: Any) -> None:
            if hasattr(self, "workers"):
                self.workers.close()

    def run(key: str, task: bytes) -> tuple:
        worker: Any = get_worker()
        step = functools.partial(worker.log_event, name, ("step", key, None))
        return worker.plugins[name].workers.run(task, step)

    def left_over(dask_scheduler: Any) -> list[str]:
        names = {PREFIX + client for client in dask_scheduler.clients}
        plugins = dask_scheduler.worker_plugins
        return [plugin for plugin in plugins if plugin.startswith(PREFIX) and plugin not in names]

    cloudpickle.register_pickle_by_value(pool)  # of which workers have no copy
    for plugin in client.run_on_scheduler(left_over):  # by sweeps that were killed
        client.unregister_worker_plugin(plugin)
    client.register_plugin(Trainer(), name)
    return run


def fetch(key: str, events: queue.SimpleQueue, future: Any) -> None:
    """In a thread of Dask's: fetch what has come of a task."""
    value: Any
    try:
        value = result_of(*future.result(timeout=WAIT_SECONDS))
    except asyncio.TimeoutError:  # it died with its worker, and is computed again
        future.add_done_callback(functools.partial(fetch, key, events))
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
