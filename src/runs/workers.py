"""Many independent calls, on all cores or on a Dask cluster, with a sign of life from each.

It knows nothing of networks. joblib does the work: its loky backend starts the worker processes,
keeps them to one BLAS thread each and maps large arrays into memory once, shared by all of them.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from src.errors import InputError

# joblib's advice at a stop: what was cancelled will be done again, as the sweep says itself
warnings.filterwarnings("ignore", ".*tasks which were still being processed", UserWarning)

POLL_SECONDS = 0.25
START, STEP = "start", "step"  # what a task reports: once, and after each of its steps

Report = Callable[[str, str], None]  # (key of the task, START or STEP)


class TaskFailed(Exception):
    """Why a task has no result, in one line."""


def run_tasks(
    function: Callable,
    tasks: dict[str, tuple],
    shared: tuple,
    jobs: int,
    scheduler: str | None = None,
    on_report: Report = lambda key, what: None,
) -> Iterator[tuple[str, Any]]:
    """Call function(step, *task, *shared) for every task and yield (key, result) as they finish.

    `function` calls step() now and then, which reaches `on_report` here. It should be defined in an
    importable module. The arrays in `shared` are sent to each worker once. A task that raises
    yields a TaskFailed in place of its result, and so does one whose worker is killed under it,
    tried again alone, and killed once more; the others go on.
    """
    if scheduler:
        yield from on_cluster(function, tasks, shared, scheduler, on_report)
        return
    remaining, suspects = dict(tasks), {}
    while remaining:
        running: set[str] = set()

        def note(key: str, what: str, running: set[str] = running) -> None:
            running.add(key)
            on_report(key, what)

        try:
            for key, result in on_this_machine(function, dict(remaining), shared, jobs, note):
                del remaining[key]
                running.discard(key)
                yield key, result
        except TerminatedWorkerError:
            if not running & set(remaining):
                raise
            suspects.update({key: remaining.pop(key) for key in running & set(remaining)})
    for key, task in suspects.items():
        try:
            # jobs=2, because joblib would run a single job in this very process
            yield from on_this_machine(function, {key: task}, shared, 2, on_report)
        except TerminatedWorkerError:
            yield key, TaskFailed("its worker was killed twice; was there too little memory?")


def on_this_machine(
    function: Callable, tasks: dict[str, tuple], shared: tuple, jobs: int, on_report: Report
) -> Iterator[tuple[str, Any]]:
    """One round on local processes. Raises TerminatedWorkerError if a worker is killed."""
    with tempfile.TemporaryDirectory() as folder, reading_reports(Path(folder), on_report) as path:
        calls = (
            joblib.delayed(call)(function, key, str(path), os.getpid(), task, *shared)
            for key, task in tasks.items()
        )
        finished = False
        try:
            watch = {"initializer": end_with, "initargs": (os.getpid(),)}
            with joblib.parallel_config("loky", inner_max_num_threads=1, **watch):
                parallel = joblib.Parallel(jobs, return_as="generator_unordered", batch_size=1)
            yield from parallel(calls)
            finished = True
        finally:
            if not finished and jobs > 1:  # stopped or broken: leave no process behind
                get_reusable_executor().shutdown(wait=False, kill_workers=True)


def end_with(parent: int) -> None:
    """In a worker, at its start: a thread that ends it when its parent has died, even if idle."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)  # nobody waits for its results

    threading.Thread(target=watch, daemon=True).start()


def call(
    function: Callable, key: str, reports: str | None, parent: int, task: tuple, *shared: Any
) -> tuple[str, Any]:
    """In a worker: run one task and return (key, result). A fault becomes a TaskFailed."""
    on_cluster = reports is None
    if not on_cluster and os.getpid() != parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who ends us

    def report(what: str) -> None:
        if reports is None:
            from distributed import get_worker

            get_worker().log_event(TOPIC, (key, what))
            return
        with open(reports, "a", encoding="utf-8") as file:
            file.write(f"{key} {what}\n")

    report(START)
    try:
        return key, function(lambda: report(STEP), *task, *shared)
    except InputError as error:
        return key, TaskFailed(str(error))
    except MemoryError as error:
        return key, TaskFailed(f"out of memory: {error}")


@contextlib.contextmanager
def reading_reports(folder: Path, on_report: Report) -> Iterator[Path]:
    """A file to which workers append `key what` lines; a thread passes them to on_report."""
    path = folder / "reports.txt"
    path.touch()
    stop = threading.Event()

    def follow() -> None:
        with open(path, encoding="utf-8") as file:
            last = False
            while not last:
                last = stop.wait(POLL_SECONDS)  # once more after the end, for what came last
                for line in file:
                    key, what = line.rstrip("\n").rsplit(" ", 1)
                    on_report(key, what)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield path
    finally:
        stop.set()
        thread.join()


TOPIC = "mnist-sweep"


class ByValue:
    """A function pickled with its code, for workers that cannot import it."""

    def __init__(self, function: Callable) -> None:
        import cloudpickle

        self.pickled = cloudpickle.dumps(function)

    def __call__(self, *arguments: Any) -> Any:
        raise NotImplementedError("what arrives at a worker is the function itself")

    def __reduce__(self) -> tuple:
        import cloudpickle

        return cloudpickle.loads, (self.pickled,)


def on_cluster(
    function: Callable, tasks: dict[str, tuple], shared: tuple, scheduler: str, on_report: Report
) -> Iterator[tuple[str, Any]]:
    """The same on a Dask cluster, through joblib's Dask backend.

    Its workers need no checkout: the code of this project travels with the calls, so what runs
    there is what stands here. The arrays are copied to every worker, so that any one may die; Dask
    then gives its tasks to another.
    """
    try:
        import cloudpickle
        from distributed import Client
        from joblib._dask import DaskDistributedBackend
    except ImportError:
        raise InputError(
            "--scheduler needs Dask; install it with: pip install -r requirements-dask.txt"
        ) from None
    import src

    class Cluster(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs: int) -> int:
            # with a single core there, joblib would run everything here
            return max(2, super().effective_n_jobs(n_jobs))

    try:
        client = Client(scheduler, timeout=10, set_as_default=False)
        client.wait_for_workers(1, timeout=10)
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        raise InputError(f"no Dask scheduler with workers at {scheduler} ({error})") from error
    with client:
        for module in (src, sys.modules["train"], sys.modules[function.__module__]):
            cloudpickle.register_pickle_by_value(module)
        client.subscribe_topic(TOPIC, lambda event: on_report(*event[1]))
        call_there, function_there = ByValue(call), ByValue(function)
        with joblib.parallel_config(Cluster(client=client, scatter=list(shared))):
            # all tasks at once, so that workers that join later find some
            parallel = joblib.Parallel(
                return_as="generator_unordered", batch_size=1, pre_dispatch="all"
            )
            yield from parallel(
                joblib.delayed(call_there)(function_there, key, None, 0, task, *shared)
                for key, task in tasks.items()
            )
