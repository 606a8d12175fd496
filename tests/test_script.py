"""However a script is stopped, whatever becomes of its terminal: one line, and a known status."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.common.script import LONGEST, one_line
from src.common.start import BLAS
from tests.conftest import ROOT

BEGIN = "from src.common.start import start\nstart(__name__)\n"
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and a POSIX shell")


@pytest.fixture
def script(tmp_path: Path):
    """Writes a script of the given lines, whose main() has the given body."""

    def write(body: str, imports: str = "") -> list[str]:
        path = tmp_path / "script.py"
        lines = [BEGIN + imports, "import sys, time", "from src.common.errors import InputError"]
        lines += ["from src.common.script import run_script", "def main():"]
        lines += [f"    {line}" for line in body.splitlines()]
        path.write_text("\n".join([*lines, "run_script(main)\n"]), encoding="utf-8")
        return [sys.executable, str(path)]

    return write


def run(command: list[str], shell: str = "", **environment: str) -> subprocess.CompletedProcess:
    """The command, or the shell's line with "$@" for the command."""
    words = ["sh", "-c", shell, "sh", *command] if shell else command
    return subprocess.run(
        words,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n  b\t c", "a b c"),
        ("\x1b[2Jred\x00", "\\x1b[2Jred\\x00"),
        ("caf\xe9 \udcff", "caf\xe9 \\udcff"),
        ("x" * LONGEST, "x" * LONGEST),
        (ValueError("what\nwhere"), "what where"),
    ],
)
def test_one_line(text: object, line: str) -> None:
    assert one_line(text) == line


def test_a_long_line_keeps_its_beginning_and_its_end() -> None:
    line = one_line("first " + "x" * 10_000 + " last")
    assert line.startswith("first ") and line.endswith(" last") and len(line) < LONGEST + 10


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise InputError('a\\nb')", "a b"),
        ("open('no such/file')", "no such/file: No such file or directory; what was finished"),
        ("raise MemoryError('8 GB')", "out of memory: 8 GB"),
        ("raise InputError(sys.argv[0] + '\\udcff\\x1b')", "script.py\\udcff\\x1b"),
    ],
)
def test_what_a_user_can_fix_is_one_line(script, body: str, message: str) -> None:
    ended = run(script(body))
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1
    assert message in ended.stderr


def test_one_blas_thread_whatever_is_set_outside(script) -> None:
    ended = run(
        script("import os\nprint([os.environ[name] for name in sys.argv[1:]])") + BLAS,
        **dict.fromkeys(BLAS, "2"),
    )
    assert ended.stdout == f"{['1'] * len(BLAS)}\n"


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("when", ["while it imports", "in main", "under way, with a message"])
def test_stopped_in_one_line(script, name: str, when: str) -> None:
    wait = "print('here', flush=True); time.sleep(50)"
    if when == "while it imports":
        command = script("pass", imports=f"import time; {wait}\n")
    elif when == "in main":
        command = script(wait)
    else:
        command = script(f"try: {wait}\nfinally: raise KeyboardInterrupt('stopped; all is kept')")
    process = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ("\nstopped; all is kept\n" if "message" in when else "\nstopped\n")


@POSIX
def test_under_nohup_a_closed_terminal_stops_nothing(script) -> None:
    body = "import os, signal\nos.kill(os.getpid(), signal.SIGHUP)\nprint('went on')"
    ended = run(script(body), shell="trap '' HUP; \"$@\"")
    assert (ended.returncode, ended.stdout) == (0, "went on\n")


FINISHES = """\
for number in range(20_000):
    print("epoch", number, flush=number % 100 == 0)
    print("warning", number, file=sys.stderr)
assert sys.stderr.isatty() in (True, False)
open(sys.argv[1], "w").write("finished")
"""


@POSIX
@pytest.mark.parametrize(
    "shell",
    [
        '"$@" | head -1',
        '"$@" 2>&1 | head -1',
        '"$@" >&-',
        '"$@" 2>&-',
        '"$@" >&- 2>&-',
        '"$@" <&- >&- 2>&-',
    ],
)
def test_work_is_finished_though_nobody_reads(script, shell: str, tmp_path: Path) -> None:
    ended = run([*script(FINISHES), str(tmp_path / "done")], shell)
    assert ended.returncode == 0
    assert (tmp_path / "done").read_text() == "finished"
    assert "Traceback" not in ended.stderr and "Exception" not in ended.stderr


@POSIX
def test_a_full_disk_for_what_is_printed_is_said_at_the_end(script, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this machine has no /dev/full")
    ended = run([*script(FINISHES), str(tmp_path / "done")], '"$@" >/dev/full')
    assert (tmp_path / "done").read_text() == "finished"
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith(
        "error: some output could not be printed: No space"
    )


@POSIX
def test_names_and_terminals_that_are_not_unicode(script, tmp_path: Path) -> None:
    command = script("print('é', sys.argv[1])\nraise InputError(f'é {sys.argv[1]}')")
    words = [os.fsencode(word) for word in command] + [b"caf\xe9.csv"]
    ended = subprocess.run(
        words,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout == "\\xe9 caf\\udce9.csv\n"
    assert ended.stderr == "error: \\xe9 caf\\udce9.csv\n"
