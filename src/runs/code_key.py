"""A key of the code that a result depends on, so that edited code never shows an old result.

Starting from a function, every definition that it uses is followed through the imports of this
project, and the syntax trees are hashed. Comments, docstrings and annotations are not part of them.
"""

import ast
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path


def code_key(function: Callable, root: Path) -> str:
    """The key of `function` and of all that it uses from the files below `root`."""
    start = Path(inspect.getsourcefile(function) or "").resolve()
    modules: dict[Path, dict[str, list]] = {}
    found: dict[tuple[str, str], list[str]] = {}
    todo = [(start, function.__name__)]
    while todo:
        path, name = todo.pop()
        place = (path.relative_to(root).as_posix(), name)
        if place in found:
            continue
        if path not in modules:
            modules[path] = definitions(path, root)
        names = list(modules[path]) if name == "*" else [name]
        nodes = [node for each in names for node in modules[path].get(each, [])]
        found[place] = [ast.unparse(node) for node in nodes if isinstance(node, ast.AST)]
        for node in nodes:
            if isinstance(node, tuple):  # an import: the file, and the name there
                todo.append(node)
                continue
            todo += [(path, used) for used in names_in(node)]
            for inner in ast.walk(node):
                if isinstance(inner, (ast.Import, ast.ImportFrom)):
                    todo += imported(inner, root).values()
    text = "\n".join(f"{place}: {sources}" for place, sources in sorted(found.items()) if sources)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def definitions(path: Path, root: Path) -> dict[str, list]:
    """What defines each top-level name of a file: syntax trees, or (file, name) of an import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    Strip().visit(tree)
    result: dict[str, list] = {}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for name, target in imported(node, root).items():
                result.setdefault(name, []).append(target)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            result.setdefault(node.name, []).append(node)
        else:  # an assignment, or a statement that may change whatever it names
            targets = getattr(node, "targets", None) or [getattr(node, "target", node)]
            for name in set().union(*map(names_in, targets)):
                result.setdefault(name, []).append(node)
    return result


def imported(node: ast.Import | ast.ImportFrom, root: Path) -> dict[str, tuple[Path, str]]:
    """The names that an import makes, as far as they come from this project."""
    found = {}
    for alias in node.names:
        name = alias.asname or alias.name
        module = node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
        path = root.joinpath(*module.split("."))
        if isinstance(node, ast.ImportFrom) and path.with_suffix(".py").is_file():
            found[name] = path.with_suffix(".py"), alias.name
        elif isinstance(node, ast.ImportFrom) and (path / f"{alias.name}.py").is_file():
            found[name] = path / f"{alias.name}.py", "*"
        elif path.with_suffix(".py").is_file():
            found[name.split(".")[0]] = path.with_suffix(".py"), "*"
    return found


def names_in(node: ast.AST) -> set[str]:
    """The names that a piece of code uses or sets."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


class Strip(ast.NodeTransformer):
    """Takes out what has no influence on a result."""

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):  # a docstring
            kept = [
                n
                for n in node.body
                if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))
            ]
            node.body = kept if kept or isinstance(node, ast.Module) else [ast.Pass()]
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Name("object")
        return node
