"""Leave one subject out, and who validates where nobody is left out. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clapboard.problems import InputError, Problem
from clapboard.sessions.chapters import natural_key
from clapboard.sessions.splits import FEWEST_SUBJECTS, shown_alone


def natural_order(subjects: Iterable[str]) -> list[str]:
    """Subjects without repeats, S2 before S10; the same order in every process."""
    return sorted(set(subjects), key=natural_key)


def leave_out(examples: pd.DataFrame, test_subject: str) -> NDArray[np.str_]:
    """The split of every frame when `test_subject` is the test subject, with frames or without.

    The next subject in natural order (the first after the last) who shows a class that those who
    remain show, too, validates; all others train. Where nobody does, the next one validates. What
    the table of recordings says about splits does not matter here.

    Args:
        examples: columns `subject` and `label`.
        test_subject: who is left out.

    Raises:
        InputError: there are fewer than three subjects.
    """
    subjects = examples["subject"]
    everyone = natural_order([*subjects, test_subject])
    if len(everyone) < FEWEST_SUBJECTS:
        raise InputError(
            [
                Problem(
                    "too-few-subjects",
                    f"leaving one out needs at least {FEWEST_SUBJECTS} subjects",
                    "Set evaluation to splits.",
                    column="evaluation",
                    value=", ".join(everyone),
                )
            ]
        )
    place = everyone.index(test_subject)
    others = everyone[place + 1 :] + everyone[:place]
    shown = examples.groupby("subject")["label"].agg(set)
    validation = next(
        (
            subject
            for subject in others
            if shown[subject] & set().union(*(shown[other] for other in others if other != subject))
        ),
        others[0],
    )
    return np.select(
        [subjects == test_subject, subjects == validation], ["Test", "Validation"], "Training"
    )


def teach_validation(splits: pd.Series) -> pd.Series:
    """The split of every frame when those who would validate teach, too."""
    return splits.replace("Validation", "Training")


def as_trained(examples: pd.DataFrame, teach: bool, lend: bool) -> pd.Series:
    """The split of every frame as a training that leaves nobody out takes it.

    Args:
        examples: columns `split`, `subject` and `label`.
        teach: see `teach_validation`.
        lend: see `lend_validation`.
    """
    splits = lend_validation(examples) if lend else examples["split"]
    return teach_validation(splits) if teach else splits


def lend_validation(examples: pd.DataFrame) -> pd.Series:
    """The split of every frame when a Training subject validates because nobody else does.

    It is the last one in natural order without whom Training still shows all that it shows; where
    all are needed for that, the last. One who trains alone cannot be spared.

    Args:
        examples: columns `split`, `subject` and `label`.
    """
    splits, training = examples["split"], examples[examples["split"] == "Training"]
    subjects = natural_order(training["subject"])
    if (splits == "Validation").any() or len(subjects) < 2:
        return splits
    labels = training["label"]
    alone = shown_alone({who: set(labels[training["subject"] == who]) for who in subjects})
    spared = [subject for subject in subjects if not alone[subject]] or subjects
    return splits.mask(examples["subject"] == spared[-1], "Validation")
