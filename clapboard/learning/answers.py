"""``predictions.parquet``: what a model and the baselines said of every test frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.arrow import lists, rows
from clapboard.learning import baselines
from clapboard.learning.folds import natural_order
from clapboard.learning.manifest import class_counts
from clapboard.learning.protocol import Answers
from clapboard.problems import Problem, refuse

KEPT = ("recording", "subject", "session", "camera", "frame", "seconds")
WITHOUT = "{}_without_background"
"""Column of what a baseline says that has learnt from Training without the background."""


@dataclass(frozen=True)
class Judged:
    """Answers for the same frames.

    Attributes:
        model: of the model.
        baselines: of each of `clapboard.learning.baselines`, without probabilities.
        trainable: whether Training shows the true class of a frame, shape (frames,).
        classes: labels by index.
        without: of the baselines that have learnt from Training without the background; empty
            where there is none.
    """

    model: Answers
    baselines: Mapping[str, Answers]
    trainable: NDArray[np.bool_]
    classes: tuple[str, ...]
    without: Mapping[str, Answers] = field(default_factory=dict)

    def everybody(self, left_out: int | None = None) -> dict[str, Answers]:
        """The answers of the model, under that name, and of the baselines.

        Args:
            left_out: the background, where figures leave it out: then of the baselines that have
                not learnt it either.
        """
        return {"model": self.model, **(self.baselines if left_out is None else self.without)}

    def chosen(self, mask: NDArray[np.bool_]) -> Judged:
        """The answers for some of the frames."""
        return Judged(
            self.model.chosen(mask),
            {name: answers.chosen(mask) for name, answers in self.baselines.items()},
            self.trainable[mask],
            self.classes,
            {name: answers.chosen(mask) for name, answers in self.without.items()},
        )

    def learnable(self) -> Judged:
        """Without the frames of classes that nothing could have learnt."""
        return self.chosen(self.trainable)

    def untrainable(self) -> dict[str, int]:
        """Frames of classes that nothing could have learnt, by label."""
        true = np.array(self.classes)[self.model.true[~self.trainable]]
        names, counts = np.unique(true, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))


def judge(
    test: pd.DataFrame,
    training: pd.DataFrame,
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    seed: int,
    background: str = "",
) -> Judged:
    """The answers of a model and of the baselines.

    Args:
        test: the frames that were recognised, see `clapboard.learning.manifest.read_examples`.
        training: the frames that were learnt from.
        probabilities: of the test frames, shape (frames, classes).
        classes: labels by index.
        seed: of the frames drawn for the nearest neighbour.
        background: label of the class for unlabelled frames, if there is one.
    """
    true = test["class_index"].to_numpy()
    seen = baselines.thumbnails(test["file"])

    def said(left_out: int | None = None) -> dict[str, Answers]:
        answers = baselines.said(training, test, seen, len(classes), seed, left_out)
        return {
            name: _without_probabilities(test, true, each, len(classes)) for name, each in answers
        }

    trained = class_counts(training, len(classes)) > 0
    return Judged(
        Answers(test, true, probabilities.argmax(axis=1), probabilities, len(classes)),
        said(),
        trained[true],
        tuple(classes),
        said(list(classes).index(background)) if background in classes else {},
    )


def answer_table(judged: Judged) -> pa.Table:
    """The rows of ``predictions.parquet``, which `read_answers` reads."""
    names, model = np.array(judged.classes), judged.model
    columns: dict[str, Any] = {name: model.frames[name] for name in KEPT}
    columns |= {
        "true": names[model.true],
        "predicted": names[model.predicted],
        "trainable": judged.trainable,
        **{name: names[answers.predicted] for name, answers in judged.baselines.items()},
        **{
            WITHOUT.format(name): names[answers.predicted]
            for name, answers in judged.without.items()
        },
    }
    columns["probabilities"] = lists(model.probabilities.astype(np.float32))
    return pa.table(columns)


def read_answers(
    predictions: Sequence[str | Path], background: str = "", with_probabilities: bool = True
) -> Judged:
    """The answers in one or several ``predictions.parquet`` of the same classes.

    Args:
        predictions: the files.
        background: label of the class for unlabelled frames, the one that they were written with;
            empty: what baselines say that have not learnt it is not read.
        with_probabilities: of the model; without them shape (frames, 0), and a fraction of the
            memory.

    Raises:
        ValueError: the files do not have the same classes.
        KeyError: they were written without this background.
        InputError: no frame is of a class that its Training shows.
    """
    tables, orders, columns = [], set(), [*KEPT, "true", "predicted", "trainable", *baselines.NAMES]
    without = [WITHOUT.format(name) for name in baselines.NAMES] if background else []
    more = ["probabilities"] if with_probabilities else []
    for path in predictions:
        table, metadata = artifacts.read_parquet(path, [*columns, *without, *more])
        tables.append(table)
        orders.add(tuple(metadata["classes"]))
    if len(orders) != 1:
        raise ValueError("the predictions are of different classes")
    (classes,) = orders
    if background in classes:  # which a set may not show
        columns += without
    # pandas has written long and short strings.
    whole = pa.concat_tables(tables, promote_options="permissive")
    # pandas would make an array of every row of probabilities.
    frames = whole.select(columns).to_pandas().sort_values(["recording", "frame"])
    probabilities = np.empty((len(whole), 0), np.float32)
    if with_probabilities:
        probabilities = rows(whole["probabilities"])[frames.index]
    frames = frames.reset_index(drop=True)
    if not frames["trainable"].any():
        refuse([nothing_learnable(frames["subject"])])
    index = {label: number for number, label in enumerate(classes)}

    def numbered(column: str) -> NDArray[np.int64]:
        return frames[column].map(index).to_numpy(np.int64)

    true, test = numbered("true"), frames[[*KEPT]].assign(split="Test")

    def said(column: str) -> dict[str, Answers]:
        return {
            name: _without_probabilities(test, true, numbered(column.format(name)), len(classes))
            for name in baselines.NAMES
        }

    return Judged(
        Answers(test, true, numbered("predicted"), probabilities, len(classes)),
        said("{}"),
        frames["trainable"].to_numpy(bool),
        classes,
        said(WITHOUT) if background in classes else {},
    )


def nothing_learnable(subjects: Iterable[str], manifest: str = "") -> Problem:
    """Test subjects without a frame that could have been learnt: every figure is undefined."""
    named = ", ".join(natural_order(subjects))
    message = f"Training shows none of the procedures of {named}, so nothing can be said"
    remedy = "Leave these recordings out, or add somebody who shows the same procedures."
    return Problem("no-learnable-frame", message, remedy, file=manifest, column="label")


def _without_probabilities(
    frames: pd.DataFrame, true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> Answers:
    return Answers(frames, true, predicted, np.empty((len(true), 0)), classes)
