#!/usr/bin/env bash
# papermill hands a tuple to a notebook as text.
#
# papermill 2.7.0. Expected: the parameter hidden=(128, 64) arrives as a tuple, or as a list. Seen: it
# arrives as the text "(128, 64)", over which a loop runs character by character. A list arrives as a list.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" papermill==2.7.0
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
from papermill.translators import PythonTranslator

tuple_, list_ = (PythonTranslator.translate(value) for value in ((128, 64), [128, 64]))
print(tuple_, list_)
assert tuple_ == '"(128, 64)"' and list_ == "[128, 64]"
PYTHON
