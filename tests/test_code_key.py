"""The key of the code: comments change nothing, code on the way to a result does."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from src.runs.code_key import code_key
from tests.conftest import ROOT

# In each file on the way from one run to its result: a piece of code, and another in its place.
MUTATIONS = {
    "train.py": ("len(images) / config.batch_size", "len(images) * config.batch_size"),
    "experiments.py": ('if row["epoch"] else None', 'if row["epoch"] > 1 else None'),
    "src/activations.py": ("LEAK = 0.01", "LEAK = 0.02"),
    "src/initializers.py": ("np.sqrt(6 / fan_in)", "np.sqrt(5 / fan_in)"),
    "src/losses.py": ("p /= totals", "p *= totals"),
    "src/model.py": ("z += biases", "z -= biases"),
    "src/optimizers.py": ("math.cos(math.pi", "math.sin(math.pi"),
    "src/utils.py": ("rng.permutation", "rng.choice"),
    "src/runs/diagnostics.py": ("z <= 0", "z < 0"),
    "src/digits/data.py": ("count * fraction", "count / fraction"),
    "src/digits/augmentation.py": ("math.radians(10)", "math.radians(11)"),
    "src/digits/preprocessing.py": ("slant * new_y", "slant / new_y"),
    "src/digits/warp.py": ("SIDE = 28", "SIDE = 29"),
    "src/runs/history.py": ("TRAIN_SAMPLE = 5000", "TRAIN_SAMPLE = 4000"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is imported."""
    for name in ("train.py", "experiments.py"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path.resolve()


def key(tree: Path) -> str:
    """The key of experiments.train_one in this tree; only its place and its name are looked at."""

    def train_one() -> None: ...

    spec = importlib.util.spec_from_file_location("experiments", tree / "experiments.py")
    assert spec and spec.origin
    code = train_one.__code__.replace(co_filename=spec.origin)
    train_one.__code__ = code
    return code_key(train_one, tree)


def test_a_copy_elsewhere_has_the_same_key(tree: Path) -> None:
    import experiments

    assert key(tree) == code_key(experiments.train_one, ROOT)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_operator_or_constant_is_noticed_and_a_comment_is_not(
    name: str, tree: Path
) -> None:
    before, path = key(tree), tree / name
    source = path.read_text(encoding="utf-8")
    start = re.search(r'^"""', source).end()
    path.write_text("# a remark\n" + source[:start] + "Also: " + source[start:], encoding="utf-8")
    assert key(tree) == before
    inner = re.sub(r'^( +""")(?=\w)', r"\1Also: ", source, flags=re.MULTILINE)
    assert inner != source
    path.write_text(inner + "\n\n# at the end\n", encoding="utf-8")
    assert key(tree) == before
    old, new = MUTATIONS[name]
    assert old in source
    path.write_text(source.replace(old, new), encoding="utf-8")
    assert key(tree) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("train.py", "VALUES = {", 'VALUES = {"x": 1, '),  # a value that is edited
        ("train.py", "accuracy {metrics", "Accuracy {metrics"),  # what is only printed
        ("experiments.py", "HIDDEN = [", "HIDDEN = [[7], "),
        ("experiments.py", "BASELINE = {", 'BASELINE = {"x": 1, '),
        ("src/runs/recipes.py", '"momentum": 0.9', '"momentum": 0.8'),  # the config is in the key
        ("src/runs/report.py", ":>16", ":>17"),
        ("src/figures/style.py", "#0072B2", "#0072B3"),
    ],
)
def test_what_no_result_depends_on_is_not_in_the_key(
    name: str, old: str, new: str, tree: Path
) -> None:
    before, path = key(tree), tree / name
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new), encoding="utf-8")
    assert key(tree) == before


def test_followed_through_tables_classes_and_imports_inside_functions(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "lib").mkdir()
    (root / "lib" / "deep.py").write_text("DEPTH = 1\nOTHER = 1\n")
    (root / "lib" / "table.py").write_text(
        "def used(): return 1\ndef unused(): return 1\nTABLE = {'a': used}\nTABLE['b'] = 2\n"
    )
    main = root / "main.py"
    main.write_text(
        "from lib.table import TABLE\nclass C:\n    x: int = 1\n    def m(self):\n"
        "        from lib.deep import DEPTH\n        return DEPTH\n"
        "def run(a: int = 0) -> int:\n    return C().m() + TABLE['a']()\n"
    )

    def run() -> None: ...

    run.__code__ = run.__code__.replace(co_filename=str(main))
    start = code_key(run, root)

    def after(path: Path, old: str, new: str) -> str:
        source = path.read_text()
        assert old in source
        path.write_text(source.replace(old, new))
        found = code_key(run, root)
        path.write_text(source)
        return found

    deep, table = root / "lib" / "deep.py", root / "lib" / "table.py"
    assert after(deep, "DEPTH = 1", "DEPTH = 2") != start
    assert after(deep, "OTHER = 1", "OTHER = 2") == start
    assert after(table, "used(): return 1", "used(): return 3") != start
    assert after(table, "unused(): return 1", "unused(): return 3") == start
    assert after(table, "TABLE['b'] = 2", "TABLE['b'] = 3") != start
    assert after(table, "TABLE['b'] = 2", "TABLE['b'] = 2\nTABLE['b'] = 2") != start
    assert after(main, "x: int = 1", "x: int = 2") != start
    assert after(main, "x: int = 1", "x: float = 1") == start
    assert after(main, "-> int", "-> float") == start
    assert after(main, "a: int = 0", "a: int = 1") != start
