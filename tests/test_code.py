"""What is hashed is what runs: any edit that can reach a number trains again, words do not."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from src.common import code
from src.common.code import UNHASHED, code_key
from tests.conftest import ROOT
from tests.sweeping import results_of, start_sweep

TEXTS = code.read()
KEY = code_key(TEXTS)
COUNTED = [f for f in TEXTS if not f.startswith(tuple(UNHASHED.split())) and f != "experiments.py"]


def key_with(file: str, old: str, new: str) -> str:
    """The key with one piece of one file replaced."""
    text = TEXTS[file].decode()
    assert old in text, f"{file} has no {old!r}"
    return code_key(TEXTS | {file: text.replace(old, new, 1).encode()})


# ------------------------------------------------------------------------------------- the key


@pytest.mark.parametrize("file", sorted(TEXTS))
def test_each_file_is_hashed_or_on_the_list_and_words_never_count(file: str) -> None:
    if file == "experiments.py":
        pytest.skip("has rules of its own")
    text = TEXTS[file]
    key = code_key({file: text})
    assert (code_key({file: text + b"\nX = 1\n"}) != key) == (file in COUNTED)
    assert code_key({file: b"# a remark\n\n" + text + b"# another\n"}) == key
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.body[: ast.get_docstring(node) is not None] = [ast.Expr(ast.Constant("What."))]
        if isinstance(node, ast.FunctionDef):
            node.returns = ast.Constant("another type")
            for argument in node.args.args:
                argument.annotation = ast.Constant("another type")
    assert code_key({file: ast.unparse(tree).encode()}) == key


def test_nothing_on_the_list_is_imported_by_what_trains() -> None:
    for file in COUNTED:
        for node in ast.parse(TEXTS[file]).body:
            if isinstance(node, ast.ImportFrom):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                names = [alias.name for alias in getattr(node, "names", [])]
            paths = [f"{name}.py".replace(".", "/", name.count(".")) for name in names if name]
            assert not [p for p in paths if p.startswith(tuple(UNHASHED.split()))], (
                f"{file}: {names}"
            )


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("src/runs/config.py", "[784, *self.hidden, 10]", "[784, *self.hidden, *self.hidden, 10]"),
        ("src/activations.py", "LEAK = 0.01", "LEAK = 0.02"),
        ("src/initializers.py", "np.sqrt(6 / fan_in)", "np.sqrt(5 / fan_in)"),
        ("src/digits/augmentation.py", "math.radians(10)", "math.radians(11)"),
        ("src/runs/history.py", "TRAIN_SAMPLE = 5000", "TRAIN_SAMPLE = 4000"),
        ("src/__init__.py", '"""', 'import numpy\nnumpy.exp = numpy.expm1\n"""'),
        ("train.py", "(1, 2, 3)", "(1, 2, 4)"),
    ],
)
def test_an_edit_of_what_a_run_reaches_in_any_way_changes_the_key(
    file: str, old: str, new: str
) -> None:
    assert key_with(file, old, new) != KEY


def test_what_a_config_holds_anyway_does_not_count() -> None:
    assert key_with("train.py", "VALUES = {", 'VALUES = {"x": 1, ') == KEY
    assert key_with("train.py", "VALUES = {", "VALUES = OTHERS = {") != KEY
    old, new = b"    record.measure", b"    boost = VALUES['momentum']\n    record.measure"
    read = TEXTS["train.py"].replace(old, new, 1)  # by what trains: now they count
    edited = read.replace(b"VALUES = {", b'VALUES = {"x": 1, ')
    assert code_key(TEXTS | {"train.py": read}) != code_key(TEXTS | {"train.py": edited})
    more = TEXTS["experiments.py"] + b"HIDDEN = [[7], [8]]\nMORE: list = grid(x=[1])\n"
    assert code_key(TEXTS | {"experiments.py": more}) == KEY
    assert code_key(TEXTS | {"experiments.py": more + b"import helpers\n"}) != KEY


@pytest.mark.parametrize(
    ("statement", "counts"),
    [
        ("TABLE = {'a': grid(hidden=[[1]]), **OTHER}", False),
        ("def publish(x): ACTIVATIONS['x'] = 1", False),
        ("import numpy as np", False),
        ("if __name__ == '__main__': run_script(main)", False),
        ("ACTIVATIONS['swish'] = swish", True),
        ("src.activations.LEAK = 0.5", True),
        ("ACTIVATIONS |= {'swish': swish}", True),
        ("_ = ACTIVATIONS.setdefault('swish', swish)", True),
        ("register('swish')", True),
        ("@register\ndef swish(z): pass", True),
        ("for name in 'ab': ACTIVATIONS[name] = swish", True),
        ("from helpers import HIDDEN", False),
        ("class Swish: ACTIVATIONS['swish'] = swish", True),
        ("half saved(", True),
        ("if __name__ == '__main__': run_script(main)\nelse: ACTIVATIONS['x'] = swish", True),
        ("if __name__ == 'experiments': ACTIVATIONS['x'] = swish", True),
        ("def swish(z, _=ACTIVATIONS.update(relu=1)): pass", True),
        ("def start(**k): ACTIVATIONS.update(k)", True),
        ("grid = ACTIVATIONS.update", True),
        ("Y = [0 for A.LEAK in [0.5]]", True),
        ("Y = {a: b for a, b in HIDDEN}", False),
    ],
)
def test_experiments_counts_as_soon_as_it_does_more_than_ask(statement: str, counts: bool) -> None:
    one, other = ({"experiments.py": f"X = {n}\n{statement}".encode()} for n in (1, 2))
    assert (code_key(one) != code_key(other)) == counts


def test_annotations_of_fields_count_since_dataclasses_read_them() -> None:
    one, other = (f"class A:\n    x: {kind} = 1\n".encode() for kind in ("int", "ClassVar[int]"))
    assert code_key({"src/a.py": one}) != code_key({"src/a.py": other})


def test_a_file_beside_the_scripts_counts_if_another_names_it() -> None:
    plots = {"my_plots.py": b"import train\ntrain.train\n"}
    assert code_key(TEXTS | plots) == KEY
    used = TEXTS["experiments.py"] + b"from my_plots import HIDDEN\n"
    keys = {
        code_key(TEXTS | {"experiments.py": used, "my_plots.py": b"HIDDEN = %d" % n})
        for n in (1, 2)
    }
    assert len(keys | {KEY}) == 3


def test_the_key_does_not_depend_on_the_hash_seed() -> None:
    program = "from src.common.code import code_key, read; print(code_key(read()))"
    for seed in "12":
        told = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
        )
        assert told.stdout.strip() == KEY, told.stderr


def test_a_script_that_changed_while_it_started_ends_in_one_line(
    capsys: pytest.CaptureFixture,
) -> None:
    with pytest.raises(SystemExit) as ended:
        code.freeze(compile("x = 1", str(ROOT / "train.py"), "exec"))
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told == "error: train.py was changed while it started; start it again\n"


# --------------------------------------------------------------------------------- what runs

CONFIG = {"hidden": [8], "epochs": 1}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project."""
    folder = tmp_path / "tree"
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "data").symlink_to(ROOT / "data")
    (folder / ".#train.py").symlink_to("no/file")  # as an editor's lock
    (folder / "tests").mkdir()
    for name in ("train.py", "tests/bare_sweep.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def sweep(tree: Path, data: Path, config: dict, meanwhile=None) -> dict:
    """What comes of the run "0"; how many were there before. `meanwhile` happens to the tree."""
    more = ["wait"] if meanwhile else []
    process = start_sweep(tree / "runs", data, {"0": config}, *more, jobs=1, root=tree)
    if meanwhile:
        assert process.stdout.readline() == "started\n"
        meanwhile()
    return results_of(process)


def test_edits_after_the_start_neither_run_nor_count(tree: Path, small_npz: Path) -> None:
    """Nothing is read again, here or in a worker: every source may become nonsense."""
    files = [file for file in tree.rglob("*.py") if file.is_file()]
    texts = {file: file.read_bytes() for file in files}

    def edit() -> None:
        for file in files:
            file.write_text("raise RuntimeError('read again')")

    results = sweep(tree, small_npz, CONFIG, edit)
    for file in files:
        file.write_bytes(texts[file])
    assert sweep(tree, small_npz, CONFIG) == results | {"before": 1}


def test_an_edit_trains_again_even_if_a_stale_pyc_hides_it(tree: Path, small_npz: Path) -> None:
    """The same size and the same time, as after rsync -t or two saves within a second."""
    old = sweep(tree, small_npz, CONFIG)
    file = tree / "src" / "initializers.py"
    text, when = file.read_text(), file.stat()
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(tree / "src")], check=True)
    file.write_text(text.replace("np.sqrt(6 /", "np.sqrt(1 /"))
    os.utime(file, ns=(when.st_atime_ns, when.st_mtime_ns))
    new = sweep(tree, small_npz, CONFIG)
    assert new["before"] == 0 and new["0"] != old["0"]
    shutil.rmtree(tree / "runs")
    shutil.rmtree(file.parent / "__pycache__")
    assert sweep(tree, small_npz, CONFIG) == new


