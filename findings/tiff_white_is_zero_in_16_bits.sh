#!/usr/bin/env bash
# A 16-bit TIFF in which white is 0 is inverted by OpenCV if it is asked for grey, not if for all bits.
#
# opencv-python-headless 5.0.0.93, Pillow 13.0.0, tifffile 2026.3.3. Expected: paper is bright, with every
# flag and by either library, as it is in 8 bits. Seen: OpenCV gives bright paper with IMREAD_GRAYSCALE and
# IMREAD_COLOR, and dark paper with IMREAD_UNCHANGED and IMREAD_ANYDEPTH; Pillow's is dark. Remedy: with more
# than 8 bits, look at the tag PhotometricInterpretation (0: white is 0).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" opencv-python-headless==5.0.0.93 pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import cv2
import numpy as np
import tifffile
from PIL import Image

paper_and_ink = {}
for bits, kind in ((8, np.uint8), (16, np.uint16)):
    stored = np.zeros((8, 8), kind)  # white paper ...
    stored[2:6, 2:6] = np.iinfo(kind).max * 0.9  # ... and dark ink
    tifffile.imwrite("scan.tif", stored, photometric="miniswhite")
    read = {
        "Pillow": np.asarray(Image.open("scan.tif")),
        "grey": cv2.imread("scan.tif", cv2.IMREAD_GRAYSCALE),
        "unchanged": cv2.imread("scan.tif", cv2.IMREAD_UNCHANGED),
    }
    paper_and_ink[bits] = {name: (int(image[0, 0]), int(image[3, 3])) for name, image in read.items()}
print("paper and ink:", paper_and_ink)
assert set(paper_and_ink[8].values()) == {(255, 26)}
assert paper_and_ink[16] == {"Pillow": (0, 58981), "grey": (255, 25), "unchanged": (0, 58981)}
PYTHON
