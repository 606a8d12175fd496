"""What the documents speak of exists: files, figures, headings, functions, tests and commands."""

import ast
import functools
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from src.runs.recipes import RECIPES
from tests.conftest import ROOT

FOLDERS = [".", "docs", "docs/measured", "benchmarks", "data", "findings"]
PAGES = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.md"))]
EVERY_PAGE = pytest.mark.parametrize("page", [str(page.relative_to(ROOT)) for page in PAGES])
CODE = [*ROOT.glob("*.py"), *(ROOT / "src").rglob("[!_]*.py"), ROOT / "tests/gradient_check.py"]
TESTS = list((ROOT / "tests").glob("*.py"))
PLACES = [path for name in (".", "src", "docs", "tests") for path in (ROOT / name).glob("**/")]
SUFFIX = re.compile("cff|csv|gif|gz|ipynb|jpg|json|md|np[yz]|png|py|svg|toml|txt|zip")
WRITTEN = ("results/", "digits/", ".venv")  # what runs write, or the reader brings


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def code_blocks(page: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", read(page), flags=re.MULTILINE | re.DOTALL)


def prose(page: str) -> str:
    """The page without its code blocks."""
    return re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)


def quoted(page: str) -> list[str]:
    """What stands in `backticks`."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def links(page: str) -> list[tuple[str, Path, str]]:
    """(text, file, anchor) of every link and picture that leads to this repository."""
    found = re.findall(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)", prose(page))
    ours = [(text, *target.partition("#")) for text, target in found if ":" not in target]
    here = ROOT / page
    return [(text, (here.parent / to).resolve() if to else here, at) for text, to, _, at in ours]


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page in its links."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(str(page.relative_to(ROOT))), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def names_in(path: Path) -> set[str]:
    """The functions, classes, methods, constants and attributes that a file defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return found


def names_of_ours(page: str) -> list[tuple[str, Path]]:
    """`module.function` and `Class.method`, with or without brackets, and the file they are in."""
    owners = {path.stem: path for path in CODE}
    owners |= {name: path for path in CODE for name in names_in(path) if name[0].isupper()}
    found = [re.sub(r"\(.*\)$", "", text).removeprefix("src.") for text in quoted(page)]
    dotted = [text for text in found if re.fullmatch(r"\w+(\.\w+)+", text)]
    dotted = [text for text in dotted if not SUFFIX.fullmatch(text.split(".")[-1])]
    return [(text, owners[first]) for text in dotted if (first := text.split(".")[0]) in owners]


@EVERY_PAGE
def test_every_link_leads_somewhere(page: str) -> None:
    for text, path, anchor in links(page):
        assert path.exists(), f"{page}: [{text}]({path})"
        assert not anchor or anchor in anchors(path), f"{page}: [{text}](#{anchor})"


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


@EVERY_PAGE
def test_every_function_named_exists_and_a_link_leads_to_its_file(page: str) -> None:
    names = dict(names_of_ours(page))
    for text, path in names.items():
        assert set(text.split(".")[1:]) <= names_in(path), f"{page}: {text}"
    for text, path, _ in links(page):
        if path.suffix == ".py" and (name := text.strip("`")) in names:
            assert path == names[name], f"{page}: [{text}]({path})"


@EVERY_PAGE
def test_every_test_named_exists(page: str) -> None:
    known = set().union(*map(names_in, TESTS), (path.stem for path in TESTS))
    named = [text for text in quoted(page) if re.fullmatch(r"test_\w+", text)]
    assert set(named) <= known, f"{page}: {set(named) - known}"
    for text, path, _ in links(page):
        if re.fullmatch(r"`test_\w+`", text):
            assert text.strip("`") in names_in(path), f"{page}: [{text}]({path})"


def commands(page: str) -> list[list[str]]:
    """The words of every `python SCRIPT ...` of ours, in code blocks and in backticks."""
    lines = [line for block in code_blocks(page) for line in block.splitlines()] + quoted(page)
    found = [
        re.search(r"\b(?:python|uv run) ([\w/]+\.py.*)", line.split(" #")[0]) for line in lines
    ]
    return [re.split(r" ?[;&|]| (?=\))", match[1])[0].split() for match in found if match]


@functools.cache
def help_of(script: str) -> str:
    """What `python SCRIPT --help` prints: flags can be made from a table that the source hides."""
    command = [sys.executable, script, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.stdout


@EVERY_PAGE
def test_every_command_fits_its_script(page: str) -> None:
    from experiments import EXPERIMENTS

    for script, *words in commands(page):
        assert (ROOT / script).is_file(), f"{page}: python {script}"
        for word in words:
            if word.startswith("--"):
                flag = rf"{re.escape(word.split('=')[0])}(?![\w-])"
                assert re.search(flag, help_of(script)), f"{page}: {script} {word}"
        for option, value in itertools.pairwise(words):
            if option == "--recipe":
                assert value in RECIPES, f"{page}: {script} {option} {value}"
        if script == "experiments.py" and page != "docs/experiments.md":  # it adds one of its own
            names = itertools.takewhile(lambda word: not word.startswith("-"), words)
            assert {*names} <= {*EXPERIMENTS, "NAME"}, f"{page}: {script} {words}"


def test_the_questions_are_those_of_the_script() -> None:
    from experiments import EXPERIMENTS

    row = r"^\| `python experiments.py (\w+)` \| (.+) \|$"
    rows = re.findall(row, read("docs/experiments.md"), re.MULTILINE)
    assert dict(rows) == {name: entry["question"] for name, entry in EXPERIMENTS.items()}


def test_the_lines_of_python_on_the_front_page_run() -> None:
    """As they stand, but with few images: from data to answers."""
    (lines,) = re.findall(r"^```python\n(.*?)^```", read("README.md"), re.MULTILINE | re.DOTALL)
    few = "images=data.images[:600], labels=data.labels[:600]"
    lines = lines.replace("load_data()\n", f"load_data()\ndata = replace(data, {few})\n")
    lines = f"from dataclasses import replace\nimport matplotlib; matplotlib.use('Agg')\n{lines}"
    assert few in lines
    command = [sys.executable, "-c", lines]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
