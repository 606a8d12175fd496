"""The tasks of a sweep on a Dask cluster, whose workers need no copy of this project.

Each fit Dask worker gets the program once and keeps it until we let go of it or are gone. There a
task runs as on this machine, in a process of its own with one BLAS thread. A worker has one task
for each of its threads, no more: when it dies, others get these, and nothing else is lost. Should
we be killed by SIGKILL, the runs that have begun still come to their end, and leave nothing.
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
from collections import Counter
from collections.abc import Generator, Iterator
from operator import methodcaller
from typing import Any

from tqdm import tqdm

from src.common.errors import InputError
from src.runs import pool
from src.runs.pool import Workers

WAIT_SECONDS = 7  # for an answer, and for a worker when there is none
Slot = tuple[str, int]  # the address of a Dask worker, and the number of one of its threads


def run_on_cluster(
    program: tuple, tasks: dict[str, bytes], scheduler: str
) -> Generator[tuple[str, Any]]:
    """Like pool.run_tasks, on the Dask cluster at `scheduler`. Unfit workers are named once.

    Raises InputError if there is no scheduler or no fit worker, or none any more.
    """
    waiting, attempts = list(reversed(tasks)), Counter[str]()
    running, done = dict[str, tuple[str, Slot, Any]](), queue.SimpleQueue[Any]()
    with connected(scheduler) as client, contextlib.closing(Cluster(client, program)) as cluster:
        seen = time.monotonic()
        while waiting or running:
            slots = cluster.slots()
            seen = time.monotonic() if slots else seen
            if time.monotonic() > seen + WAIT_SECONDS:
                raise InputError("no fit workers are connected; start some")
            for _, slot, future in running.values():
                if slot not in slots:  # its worker died
                    future.cancel()
            free = slots - {slot for _, slot, _ in running.values()}
            for slot in list(free)[: len(waiting)]:
                key = waiting.pop()
                future = cluster.run(tasks[key], slot)
                running[future.key] = key, slot, future
                future.add_done_callback(done.put)
            with contextlib.suppress(queue.Empty):
                future = done.get(timeout=0.5)
                key, _, _ = running.pop(future.key)
                attempts[key] += 1
                try:
                    answer = future.result(timeout=WAIT_SECONDS)
                except (Exception, asyncio.CancelledError):  # lost with its worker
                    if attempts[key] < 3:
                        waiting.insert(0, key)
                    else:
                        yield key, "the Dask workers that ran it died, three times"
                else:
                    yield key, pickle.loads(answer)


class Cluster:
    """The workers of a Dask cluster that are fit: with the Python and the NumPy of the client."""

    def __init__(self, client: Any, program: tuple) -> None:
        import cloudpickle

        cloudpickle.register_pickle_by_value(pool)  # of which Dask's workers have no copy
        packed = zlib.compress(pickle.dumps(program, protocol=5), 1)
        self.packed = client.submit(bytes, packed, pure=False)  # goes from worker to worker
        self.client = client
        self.places: dict[str, Any] = {}  # address -> a future of the Workers there; None: unfit

    def slots(self) -> set[Slot]:
        """Where tasks may run now. Looks at the workers that have come."""

        def unpack(packed: bytes) -> Workers:  # Dask sends functions inside functions by value
            return Workers(pickle.loads(zlib.decompress(packed)))

        threads = self.client.nthreads()
        if new := threads.keys() - self.places.keys():
            found = self.client.get_versions()
            wanted = described(found["client"])
            for address in new & found["workers"].keys():
                self.places[address] = None
                if (here := described(found["workers"][address])) == wanted:
                    self.places[address] = self.submit(address, unpack, self.packed)
                else:
                    why = f"it has {here}, but the sweep was started with {wanted}"
                    tqdm.write(f"the Dask worker {address} gets no runs: {why}", file=sys.stderr)
        usable = [at for at, place in self.places.items() if place and place.status != "error"]
        return {(address, n) for address in usable for n in range(threads.get(address, 0))}

    def run(self, task: bytes, slot: Slot) -> Any:
        """A future of what Workers.run answers there."""
        return self.submit(slot[0], methodcaller("run", task), self.places[slot[0]])

    def submit(self, address: str, *call: Any) -> Any:
        return self.client.submit(*call, workers=[address], pure=False)

    def close(self) -> None:
        """End the runs that have begun."""
        keys = {place.key for place in self.places.values() if place}

        def end(dask_worker: Any) -> None:
            for key in keys & dask_worker.data.keys():
                dask_worker.data[key].close()

        if self.client.status == "running":
            with contextlib.suppress(Exception):
                self.client.run(end)


def described(versions: dict) -> str:
    """What Dask tells of a process, as far as the numbers depend on it."""
    python = ".".join(versions["host"]["python"].split(".")[:2])
    return f"Python {python} and NumPy {versions['packages']['numpy']}"


@contextlib.contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """A client of the Dask scheduler at this address. What Dask raises becomes an InputError."""
    try:
        from distributed import Client, rpc
    except ImportError:
        raise InputError("--scheduler needs: pip install -r requirements-dask.txt") from None
    logging.disable()  # Dask tells at length what is told here in one line
    warnings.simplefilter("ignore")

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
