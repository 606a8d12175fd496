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
src/runs/cluster.py src/runs/compare.py src/runs/folder.py src/runs/messages.py src/runs/pool.py
src/runs/questions.py src/runs/recipes.py src/runs/report.py src/runs/statistics.py
src/runs/sweep.py"""
ANNOTATIONS_COUNT = (b"ClassVar", b"InitVar", b"annotations__", b"type_hints", b"singledispatch")
HARMLESS = {"dict", "float", "grid", "int", "len", "list", "range", "start", "tuple", "zip"}


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


def freeze(script: CodeType) -> list[Sources]:
    """Serve the imports of a script that starts from the sources as they are now.

    Returns who serves them: nobody for a script that does not train. Ends in one line if the script
    is no longer what Python has read.
    """
    sources, path = Sources(read()), Path(script.co_filename).resolve()
    file = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    if file in UNHASHED.split():
        return []
    text = sources.texts.get(file)
    if text is not None and compile(text, str(path), "exec", dont_inherit=True) != script:
        print(f"error: {file} was changed while it started; start it again", file=sys.stderr)
        sys.exit(2)
    sources.install(keep=("src.common.code", "src.common.errors", "src.common.start"))
    return [sources]


def read() -> dict[str, bytes]:
    """The modules and packages in the root of the project, as they are now."""
    packages = [path.parent for path in ROOT.glob("*/__init__.py")]
    files = [*ROOT.glob("*.py"), *(file for each in packages for file in each.rglob("*.py"))]
    return {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in files}


def sources() -> dict[str, bytes]:
    """The texts that this process runs; in a notebook or a test, what is on the disk."""
    return next((each.texts for each in sys.meta_path if isinstance(each, Sources)), None) or read()


def code_key(texts: dict[str, bytes]) -> str:
    """One key of all code that may reach a number; comments, docstrings and annotations do not.

    Nor does what a config holds anyway: VALUES in train.py, and the questions of experiments.py.
    """
    digest = hashlib.sha256()
    for file, text in sorted(texts.items()):
        unhashed = file.startswith(tuple(UNHASHED.split()))
        if unhashed or (file == "experiments.py" and not adds_code(texts)):
            continue
        body = [each for each in statements(text) if file != "train.py" or not is_values(each)]
        typed = any(word in text for word in ANNOTATIONS_COUNT)
        digest.update(f"{file}: {outline(body, typed)}\n".encode())
    return digest.hexdigest()[:16]


def statements(text: bytes) -> list:
    """The syntax trees of a source; one that is half saved stands for itself."""
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError):
        return [text]


def outline(node: Any, typed: bool) -> str:
    """A syntax tree as text; annotations only where the code may read them."""
    if isinstance(node, list):
        parts = [each for each in node if not is_docstring(each)]
        return f"[{','.join(outline(each, typed) for each in parts)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [name for name in node._fields if typed or name not in ("annotation", "returns")]
    return f"{type(node).__name__}({','.join(outline(getattr(node, n, 0), typed) for n in fields)})"


def is_docstring(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_values(node: Any) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(n) for n in node.targets] == ["VALUES"]


def adds_code(texts: dict[str, bytes]) -> bool:
    """Whether experiments.py does more than to import, to define and to give names to values.

    ACTIVATIONS["swish"] = swish, say, may reach a number: workers have to import it then.
    """

    def only_asks(node: Any) -> bool:
        match node:
            case ast.FunctionDef(decorator_list=[]) | ast.ClassDef(decorator_list=[]):
                return True
            case ast.If(test=ast.Compare(left=ast.Name("__name__"))):
                return True
            case ast.Import() | ast.ImportFrom():  # of nothing that the user has added
                names = [getattr(node, "module", alias.name) for alias in node.names]
                return not any(f"{name}.py" in texts for name in names if name != "train")
            case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(target=ast.Name()) | ast.Expr():
                calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
                return all(isinstance(call, ast.Name) and call.id in HARMLESS for call in calls)
        return False

    return not all(only_asks(each) for each in statements(texts.get("experiments.py", b"")))
