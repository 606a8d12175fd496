"""What the documents speak of exists, and their numbers are those of the results."""

import functools
import itertools
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from experiments import EXPERIMENTS
from src.runs.recipes import RECIPES
from tests.conftest import ROOT

FOLDERS = [".", "docs", "docs/measured", "benchmarks", "data", "findings"]
PAGES = [str(p.relative_to(ROOT)) for name in FOLDERS for p in sorted((ROOT / name).glob("*.md"))]
EVERY_PAGE = pytest.mark.parametrize("page", PAGES)
PLACES = ("*", "src/**/*", "docs/*", "tests/*", "data/*")
FILES = {path.name for place in PLACES for path in ROOT.glob(place)}
SUFFIXES = {"csv", "json", "npz", "png", "py", "txt"}
OURS = {path.name for path in ROOT.iterdir()} - {"results"}  # what runs write there may be missing


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def code_blocks(page: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL)


def prose(page: str) -> str:
    """The page without its code blocks."""
    return re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)


def quoted(page: str) -> list[str]:
    """What stands in `backticks`."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def links(page: str) -> list[tuple[str, Path, str]]:
    """(`name` or nothing, file, anchor) of every link and picture that leads to this repository."""
    found = re.findall(r"(`[\w.]+`)?\]\(([^()\s:#]*)#?([^()\s:]*)\)", prose(page))
    here = ROOT / page
    return [(name, (here.parent / to).resolve() if to else here, at) for name, to, at in found]


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page in its links."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(str(page.relative_to(ROOT))), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def names_in(path: Path) -> set[str]:
    """The names that begin a line of a file: functions, classes, methods, fields, constants."""
    lines = r"^ *(?:def |class |self\.)?(\w+)(?:\(|:| = )"
    return set(re.findall(lines, path.read_text(encoding="utf-8"), re.MULTILINE))


MODULES = [*ROOT.glob("*.py"), *(ROOT / "src").rglob("[!_]*.py"), ROOT / "tests/gradient_check.py"]
OWNERS = {name: path for path in MODULES for name in names_in(path) if name[0].isupper()}
OWNERS |= {path.stem: path for path in MODULES}
TESTS = {name for path in (ROOT / "tests").glob("*.py") for name in {path.stem, *names_in(path)}}


@EVERY_PAGE
def test_every_link_leads_somewhere(page):
    for name, path, anchor in links(page):
        assert path.exists(), f"{page}: [{name}]({path})"
        assert not anchor or anchor in anchors(path), f"{page}: [{name}](#{anchor})"


@EVERY_PAGE
def test_every_file_named_exists(page):
    """`src/model.py`, `model.py`, `docs/`."""
    for word in " ".join(quoted(page)).split():
        if re.fullmatch(r"[\w./-]+", word) and "/" in word and word.split("/")[0] in OURS:
            assert (ROOT / word).exists(), f"{page}: {word}"
        elif re.fullmatch(r"\w+\.(py|toml)|requirements[\w-]*\.txt", word):
            assert word in FILES, f"{page}: {word}"


@EVERY_PAGE
def test_every_function_and_test_named_exists_and_a_link_leads_to_its_file(page):
    """`module.function`, `Class.method` and `test_something`."""
    for owner, name in re.findall(r"`(?:src\.)?(\w+)\.(\w+)[`(]", prose(page)):
        if owner in OWNERS and name not in SUFFIXES:
            assert name in names_in(OWNERS[owner]), f"{page}: {owner}.{name}"
    tests = set(re.findall(r"`(test_\w+)`", prose(page)))
    assert tests <= TESTS, f"{page}: {tests - TESTS}"
    for text, path, _ in links(page):
        name = text.strip("`").split(".")[-1]
        if name and path.suffix == ".py" and name not in SUFFIXES:
            assert name in names_in(path), f"{page}: [{text}]({path})"


def commands(page: str) -> list[list[str]]:
    """The words of every `python SCRIPT ...` of ours, in code blocks and in backticks."""
    lines = [line for block in code_blocks(page) for line in block.splitlines()] + quoted(page)
    command = r"\b(?:python|uv run) ([\w/]+\.py[^#;&|)]*)"
    return [match[1].split() for line in lines if (match := re.search(command, line))]


@functools.cache
def help_of(script: str) -> str:
    """What `python SCRIPT --help` prints: flags can be made from a table that the source hides."""
    words = [sys.executable, script, "--help"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120).stdout


@EVERY_PAGE
def test_every_command_fits_its_script(page):
    for script, *words in commands(page):
        assert (ROOT / script).is_file(), f"{page}: python {script}"
        for word, value in itertools.pairwise([*words, ""]):
            if word.startswith("--"):
                flag = rf"{re.escape(word.split('=')[0])}(?![\w-])"
                assert re.search(flag, help_of(script)), f"{page}: {script} {word}"
            if word == "--recipe":
                assert value in RECIPES, f"{page}: {script} {word} {value}"
        if script == "experiments.py" and page != "docs/experiments.md":  # it adds one of its own
            names = itertools.takewhile(lambda word: not word.startswith("-"), words)
            assert {*names} <= {*EXPERIMENTS, "NAME"}, f"{page}: {script} {words}"


def test_the_questions_are_those_of_the_script():
    row = r"^\| `python experiments.py (\w+)` \| (.+) \|$"
    rows = re.findall(row, read("docs/experiments.md"), re.MULTILINE)
    questions = {name: entry["question"] for name, entry in EXPERIMENTS.items()}
    assert dict(rows).items() <= questions.items()  # a reader may have added some


def test_the_lines_of_python_on_the_front_page_run(digits, monkeypatch):
    """As they stand, but with few images: from data to answers."""
    (lines,) = [block for block in code_blocks("README.md") if block.startswith("import ")]
    assert "load_data()" in lines
    monkeypatch.setattr("src.digits.data.load_data", lambda: digits)
    matplotlib.use("Agg")
    exec(lines, {})


def test_the_tables_are_those_of_the_results():
    words = [sys.executable, str(ROOT / "benchmarks" / "readme.py"), "--check"]
    checked = subprocess.run(words, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_three_numbers_of_the_front_page_were_measured():
    rows = pd.read_csv(ROOT / "docs" / "measured" / "recipes.csv", index_col="configuration")
    limits = {"plain": 10, "best": 60, "record": 600}  # "10 seconds", "under a minute", "in ten"
    claimed = re.findall(r"\*\*([\d.]+)%\*\*", read("README.md"))[:3]
    for percent, (name, seconds) in zip(claimed, limits.items(), strict=True):
        assert f"{rows.test_accuracy[name]:.1%}" == f"{percent}%"
        assert rows.fastest_seconds[name] <= seconds
