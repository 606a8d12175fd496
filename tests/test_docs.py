"""What the documents speak of exists: files, figures, headings, functions, tests and commands."""

import ast
import functools
import importlib
import inspect
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from src.runs.recipes import RECIPES
from tests.conftest import ROOT

PAGES = {"README.md", "CONTRIBUTING.md", "benchmarks/README.md", "data/README.md"}
PAGES |= {"findings/README.md", "docs/measured/README.md"}
PAGES |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")}
PAGES = {page for page in PAGES if (ROOT / page).is_file()}
EVERY_PAGE = pytest.mark.parametrize("page", sorted(PAGES))

SCRIPTS = [path.stem for path in ROOT.glob("*.py")]
MODULES = {
    path.stem: ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "src").rglob("[!_]*.py")
}
MODULES |= {name: name for name in SCRIPTS} | {"gradient_check": "tests.gradient_check"}
SUFFIXES = ["cff", "csv", "gif", "gz", "ipynb", "jpg", "json", "md", "npz", "npy", "png", "py"]
SUFFIXES += ["svg", "toml", "txt", "zip"]
PLACES = [ROOT, *(ROOT / name for name in ("src", "docs", "tests", "benchmarks", "data"))]
PLACES += [path for path in (ROOT / "src").iterdir() if path.is_dir()]
WRITTEN = ("results/", "digits/", ".venv")  # what runs write, or the reader brings


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """The page without its code blocks."""
    return re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)


