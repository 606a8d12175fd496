"""What is named in two places is the same in both: requirements, and the README's commands."""

import re

import pytest

from tests.conftest import ROOT


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def requirements(name: str) -> list[str]:
    return [line for line in read(name).splitlines() if line[0].isalpha()]


def in_pyproject(group: str) -> list[str]:
    """The strings of a list in pyproject.toml (which Python reads from 3.11 on)."""
    found = re.search(rf"^{group} = \[(.*?)\]", read("pyproject.toml"), re.M | re.S)
    assert found, group
    return re.findall('"(.+?)"', found[1])


def test_pyproject_names_what_the_requirements_name() -> None:
    dask, checks = requirements("requirements-dask.txt"), requirements("requirements-dev.txt")
    assert in_pyproject("dependencies") + in_pyproject("dev") == requirements("requirements.txt")
    assert in_pyproject("checks") == dask + checks


def test_the_lowest_versions_are_the_ones_that_are_tested() -> None:
    lower = [re.split("[>=,]+", line)[:2] for line in requirements("requirements.txt")]
    tested = [line.split("==") for line in requirements(".ci/lowest.txt")]
    for (name, bound), (also, version) in zip(lower, tested, strict=True):
        assert name == also and (version + ".0.0").startswith(bound + "."), name


@pytest.mark.parametrize("block", ["two-commands", "two-commands-uv"])
def test_the_workflow_runs_the_commands_of_the_readme(block: str) -> None:
    inside = re.search(f"<!-- begin {block} -->(.*?)<!-- end", read("README.md"), re.S)
    assert inside
    commands = [line for line in inside[1].splitlines() if line and not line.startswith("```")]
    assert len(commands) == 2
    workflow = read(".github/workflows/tests.yml")
    assert all(command in workflow for command in commands)
