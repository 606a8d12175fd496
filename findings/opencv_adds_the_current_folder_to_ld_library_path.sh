#!/usr/bin/env bash
# import cv2 lets the child processes look for shared libraries in the current folder.
#
# opencv-python-headless 5.0.0.93, Linux. Expected: an import leaves the environment as it is. Seen: it sets
# LD_LIBRARY_PATH to ".../cv2/../../lib64:", whose empty last entry stands for the current folder: what
# the process starts afterwards loads a libz.so.1 that happens to lie there.
# Remedy: remove the variable after the import, or import cv2 before os.environ is copied for a child.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/pip" install -q opencv-python-headless==5.0.0.93
cd "$folder"
env -u LD_LIBRARY_PATH bin/python - <<'PYTHON'
import os
before = os.environ.get("LD_LIBRARY_PATH")
import cv2
after = os.environ["LD_LIBRARY_PATH"]
print("cv2", cv2.__version__, "before:", before, "after:", repr(after.replace(os.getcwd(), "...")))
assert before is None and after.endswith(":")
PYTHON