def test_an_activation_that_experiments_adds_reaches_the_workers(
    tree: Path, small_npz: Path
) -> None:
    """And it is counted: the edited one trains again."""
    losses = []
    for factor in (1, 2):
        (tree / "experiments.py").write_text(
            "from src.activations import ACTIVATIONS\n"
            "import numpy as np\n"
            f"ACTIVATIONS['scaled'] = (lambda z: z * {factor}, lambda z: np.full_like(z, {factor}))"
        )
        results = sweep(tree, small_npz, CONFIG | {"activation": "scaled"})
        assert results["before"] == 0 and isinstance(results["0"], float)
        losses.append(results["0"])
    assert losses[0] != losses[1]


def test_a_copy_of_experiments_runs_as_it_stands_there(tree: Path, small_npz: Path) -> None:
    """Under another name, too, its activation reaches the workers, and counts."""
    text = (ROOT / "experiments.py").read_text()
    change = (
        "from src.activations import *\nACTIVATIONS['relu'] = ACTIVATIONS['sigmoid']\n\nif __name__"
    )
    command = [sys.executable, "mine.py", "activations", "--epochs", "1", "--seeds", "1"]
    command += ["--data", str(small_npz), "--results", "results"]
    losses = []
    for edited in (text, text.replace("if __name__", change)):
        (tree / "mine.py").write_text(edited)
        subprocess.run(command, cwd=tree, check=True, capture_output=True)
        curves = pd.read_csv(tree / "results" / "activations" / "curves.csv")
        losses.append(list(curves[curves.configuration == "relu"].train_loss))
    assert losses[0] != losses[1]
