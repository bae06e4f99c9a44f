"""Where secrets that were planted in the environment have come to stand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def holders(folder: Path, secrets: Iterable[str]) -> list[str]:
    """The files below a folder in which one of the secrets stands, plain or as bytes."""
    wanted = [secret.encode() for secret in secrets]
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in files if any(key in path.read_bytes() for key in wanted)]
