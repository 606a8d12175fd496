"""Everything matplotlib. Nothing outside decides how our figures look, nor do ours elsewhere."""

import contextlib
import os
import sys

# A notebook's MPLBACKEND may name one that is not installed here; the import would fail at that.
if "matplotlib" not in sys.modules and (backend := os.environ.pop("MPLBACKEND", None)):
    import matplotlib

    os.environ["MPLBACKEND"] = backend
    with contextlib.suppress(ValueError):  # pyplot will tell whoever uses it
        matplotlib.rcParams["backend"] = backend
