"""Where people work besides a terminal: notebooks, IDLE, whatever runs a script inside itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from src.digits.data import Data
from src.model import NeuralNetwork
from src.reading.saved import save_network
from tests.conftest import ROOT
from tests.sample_csv import csv_text, digit_table

BEFORE = """\
import io, os, runpy, signal, sys
sys.path.insert(0, ROOT)
import numpy, threadpoolctl
threadpoolctl.threadpool_limits(2)
def state():
    threads = threadpoolctl.threadpool_info()[0]["num_threads"]
    environment = [name for name in os.environ if "THREADS" in name]
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return threads, environment, handlers, sys.stdout, sys.stderr, sys.excepthook
"""


def in_a_host(code: str) -> str:
    """What Python prints that runs `code`, which may call run() on a script's name and flags."""
    run = (
        "def run(script, *flags):\n"
        "    sys.argv = [script, *map(str, flags)]\n"
        "    try: runpy.run_path(os.path.join(ROOT, script), run_name='__main__')\n"
        "    except SystemExit as end: return end.code\n"
    )
    text = f"ROOT = {str(ROOT)!r}\n{BEFORE}{run}{code}"
    environment = {name: value for name, value in os.environ.items() if "THREADS" not in name}
    ended = subprocess.run(
        [sys.executable, "-c", text], env=environment, capture_output=True, text=True, timeout=100
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


IDLE = """\
import idlelib.run
class Shell:
    def write(self, text, tag): sys.__stdout__.write(text); return len(text)
sys.stdout = idlelib.run.StdOutputFile(Shell(), "stdout", "utf-8", "strict")
"""
PLAIN = """\
class Plain(io.TextIOBase):
    def write(self, text): sys.__stdout__.write(text); return len(text)
sys.stdout = Plain()
"""


@pytest.mark.parametrize("stream", [IDLE, PLAIN, ""], ids=["IDLE", "TextIOBase", "file"])
def test_a_host_gets_everything_back(stream: str, small_npz: Path, tmp_path: Path) -> None:
    if stream == IDLE:
        pytest.importorskip("idlelib")
    flags = ["--data", str(small_npz), "--epochs", "1", "--results", str(tmp_path)]
    said = in_a_host(
        f"{stream}before = state()\n"
        f"assert run('train.py', *{flags}) == 0\n"
        "assert run('train.py', '--epochs', 'many') == 2\n"
        "assert run('predict.py', 'none.csv') == 2\n"
        "assert run('experiments.py', '--list') == 0\n"
        "assert run('draw.py', '--port', 'none') == 2\n"
        "assert state() == before, (before, state())\n"
    )
    assert "epoch   1" in said and "Traceback" not in said
    assert said.count("error: ") == 3


def test_a_script_runs_the_code_that_is_there_now(small_npz: Path, tmp_path: Path) -> None:
    """A notebook keeps modules; an edited one has to be read again."""
    flags = ["--data", str(small_npz), "--epochs", "1", "--results", str(tmp_path)]
    said = in_a_host(
        "import src.losses\nold = src.losses\n"
        f"assert run('train.py', *{flags}) == 0\n"
        "assert sys.modules['src.losses'] is not old\n"
    )
    assert "Traceback" not in said


@pytest.mark.parametrize("script", ["train", "experiments", "predict a table", "predict"])
def test_where_nothing_can_be_written_the_flag_is_named(
    script: str, digits: Data, small_npz: Path, tmp_path: Path
) -> None:
    """As in Kaggle's input folders; root may write anywhere, but not below a file."""
    (tmp_path / "file").write_text("")
    below, model = tmp_path / "file" / "results", tmp_path / "network.npz"
    name, *about = script.split()
    words = ["--data", small_npz, "--results", below]
    if name == "predict":
        save_network(model, NeuralNetwork([784, 10]))
        read = tmp_path / ("test.csv" if about else "digit.png")
        (tmp_path / "test.csv").write_text(csv_text(digit_table(digits, 3)))
        Image.fromarray(255 - digits.images[0]).save(tmp_path / "digit.png")
        words = [read, "--model", model, "--out", below / f"answers{read.suffix}"]
    command = [sys.executable, ROOT / f"{name}.py", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    flag = "--out" if name == "predict" else "--results"
    assert ended.returncode == 2
    assert ended.stderr.endswith(f"choose another with {flag}\n") and str(below) in ended.stderr


def executed(notebook, folder: Path) -> list[str]:
    """What the cells of a notebook show, run by a kernel in `folder`."""
    nbclient = pytest.importorskip("nbclient")
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
    shown = []
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        assert "error" not in [each.output_type for each in outputs], outputs[-1]  # in a %run
        pictures = ["<png>" for each in outputs if "image/png" in each.get("data", {})]
        texts = [each.get("text") or each.get("data", {}).get("text/plain") for each in outputs]
        shown.append("".join([*pictures, *filter(None, texts)]))
    return shown


@pytest.mark.slow
def test_all_scripts_in_a_kernel_and_a_plot_afterwards(small_npz: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    small = f'--data "{small_npz}" --epochs 1 --results "{tmp_path}"'
    sources = [
        f'%run "{ROOT}/train.py" {small}',
        f'%run "{ROOT}/experiments.py" activations --seeds 1 {small}',
        f'%run "{ROOT}/predict.py" none.csv --model "{tmp_path}/train/network.npz"',
        f'%run "{ROOT}/draw.py" --model none.npz',
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "import signal; print(signal.getsignal(signal.SIGINT))",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    shown = executed(nbformat.v4.new_notebook(cells=cells), tmp_path)
    trained, swept, read, drawn, plot, handler = shown
    assert "epoch   1" in trained and "saved the network" in trained
    assert "4 runs" in swept and "figures and tables" in swept
    assert read.startswith("error: ") or "\nerror: " in read
    assert drawn == "error: none.npz: there is no such file; give an .npz file\n"
    assert plot.startswith("<png>")
    assert "default_int_handler" in handler


@pytest.mark.slow
def test_the_notebook_runs_as_it_is(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(ROOT / "docs" / "first_steps.ipynb", 4)
    for name in ("src", "data", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("train.py", "predict.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    shown = executed(notebook, tmp_path / "docs")
    assert sum("<png>" in text for text in shown) == 4  # curves, mistakes, a digit, curves.png
    assert not [text for text in shown if "error: " in text]
    table = (tmp_path / "docs" / "results" / "submission.csv").read_text().splitlines()
    assert table[0] == "ImageId,Label" and len(table) == 10_001
