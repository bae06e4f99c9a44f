"""Whether those who learn and those who are judged show the same labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

from clapboard.annotations.clips import rows_of
from clapboard.annotations.labels import normalise
from clapboard.annotations.sheet import Sheet
from clapboard.problems import Problem, Severity
from clapboard.sessions.chapters import natural_key
from clapboard.sessions.recordings import Recording
from clapboard.sessions.splits import FEWEST_SUBJECTS, ONE_TO_SPARE, shown_alone


def labels_by(
    column: Literal["split", "subject"],
    sheets: Mapping[str, Sheet],
    recordings: Sequence[Recording],
    annotations: Mapping[str, Any],
) -> dict[str, set[str]]:
    """The labels that the recordings of each split or subject have, the background being one."""
    ignored = {normalise(label) for label in annotations["ignore"]}
    labels = defaultdict[str, set[str]](set)
    for recording in recordings:
        if recording.annotations:
            sheet = sheets[recording.annotations]
            part = rows_of(sheet, recording.chapters, recording.subject)
            held = labels[getattr(recording, column)]
            held |= {entry.label for entry in part.annotations} - ignored
            held |= {normalise(annotations["background"])} - {""}
    return labels


def too_few_labels(
    labels: Mapping[str, set[str]], unsure: Collection[str], judging: Collection[str]
) -> Iterator[Problem]:
    """Splits with recordings, but without labels to learn or to judge.

    Args:
        labels: by split.
        unsure: splits that may lack labels for reasons told elsewhere.
        judging: splits whose frames judge models.
    """
    learnt = labels.get("Training", set())
    if "Training" in unsure or not labels.get("Training"):
        return
    if len(learnt) < 2:
        message = "Training has only one label, so there is nothing to tell apart"
        remedy = "Annotate another, or set annotations.background to the name of the rest."
        yield Problem("one-class", message, remedy, column="split", value=", ".join(learnt))
    for split in judging:
        if labels.get(split) and split not in unsure and not labels[split] & learnt:
            message = f"{split} has no label that Training has, so no figure means anything"
            remedy = "Move a subject, or give the labels the same names with aliases."
            yield Problem("no-common-label", message, remedy, column="split", value=split)


def without_frames(labels: Mapping[str, set[str]], learnt: set[str]) -> Iterator[Problem]:
    """Subjects to be left out once who have no frame in the set: `unseen: drop` takes all away.

    They are not tested; an error only where too few remain who are.

    Args:
        labels: by subject.
        learnt: labels of Training, whatever the subjects are in the fold.
    """
    tested = [subject for subject, shown in labels.items() if shown & learnt]
    severity: Severity = "warning" if len(tested) >= FEWEST_SUBJECTS else "error"
    for subject, shown in labels.items():
        if shown and not shown & learnt:
            message = (
                f"{subject} shows no label that Training has, so that no frame is left to test on"
            )
            remedy = "Give them the split Training, too, or take them out of the table."
            value, place = ", ".join(sorted(shown)), "split"
            yield Problem(
                "no-common-label", message, remedy, column=place, value=value, severity=severity
            )


def nobody_to_spare(labels: Mapping[str, set[str]]) -> Iterator[Problem]:
    """Where a Training subject has to validate, and each alone shows something: a warning.

    It stops the training of a model for new recordings (`clapboard.learning.folds.lend_validation`,
    `clapboard.learning.lessons.hindrances`), and no model that leaves somebody out.

    Args:
        labels: of Training, by subject; nobody has the split Validation.
    """
    alone = shown_alone(labels)
    if len(labels) > 1 and all(alone.values()):
        last = max(labels, key=natural_key)
        yield Problem(
            "nobody-to-spare",
            "nobody has the split Validation, and each Training subject alone shows something, so "
            "that no model without teach_validation can be trained for the recordings with the "
            f"split Predict: {last} would have to validate, who alone shows "
            f"{', '.join(sorted(alone[last]))}",
            ONE_TO_SPARE,
            column="split",
            severity="warning",
        )
