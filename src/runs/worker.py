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
from importlib.util import find_spec
from typing import Any, BinaryIO

import numpy as np


def serve(sources: Any, function: str, data: dict, inbox: BinaryIO, outbox: BinaryIO) -> None:
    """Answer pickled tasks with function(data, *task), or with a str: why it has not returned.

    Ends, even in a task, when the parent does.
    """

    def listen() -> None:
        try:
            while True:
                tasks.put(pickle.load(inbox))
        finally:  # our parent is gone
            os._exit(1)

    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=listen, daemon=True).start()
    for value in data.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    gc.freeze()  # what stays, such as NumPy
    while True:
        task = tasks.get()
        sources.install()
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        try:
            answer = pickle.dumps(pkgutil.resolve_name(function)(data, *pickle.loads(task)))
        except BaseException as error:  # SystemExit too
            answer = pickle.dumps(reason(error))
        try:
            pickle.dump(answer, outbox)
            outbox.flush()
        except OSError:  # our parent is gone
            os._exit(1)
        gc.collect()


def reason(error: BaseException) -> str:
    """In one line. A fault of the program, unlike one of the user, says where it happened."""
    if type(error).__name__ == "InputError":  # by name: its module has been imported anew
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    line = f"{type(error).__name__}: {error} (in {last.name}, line {last.lineno})"
    return " ".join(line.split())


def train_one(fields: dict, config: Any, score_test: bool) -> Any:
    """One run, as train.py makes it, on the Data with these fields.

    experiments.py is imported first, if there is one: it may add an activation.
    """
    from src.digits.data import Data
    from src.runs.history import Recorder

    if find_spec("experiments"):
        pkgutil.resolve_name("experiments")
    record = Recorder()
    pkgutil.resolve_name("train:train")(config, Data(**fields), record)
    run = record.finish(score_test)
    run.best = None  # train.py keeps it
    return run
