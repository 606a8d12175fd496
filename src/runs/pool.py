"""Many independent tasks on all cores, each in a worker process, with a sign of life from each.

A worker is a Python that gets the sources, the data and its tasks through a pipe of its own and
answers through another. When we end, in whatever way, that pipe ends, and so does the worker.

Pebble 5.2.3 was tried instead. In six of six sweeps, one worker killed before it had taken a task
cost all 300 tasks ("All workers expired"): its workers share a pipe and locks. And processes of
multiprocessing execute a pickle.py that lies in the current folder.
"""

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
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from src.common.code import ROOT
from src.common.start import BLAS

DEAD = (OSError, EOFError, pickle.UnpicklingError)  # what a broken pipe leads to
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
    root, texts, function, data = pickle.load(inbox)
except Exception:  # our parent is gone
    os._exit(1)
code = dict(__name__="code", __file__=root + "/src/common/code.py")
exec(compile(texts["src/common/code.py"], code["__file__"], "exec"), code)
sources = code["Sources"](texts)
sources.install()
from src.runs.worker import serve
serve(sources, function, data, inbox, outbox)
"""


class TaskFailed(Exception):
    """Why a task has no result, in one line."""


def run_tasks(
    program: tuple, tasks: dict[str, bytes], jobs: int, on_step: Callable[[str], None]
) -> Generator[tuple[str, Any]]:
    """Run each of the pickled tasks of a `program` and yield (key, result) as they finish.

    The steps of a task reach on_step(key), in some thread. A task that raises yields a TaskFailed
    in place of its result, and so does one whose worker dies under it twice; the others go on.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    workers, stopped = list[subprocess.Popen](), threading.Event()

    def attend() -> None:
        """In a thread for each worker: give it task after task, once more to another if it dies."""
        worker = None
        try:
            while True:
                key = waiting.get_nowait()
                for _ in range(2):
                    worker = worker or start(program, workers)
                    if stopped.is_set():
                        return
                    try:
                        answer = ask(worker, tasks[key], functools.partial(on_step, key))
                        break
                    except DEAD:
                        answer = "failed", f"its worker died twice (exit status {end(worker)})"
                        worker = None
                done.put((key, result_of(*answer)))
        except queue.Empty:
            pass
        except Exception as error:
            done.put(("", error))
        finally:
            if worker:
                end(worker)

    for key in tasks:
        waiting.put(key)
    threads = [threading.Thread(target=attend, daemon=True) for _ in range(min(jobs, len(tasks)))]
    try:
        for thread in threads:
            thread.start()
        for _ in tasks:
            key, result = next_of(done)
            if not key:
                raise result
            yield key, result
    finally:
        stopped.set()
        for worker in list(workers):
            worker.kill()
        for thread in threads:
            if thread.ident:
                thread.join()


def next_of(done: queue.SimpleQueue) -> Any:
    while True:  # not without end: on Windows, Ctrl-C would have to wait for it
        with contextlib.suppress(queue.Empty):
            return done.get(timeout=0.25)


def pack(texts: dict[str, bytes], function: str, data: Any) -> tuple:
    """The program of workers: answer each task with function(step, data, *task).

    `function` is "module:name" in the sources `texts`. Arrays in the data are not copied.
    """
    arrays: list[pickle.PickleBuffer] = []
    content = pickle.dumps(data, protocol=5, buffer_callback=arrays.append)
    return str(ROOT), texts, function, (content, arrays)


def start(program: tuple, workers: list) -> Any:
    """A worker process, also added to `workers`."""
    path = [each for each in sys.path if each and Path(each).resolve() != ROOT]
    if hasattr(signal, "pthread_sigmask"):  # inherited: Ctrl-C is for us, who then end the worker
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    worker: Any = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(path=path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | dict.fromkeys(BLAS, "1"),  # whatever is set outside
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # no Ctrl-C on Windows
    )
    workers.append(worker)
    with contextlib.suppress(OSError):  # it died: whoever asks it will see
        pickle.dump(program, worker.stdin, protocol=5)
    return worker


def ask(worker: Any, task: bytes, on_step: Callable[[], None]) -> tuple[str, Any]:
    """What a worker answers to a task, for result_of. If it dies, raises one of DEAD."""
    pickle.dump(task, worker.stdin)
    worker.stdin.flush()
    while (answer := pickle.load(worker.stdout))[0] == "step":
        on_step()
    return answer


def result_of(what: str, value: Any) -> Any:
    """The result of a task, or TaskFailed."""
    try:
        return TaskFailed(value) if what == "failed" else pickle.loads(value)
    except Exception as error:
        return TaskFailed(f"its result cannot be read: {error!r}")


def end(worker: Any) -> int:
    """End a worker, leave no zombie and no open pipe. Returns its exit status."""
    worker.kill()
    for pipe in (worker.stdin, worker.stdout):
        with contextlib.suppress(OSError):  # what it did not read any more
            pipe.close()
    return worker.wait()


def jobs_possible() -> int:
    """How many cores this process may use: those it is bound to, within its container's share."""
    bound = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # not in a container, or without a limit
        share, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(share) / int(period)))
    return cores
