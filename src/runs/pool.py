"""Many independent tasks on all cores, each in a worker process.

A worker is a Python process that gets the sources, the data and its tasks through a pipe of its
own and answers through another. When we end, in whatever way, so does that pipe and the worker.

Pebble 5.2.3 was tried instead. In six of six sweeps, one worker killed before it had taken a task
cost all 300 tasks ("All workers expired"): its workers share a pipe and locks. And processes of
multiprocessing execute a pickle.py that lies in the current folder.
"""

import contextlib
import math
import os
import pickle
import queue
import signal
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from src.common.code import ROOT
from src.common.script import BLAS

# What a run prints on file descriptor 1 must not garble the answers: they get one of their own.
WORKER = """
import sys
sys.path[:] = sys.argv[1:]
import os, pickle
nothing = os.open(os.devnull, os.O_RDWR)  # becomes 2 if stderr is closed
inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
os.dup2(nothing, 0)
os.dup2(2, 1)
try:
    root, texts, *program = pickle.load(inbox)
except Exception:  # our parent is gone
    os._exit(1)
code = dict(__name__="code", __file__=root + "/src/common/code.py")
exec(texts["src/common/code.py"], code)
sources = code["Sources"](texts)
sources.install()
from src.runs.worker import serve
serve(sources, *program, inbox, outbox)
"""


class Workers:
    """The worker processes of one program, started as they are needed.

    A program is (texts, function, data): the sources of this project, and the "module:name" in them
    of what answers each task, by function(data, *task). `data` is a dict; its arrays are read-only.
    """

    def __init__(self, program: tuple[dict[str, bytes], str, dict]) -> None:
        self.program, self.closed = program, False
        self.started, self.idle = list[Any](), list[Any]()

    def run(self, task: bytes) -> bytes:
        """The result of a pickled task, pickled; a str says why there is none.

        If a worker dies, another is asked, once. Any number of threads may ask at a time.
        """
        for _ in range(2):
            try:
                worker = self.idle.pop()
            except IndexError:
                worker = self.start()
            try:
                pickle.dump(task, worker.stdin)
                worker.stdin.flush()
                answer = pickle.load(worker.stdout)
                self.idle.append(worker)
                return answer
            except (OSError, EOFError, pickle.UnpicklingError):  # what a broken pipe leads to
                status = end(worker)
                self.started.remove(worker)
        return pickle.dumps(f"its worker died twice (exit status {status})")

    def start(self) -> Any:
        path = [each for each in sys.path if each and Path(each).resolve() != ROOT]
        if hasattr(signal, "pthread_sigmask"):  # inherited: Ctrl-C is for us, who end the worker
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        worker: Any = subprocess.Popen(
            [sys.executable, "-c", WORKER, *path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(BLAS, "1"),  # whatever is set outside
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # no Ctrl-C
        )
        self.started.append(worker)
        if self.closed:  # meanwhile
            worker.kill()
        with contextlib.suppress(OSError):  # it died: whoever asks it will see
            pickle.dump((str(ROOT), *self.program), worker.stdin, protocol=5)
        return worker

    def close(self) -> None:
        """End all workers, whatever they do."""
        self.closed = True
        for worker in list(self.started):
            end(worker)

    __del__ = close


def end(worker: Any) -> int:
    """End a worker, leave no zombie and no open pipe. Returns its exit status."""
    worker.kill()
    for pipe in (worker.stdin, worker.stdout):
        with contextlib.suppress(OSError, ValueError):  # not all was read; two threads close it
            pipe.close()
    return worker.wait()


def run_tasks(program: tuple, tasks: dict[str, bytes], jobs: int) -> Generator[tuple[str, Any]]:
    """Run each of the pickled tasks of a program (see Workers); yield (key, result) as they finish.

    A str in place of a result says why there is none: the task has raised, or its worker died
    twice. The other tasks go on.
    """
    workers, threads = Workers(program), ThreadPoolExecutor(jobs)  # a thread waits for each worker
    running, done = dict[Future, str](), queue.SimpleQueue[Future]()
    try:
        for key, task in tasks.items():
            future = threads.submit(workers.run, task)
            running[future] = key
            future.add_done_callback(done.put)
        while running:
            with contextlib.suppress(queue.Empty):
                future = done.get(timeout=0.25)  # or Windows would not hear a Ctrl-C
                yield running.pop(future), pickle.loads(future.result())
    finally:
        workers.close()
        threads.shutdown(cancel_futures=True)


def jobs_possible() -> int:
    """How many cores this process may use: those it is bound to, within its container's share."""
    bound = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # not in a container, or without a limit
        share, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(share) / int(period)))
    return cores
