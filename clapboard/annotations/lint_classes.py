"""Checks across sheets: labels against each other, splits and subjects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.problems import Problem

if TYPE_CHECKING:
    from clapboard.recordings import Recording

SPLITS = ("Training", "Validation", "Test")


def lint_classes(
    sheets: Mapping[str, Sheet], recordings: Sequence[Recording], settings: Mapping[str, Any]
) -> list[Problem]:
    """Labels that no Training subject has."""
    ignored = {resolve(label, settings["aliases"]) for label in settings["ignore"]}
    places: dict[str, dict[str, tuple[str, Annotation]]] = defaultdict(dict)
    for recording in recordings:
        for entry in sheets[recording.annotations].annotations:
            if entry.label not in ignored and recording.split in SPLITS:
                places[entry.label].setdefault(
                    recording.split, (sheets[recording.annotations].file, entry)
                )
    if not any("Training" in splits for splits in places.values()):
        return []
    return [
        _unseen(entry, file, settings["unseen"])
        for splits in places.values()
        if "Training" not in splits
        for file, entry in splits.values()
    ]


def _unseen(entry: Annotation, file: str, policy: str) -> Problem:
    """The problem of a label that cannot be learnt; `entry` is its first row in a split."""
    return Problem(
        "unseen-label",
        f"no Training subject has {entry.label!r}, so no model can learn it",
        "Move a subject that has it to Training, add the label to annotations.ignore or an alias "
        "for it, or set annotations.unseen to drop.",
        file,
        entry.row,
        value=entry.written,
        severity="error" if policy == "refuse" else "warning",
    )
