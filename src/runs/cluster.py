"""The tasks of a sweep on a Dask cluster, whose workers need no copy of this project.

Sources and data are part of a plugin, which the scheduler hands once to each worker, also to those
that come late. A worker that is fit offers a resource, which each task needs: so the others get no
tasks. There a task runs as on this machine, in a process of its own with one BLAS thread.
"""

import asyncio
import contextlib
import logging
import pickle
import queue
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

from tqdm import tqdm

from src.common.errors import InputError
from src.runs import pool
from src.runs.pool import Workers, result_of
from src.runs.worker import reason

WAIT_SECONDS = 7  # for an answer, and for a worker when there is none
PREFIX = "numpy-mnist-sweep-"  # of the plugins' names: nobody else's begin so


def run_on_cluster(
    program: tuple, tasks: dict[str, bytes], scheduler: str
) -> Generator[tuple[str, Any]]:
    """Like pool.run_tasks, on the Dask cluster at `scheduler`. Unfit workers are named once.

    Raises InputError if there is no scheduler or no fit worker, or none any more.
    """
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    waiting, running, unfit = list(reversed(tasks)), dict[str, Any](), set[str]()

    def hear(event: tuple) -> None:  # in a thread of Dask's
        worker, why = event[1]
        if worker not in unfit:
            unfit.add(worker)
            tqdm.write(f"the Dask worker {worker} gets no runs: {why}", file=sys.stderr)

    with connected(scheduler) as client:
        name = PREFIX + client.id  # two sweeps may share a cluster
        client.subscribe_topic(name, hear)
        run, seen = prepare(client, name, program), time.monotonic()
        try:
            while waiting or running:
                fit = [n for worker, n in client.nthreads().items() if worker not in unfit]
                seen = time.monotonic() if fit else seen
                if time.monotonic() > seen + WAIT_SECONDS:
                    raise InputError("no fit workers are connected; start some")
                while waiting and len(running) < 2 * sum(fit):  # few: each death counts for all
                    key = waiting.pop()
                    more = {"key": f"{name}-{key}", "resources": {name: 1}, "pure": False}
                    future = client.submit(run, tasks[key], **more)
                    running[future.key] = key, future
                    future.add_done_callback(done.put)
                with contextlib.suppress(queue.Empty):
                    future = done.get(timeout=0.5)
                    try:
                        answer = answer_in(future)
                    except asyncio.TimeoutError:  # lost with its worker, and computed again
                        future.add_done_callback(done.put)
                        continue
                    key, _ = running.pop(future.key)
                    yield key, result_of(answer)
        finally:
            if client.status == "running":
                with contextlib.suppress(Exception):
                    client.unregister_worker_plugin(name)


def answer_in(future: Any) -> bytes | str:
    """The answer of the worker, or why there is none."""
    if future.cancelled():
        raise InputError("the Dask scheduler is gone; start it and its workers again")
    try:
        return future.result(timeout=WAIT_SECONDS)
    except asyncio.TimeoutError:
        raise
    except Exception as error:
        killed = type(error).__name__ == "KilledWorker"
        return "its workers were killed again and again" if killed else reason(error)


def prepare(client: Any, name: str, program: tuple) -> Callable:
    """Give the program to the workers. Returns what runs a task on one of them."""
    import cloudpickle
    from distributed import Status, WorkerPlugin, get_worker

    packed = zlib.compress(pickle.dumps(program, protocol=5), 1)

    def versions() -> str:
        try:
            import numpy
        except ImportError as error:
            return f"no NumPy ({error})"
        return f"Python {sys.version_info[0]}.{sys.version_info[1]} and NumPy {numpy.__version__}"

    wanted = versions()

    class Trainer(WorkerPlugin):  # in a function, so that Dask sends it by value
        workers: Workers | None = None

        async def setup(self, worker: Any) -> None:
            if (here := versions()) != wanted:
                why = f"it has {here}, but the sweep was started with {wanted}"
                worker.log_event(name, (worker.address, why))
                return
            self.workers = Workers(pickle.loads(zlib.decompress(packed)))
            await worker.set_resources(**{name: worker.state.nthreads})
            if worker.status == Status.running:  # so that tasks that found nobody are told
                worker.status = Status.paused
                worker.status = Status.running

        def teardown(self, worker: Any) -> None:
            if self.workers:
                self.workers.close()

    def run(task: bytes) -> bytes | str:
        worker: Any = get_worker()
        return worker.plugins[name].workers.run(task)

    def left_over(dask_scheduler: Any) -> list[str]:  # by sweeps that were killed
        names = {PREFIX + client for client in dask_scheduler.clients}
        plugins = dask_scheduler.worker_plugins
        return [plugin for plugin in plugins if plugin.startswith(PREFIX) and plugin not in names]

    cloudpickle.register_pickle_by_value(pool)  # of which workers have no copy
    for plugin in client.run_on_scheduler(left_over):
        client.unregister_worker_plugin(plugin)
    client.register_plugin(Trainer(), name)
    return run


@contextlib.contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """A client of the Dask scheduler at this address. What Dask raises becomes an InputError."""
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

    try:
        # asked first, because Client waits for ever for a server that says nothing
        kind = asyncio.run(asyncio.wait_for(kind_of_server(), WAIT_SECONDS))
        if kind != "Scheduler":
            raise InputError(f"a {kind.lower()} is there; give the scheduler's address")
        with Client(scheduler, timeout=WAIT_SECONDS, set_as_default=False) as client:
            yield client
    except InputError as error:
        raise InputError(f"--scheduler {scheduler}: {error}") from None
    except Exception as error:
        why = str(error) or type(error).__name__
        raise InputError(f"--scheduler {scheduler}: no Dask scheduler answers ({why})") from error
