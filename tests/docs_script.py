"""The scripts beside the documents, as modules: docs/ is no package."""

import importlib.util
import sys
from types import ModuleType

from tests.conftest import ROOT


def docs_script(name: str) -> ModuleType:
    """The module docs/NAME.py. They may import one another, as they can when they are run."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "docs"))
    return module
