"""One task, wherever it runs: how a worker calls it, what it reports, how its end is told."""

import queue
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle

from src.common.errors import InputError

START, STEP = "start", "step"  # what a task reports: once, and after each of its steps
RESULT, FAULT = "result", "fault"  # its end, with a result or a TaskFailed; the end of everything
POLL_SECONDS = 0.25

Report = Callable[[str, str], None]  # (key of the task, START or STEP)


class TaskFailed(Exception):
    """Why a task has no result, in one line."""


def call(function: Callable, shared: tuple, task: bytes, tell: Callable[[str], None]) -> bytes:
    """In a worker: run one task. Returns its result or a TaskFailed, pickled."""
    tell(START)
    try:
        return cloudpickle.dumps(function(lambda: tell(STEP), *cloudpickle.loads(task), *shared))
    except Exception as error:
        return cloudpickle.dumps(TaskFailed(reason(error)))


def reason(error: Exception) -> str:
    """In one line. A fault of the program, unlike one of the user, says where it happened."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "InputError" in kinds:  # by name: it may be of a module that the worker has imported
        return str(error)
    if "MemoryError" in kinds:
        return f"out of memory: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" (in {frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}{where}".split())


def follow(
    events: queue.SimpleQueue, left: int, on_report: Report, check: Callable = lambda: None
) -> Iterator[tuple[str, Any]]:
    """Pass reports on and yield (key, result) until `left` tasks have ended.

    An event is (key, what, value). `check` is called now and then while there are none.
    """
    while left:
        try:  # not for ever: on Windows, Ctrl-C would have to wait for it
            key, what, value = events.get(timeout=POLL_SECONDS)
        except queue.Empty:
            check()
            continue
        if what == FAULT:
            raise InputError(value)
        if what == RESULT:
            left -= 1
            yield key, value
        else:
            on_report(key, what)
