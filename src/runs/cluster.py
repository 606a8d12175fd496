"""The tasks of a sweep on a Dask cluster, whose workers need no checkout of this project.

Code and arrays are a plugin: the scheduler hands it to every worker, also to those that come late,
so that no death of a worker loses them. A task whose worker dies goes to another.
"""

import asyncio
import contextlib
import functools
import logging
import os
import queue
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle

from src.common.errors import InputError
from src.runs.tasks import FAULT, POLL_SECONDS, RESULT, Report, TaskFailed, follow, reason

WAIT_SECONDS = 7  # for an answer, and for a worker when there is none
PREFIX = "sweep-"  # of the plugins' names


def on_cluster(
    tasks: dict[str, bytes], job: bytes, scheduler: str, on_report: Report
) -> Iterator[tuple[str, Any]]:
    """Run job(task, tell) for each of the pickled tasks; yield (key, result) as they finish.

    Raises InputError if there is no scheduler or no worker, or none any more.
    """
    events: queue.SimpleQueue = queue.SimpleQueue()
    with connected(scheduler) as client:
        name = PREFIX + client.id  # two sweeps may share a cluster
        seen = time.monotonic()

        def check() -> None:
            nonlocal seen
            with in_one_line(scheduler):
                if client.scheduler_info()["workers"]:
                    seen = time.monotonic()
            if time.monotonic() - seen > WAIT_SECONDS:
                raise InputError(f"--scheduler {scheduler}: no workers are connected; start some")

        try:
            with in_one_line(scheduler):
                while not client.scheduler_info()["workers"]:
                    check()
                    time.sleep(POLL_SECONDS)
                check_versions(client.get_versions())
                client.subscribe_topic(name, lambda event: events.put((*event[1], None)))
                futures = submit(client, name, tasks, job)
            for key, future in futures.items():
                future.add_done_callback(functools.partial(finished, key=key, events=events))
            yield from follow(events, len(tasks), on_report, check)
        finally:
            if client.status == "running":
                with contextlib.suppress(Exception):
                    client.unregister_worker_plugin(name)


def submit(client: Any, name: str, tasks: dict[str, bytes], job: bytes) -> dict[str, Any]:
    """Give the job to the workers, and the tasks to the scheduler. Returns the tasks' futures."""
    from distributed import WorkerPlugin, get_worker

    class Job(WorkerPlugin):  # inside a function, so that Dask sends it by value
        run: Callable

        def setup(self, worker: Any) -> None:
            if os.environ.get("OPENBLAS_NUM_THREADS") != "1":  # other bits, and slower
                raise ValueError("start its workers with OPENBLAS_NUM_THREADS=1")
            self.run = cloudpickle.loads(job)

    def run(key: str, task: bytes) -> bytes:
        worker: Any = get_worker()
        return worker.plugins[name].run(task, lambda what: worker.log_event(name, (key, what)))

    def left_over(dask_scheduler: Any) -> list[str]:
        names = {PREFIX + client for client in dask_scheduler.clients}
        plugins = dask_scheduler.worker_plugins
        return [plugin for plugin in plugins if plugin.startswith(PREFIX) and plugin not in names]

    for plugin in client.run_on_scheduler(left_over):  # by sweeps that were killed
        client.unregister_worker_plugin(plugin)
    client.register_plugin(Job(), name)
    return {key: client.submit(run, key, task, key=f"{name}-{key}") for key, task in tasks.items()}


def finished(future: Any, key: str, events: queue.SimpleQueue) -> None:
    """In a thread of Dask's: fetch what has come of a task."""
    try:
        value = cloudpickle.loads(future.result(timeout=WAIT_SECONDS))
    except asyncio.TimeoutError:  # it died with its worker, and is computed again
        future.add_done_callback(functools.partial(finished, key=key, events=events))
        return
    except Exception as error:
        if future.cancelled():
            events.put((key, FAULT, "the Dask scheduler is gone; start it and its workers again"))
            return
        killed = type(error).__name__ == "KilledWorker"
        value = TaskFailed("its workers were killed again and again" if killed else reason(error))
    events.put((key, RESULT, value))


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


def check_versions(versions: dict) -> None:
    """Raise InputError unless the workers' Python and NumPy are like ours, so that bits are too."""

    def of(node: dict) -> dict[str, str]:
        python = ".".join(node["host"]["python"].split(".")[:2])
        return {"Python": python, "NumPy": node["packages"]["numpy"] or "missing"}

    here = of(versions["client"])
    for address, node in versions["workers"].items():
        for name, version in of(node).items():
            if version != here[name]:
                raise InputError(
                    f"the Dask worker {address} has {name} {version}, "
                    f"but here it is {here[name]}; install the same there"
                )
