#!/usr/bin/env bash
# pandas with the pyarrow engine turns 256 into 0, -1 into 255 and 7.5 into 7 without a warning.
#
# pandas 3.1.1, pyarrow 26.0.1. Expected: read_csv with dtype uint8 raises where a number is not a uint8,
# as its C engine does. Seen: it wraps around and cuts off fractions. Remedy: read without a dtype, look at the smallest and
# the largest number, and convert then.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import io
import pandas as pd

def read(cell, engine):
    try:
        return int(pd.read_csv(io.StringIO(f"pixel\n{cell}\n"), dtype="uint8", engine=engine).iat[0, 0])
    except ValueError:
        return "refused"

seen = {engine: [read(cell, engine) for cell in ("256", "-1", "7.5")] for engine in ("pyarrow", "c")}
print("256, -1, 7.5:", seen)
assert seen == {"pyarrow": [0, 255, 7], "c": ["refused"] * 3}
PYTHON
