"""The sources of this project, read once: what is hashed is what runs, here and in every worker.

A script reads all modules as it starts. From then on each import of one is served from these texts,
whatever is edited meanwhile, and workers get the same texts. Not covered: environment variables,
and files other than the data that the code reads while it runs.
"""

import ast
import functools
import hashlib
import sys
from importlib.abc import Loader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# What cannot reach a number of a run. All else counts: to retrain once too often is cheap.
UNHASHED = """predict.py draw.py src/figures/ src/reading/ src/common/code.py src/common/server.py
src/runs/cluster.py src/runs/compare.py src/runs/messages.py src/runs/pool.py
src/runs/questions.py src/runs/recipes.py src/runs/report.py src/runs/statistics.py
src/runs/storage.py src/runs/sweep.py"""
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
STORE = (ast.Store, ast.Del)


class Sources(Loader):
    """Imports the modules of this project from texts: path below the root -> source."""

    def __init__(self, texts: dict[str, bytes]) -> None:
        names = (file.removesuffix(".py").removesuffix("/__init__") for file in texts)
        self.files = {name.replace("/", "."): file for name, file in zip(names, texts)}
        self.texts = texts

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name in self.files:
            return spec_from_file_location(name, ROOT / self.files[name], loader=self)
        return None

    def is_package(self, name: str) -> bool:
        return self.files[name].endswith("__init__.py")

    def exec_module(self, module: ModuleType) -> None:
        file = self.files[module.__name__]
        exec(compiled(self.texts[file], ROOT / file), vars(module))

    def install(self, keep: tuple[str, ...] = ()) -> None:
        """Serve all imports from now on; what was imported before is imported anew."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        for name in (self.files.keys() & sys.modules.keys()).difference(keep):
            del sys.modules[name]


@functools.cache
def compiled(text: bytes, path: Path) -> CodeType:
    return compile(text, str(path), "exec", dont_inherit=True)


def freeze(script: CodeType) -> Sources | None:
    """Serve the imports of a script that starts from the sources as they are now.

    Returns the Sources, or None for a script that does not train. Ends in one line if the script
    is no longer what Python has read.
    """
    sources, path = Sources(read()), Path(script.co_filename).resolve()
    text = sources.texts.get(path.name) if path.parent == ROOT else None
    if text and path.name in UNHASHED.split():
        return None
    if text and compiled(text, path) != script:
        print(f"error: {path.name} was changed while it started; start it again", file=sys.stderr)
        sys.exit(2)
    if text and path.name != "train.py":  # a copy of experiments.py under another name, too
        sources.texts["experiments.py"] = text
    sources.install(keep=("src.common.code", "src.common.errors", "src.common.script"))
    return sources


def read() -> dict[str, bytes]:
    """The modules and packages in the root of the project, as they are now."""
    packages = [path.parent for path in ROOT.glob("*/__init__.py")]
    files = [*ROOT.glob("*.py"), *(file for each in packages for file in each.rglob("*.py"))]
    files = [file for file in files if file.is_file()]  # an editor's lock is a broken link
    return {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in files}


def sources() -> dict[str, bytes]:
    """The texts that this process runs; in a notebook or a test, what is on the disk."""
    return next((each.texts for each in sys.meta_path if isinstance(each, Sources)), None) or read()


def code_key(texts: dict[str, bytes]) -> str:
    """One key of all code that may reach a number.

    A file that somebody has put beside train.py may, if its name stands in any other file.
    """
    digest = hashlib.sha256()
    for file, text in sorted(texts.items()):
        name = file.split("/")[0].removesuffix(".py").encode()
        others = (other for place, other in texts.items() if place != file)
        used = name in (b"src", b"train", b"experiments") or any(name in each for each in others)
        if used and not file.startswith(tuple(UNHASHED.split())):
            digest.update(f"{file}: {outline(file, text)}\n".encode())
    return digest.hexdigest()[:16]


def outline(file: str, text: bytes) -> str:
    """What a source does: its syntax without comments, docstrings and the annotations of functions.

    Those in classes stay: dataclasses read them. What each config holds anyway is left out: the
    VALUES of train.py, and the questions of experiments.py, as long as it does nothing but ask.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # half saved: it stands for itself
        return repr(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            del node.body[0]
    if file == "train.py":
        rest = [each for each in tree.body if not ast.unparse(each).startswith("VALUES = {")]
        scripts = "parse_arguments", "main"  # who makes a config of them
        training = [each for each in rest if getattr(each, "name", "") not in scripts]
        if "VALUES" not in ast.unparse(ast.Module(training, [])):
            tree.body = rest
    if file == "experiments.py" and all(map(only_asks, tree.body)):
        tree.body = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    return ast.dump(tree)


def only_asks(node: ast.stmt) -> bool:
    """Whether a statement does no more than to import, to define a function or to name a value.

    ACTIVATIONS["swish"] = swish, say, may reach a number. What is not surely harmless does.
    """
    harmless, nodes = {"grid", "list", "range", "start"}, list(ast.walk(node))
    stored = [ast.unparse(each) for each in nodes if isinstance(getattr(each, "ctx", None), STORE)]
    match node:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.FunctionDef(decorator_list=[], args=given):
            defaults = [*given.defaults, *filter(None, given.kw_defaults)]
            plain = all(isinstance(each, ast.Constant) for each in defaults)
            return plain and node.name not in harmless
        case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(target=ast.Name()) | ast.Expr():
            calls = {ast.unparse(each.func) for each in nodes if isinstance(each, ast.Call)}
            changed = [name for name in stored if name in harmless or "." in name or "[" in name]
            return calls <= harmless and not changed
    return ast.unparse(node) == "if __name__ == '__main__':\n    run_script(main)"
