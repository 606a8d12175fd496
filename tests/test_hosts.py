"""Where people work besides a terminal: notebooks, IDLE, whatever runs a script inside itself."""

import importlib.util
import os
import subprocess
import sys

import pytest

from src.common.errors import InputError
from src.model import NeuralNetwork
from src.reading.saved import save_network
from tests.conftest import ROOT, copy_of_the_project

HOST = """\
import os, runpy, signal, sys
sys.path.insert(0, ROOT)
import numpy, threadpoolctl, src.losses
threadpoolctl.threadpool_limits(2)
losses = src.losses
{stream}
def state():
    threads = threadpoolctl.threadpool_info()[0]["num_threads"]
    environment = [name for name in os.environ if "THREADS" in name]
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    ours = [finder for finder in sys.meta_path if type(finder).__module__.startswith("src")]
    return threads, environment, handlers, ours, sys.stdout, sys.stderr, sys.excepthook
def run(script, *flags):
    sys.argv = [script, *flags]
    try: runpy.run_path(os.path.join(ROOT, script), run_name="__main__")
    except SystemExit as end: return end.code
before = state()
assert run("train.py", *FLAGS) == 0
assert state() == before, (before, state())
assert sys.modules["src.losses"] is not losses, "an edited module has to be read again"
assert run("train.py", "--epochs", "many") == 2
assert run("predict.py", "none.csv") == 2
assert run("experiments.py", "--list") == 0
assert run("draw.py", "--model", "none.npz") == 2
assert state() == before, (before, state())
"""
IDLE = """\
import idlelib.run
class Shell:
    def write(self, text, tag): sys.__stdout__.write(text); return len(text)
sys.stdout = idlelib.run.StdOutputFile(Shell(), "stdout", "utf-8", "strict")
"""


def test_a_host_gets_everything_back_and_runs_the_code_that_is_there_now(small_npz, tmp_path):
    stream = IDLE if importlib.util.find_spec("idlelib") else ""  # some systems split it off
    flags = ["--data", str(small_npz), "--epochs", "1", "--results", str(tmp_path)]
    code = f"ROOT, FLAGS = {str(ROOT)!r}, {flags}\n{HOST.format(stream=stream)}"
    environment = {name: value for name, value in os.environ.items() if "THREADS" not in name}
    options = {"env": environment, "capture_output": True, "text": True, "timeout": 100}
    ended = subprocess.run([sys.executable, "-c", code], **options)
    assert ended.returncode == 0, ended.stderr
    assert "epoch   1" in ended.stdout and "Traceback" not in ended.stderr
    assert ended.stderr.count("error: ") == 3


@pytest.mark.parametrize(
    ("name", "words", "flag"),
    [
        ("train", "", "--results"),
        ("experiments", "", "--results"),
        ("predict", "test.csv --model network.npz", "--out"),
    ],
)
def test_where_nothing_can_be_written_the_flag_is_named(name, words, flag, tmp_path, monkeypatch):
    """As in Kaggle's input folders; root may write anywhere, but not below a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    save_network(tmp_path / "network.npz", NeuralNetwork([784, 10]))
    monkeypatch.setattr(sys, "argv", [name, *words.split(), flag, "file/there/answers.csv"])
    with pytest.raises(InputError, match=f"^file.there.*; choose another with {flag}$"):
        importlib.import_module(name).main()


def shown_by(cell):
    """What a cell of a notebook that was run shows: text, and <png> for each picture."""
    outputs = cell.get("outputs", [])
    assert "error" not in [each.output_type for each in outputs], outputs[-1]  # in a %run
    texts = ["<png>" for each in outputs if "image/png" in each.get("data", {})]
    texts += [each.get("text") or each.get("data", {}).get("text/plain") or "" for each in outputs]
    return "".join(texts)


@pytest.mark.slow
def test_the_notebook_runs_as_it_is_and_scripts_leave_its_kernel_as_it_was(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    docs = copy_of_the_project(tmp_path) / "docs"
    notebook = nbformat.read(docs / "first_steps.ipynb", 4)
    more = [
        '%run "{project}/experiments.py" activations --seeds 1 --epochs 1 --results results',
        '%run "{project}/draw.py" --model none.npz',
        "plt.plot([1, 2])\nplt.show()",
        "import signal\nprint(signal.getsignal(signal.SIGINT))",
    ]
    notebook.cells += map(nbformat.v4.new_code_cell, more)
    options = {"timeout": 300, "resources": {"metadata": {"path": str(docs)}}}
    nbclient.NotebookClient(notebook, **options).execute()
    *shown, swept, drawn, plot, handler = (shown_by(cell) for cell in notebook.cells)
    assert sum("<png>" in text for text in shown) == 4  # curves, mistakes, a digit, curves.png
    assert not [text for text in shown if "error: " in text]
    table = (docs / "results" / "submission.csv").read_text().splitlines()
    assert table[0] == "ImageId,Label" and len(table) == 10_001
    assert "4 runs" in swept and "figures and tables" in swept
    assert drawn.startswith("error: none.npz: there is no such network; ")
    assert plot.startswith("<png>")
    assert "default_int_handler" in handler
