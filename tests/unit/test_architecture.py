"""docs/architecture.md and the package say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clapboard"


def described() -> dict[str, set[str]]:
    """Modules by package, as the table of the document has them."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = text.partition("| package |")[2].splitlines()[2:]
    cells = [row.split(" | ") for row in rows if row.startswith("| ")]
    return {cell[0].strip("| `"): set(re.findall(r"`(\w+)`", cell[2])) for cell in cells}


def present() -> dict[str, set[str]]:
    """Modules by package, as they are."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        if path.stem != "__init__":
            package = "(top)" if path.parent == PACKAGE else path.parent.name
            found.setdefault(package, set()).add(path.stem)
    return found


@pytest.mark.parametrize("package", sorted(present()))
def test_every_module_has_its_place_in_the_document(package):
    assert present()[package] <= described()[package]


def imported_packages(path: Path) -> set[str]:
    """The packages of Clapboard that a module imports at its top or inside."""
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[1] for name in names if name.startswith("clapboard.")}


@pytest.mark.parametrize("package", ["learning", "s3"])
def test_what_is_heavy_is_imported_by_nobody_else(package):
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != package and package in imported_packages(path)
    }
    assert users <= {
        "sessions/project.py",
        "settings/config.py",
        "cloud/keeper.py",
        "cloud/unfinished.py",
        "planning/price.py",
    }
