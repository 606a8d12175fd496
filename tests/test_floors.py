"""The order of the floors: no import runs back up, and src/ names no script."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

# From the ground up. A file imports from below and from its own floor, but not from a stranger.
FLOORS = [["activations", "initializers", "common"], ["losses", "model", "optimizers"], ["utils"]]
FLOORS += [["digits"], ["reading"], ["runs", "figures"]]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
STRANGERS = {"runs", "figures"}
FILES = sorted((ROOT / "src").rglob("[!_]*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it: src.model, numpy, ..."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_import_runs_back_up(path):
    room = path.relative_to(ROOT / "src").parts[0].removesuffix(".py")
    scripts = {script.stem for script in ROOT.glob("*.py")}
    for module in imports(path):
        first, *rest = module.split(".")
        assert first not in scripts, f"{path} imports {module}"
        if first == "src" and rest and rest[0] in FLOOR:
            assert FLOOR[rest[0]] <= FLOOR[room], f"{path} imports {module}"
            assert {rest[0], room} != STRANGERS, f"{path} imports {module}"


def test_no_circle():
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES}
    needs = {name: imports(path) - {name} for path, name in names.items()}
    TopologicalSorter(needs).prepare()  # raises CycleError


def test_only_the_figures_know_matplotlib():
    for path in (*FILES, *ROOT.glob("*.py")):
        knows = any(module.split(".")[0] == "matplotlib" for module in imports(path))
        assert not knows or path.parent.name == "figures", path
