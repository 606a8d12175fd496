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
from typing import Any, BinaryIO

import numpy as np


def serve(
    sources: Any, function: str, content: bytes, arrays: list, inbox: BinaryIO, outbox: BinaryIO
) -> None:
    """Answer each task from inbox with what function(data, *task) returns, pickled.

    Or with a str: why it has not returned. Ends, even in a task, when the parent does.
    """

    def listen() -> None:
        try:
            while True:
                tasks.put(pickle.load(inbox))
        finally:  # our parent is gone
            os._exit(1)

    shared = [memoryview(each).toreadonly() for each in arrays]
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=listen, daemon=True).start()
    gc.freeze()  # what stays, such as NumPy
    while True:
        task = tasks.get()
        sources.install()
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        try:
            data = pickle.loads(content, buffers=shared)
            result = pkgutil.resolve_name(function)(data, *pickle.loads(task))
            answer: bytes | str = pickle.dumps(result)
        except BaseException as error:  # SystemExit too
            answer = reason(error)
        data = result = None  # of which there is one at a time
        gc.collect()
        pickle.dump(answer, outbox)
        outbox.flush()


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


def train_one(data: Any, config: Any, score_test: bool, also: list) -> Any:
    """One run, as train.py makes it. `also` are scripts that have to be imported first."""
    from src.runs.history import Recorder

    for script in also:
        pkgutil.resolve_name(script)
    record = Recorder()
    pkgutil.resolve_name("train:train")(config, data, record)
    run = record.finish(score_test)
    run.best = None  # train.py keeps it
    return run
