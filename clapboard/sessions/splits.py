"""Whether the splits of the recordings can train and judge models; known from the table alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set

from clapboard.problems import Problem
from clapboard.sessions.recordings import Recording

FEWEST_SUBJECTS = 3
"""Leaving one subject out takes one to test, one to validate, one to learn from."""

ONE_TO_SPARE = (
    "Give the split Training to another subject who shows it, or the split Validation to one whom "
    "Training can do without; or let everybody teach: teach_validation: true and keep: last of the "
    "model."
)
"""The remedy where who has to validate is the only one to show something."""

OUTCOMES = {
    "Training": "nothing can be learnt",
    "Validation": "nothing says when training has to stop",
    "Test": "no model can be judged",
}


def shown_alone(labels: Mapping[str, Set[str]]) -> dict[str, set[str]]:
    """What each subject shows and nobody else does.

    Args:
        labels: of each subject.
    """
    shown_by = Counter(label for shown in labels.values() for label in shown)
    return {who: {one for one in shown if shown_by[one] == 1} for who, shown in labels.items()}


def split_problems(
    recordings: Sequence[Recording],
    with_models: bool,
    protocol: str = "splits",
    table: str = "",
    held_out: bool = True,
) -> list[Problem]:
    """What is wrong with who is in which split.

    Args:
        recordings: all.
        with_models: whether the configuration has models; without any, only frames are made.
        protocol: key `evaluation.protocol`; `loso` makes its own Validation and Test.
        table: the table of recordings, for messages.
        held_out: whether Validation judges any model (`teach_validation` is not set for all).
    """
    filled = {recording.split for recording in recordings}
    if not with_models and filled <= {"Predict"}:
        return []
    judged = with_models and protocol == "splits"
    remedy = "Give the split to a subject of its own" + (
        ", or write `models: {}` to make the dataset alone." if with_models else "."
    )
    problems = [
        Problem(
            check="empty-split",
            message=f"No recording has this split, so {outcome}",
            remedy=remedy,
            file=table,
            column="split",
            value=split,
        )
        for split, outcome in OUTCOMES.items()
        if split not in filled
        and (split == "Training" or (judged and (held_out or split != "Validation")))
    ]
    subjects = {recording.subject for recording in recordings if recording.split != "Predict"}
    if with_models and protocol == "loso" and len(subjects) < FEWEST_SUBJECTS:
        message = f"Leaving one subject out needs at least {FEWEST_SUBJECTS} subjects"
        remedy = "Film more subjects, or set evaluation.protocol to splits."
        problems.append(
            Problem("too-few-subjects", message, remedy, table, value=", ".join(sorted(subjects)))
        )
    return problems
