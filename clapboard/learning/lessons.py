"""Which frames a model learns from and is judged by while it trains. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clapboard.learning.manifest import class_counts
from clapboard.problems import Problem
from clapboard.sessions.splits import ONE_TO_SPARE


def taught(validation: pd.DataFrame, training: pd.DataFrame) -> pd.DataFrame:
    """The frames to judge an epoch by, those of a class that Training does not show with -1.

    What is said of them is chance, and would choose the epoch all the same.

    Args:
        validation: columns `label` and `class_index`.
        training: column `label`.
    """
    shown = validation["label"].isin(training["label"])
    return validation.assign(class_index=validation["class_index"].where(shown, -1))


def without(left_out: int | None, examples: pd.DataFrame) -> pd.DataFrame:
    """The frames numbered as if a class did not exist, those that show it with -1.

    Args:
        left_out: its index; None: nothing is left out.
        examples: column `class_index`.
    """
    if left_out is None:
        return examples
    index = examples["class_index"]
    return examples.assign(class_index=(index - (index > left_out)).mask(index == left_out, -1))


def taught_shares(
    training: Callable[[], pd.DataFrame], classes: int, class_weights: str
) -> NDArray[np.float64]:
    """The shares of classes that a model answers as for, shape (classes,).

    By weighted cross entropy a model learns the probabilities of a set in which each class has the
    weight of its frames: equal shares with weights inverse to their number (Saerens, Latinne,
    Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", 2002).

    Args:
        training: gives the frames that teach, column `class_index`; asked only where they are
            counted.
        classes: number of classes.
        class_weights: key of the model; ``balanced``, or ``none``: as frequent as in `training`,
            every class one frame more than it is.
    """
    if class_weights == "balanced":
        return np.full(classes, 1 / classes)
    counts = class_counts(training(), classes) + 1.0
    return counts / counts.sum()


def hindrances(
    training: pd.DataFrame,
    validation: pd.DataFrame | None,
    classes: tuple[str, ...],
    manifest: str,
    test_subject: str | None,
    ignored: str,
    lent: frozenset[str] = frozenset(),
) -> list[Problem]:
    """What makes training impossible; frames of the class that is ignored do not count.

    Where one subject is left out, a class that only that subject shows cannot be learnt; that is
    a fact about the data which evaluation reports, and no reason to stop.

    Args:
        training: examples of the Training split.
        validation: of the Validation split; None where nothing is judged by it.
        classes: labels by index.
        manifest: the file that they are from.
        test_subject: who is left out; None: nobody.
        ignored: label whose frames teach nothing.
        lent: who validates only because nobody else does, see
            `clapboard.learning.folds.lend_validation`.
    """
    counts = class_counts(training, len(classes))
    problems = [
        _untaught(label, validation, manifest, lent)
        for label, count in zip(classes, counts, strict=True)
        if not count and test_subject is None
    ]
    if len(set(classes) - {ignored}) < 2:
        problems.append(
            Problem(
                "one-class",
                "there is nothing to tell apart: the set has fewer than two classes",
                "Annotate a second procedure, or set annotations.background, as a class.",
                file=manifest,
            )
        )
    learnt = set(training["label"]) - {ignored}
    if validation is not None and not validation["label"].isin(learnt).any():
        problems.append(
            Problem(
                "no-validation-frame",
                "no frame of what Training shows is in the Validation split, so nothing says when "
                "to stop",
                "Let somebody validate who shows the same procedures: the split Validation, or, "
                "with evaluation: loso, who follows the subject left out.",
                file=manifest,
                column="split",
            )
        )
    return problems


def _untaught(
    label: str, validation: pd.DataFrame | None, manifest: str, lent: frozenset[str]
) -> Problem:
    """A class that no Training frame shows, maybe since who shows it has to validate."""
    message = "no Training subject shows this class"
    remedy = "Move a subject who shows it to Training, or drop it: annotations.unseen: drop."
    shown_by = (
        set() if validation is None else set(validation["subject"][validation["label"] == label])
    )
    if needed := sorted(lent & shown_by):
        message = (
            f"of Training only {', '.join(needed)} shows this class, and has to validate, because "
            "nobody has the split Validation"
        )
        remedy = ONE_TO_SPARE
    return Problem("class-without-training-frame", message, remedy, manifest, None, "label", label)
