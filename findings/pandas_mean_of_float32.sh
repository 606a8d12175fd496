#!/usr/bin/env bash
# pandas: the mean of a float32 column is float32, that of its groups float64.
#
# pandas 3.1.1. Expected: one group that holds every row has the mean of the column. Seen: Series.mean adds
# and answers in float32, groupby.mean in float64, so that an accuracy over all and the same by group differ
# in the sixth digit. Remedy: astype("float64") before either.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" pandas==3.1.1 numpy==2.4.6
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import numpy as np
import pandas as pd

values = pd.Series(np.random.default_rng(0).random(42_000, dtype=np.float32))
whole, group = values.mean(), values.groupby(np.zeros(len(values))).mean()
print(repr(whole), group.dtype, repr(group.iloc[0]))
assert np.asarray(whole).dtype == np.float32 and group.dtype == np.float64
PYTHON
