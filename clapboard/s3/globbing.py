"""Globs for keys: what `glob` finds on disk, they find among the names of a listing."""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Sequence

ANY_FOLDERS = "**"


def literal_part(pattern: str) -> str:
    """What every name that a glob matches begins with."""
    return pattern[: min((pattern.find(sign) for sign in "*?[" if sign in pattern), default=None)]


def matches(name: str, pattern: str) -> bool:
    """Whether `glob.glob(pattern, recursive=True)` would find a file of this name.

    Args:
        name: parts with slashes between, as `pattern`.
        pattern: `*`, `?` and `[..]` stand for signs of one part; a part `**` for any number of
            parts, also none. Neither they nor `**` take a part that begins with a dot, unless
            theirs does.
    """
    return _match(name.split("/"), pattern.split("/"))


def _match(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns or not parts:
        return not patterns and not parts
    first, rest = patterns[0], patterns[1:]
    if first != ANY_FOLDERS:
        return _is_like(parts[0], first) and _match(parts[1:], rest)
    if not rest:
        return not any(map(_is_hidden, parts))
    return _match(parts, rest) or (not _is_hidden(parts[0]) and _match(parts[1:], patterns))


def _is_like(part: str, pattern: str) -> bool:
    if not glob.has_magic(pattern):
        return part == pattern
    hidden_too = _is_hidden(pattern) or not _is_hidden(part)
    return hidden_too and fnmatch.fnmatchcase(part, pattern)


def _is_hidden(part: str) -> bool:
    return part.startswith(".")
