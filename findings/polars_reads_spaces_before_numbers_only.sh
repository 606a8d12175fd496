#!/usr/bin/env bash
# polars reads " 7" and "+7" as whole numbers, but not "7 " and "-0".
#
# polars 2.1.0. Expected: spaces on either side of a number are treated alike, and -0 is 0, as in
# Python, NumPy and pandas. Seen: as in the title. Remedy: strip cells before they are parsed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" polars==2.1.0
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import io
import polars

def read(cell):
    try:
        return polars.read_csv(io.StringIO(f"pixel\n{cell}\n"), schema={"pixel": polars.UInt8}).item()
    except polars.exceptions.ComputeError:
        return "refused"

seen = {cell: read(cell) for cell in ("7", " 7", "+7", "007", "7 ", "-0")}
print(seen)
assert seen == {"7": 7, " 7": 7, "+7": 7, "007": 7, "7 ": "refused", "-0": "refused"}
PYTHON
