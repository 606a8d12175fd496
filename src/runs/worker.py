"""In a worker process: each task runs in modules of this project that are imported anew for it.

So nothing that a run leaves in a module, in a cache or in the global random numbers reaches the
next run, and its result does not depend on how many workers there are.
"""

import gc
import os
import pickle
import pkgutil
import queue
import random
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np


def serve(
    sources: Any, function: str, content: bytes, arrays: list, inbox: BinaryIO, outbox: BinaryIO
) -> None:
    """Answer each task from inbox: None for each of its steps, then its result, pickled.

    That is what function(step, data, *task) returns, or a str: why it has not. Never returns.
    """

    def tell(answer: bytes | str | None) -> None:
        try:
            pickle.dump(answer, outbox)
            outbox.flush()
        except OSError:  # nobody listens any more
            os._exit(1)

    def listen() -> None:
        try:
            while True:
                tasks.put(pickle.load(inbox))
        finally:  # our parent is gone
            os._exit(1)

    def answer_to(task: bytes, step: Callable[[], None]) -> bytes | str:
        try:
            data = pickle.loads(content, buffers=shared)
            return pickle.dumps(pkgutil.resolve_name(function)(step, data, *pickle.loads(task)))
        except BaseException as error:  # SystemExit too
            return reason(error)

    shared = [memoryview(each).toreadonly() for each in arrays]
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=listen, daemon=True).start()
    gc.freeze()  # what stays, such as NumPy
    while True:
        task = tasks.get()
        sources.install()
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        tell(answer_to(task, lambda: tell(None)))
        gc.collect()


def reason(error: BaseException) -> str:
    """In one line. A fault of the program, unlike one of the user, says where it happened."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "InputError" in kinds:  # by name: its module has been imported anew
        return str(error)
    if "MemoryError" in kinds:
        return f"out of memory: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" (in {frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}{where}".split())


def train_one(
    step: Callable[[], None], data: Any, config: Any, score_test: bool, also: list
) -> Any:
    """One run, as train.py makes it. `also` are scripts that have to be imported first."""
    from src.runs.history import Recorder

    for script in also:
        pkgutil.resolve_name(script)
    record = Recorder(lambda row, layers: step() if row["epoch"] else None)
    pkgutil.resolve_name("train:train")(config, data, record)
    run = record.finish(score_test)
    run.best = None  # train.py keeps it
    return run
