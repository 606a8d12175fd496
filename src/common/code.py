"""The sources of this project, read once: what is hashed is what runs, here and in every worker.

A script reads all modules as it starts. From then on each import of one is served from these texts,
whatever is edited meanwhile, and workers get the same texts. Not covered: environment variables,
and files other than the data that the code reads while it runs.
"""

import ast
import hashlib
import sys
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[2]
# What cannot reach a number of a run. All else counts: to retrain once too often is cheap.
UNHASHED = """predict.py draw.py src/figures/ src/reading/ src/common/code.py src/common/server.py
src/runs/cluster.py src/runs/compare.py src/runs/messages.py src/runs/pool.py
src/runs/questions.py src/runs/recipes.py src/runs/report.py src/runs/statistics.py
src/runs/storage.py src/runs/sweep.py"""
ANNOTATIONS_COUNT = (b"ClassVar", b"InitVar", b"annotations__", b"type_hints", b"singledispatch")


class Sources:
    """Imports the modules of this project from texts: path below the root -> source."""

    def __init__(self, texts: dict[str, bytes]) -> None:
        self.texts, self.compiled = texts, dict[str, CodeType]()
        names = (file.removesuffix(".py").removesuffix("/__init__") for file in texts)
        self.files = {name.replace("/", "."): file for name, file in zip(names, texts)}

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name not in self.files:
            return None
        file, loader = ROOT / self.files[name], cast(Any, self)
        inside = [str(file.parent)] if file.name == "__init__.py" else None  # of a package
        return spec_from_file_location(name, file, loader=loader, submodule_search_locations=inside)

    def create_module(self, spec: object) -> None:
        """None asks for an ordinary module."""

    def exec_module(self, module: ModuleType) -> None:
        file = self.files[module.__name__]
        if file not in self.compiled:
            path = str(ROOT / file)
            self.compiled[file] = compile(self.texts[file], path, "exec", dont_inherit=True)
        exec(self.compiled[file], vars(module))

    def install(self, keep: tuple[str, ...] = ()) -> None:
        """Serve all imports from now on; what was imported before is imported anew."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        for name in (self.files.keys() & sys.modules.keys()).difference(keep):
            del sys.modules[name]


def freeze(script: CodeType) -> Sources | None:
    """Serve the imports of a script that starts from the sources as they are now.

    Returns who serves them: nobody for a script that does not train. Ends in one line if the script
    is no longer what Python has read.
    """
    sources, path = Sources(read()), Path(script.co_filename).resolve()
    file = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    if file in UNHASHED.split():
        return None
    text = sources.texts.get(file)
    if text is not None and compile(text, str(path), "exec", dont_inherit=True) != script:
        print(f"error: {file} was changed while it started; start it again", file=sys.stderr)
        sys.exit(2)
    sources.install(keep=("src.common.code", "src.common.errors", "src.common.start"))
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
    """One key of all code that may reach a number."""
    digest = hashlib.sha256()
    for file, text in sorted(texts.items()):
        unhashed = file.startswith(tuple(UNHASHED.split()))
        if not unhashed and (file != "experiments.py" or adds_code(texts)):
            digest.update(f"{file}: {outline(file, text)}\n".encode())
    return digest.hexdigest()[:16]


def outline(file: str, text: bytes) -> str:
    """What a source does: its syntax without comments, docstrings and annotations.

    Annotations stay where the code may read them. The VALUES of train.py are in each config anyway.
    """
    tree, typed = parse(text), any(word in text for word in ANNOTATIONS_COUNT)
    for node in map(vars, ast.walk(tree)):
        if not typed:
            node |= dict.fromkeys(node.keys() & {"annotation", "returns"})
        if isinstance(node.get("body"), list):
            node["body"] = [each for each in node["body"] if not is_docstring(each)]
    if file == "train.py":
        tree.body = [each for each in tree.body if not ast.unparse(each).startswith("VALUES = {")]
    return ast.dump(tree)


def is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def parse(text: bytes) -> ast.Module:
    """The syntax tree of a source; one that is half saved stands for itself."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([ast.Assert(ast.Constant(text))], [])


def adds_code(texts: dict[str, bytes]) -> bool:
    """Whether experiments.py does more than to import, to define functions and to name values.

    ACTIVATIONS["swish"] = swish, say, may reach a number: workers have to import it then. What is
    not surely harmless counts.
    """
    ours = {name.split("/")[0].removesuffix(".py") for name in texts} - {"src", "train"}

    def only_asks(node: ast.stmt) -> bool:
        match node:
            case ast.FunctionDef(decorator_list=[]):
                return True
            case ast.If(test=ast.Compare(left=ast.Name("__name__"))):
                return True
            case ast.Import(names=names):  # of nothing of this project, as it may register itself
                return not {name.name.split(".")[0] for name in names} & (ours | {"src"})
            case ast.ImportFrom(module=name):  # of nothing that the user has added
                return (name or "").split(".")[0] not in ours
            case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(target=ast.Name()) | ast.Expr():
                calls = {ast.unparse(x.func) for x in ast.walk(node) if isinstance(x, ast.Call)}
                return calls <= {"grid", "list", "range", "start"}
        return False

    return not all(map(only_asks, parse(texts.get("experiments.py", b"")).body))
