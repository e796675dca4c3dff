"""The code that travels with a registered model: its loader and the modules that the loader imports."""

from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("goldloop", "models")
"""The packages whose modules travel; all else is a requirement."""


def copy_code(loader: str, folder: Path) -> tuple[list[str], list[str]]:
    """Copy the modules that `loader` imports into `folder`; return the packages' folders and requirements.

    The requirements are the installed packages that these modules import, with their exact versions. An
    import inside a function counts, since a model may need it; one in a package's own file does not.
    """
    modules, others = _closure(loader)
    for name, path in modules.items():
        place = folder.joinpath(*name.split("."))
        place = place / path.name if path.name == "__init__.py" else place.with_suffix(".py")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return [str(folder / name) for name in PACKAGES if (folder / name).is_dir()], _requirements(others)


def _closure(loader: str) -> tuple[dict[str, Path], set[str]]:
    """Return the files of the modules that `loader` imports, by name, and the other packages."""
    modules: dict[str, Path] = {}
    others: set[str] = set()
    waiting = [loader]
    while waiting:
        name = waiting.pop()
        top, _, _ = name.partition(".")
        if top not in PACKAGES:
            others.add(top)
        elif name not in modules and (path := _file(name)) is not None:
            modules[name] = path
            parts = name.split(".")
            waiting += [".".join(parts[:end]) for end in range(1, len(parts))]
            waiting += _imports(ast.parse(path.read_text(encoding="utf-8")), path.name != "__init__.py")
    return modules, others - sys.stdlib_module_names


def _file(name: str) -> Path | None:
    """Return the file of a module; None for a name that a module holds."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:  # what it is in is a module, not a package
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _imports(node: ast.AST, is_inside: bool) -> Iterator[str]:
    """Yield the names that a module imports, those for types left out; with `is_inside` also in functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield from (child.module, *(f"{child.module}.{alias.name}" for alias in child.names))
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        elif is_inside or not isinstance(child, ast.FunctionDef):
            yield from _imports(child, is_inside)


def _requirements(packages: set[str]) -> list[str]:
    """Return the installed distributions of `packages` with their versions, which name no local build."""
    found = packages_distributions()
    names = {name for package in packages for name in found.get(package, [])}
    return sorted(f"{name}=={version(name).partition('+')[0]}" for name in names)
