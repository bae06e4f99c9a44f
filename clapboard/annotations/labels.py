"""Labels: one spelling per class, and a harmless file name for each."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping

NAME_BYTES = 100
"""Longest folder name that is used as it stands."""

_MARKS_ALLOWED = frozenset(" -_()+&,.=@")
_MINUS = "\N{MINUS SIGN}"  # a sign of arithmetic to Unicode
_RESERVED = re.compile(r"(con|prn|aux|nul|clock\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


def normalise(written: str) -> str:
    """A label in capitals with single blanks: ``" Chest-tube  prep"`` -> ``"CHEST-TUBE PREP"``."""
    return " ".join(unicodedata.normalize("NFC", written.upper()).split())


def outline(label: str) -> str:
    """What a reader sees of a normalised label: one kind of dash, nothing invisible.

    Spreadsheet programs turn hyphens into dashes by themselves; characters without a width come
    with text from web pages.
    """
    seen = unicodedata.normalize("NFKC", label)
    kept = (
        "-" if char == _MINUS or unicodedata.category(char) == "Pd" else char
        for char in seen
        if unicodedata.category(char) != "Cf"
    )
    return normalise("".join(kept))


def resolve(written: str, aliases: Mapping[str, str]) -> str:
    """The label that a written one stands for: normalised, then looked up in `aliases`.

    Both sides of an alias are normalised too, so their case does not matter.
    """
    label = normalise(written)
    return {normalise(key): normalise(value) for key, value in aliases.items()}.get(label, label)


def folder_name(label: str) -> str:
    """A file or folder name for a label, safe on every file system.

    A plain label is its own name. One that a path, a shell or a file system could trip over keeps
    its harmless characters and gets a digest, so that labels that differ in more than case get
    names that differ in more than case.
    """
    if _plain(label):
        return label
    kept = "".join(char if char.isascii() and char.isalnum() else "_" for char in label)
    digest = hashlib.blake2b(
        label.casefold().encode("utf-8", "surrogatepass"), digest_size=8
    ).hexdigest()
    return f"{kept.strip('_')[:40] or 'label'}~{digest}"


def _plain(label: str) -> bool:
    """Whether a label can be used as a file name as it stands."""
    return (
        bool(label)
        and all(char.isalnum() or char in _MARKS_ALLOWED for char in label)
        and unicodedata.is_normalized("NFC", label)
        and unicodedata.is_normalized("NFC", label.casefold())
        and label[0] not in " .-"
        and label[-1] not in " ."
        and ".." not in label
        and not _RESERVED.match(label)
        and len(label.encode("utf-8")) <= NAME_BYTES
    )
