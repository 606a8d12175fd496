#!/usr/bin/env bash
# matplotlib's imshow blends pixels at three times their size and below.
#
# matplotlib 3.11.2. Expected: an image shown at a whole multiple of its size keeps its sharp pixels. Seen:
# up to and at exactly 3 times, interpolation="auto" smooths: a single missing value (NaN) leaves a white
# hole of 6 x 6 screen pixels where 3 x 3 are its own, and neighbours bleed. Remedy: interpolation="none".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" matplotlib==3.11.2 numpy==2.4.6
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

def hole(scale, **how):
    image = np.ones((20, 20))
    image[10, 10] = np.nan
    figure = plt.figure(figsize=(20 * scale / 100, 20 * scale / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(image, cmap="gray", vmin=0, vmax=2, aspect="auto", **how)
    figure.canvas.draw()
    shown = np.asarray(figure.canvas.buffer_rgba())[:, :, 0]
    plt.close(figure)
    return int((shown != np.bincount(shown.ravel()).argmax()).sum())

seen = {(scale, how): hole(scale, **({"interpolation": how} if how else {})) for scale in (3, 4) for how in ("", "none")}
print("screen pixels that the missing one changes:", seen)
assert seen[3, "none"] == 9 and seen[4, ""] == seen[4, "none"] == 16
assert seen[3, ""] > 9
PYTHON
