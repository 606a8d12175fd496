#!/usr/bin/env bash
# Ctrl-C does not come out of waitress' run(): the line after it is reached as if all were done.
#
# waitress 3.0.2. Expected: KeyboardInterrupt, as from wsgiref's serve_forever(), so that the process ends
# with the status of a stop. Seen: run() returns None, and a script that has nothing else to do ends with
# status 0. Whoever wants the status of a stop has to raise it after run().
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -qq --no-compile --target "$folder" waitress==3.0.2
cd "$folder"
cat > serve.py <<'PYTHON'
import sys
def app(environ, start_response):
    start_response("200 OK", [])
    return [b""]
if sys.argv[1] == "waitress":
    import waitress
    server = waitress.create_server(app, host="127.0.0.1", port=0)
    print("ready", flush=True)
    server.run()
else:
    from wsgiref.simple_server import make_server
    server = make_server("127.0.0.1", 0, app)
    print("ready", flush=True)
    server.serve_forever()
print("returned", flush=True)
PYTHON
PYTHONPATH=. "${PYTHON:-python3}" - <<'PYTHON'
import signal, subprocess, sys, time

ended = {}
for kind in ("wsgiref", "waitress"):
    process = subprocess.Popen([sys.executable, "serve.py", kind], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=30)
    ended[kind] = process.returncode, said.strip(), "KeyboardInterrupt" in errors
    print(f"{kind}: status, what came after, KeyboardInterrupt told:", *ended[kind])
assert ended["waitress"] == (0, "returned", False)
assert ended["wsgiref"][0] != 0 and ended["wsgiref"][1:] == ("", True)
PYTHON
