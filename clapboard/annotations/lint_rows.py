"""Checks of one sheet by itself: the order of its times and what its rows share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.clock import seconds_text
from clapboard.problems import Problem

LONG_CLAP = Fraction(1)
"""Seconds beyond which it is not clear which instant of a clap is meant."""


def lint_rows(sheet: Sheet, settings: Mapping[str, Any]) -> list[Problem]:
    """Stop before start, zero length, long claps, duplicates, overlaps, rows out of order.

    Args:
        sheet: rows about one recording (`clapboard.annotations.clips.rows_of`).
        settings: section `annotations` of the config.
    """
    problems = [
        _stop_before_start(entry, sheet.file)
        for entry in (*sheet.annotations, *sheet.claps)
        if entry.stop < entry.start
    ]
    problems += [_long_clap(clap, sheet.file) for clap in sheet.claps if _length(clap) > LONG_CLAP]
    for entries in _by_clock(sheet.annotations):
        problems += [
            _zero_length(entry, sheet.file)
            for entry in entries
            if entry.stop == entry.start and not entry.whole
        ]
        problems += _out_of_order(entries, sheet.file)
        problems += _shared_time(entries, sheet.file, settings)
    return problems


def _by_clock(entries: Sequence[Annotation]) -> list[list[Annotation]]:
    """Rows whose times can be compared: those of one clip that do not end before they begin."""
    groups: dict[str, list[Annotation]] = defaultdict(list)
    for entry in entries:
        if entry.stop >= entry.start:
            groups[entry.clip].append(entry)
    return list(groups.values())


def _out_of_order(entries: Sequence[Annotation], file: str) -> list[Problem]:
    """Rows that start before the row above; no sign of error where a sheet is sorted by label."""
    late = [
        below
        for above, below in pairwise(entries)
        if below.start < above.start and below.row > above.row
    ]
    if len(late) > len(entries) // 10 + 1:
        return []
    return [
        Problem(
            "out-of-order",
            f"{entry.written!r} starts before the row above it",
            "Check its date and time.",
            file,
            entry.row,
            value=seconds_text(entry.start),
            severity="warning",
        )
        for entry in late
    ]


def _shared_time(
    entries: Sequence[Annotation], file: str, settings: Mapping[str, Any]
) -> list[Problem]:
    """Duplicates and overlaps, one problem for every two rows that share time."""
    ignored = {resolve(label, settings["aliases"]) for label in settings["ignore"]}
    lasting = [
        entry for entry in entries if entry.stop > entry.start and entry.label not in ignored
    ]
    problems, running = [], list[Annotation]()
    for entry in sorted(lasting, key=lambda entry: (entry.start, entry.row)):
        running = [earlier for earlier in running if earlier.stop > entry.start]
        problems += [_overlap(earlier, entry, file, settings["overlaps"]) for earlier in running]
        running.append(entry)
    return problems


def _overlap(earlier: Annotation, later: Annotation, file: str, policy: str) -> Problem:
    """The problem of two rows that share time; an error when the labelling would refuse them."""
    same_label = earlier.label == later.label
    if same_label and (earlier.start, earlier.stop) == (later.start, later.stop):
        return Problem(
            "duplicate",
            f"{later.written!r} stands here and in {_row(earlier, later)} with the same times",
            "Delete one of the two.",
            file,
            later.row,
            severity="warning",
        )
    shared = min(earlier.stop, later.stop) - later.start
    return Problem(
        "overlap",
        f"{later.written!r} and {earlier.written!r} in {_row(earlier, later)} share "
        f"{seconds_text(shared)} s",
        "Correct the times, or set annotations.overlaps to first, last or shortest.",
        file,
        later.row,
        severity="error" if policy == "refuse" and not same_label else "warning",
    )


def _row(earlier: Annotation, later: Annotation) -> str:
    """Where the earlier of two annotations stands."""
    return f"row {earlier.row}" if earlier.row != later.row else "the same row"


def _stop_before_start(entry: Annotation, file: str) -> Problem:
    """The error for a row that ends before it begins."""
    return Problem(
        "stop-before-start",
        f"{entry.written!r} stops {seconds_text(entry.start - entry.stop)} s before it starts",
        "Correct the times; they may be swapped.",
        file,
        entry.row,
        value=f"{seconds_text(entry.start)} to {seconds_text(entry.stop)}",
    )


def _length(entry: Annotation) -> Fraction:
    """How long an annotation lasts, in seconds."""
    return entry.stop - entry.start


def _long_clap(clap: Annotation, file: str) -> Problem:
    """The warning for a sync event that is no instant."""
    return Problem(
        "long-clap",
        f"the {clap.label} lasts {seconds_text(_length(clap))} s; its start is taken",
        "Make sure that its start is the sync event.",
        file,
        clap.row,
        value=seconds_text(clap.start),
        severity="warning",
    )


def _zero_length(entry: Annotation, file: str) -> Problem:
    """The warning for a row that no frame can be in."""
    return Problem(
        "zero-length",
        f"{entry.written!r} stops when it starts, so no frame gets the label",
        "Give it a length or delete it.",
        file,
        entry.row,
        value=seconds_text(entry.start),
        severity="warning",
    )
