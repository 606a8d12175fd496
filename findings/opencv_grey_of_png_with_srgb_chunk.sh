#!/usr/bin/env bash
# OpenCV reads a PNG in grey by another rule if it has an sRGB or gAMA chunk.
#
# opencv-python-headless 5.0.0.93, Pillow 13.0.0. Expected: IMREAD_GRAYSCALE gives 0.299 R + 0.587 G +
# 0.114 B of the pixels, as Pillow does and as cvtColor does of the same file read in colour. Seen: with
# the chunk, which most screenshots have, blue ink is lighter by about 20 levels; in colour nothing
# differs. Remedy: read in colour, then cvtColor.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import cv2
import numpy as np
from PIL import Image, PngImagePlugin

ink = Image.new("RGB", (8, 8), (30, 60, 200))
chunk = PngImagePlugin.PngInfo()
chunk.add(b"sRGB", b"\0")
ink.save("plain.png")
ink.save("srgb.png", pnginfo=chunk)
grey = {name: int(cv2.imread(name, cv2.IMREAD_GRAYSCALE)[0, 0]) for name in ("plain.png", "srgb.png")}
colour = [cv2.imread(name)[0, 0].tolist() for name in grey]
print(grey, "Pillow:", ink.convert("L").getpixel((0, 0)))
assert colour[0] == colour[1] == [200, 60, 30]
assert abs(grey["plain.png"] - ink.convert("L").getpixel((0, 0))) <= 1
assert grey["srgb.png"] - grey["plain.png"] >= 15
PYTHON
