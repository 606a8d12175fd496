#!/usr/bin/env bash
# np.genfromtxt reads 7.5 and 7.0 as the integer -1, or, asked for uint8, both as 7.
#
# NumPy 2.4.6. Expected: an error, or at least one answer for both types. Seen: -1 for dtype=int, which is
# its mark for what it cannot read, and 7 for dtype=np.uint8; no warning. np.savetxt writes 7 as
# 7.000000000000000000e+00 by default, and np.loadtxt refuses that as an integer. Remedy: read floats and
# compare them with their rounded values.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" numpy==2.4.6
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import io
import numpy as np

seen = {
    kind.__name__: np.genfromtxt(io.StringIO("7.5,7.0,3"), delimiter=",", dtype=kind).tolist()
    for kind in (int, np.uint8)
}
print("genfromtxt of 7.5, 7.0, 3:", seen)
assert seen == {"int": [-1, -1, 3], "uint8": [7, 7, 3]}
text = io.StringIO()
np.savetxt(text, np.array([[7, 3]]), delimiter=",")
assert text.getvalue().startswith("7.000000000000000000e+00")
try:
    np.loadtxt(io.StringIO(text.getvalue()), delimiter=",", dtype=np.uint8)
except ValueError as error:
    print("loadtxt:", str(error)[:90])
else:
    raise AssertionError("loadtxt takes 7.0 as an integer now")
PYTHON
