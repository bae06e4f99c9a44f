"""Digests that tell Snakemake what a job depends on and cannot see itself.

Snakemake notices neither an edit in a module that a script imports nor a source file that was
replaced by one with an older time stamp, and it takes a touched video for a changed one. Both are
mended by digests passed as parameters: `code` for scripts, `source` for recordings and sheets.
"""

from __future__ import annotations

import ast
import hashlib
import os
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
SCRIPTS = PACKAGE.parent / "workflow" / "scripts"

SAMPLED_BYTES = 65_536
SAMPLED_FILES = 8


def code(script: str) -> str:
    """Digest of a workflow script and of every Clapboard module it imports, however deep.

    Args:
        script: name of the rule, which is the name of its script without ``.py``.

    Raises:
        FileNotFoundError: there is no such script.
    """
    pending, seen = [SCRIPTS / f"{script}.py"], set[Path]()
    while pending:
        path = pending.pop()
        if path not in seen:
            seen.add(path)
            pending.extend(_imports(path))
    state = hashlib.blake2b(digest_size=8)
    for path in sorted(seen, key=lambda path: path.relative_to(PACKAGE.parent).as_posix()):
        state.update(path.relative_to(PACKAGE.parent).as_posix().encode())
        state.update(path.read_bytes())
    return state.hexdigest()


@cache
def _imports(path: Path) -> frozenset[Path]:
    """The package modules that a Python file imports anywhere in its text."""
    found = set[Path]()
    for node in ast.walk(ast.parse(path.read_bytes())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise SyntaxError(f"{path}: relative import; write it as clapboard.…")
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            found.update(_modules(name))
    return frozenset(found)


def _modules(name: str) -> set[Path]:
    """Files behind a dotted name: each package's ``__init__`` on the way and the module itself."""
    head, *parts = name.split(".")
    if head != PACKAGE.name:
        return set()
    files, folder = {PACKAGE / "__init__.py"}, PACKAGE
    for part in parts:
        if (folder / f"{part}.py").is_file():
            return files | {folder / f"{part}.py"}
        folder = folder / part
        if not (folder / "__init__.py").is_file():
            break
        files.add(folder / "__init__.py")
    return files


def source(path: str | os.PathLike[str]) -> str:
    """Digest of a source's identity, quick enough for every start of the workflow.

    Size and three samples (head, middle, tail) of a file; small files are covered whole. Of a
    folder of pictures all names and some of the files. Independent of time stamps: a touched file
    keeps its digest, a replaced one does not.

    Raises:
        OSError: the file cannot be read.
    """
    if Path(path).is_dir():
        return _folder(Path(path))
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        state = hashlib.blake2b(str(size).encode(), digest_size=8)
        if size <= 3 * SAMPLED_BYTES:
            state.update(file.read())
        else:
            for offset in (0, (size - SAMPLED_BYTES) // 2, size - SAMPLED_BYTES):
                file.seek(offset)
                state.update(file.read(SAMPLED_BYTES))
    return state.hexdigest()


def _folder(folder: Path) -> str:
    """Digest of the names of all files of a folder and of the content of a few spread over it."""
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    state = hashlib.blake2b("\0".join(names).encode(errors="surrogateescape"), digest_size=8)
    for name in names[:: max(1, len(names) // SAMPLED_FILES)]:
        state.update(source(folder / name).encode())
    return state.hexdigest()
