"""The scripts beside the documents, as modules: docs/ is no package."""

import importlib.util
from types import ModuleType

from tests.conftest import ROOT


def docs_script(name: str) -> ModuleType:
    """The module docs/NAME.py."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
