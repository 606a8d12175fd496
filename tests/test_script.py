"""However a script is stopped, whatever becomes of its terminal: one line, and a known status."""

import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from src.common.errors import one_line
from src.common.start import BLAS
from tests.conftest import ROOT

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and a POSIX shell")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
ENVIRONMENT["PYTHONPATH"] = str(ROOT)
SCRIPT = """\
from src.common.start import start
start(__name__)
{imports}
import os, sys, time
from src.common.errors import InputError
from src.common.script import held_back, run_script
def main():
    {body}
run_script(main)
"""


@pytest.fixture
def script(tmp_path: Path):
    """Writes a script whose main() has the given body."""

    def write(body: str, imports: str = "") -> list[str]:
        path = tmp_path / "script.py"
        text = SCRIPT.format(imports=imports, body=body.replace("\n", "\n    "))
        path.write_text(text, encoding="utf-8")
        return [sys.executable, str(path)]

    return write


def run(command: list, shell: str = "", **environment: str) -> subprocess.CompletedProcess:
    """The command, or the shell's line with "$@" for the command."""
    words = ["sh", "-c", shell, "sh", *command] if shell else command
    environment = ENVIRONMENT | environment
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n  b\t c", "a b c"),
        ("\x1b[2Jred\x00", "\\x1b[2Jred\\x00"),
        ("caf\xe9 \udcff", "caf\xe9 \\udcff"),
        (ValueError("what\nwhere"), "what where"),
    ],
)
def test_one_line(text: object, line: str) -> None:
    assert one_line(text) == line


def test_a_long_line_keeps_its_beginning_and_its_end() -> None:
    line = one_line("first " + "x" * 10_000 + " last")
    assert line.startswith("first ") and line.endswith(" last") and len(line) < 510


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise InputError('a\\nb')", "a b"),
        ("open('no such/file')", "No such file or directory: 'no such/file'"),
        ("raise MemoryError('8 GB')", "8 GB"),
        ("raise MemoryError", "out of memory"),
        ("raise InputError(sys.argv[0] + '\\udcff\\x1b')", "script.py\\udcff\\x1b"),
        ("import pebbles", "pebbles is not installed"),
    ],
)
def test_what_a_user_can_fix_is_one_line(script, body: str, message: str) -> None:
    ended = run(script(body))
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1
    assert message in ended.stderr


def test_a_bug_is_no_stop_and_has_its_traceback(script) -> None:
    body = "try: raise KeyboardInterrupt\nexcept KeyboardInterrupt: print('kept')\nreturn 1 / 0"
    ended = run(script(body))
    assert (ended.returncode, ended.stdout) == (1, "kept\n")
    assert ended.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("name", ["train", "experiments", "predict", "draw"])
def test_without_the_requirements_one_line_names_the_command(name: str, tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    python = tmp_path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ended = run([str(python), str(ROOT / f"{name}.py")])
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("error: numpy is not installed")
    assert ended.stderr.endswith(f"{python} -m pip install -r requirements.txt\n")


def test_one_blas_thread_whatever_is_set_outside(script) -> None:
    command = script("print([os.environ[name] for name in sys.argv[1:]])")
    ended = run(command + BLAS, **dict.fromkeys(BLAS, "2"))
    assert ended.stdout == f"{['1'] * len(BLAS)}\n"


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("when", ["while it imports", "in main", "cleaning up"])
def test_stopped_in_one_line(script, name: str, when: str) -> None:
    wait = "print('here', flush=True); time.sleep(50)"
    clean = (
        f"try: {wait}\nfinally:\n"
        "    for number in (1, 2, 15): os.kill(os.getpid(), number)\n"
        "    with held_back(): os.kill(os.getpid(), 15)\n"
        "    raise KeyboardInterrupt('stopped; all is kept')"
    )
    command = script(clean if when == "cleaning up" else wait)
    if when == "while it imports":
        command = script("pass", imports=f"import time; {wait}")
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ("\nstopped; all is kept\n" if when == "cleaning up" else "\nstopped\n")


@POSIX
def test_under_nohup_a_closed_terminal_stops_nothing(script) -> None:
    body = "import signal\nos.kill(os.getpid(), signal.SIGHUP)\nprint('went on')"
    ended = run(script(body), shell="trap '' HUP; \"$@\"")
    assert (ended.returncode, ended.stdout) == (0, "went on\n")


TALKS = "for number in range(20_000): print('epoch', number)\nprint('done', file=sys.stderr)"


@POSIX
@pytest.mark.parametrize("shell", ['"$@" >&-', '"$@" 2>&-', '"$@" <&- >&- 2>&-'])
def test_closed_streams_stop_nothing(script, shell: str, tmp_path: Path) -> None:
    body = f"{TALKS}\nassert not sys.stderr.isatty()\nopen(sys.argv[1], 'w').close()"
    ended = run([*script(body), str(tmp_path / "done")], shell)
    assert ended.returncode == 0 and (tmp_path / "done").exists()
    assert "Traceback" not in ended.stderr


@POSIX
@pytest.mark.parametrize(
    ("shell", "why"), [("| head -1", "Broken pipe"), (">/dev/full", "No space left on device")]
)
def test_nobody_reads_what_is_printed(script, shell: str, why: str) -> None:
    ended = run(script(TALKS), f'"$@" {shell}')
    assert ended.stderr.startswith("error: ") and why in ended.stderr
    assert "Traceback" not in ended.stderr


@POSIX
def test_names_and_terminals_that_are_not_unicode(script) -> None:
    command = script("print('é', sys.argv[1])\nraise InputError(f'é {sys.argv[1]}')")
    words = [*map(os.fsencode, command), b"caf\xe9.csv"]
    ended = run(words, PYTHONIOENCODING="ascii")
    assert ended.stdout == "\\xe9 caf\\udce9.csv\n"
    assert ended.stderr == "error: \\xe9 caf\\udce9.csv\n"