def code_blocks(page: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", read(page), flags=re.MULTILINE | re.DOTALL)


def quoted(page: str) -> list[str]:
    """What stands in `backticks`."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def links(page: str) -> list[tuple[str, str]]:
    """(text, target) of every link and picture that leads to this repository."""
    found = re.findall(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)", prose(page))
    return [(text, target) for text, target in found if not re.match(r"[a-z]+:", target)]


def anchors(path: Path) -> set[str]:
    """What GitHub calls the headings of a page in its links."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(path.relative_to(ROOT).as_posix()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def has(owner: object, name: str) -> bool:
    """Whether a module or class has this name; of a class, instances' attributes count too."""
    if hasattr(owner, name) or name in getattr(owner, "__annotations__", {}):
        return True
    return (
        inspect.isclass(owner)
        and re.search(rf"\bself\.{name}\b", inspect.getsource(owner)) is not None
    )


def owner_of(name: str) -> object | None:
    """The module or class of ours that a name begins with, or None if it is not ours."""
    if name in MODULES:
        return importlib.import_module(MODULES[name])
    for module in map(importlib.import_module, MODULES.values()):
        found = vars(module).get(name)
        if inspect.isclass(found) and found.__module__ in MODULES.values():
            return found
    return None


def names_of_ours(page: str) -> list[str]:
    """`module.function`, `Class.method`, `module.Class.method`, with or without brackets."""
    found = [re.sub(r"\(.*\)$", "", text).removeprefix("src.") for text in quoted(page)]
    dotted = [text for text in found if re.fullmatch(r"\w+(\.\w+)+", text)]
    dotted = [text for text in dotted if text.split(".")[-1] not in SUFFIXES]
    return [text for text in dotted if owner_of(text.split(".")[0])]


# ------------------------------------------------------------------------------ links and files


@EVERY_PAGE
def test_every_link_leads_somewhere(page: str) -> None:
    for text, target in links(page):
        file, _, anchor = target.partition("#")
        path = ((ROOT / page).parent / file).resolve() if file else ROOT / page
        if path.suffix != ".png":  # figures have a test of their own
            assert path.exists(), f"{page}: [{text}]({target})"
        if anchor:
            assert anchor in anchors(path), f"{page}: [{text}]({target})"


@EVERY_PAGE
def test_every_figure_is_there(page: str) -> None:
    figures = [target for _, target in links(page) if target.endswith(".png")]
    missing = [name for name in figures if not ((ROOT / page).parent / name).is_file()]
    assert not missing, f"{page}: {', '.join(missing)}"


@EVERY_PAGE
def test_every_file_named_exists(page: str) -> None:
    """`src/model.py`, `model.py`, `docs/`; not what runs write, such as `results/train/x.png`."""
    ours = {path.name for path in ROOT.iterdir()}
    for text in quoted(page):
        if " " in text or any(c in text for c in "*<>=()[]$") or text.startswith(WRITTEN):
            continue
        if "/" in text and text.split("/")[0] in ours:
            assert (ROOT / text).exists(), f"{page}: {text}"
        elif re.fullmatch(r"\w+\.(py|toml)|requirements[\w-]*\.txt", text):
            assert any((place / text).exists() for place in PLACES), f"{page}: {text}"


# ------------------------------------------------------------------------- functions and tests


@EVERY_PAGE
def test_every_function_named_exists(page: str) -> None:
    for text in names_of_ours(page):
        first, *names = text.split(".")
        owner = owner_of(first)
        for name in names:
            assert has(owner, name), f"{page}: {text}"
            owner = getattr(owner, name, None)


@EVERY_PAGE
def test_a_link_to_a_function_leads_to_its_file(page: str) -> None:
    for text, target in links(page):
        name = text.strip("`")
        if name not in names_of_ours(page) or not target.endswith(".py"):
            continue
        owner = owner_of(name.split(".")[0])
        assert owner is not None
        expected = Path(inspect.getfile(owner)).resolve()  # type: ignore[arg-type]
        assert ((ROOT / page).parent / target).resolve() == expected, f"{page}: [{text}]({target})"


@EVERY_PAGE
def test_every_test_named_exists(page: str) -> None:
    files = list((ROOT / "tests").glob("*.py"))
    known = set().union(*map(functions_of, files)) | {path.stem for path in files}
    for text in quoted(page):
        name = text.rsplit("::")[-1]
        if re.fullmatch(r"test_\w+", name):
            assert name in known, f"{page}: {text}"
            if "::" in text:
                assert name in functions_of(ROOT / text.split("::")[0]), f"{page}: {text}"
    for text, target in links(page):
        if re.fullmatch(r"`test_\w+`", text):
            path = ((ROOT / page).parent / target).resolve()
            assert text.strip("`") in functions_of(path), f"{page}: [{text}]({target})"


# ------------------------------------------------------------------------------------ commands


def commands(page: str) -> list[list[str]]:
    """The words of every `python SCRIPT ...` of ours, in code blocks and in backticks."""
    lines = [line for block in code_blocks(page) for line in block.splitlines()] + quoted(page)
    found = [re.search(r"\bpython ([\w/]+\.py.*)", line.split(" #")[0]) for line in lines]
    return [match[1].split() for match in found if match]


@functools.cache
def help_of(script: str) -> str:
    """What `python SCRIPT --help` prints: flags can be made from a table that the source hides."""
    command = [sys.executable, script, "--help"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    ).stdout


@EVERY_PAGE
def test_every_command_fits_its_script(page: str) -> None:
    from experiments import EXPERIMENTS

    for script, *words in commands(page):
        assert (ROOT / script).is_file(), f"{page}: python {script}"
        for word in words:
            if word.startswith("--"):
                flag = rf"{re.escape(word.split('=')[0])}(?![\w-])"
                assert re.search(flag, help_of(script)), f"{page}: {script} {word}"
        for option, value in pairwise(words):
            if option == "--recipe":
                assert value in RECIPES, f"{page}: {script} {option} {value}"
        if script == "experiments.py":
            for word in words:
                if word.startswith("-"):
                    break  # what follows is an option or its value
                assert word in EXPERIMENTS or word == "NAME", f"{page}: {script} {word}"


def test_the_questions_are_those_of_the_script() -> None:
    from experiments import EXPERIMENTS

    rows = re.findall(
        r"^\| `python experiments.py (\w+)` \| (.+) \|$", read("docs/experiments.md"), re.M
    )
    assert dict(rows) == {name: entry["question"] for name, entry in EXPERIMENTS.items()}


def test_the_lines_of_python_on_the_front_page_run(tmp_path: Path) -> None:
    """As they stand, but with few images: from data to answers."""
    (lines,) = re.findall(r"^```python\n(.*?)^```", read("README.md"), re.M | re.S)
    setup = "import matplotlib; matplotlib.use('Agg'); import src.digits.data as d; load = d.load_data\n"
    setup += "from dataclasses import replace as r\n"
    setup += "d.load_data = lambda: (lambda x: r(x, images=x.images[:600], labels=x.labels[:600]))(load())\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + lines], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
