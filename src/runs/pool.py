"""Many independent tasks on all cores, each in a worker process.

A worker is a Python that gets the sources, the data and its tasks through a pipe of its own and
answers through another. When we end, in whatever way, that pipe ends, and so does the worker.

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
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

from src.common.code import ROOT
from src.common.start import BLAS

# What a run prints on file descriptor 1 must not garble the answers: they get one of their own.
WORKER = """
import sys
sys.path[:] = {path!r}
import os, pickle
inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
nothing = os.open(os.devnull, os.O_RDWR)
os.dup2(nothing, 0)
try:
    os.dup2(2, 1)
except OSError:  # stderr is closed
    os.dup2(nothing, 1)
try:
    root, texts, *program = pickle.load(inbox)
except Exception:  # our parent is gone
    os._exit(1)
code = dict(__name__="code", __file__=root + "/src/common/code.py")
exec(compile(texts["src/common/code.py"], code["__file__"], "exec"), code)
sources = code["Sources"](texts)
sources.install()
from src.runs.worker import serve
serve(sources, *program, inbox, outbox)
"""


class Workers:
    """The worker processes of one program, started as they are needed. Any thread may ask."""

    def __init__(self, program: tuple) -> None:
        self.program, self.closed, self.lock = program, False, threading.Lock()
        self.started, self.idle = list[Any](), list[Any]()

    def run(self, task: bytes) -> bytes | str:
        """The result, pickled, or why there is none; if a worker dies, another is asked once."""
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
        return f"its worker died twice (exit status {status})"

    def start(self) -> Any:
        path = [each for each in sys.path if each and Path(each).resolve() != ROOT]
        if hasattr(signal, "pthread_sigmask"):  # inherited: Ctrl-C is for us, who end the worker
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        with self.lock:  # none is started after the end
            if self.closed:
                raise RuntimeError("the workers have been ended")
            worker: Any = subprocess.Popen(
                [sys.executable, "-c", WORKER.format(path=path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | dict.fromkeys(BLAS, "1"),  # whatever is set outside
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # no Ctrl-C
            )
            self.started.append(worker)
        with contextlib.suppress(OSError):  # it died: whoever asks it will see
            pickle.dump(self.program, worker.stdin, protocol=5)
        return worker

    def close(self) -> None:
        """End all workers, whatever they do."""
        with self.lock:
            self.closed = True
        for worker in self.started:
            end(worker)


def end(worker: Any) -> int:
    """End a worker, leave no zombie and no open pipe. Returns its exit status."""
    worker.kill()
    for pipe in (worker.stdin, worker.stdout):
        with contextlib.suppress(OSError):  # what it did not read any more
            pipe.close()
    return worker.wait()


def run_tasks(program: tuple, tasks: dict[str, bytes], jobs: int) -> Generator[tuple[str, Any]]:
    """Run each of the pickled tasks of a program (see `pack`); yield (key, result) as they finish.

    A str in place of a result says why there is none: the task has raised, or its worker died
    twice. The other tasks go on.
    """
    done: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    workers, waiting = Workers(program), iter(tasks)

    def attend() -> None:  # in a thread for each worker
        try:
            for key in waiting:
                done.put((key, workers.run(tasks[key])))
        except Exception as error:
            done.put(("", error))

    try:
        for _ in range(min(jobs, len(tasks))):
            threading.Thread(target=attend, daemon=True).start()
        left = len(tasks)
        while left:
            with contextlib.suppress(queue.Empty):
                key, answer = done.get(timeout=0.25)  # or Windows would not hear a Ctrl-C
                if isinstance(answer, Exception):
                    raise answer
                left -= 1
                yield key, result_of(answer)
    finally:
        workers.close()


def pack(texts: dict[str, bytes], function: str, data: Any) -> tuple:
    """The program of workers: answer each task with function(data, *task).

    `function` is "module:name" in the sources `texts`. Arrays in the data are not copied.
    """
    arrays: list[pickle.PickleBuffer] = []
    content = pickle.dumps(data, protocol=5, buffer_callback=arrays.append)
    return str(ROOT), texts, function, content, arrays


def result_of(answer: bytes | str) -> Any:
    """The result in an answer of Workers.run, or why there is none, as a str."""
    try:
        return answer if isinstance(answer, str) else pickle.loads(answer)
    except Exception as error:
        return f"its result cannot be read: {error!r}"


def jobs_possible() -> int:
    """How many cores this process may use: those it is bound to, within its container's share."""
    bound = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # not in a container, or without a limit
        share, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(share) / int(period)))
    return cores
