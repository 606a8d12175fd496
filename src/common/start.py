"""What comes before the other imports: one BLAS thread, and no traceback for what is no bug."""

import contextlib
import math
import os
import signal
import sys
import time
from types import TracebackType

from src.common.errors import explain

BLAS = ["OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"]
STOPS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
give_back = contextlib.ExitStack()  # closed when a script has run: what a notebook gets back


def start(name: str) -> None:
    """Begin a script with `start(__name__)`, above every import that takes long.

    One BLAS thread whatever is set outside: matrices of this size gain nothing from a second, and
    another number of threads gives other bits. A notebook has loaded NumPy before, and our modules
    as they were then: it gets its threads back in the end, and the modules are loaded anew.
    """
    script = sys._getframe(1)
    if (
        script.f_back is None
    ):  # no notebook, IDE or debugger runs it, and no other module imports it
        os.environ.update(dict.fromkeys(BLAS, "1"))
        take_over()
    if name == "__main__":
        from src.common.code import freeze

        if finder := freeze(script.f_code):
            give_back.callback(sys.meta_path.remove, finder)
    import numpy  # noqa: F401  # so that its threads are found
    from threadpoolctl import threadpool_limits

    limits = threadpool_limits(1, user_api="blas")
    if name == "__main__":
        give_back.enter_context(limits)


def take_over() -> None:
    """Make this process ours: no traceback for what is no bug, and no print that fails.

    Ctrl-C, `kill` and a closed terminal raise KeyboardInterrupt. A second one within two seconds
    is ignored: it would break off the clean-up after the first.
    """
    last = -math.inf

    def stop(*_: object) -> None:
        nonlocal last
        if time.monotonic() - last > 2:
            last = time.monotonic()
            raise KeyboardInterrupt

    def hook(kind: type, error: BaseException, traceback: TracebackType | None) -> None:
        status = explain(error)
        if status == 1:
            sys.__excepthook__(kind, error, traceback)
        sys.exit(status)

    sys.excepthook = hook
    for number in STOPS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, stop)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115  # train.py >&-
        stream.reconfigure(errors="backslashreplace")  # what the terminal does not know
        setattr(sys, name, stream)
