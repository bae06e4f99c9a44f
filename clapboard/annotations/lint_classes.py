"""Checks of the labels of all sheets: spelling, and who has them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any

from clapboard.annotations.labels import outline, resolve
from clapboard.annotations.sheet import Annotation
from clapboard.problems import Problem

SIMILAR = 0.84
"""Labels alike to this degree (`difflib` ratio) may be one: SPLINTTING and SPLINTING are 0.95."""

RARE = 0.1
"""The rarer of two similar labels is suspected up to this part of the other's rows."""


@dataclass(frozen=True)
class Placed:
    """An annotation with the subject it is about, the split of that subject and its sheet."""

    subject: str
    split: str
    file: str
    entry: Annotation


def lint_classes(
    placed: Sequence[Placed], settings: Mapping[str, Any], unsure: Collection[str] = ()
) -> list[Problem]:
    """Labels that a split or all subjects but one lack, or that look misspelt.

    Args:
        placed: all annotations.
        settings: section `annotations` of the config.
        unsure: splits in which labels may be missing for reasons told elsewhere.
    """
    ignored = {resolve(label, settings["aliases"]) for label in settings["ignore"]}
    by_label: dict[str, list[Placed]] = defaultdict(list)
    for one in placed:
        if one.entry.label not in ignored and one.split != "Predict":
            by_label[one.entry.label].append(one)
    unseen = [] if "Training" in unsure else _unseen(by_label, settings["unseen"])
    spellings = _spellings(by_label)
    told = {problem.value for problem in unseen}
    told |= {resolve(problem.value, settings["aliases"]) for problem in spellings}
    alone = [] if unsure else _one_subject(by_label, told)
    told |= {problem.value for problem in alone}
    return [*unseen, *alone, *_absent(by_label, unsure, told), *spellings]


def _unseen(by_label: Mapping[str, Sequence[Placed]], policy: str) -> list[Problem]:
    """Labels that cannot be learnt, once for each other split."""
    if not any(one.split == "Training" for places in by_label.values() for one in places):
        return []
    problems = []
    for label, places in by_label.items():
        splits = {one.split: one for one in reversed(places)}
        if "Training" in splits:
            continue
        problems += [
            Problem(
                "unseen-label",
                f"{label!r} is in {split} and no Training subject has it, so it cannot be learnt",
                "Move a subject that has it to Training, add it to annotations.ignore, give it an "
                "alias, or set annotations.unseen to drop.",
                first.file,
                first.entry.row,
                value=label,
                severity="error" if policy == "refuse" else "warning",
            )
            for split, first in splits.items()
        ]
    return problems


def _one_subject(by_label: Mapping[str, Sequence[Placed]], told: set[str]) -> list[Problem]:
    """Labels that can be learnt but never judged on somebody else, or the other way round."""
    subjects = {one.subject for places in by_label.values() for one in places}
    problems = []
    for label, places in by_label.items():
        owners = {one.subject for one in places}
        if len(owners) > 1 or len(subjects) < 2 or label in told:
            continue
        count = f"{len(places)} row{'s' if len(places) > 1 else ''}"
        problems.append(
            Problem(
                "one-subject-label",
                f"only {places[0].subject} has {label!r} ({count}), so it cannot be both learnt "
                "and tested",
                "Annotate more subjects, merge it with an alias, or add it to annotations.ignore.",
                places[0].file,
                places[0].entry.row,
                value=label,
                severity="warning",
            )
        )
    return problems


def _absent(
    by_label: Mapping[str, Sequence[Placed]], unsure: Collection[str], told: set[str]
) -> list[Problem]:
    """Labels that can be learnt and that Validation or Test, if it has any label, lacks."""
    filled = {one.split for places in by_label.values() for one in places}
    problems = []
    for label, places in by_label.items():
        lacking = [
            split
            for split in ("Validation", "Test")
            if split in filled - set(unsure) and split not in {one.split for one in places}
        ]
        first = next((one for one in places if one.split == "Training"), None)
        if lacking and first and label not in told:
            problems.append(
                Problem(
                    "class-absent",
                    f"no subject in {' or '.join(lacking)} has {label!r}, so its figures there "
                    "will be missing",
                    "Move a subject that has it, or leave it so.",
                    first.file,
                    first.entry.row,
                    value=label,
                    severity="warning",
                )
            )
    return problems


def _spellings(by_label: Mapping[str, Sequence[Placed]]) -> list[Problem]:
    """Rare labels that look like a common one, and any two that nobody can tell apart by eye.

    Rare means: one subject has it, or few rows, next to the other label. IV LINE and IO LINE, which
    everybody has, are left in peace.
    """
    rows = Counter({label: len(places) for label, places in by_label.items()})
    seen = {label: outline(label) for label in by_label}
    owners = {label: {one.subject for one in places} for label, places in by_label.items()}
    problems = []
    for common, rare in combinations([label for label, _ in rows.most_common()], 2):
        if seen[common] == seen[rare]:
            problems.append(_twins(common, rare, by_label))
            continue
        few = rows[rare] <= RARE * rows[common]
        alone = len(owners[rare]) == 1 < len(owners[common])
        if not (few or alone) or SequenceMatcher(None, common, rare).ratio() < SIMILAR:
            continue
        first = by_label[rare][0]
        problems.append(
            Problem(
                "similar-label",
                f"{rare!r} ({rows[rare]}x) looks like {common!r} ({rows[common]}x)",
                f"If they are one, add the alias {rare!r}: {common!r} to annotations.aliases.",
                first.file,
                first.entry.row,
                value=first.entry.written,
                severity="warning",
            )
        )
    return problems


def _twins(common: str, rare: str, by_label: Mapping[str, Sequence[Placed]]) -> Problem:
    """The warning for two labels that look the same, with what differs as YAML escapes."""
    first = by_label[rare][0]
    odd, usual = json.dumps(rare), json.dumps(common)
    return Problem(
        "similar-label",
        f"{odd} ({len(by_label[rare])}x) differs from {usual} ({len(by_label[common])}x) in "
        "characters that look the same or cannot be seen",
        f"If they are one, add the alias {odd}: {usual} to annotations.aliases.",
        first.file,
        first.entry.row,
        value=first.entry.written,
        severity="warning",
    )
