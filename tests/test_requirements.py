"""What is named in two places is the same in both: requirements, and the README's commands."""

import re

import pytest

from tests.conftest import ROOT


def requirements(name):
    """The packages of a requirements file: (name and bounds, name, lower bound) of each."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(r"^(([\w-]+)[=>]=([\d.]+).*)$", text, re.MULTILINE)


def test_pyproject_names_what_the_requirements_name():
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    files = ["requirements.txt", "requirements-dask.txt", "requirements-dev.txt"]
    named = [line for file in files for line, _, _ in requirements(file)]
    assert re.findall(r'"([\w-]+[>=].*?)"', pyproject.split("[build-system]")[0]) == named


def test_the_lowest_versions_are_the_ones_that_are_tested():
    pairs = zip(requirements("requirements.txt"), requirements(".ci/lowest.txt"), strict=True)
    for (_, name, bound), (_, also, version) in pairs:
        assert name == also and (version + ".0.0").startswith(bound + "."), name


@pytest.mark.parametrize("block", ["two-commands", "two-commands-uv"])
def test_the_workflow_runs_the_commands_of_the_readme(block):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    workflow = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    inside = readme.split(f"<!-- begin {block} -->")[1].split("<!-- end")[0]
    commands = [line for line in inside.splitlines() if line and not line.startswith("```")]
    assert len(commands) == 2
    assert all(command in workflow for command in commands)
