#!/usr/bin/env bash
# A script that fails under %run does not fail its cell: nbclient goes on, as does a CI that relies on it.
#
# nbclient 0.11.0, IPython 9.18.1. Expected: an exception in a script that a cell starts with %run raises
# CellExecutionError, as the same exception in the cell does. Seen: it is shown, as an output of type
# "error", and the notebook counts as executed; so is sys.exit(2).
# Remedy: look through the outputs of all cells for the type "error".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/pip" install -q nbclient==0.11.0 ipykernel==7.4.0 ipython==9.18.1
cd "$folder"
echo "1 / 0" > fails.py
echo "import sys; sys.exit(2)" > exits.py
PATH="$folder/bin:$PATH" bin/python - 2> log <<'PYTHON'
import nbclient, nbformat

def raised_and_types(source):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    try:
        nbclient.NotebookClient(book, timeout=60).execute()
        raised = False
    except nbclient.exceptions.CellExecutionError:
        raised = True
    return raised, "error" in [output.output_type for output in book.cells[0].outputs]

seen = {source: raised_and_types(source) for source in ("1 / 0", "%run fails.py", "%run exits.py")}
for source, (raised, shown) in seen.items():
    print(f"{source:14} raises CellExecutionError: {raised}; has an error output: {shown}")
assert list(seen.values()) == [(True, True), (False, True), (False, True)]
PYTHON
