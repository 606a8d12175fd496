"""Many independent calls, on all cores or on a Dask cluster, with a sign of life from each.

It knows nothing of networks. The code of this project travels to the workers by value, so that
what runs there is what was loaded here, whatever has been edited since; so do the arrays.

joblib's processes were tried: a stop while they start could hang, and a worker that is killed takes
all others with it. Pipes to plain processes need no shared memory, and end when we end.
"""

import collections
import contextlib
import functools
import math
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from src.common.start import BLAS
from src.runs.cluster import on_cluster
from src.runs.tasks import FAULT, RESULT, START, STEP, Report, TaskFailed, call, follow, reason

KILLED = object()  # in place of the result of a task whose worker died under it
DEATHS = 5  # of one worker in a row, without a task taken, are too many


def run_tasks(
    function: Callable,
    tasks: dict[str, tuple],
    shared: tuple,
    jobs: int,
    scheduler: str | None = None,
    on_report: Report = lambda key, what: None,
    by_value: Sequence[ModuleType] = (),
) -> Iterator[tuple[str, Any]]:
    """Call function(step, *task, *shared) for every task and yield (key, result) as they finish.

    `function` calls step() now and then, which reaches `on_report` here. It runs in worker
    processes, at most `jobs`, or on the Dask cluster at `scheduler`. The code of this package and
    of the modules in `by_value` is sent along; other modules are imported there. A task that raises
    yields a TaskFailed in place of its result, and so does one whose worker is killed under it
    twice; the others go on. Raises InputError if no worker can be started.
    """
    for module in (sys.modules[__name__.partition(".")[0]], *by_value):
        cloudpickle.register_pickle_by_value(module)
    job = cloudpickle.dumps(functools.partial(call, function, shared))
    pickled = {key: cloudpickle.dumps(task) for key, task in tasks.items()}
    if scheduler:
        yield from on_cluster(pickled, job, scheduler, on_report)
        return
    suspects = {}
    for key, result in in_processes(pickled, job, jobs, on_report):
        if result is KILLED:
            suspects[key] = pickled[key]
        else:
            yield key, result
    for key, task in suspects.items():  # alone: perhaps two at once were too much for the memory
        for _, result in in_processes({key: task}, job, 1, on_report):
            yield key, TaskFailed("its worker was killed twice") if result is KILLED else result


def jobs_possible() -> int:
    """How many cores this process may use: those it is bound to, within its container's share."""
    bound = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # not in a container, or without a limit
        share, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(share) / int(period)))
    return cores


# A worker is a Python that is told everything through its stdin and answers on its stdout. When we
# end, in whatever way, its stdin ends, and so does it. No file is ever written.
WORKER = """
import os, pickle, sys
try:
    sys.path[:], server = pickle.load(sys.stdin.buffer)
    serve = pickle.loads(server)
except Exception:  # our parent is gone
    os._exit(1)
serve()
"""


def in_processes(
    tasks: dict[str, bytes], job: bytes, jobs: int, on_report: Report
) -> Iterator[tuple[str, Any]]:
    """Run job(task, tell) for each of the pickled tasks; yield (key, result or KILLED)."""
    greeting = pickle.dumps((sys.path, cloudpickle.dumps(serve)))
    waiting, stop = collections.deque(tasks.items()), threading.Event()
    events: queue.SimpleQueue = queue.SimpleQueue()
    processes: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(BLAS, "1"),  # whatever is set outside
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # no Ctrl-C
        )
        processes.append(process)
        if stop.is_set():  # too late for whoever went through the list
            process.kill()
        return process

    arguments = (start, (greeting, job), waiting, events, stop)
    threads = [
        threading.Thread(target=keep_busy, args=arguments, daemon=True)
        for _ in range(max(1, min(jobs, len(tasks))))
    ]
    try:
        for thread in threads:
            thread.start()
        yield from follow(events, len(tasks), on_report)
    finally:
        stop.set()
        for process in list(processes):
            process.kill()
        for thread in threads:
            if thread.ident:  # it was started
                thread.join()


def keep_busy(
    start: Callable[[], Any],
    code: tuple[bytes, bytes],
    waiting: collections.deque,
    events: queue.SimpleQueue,
    stop: threading.Event,
) -> None:
    """A thread of ours for each worker: give it task after task, and start another if it dies."""
    if hasattr(signal, "pthread_sigmask"):  # inherited: Ctrl-C is for us, who then end the worker
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    worker, deaths = None, 0
    while not stop.is_set():
        try:
            key, task = waiting.popleft()
        except IndexError:
            break
        started = False
        try:
            if worker is None:
                worker = start()
                for part in code:
                    worker.stdin.write(part)
            pickle.dump(task, worker.stdin)
            worker.stdin.flush()
            what, value = pickle.load(worker.stdout)
            while what in (START, STEP):
                started, deaths = True, 0
                events.put((key, what, None))
                what, value = pickle.load(worker.stdout)
            events.put((key, what, cloudpickle.loads(value) if what == RESULT else value))
        except (OSError, EOFError, pickle.UnpicklingError) as error:  # it was killed
            end(worker)
            worker = None
            if started:
                events.put((key, RESULT, KILLED))
                continue
            waiting.appendleft((key, task))
            deaths += 1
            if deaths == DEATHS:
                why = f": {error}" if str(error) else ""
                events.put((key, FAULT, f"worker processes die before they take a task{why}"))
                break
    end(worker)


def end(worker: Any) -> None:
    """End a worker process, if there is one, and leave no zombie and no open pipe."""
    if worker is not None:
        worker.kill()
        for pipe in (worker.stdin, worker.stdout):
            with contextlib.suppress(OSError):  # what it did not read any more
                pipe.close()
        worker.wait()


def serve() -> None:
    """In a worker: run the tasks that arrive on stdin, until that ends."""
    channel, sys.stdout = sys.stdout.buffer, sys.stderr  # print() must not garble the answers

    def tell(what: str, value: Any = None) -> None:
        try:
            pickle.dump((what, value), channel)
            channel.flush()
        except OSError:  # nobody listens any more
            os._exit(1)

    def listen() -> None:
        while True:
            try:
                inbox.put(pickle.load(sys.stdin.buffer))
            except Exception:  # the end, or half a message
                os._exit(1)

    try:
        job = cloudpickle.load(sys.stdin.buffer)
    except Exception as error:
        tell(FAULT, f"a worker process cannot load the code: {reason(error)}")
        os._exit(1)
    inbox: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=listen, daemon=True).start()
    while True:
        tell(RESULT, job(inbox.get(), tell))
