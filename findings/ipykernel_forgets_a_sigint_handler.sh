#!/usr/bin/env bash
# A SIGINT handler set in a notebook's cell is gone in the next cell; one for SIGTERM stays.
#
# ipykernel 7.4.0. Expected: signal.signal lasts until it is called again. Seen: the kernel puts its own
# SIGINT handler back around every cell. A library that installs one on import works in that cell only.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" ipykernel==7.4.0 jupyter_client
cd "$folder"
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import jupyter_client

manager, client = jupyter_client.manager.start_new_kernel(startup_timeout=60)
said = []
def keep(message):
    if message["msg_type"] == "stream":
        said.append(message["content"]["text"])
for cell in (
    "import signal\ndef mine(*_): pass\nfor s in ('SIGINT', 'SIGTERM'): signal.signal(getattr(signal, s), mine)\n"
    "print([signal.getsignal(getattr(signal, s)) is mine for s in ('SIGINT', 'SIGTERM')])",
    "print([signal.getsignal(getattr(signal, s)) is mine for s in ('SIGINT', 'SIGTERM')])",
):
    client.execute_interactive(cell, output_hook=keep, timeout=60)
client.stop_channels()
manager.shutdown_kernel(now=True)
print("in the cell and in the next:", *said)
assert [text.strip() for text in said] == ["[True, True]", "[False, True]"]
PYTHON
