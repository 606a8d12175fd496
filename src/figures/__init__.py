"""Everything that uses matplotlib. No setting outside changes our figures, nor ours any other."""

import contextlib
import os
import sys

# A notebook's MPLBACKEND may name one that is not installed here; the import would fail at that.
if "matplotlib" not in sys.modules and (backend := os.environ.pop("MPLBACKEND", None)):
    import matplotlib

    os.environ["MPLBACKEND"] = backend
    with contextlib.suppress(ValueError):  # pyplot will tell whoever uses it
        matplotlib.rcParams["backend"] = backend
