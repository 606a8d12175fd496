"""However a script is stopped, whatever becomes of its terminal: one line, and a known status."""

import os
import re
import signal
import subprocess
import sys

import pytest

from src.common.errors import InputError
from src.common.script import BLAS, explain
from tests.conftest import ROOT

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and a POSIX shell")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
ENVIRONMENT["PYTHONPATH"] = str(ROOT)
SCRIPT = """\
from src.common.script import held_back, run_script, start
start(__name__)
{imports}
import os, signal, sys, time
from src.common.errors import InputError
def main():
    {body}
run_script(main)
"""


@pytest.fixture
def script(tmp_path):
    """Writes a script whose main() has the given body. Returns the command that runs it."""

    def write(body, imports=""):
        text = SCRIPT.format(imports=imports, body=body.replace("\n", "\n    "))
        (tmp_path / "script.py").write_text(text, encoding="utf-8")
        return [sys.executable, str(tmp_path / "script.py")]

    return write


def run(command, shell="", **environment):
    """The command, or the shell's line with "$@" for the command."""
    words = ["sh", "-c", shell, "sh", *command] if shell else command
    environment = ENVIRONMENT | environment
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("a\n  b\t c"), "a b c"),
        (InputError("\x1b[2Jred\x00 caf\xe9 \udcff"), "\\x1b[2Jred\\x00 caf\xe9 \\udcff"),
        (InputError(f"first {'x' * 10_000} last"), f"first {'x' * 324} ... {'x' * 160} last"),
        (PermissionError(13, "not yours", "x.csv"), "[Errno 13] not yours: 'x.csv'"),
        (MemoryError(), "out of memory"),
    ],
)
def test_what_a_user_can_fix_is_one_line(error, line, capsys):
    assert explain(error) == 2
    assert capsys.readouterr().err == f"error: {line}\n"


def test_it_is_one_line_too_where_the_script_imports(script):
    ended = run(script("pass", imports="open('no such/file')"))
    assert ended.returncode == 2
    assert ended.stderr == "error: [Errno 2] No such file or directory: 'no such/file'\n"


def test_a_bug_is_no_stop_and_has_its_traceback(script):
    body = "try: raise KeyboardInterrupt\nexcept KeyboardInterrupt: print('kept')\nreturn 1 / 0"
    ended = run(script(body))
    assert (ended.returncode, ended.stdout) == (1, "kept\n")
    assert ended.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("name", ["train", "experiments", "predict", "draw"])
def test_without_the_requirements_one_line_names_the_command(name):
    ended = run([sys.executable, "-S", str(ROOT / f"{name}.py")])  # -S: nothing that is installed
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("error: numpy is not installed")
    assert ended.stderr.endswith(f"{sys.executable} -m pip install -r requirements.txt\n")


def test_one_blas_thread_whatever_is_set_outside(script):
    command = script("print([os.environ[name] for name in sys.argv[1:]])")
    ended = run(command + BLAS, **dict.fromkeys(BLAS, "2"))
    assert ended.stdout == f"{['1'] * len(BLAS)}\n"


WAIT = "print('here', flush=True); time.sleep(50)"
CLEANING_UP = f"""\
try: {WAIT}
finally:
    for number in (1, 2, 15): os.kill(os.getpid(), number)
    raise KeyboardInterrupt('stopped; all is kept')"""


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("when", ["while it imports", "cleaning up"])
def test_stopped_in_one_line(script, name, when):
    """Further signals do not break off what the first has begun."""
    early = when == "while it imports"
    command = script("pass", f"import time; {WAIT}") if early else script(CLEANING_UP)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=ENVIRONMENT, **pipes)
    assert process.stdout.readline() == "here\n"
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ("\nstopped\n" if early else "\nstopped; all is kept\n")


@POSIX
def test_a_stop_that_an_import_swallows_is_not_forgotten(script):
    swallow = "import os, signal\ntry: os.kill(os.getpid(), signal.SIGINT)\n"
    ended = run(script("print('went on')", swallow + "except KeyboardInterrupt: pass"))
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "\nstopped\n")


@POSIX
def test_nothing_is_stopped_while_it_is_held_back_or_by_a_closed_terminal_under_nohup(script):
    body = "with held_back(): os.kill(os.getpid(), signal.SIGTERM)\n"
    body += "os.kill(os.getpid(), signal.SIGHUP)\nprint('went on')"
    ended = run(script(body), shell="trap '' HUP; \"$@\"")
    assert (ended.returncode, ended.stdout) == (0, "went on\n")


TALKS = "for number in range(20_000): print('epoch', number)\nprint('done', file=sys.stderr)"
LOST = "error: .*(Broken pipe|No space left on device)\n"


@POSIX
@pytest.mark.parametrize(
    ("talks", "streams", "status", "errors"),
    [
        (TALKS, ">&-", 0, "done\n"),
        (TALKS, "2>&-", 0, ""),
        (TALKS, "<&- >&- 2>&-", 0, ""),
        (TALKS, "| head -1", 0, LOST),  # the status is that of head
        (TALKS, ">/dev/full", 2, LOST),
        ("print('a line')", ">/dev/full", 2, LOST),
    ],
)
def test_streams_closed_full_or_not_read(script, talks, streams, status, errors):
    ended = run(script(talks), f'"$@" {streams}')
    assert ended.returncode == status and re.fullmatch(errors, ended.stderr)


@POSIX
def test_names_and_terminals_that_are_not_unicode(script):
    command = script("print('é', sys.argv[1])\nraise InputError(f'é {sys.argv[1]}')")
    words = [*map(os.fsencode, command), b"caf\xe9.csv"]
    ended = run(words, PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stdout) == (2, "\\xe9 caf\\udce9.csv\n")
    assert ended.stderr == "error: \\xe9 caf\\udce9.csv\n"
