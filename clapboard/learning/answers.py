"""``predictions.parquet``: what a model and the baselines said of every test frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Judged:
    """Answers for the same frames.

    Attributes:
        model: of the model.
        baselines: of each of `clapboard.learning.baselines`, without probabilities.
        trainable: whether Training shows the true class of a frame, shape (frames,).
        classes: labels by index.
    """

    model: Answers
    baselines: Mapping[str, Answers]
    trainable: NDArray[np.bool_]
    classes: tuple[str, ...]

    def everybody(self) -> dict[str, Answers]:
        """The answers of the model, under that name, and of the baselines."""
        return {"model": self.model, **self.baselines}

    def chosen(self, mask: NDArray[np.bool_]) -> Judged:
        """The answers for some of the frames."""
        rivals = {name: answers.chosen(mask) for name, answers in self.baselines.items()}
        return Judged(self.model.chosen(mask), rivals, self.trainable[mask], self.classes)

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
) -> Judged:
    """The answers of a model and of the baselines.

    Args:
        test: the frames that were recognised, see `clapboard.learning.manifest.read_examples`.
        training: the frames that were learnt from.
        probabilities: of the test frames, shape (frames, classes).
        classes: labels by index.
        seed: of the frames drawn for the nearest neighbour.
    """
    true = test["class_index"].to_numpy()
    said = baselines.said(training, test, len(classes), seed)
    trained = class_counts(training, len(classes)) > 0
    return Judged(
        Answers(test, true, probabilities.argmax(axis=1), probabilities, len(classes)),
        {name: _without_probabilities(test, true, each, len(classes)) for name, each in said},
        trained[true],
        tuple(classes),
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
    }
    columns["probabilities"] = lists(model.probabilities.astype(np.float32))
    return pa.table(columns)


def read_answers(predictions: Sequence[str | Path], with_probabilities: bool = True) -> Judged:
    """The answers in one or several ``predictions.parquet`` of the same classes.

    Args:
        predictions: the files.
        with_probabilities: of the model; without them shape (frames, 0), and a fraction of the
            memory.

    Raises:
        ValueError: the files do not have the same classes.
        InputError: no frame is of a class that its Training shows.
    """
    tables, orders, columns = [], set(), [*KEPT, "true", "predicted", "trainable", *baselines.NAMES]
    for path in predictions:
        wanted = [*columns, "probabilities"] if with_probabilities else columns
        table, metadata = artifacts.read_parquet(path, wanted)
        tables.append(table)
        orders.add(tuple(metadata["classes"]))
    if len(orders) != 1:
        raise ValueError("the predictions are of different classes")
    (classes,) = orders
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
    return Judged(
        Answers(test, true, numbered("predicted"), probabilities, len(classes)),
        {
            name: _without_probabilities(test, true, numbered(name), len(classes))
            for name in baselines.NAMES
        },
        frames["trainable"].to_numpy(bool),
        classes,
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
