"""Figures over folds and over models, from their predictions alone. No TensorFlow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from clapboard import artifacts
from clapboard.evaluation import plots
from clapboard.evaluation.intervals import bootstrap
from clapboard.learning import protocol
from clapboard.learning.folds import natural_order
from clapboard.learning.protocol import MEASURES, Answers

KEPT = ("recording", "subject", "session", "camera", "frame", "seconds")


def answer_table(
    frames: pd.DataFrame, probabilities: NDArray[np.floating], classes: Sequence[str]
) -> pa.Table:
    """The rows of ``predictions.parquet``, which `read_answers` reads.

    Args:
        frames: see `clapboard.learning.manifest.read_examples`.
        probabilities: shape (frames, classes).
        classes: labels by index.
    """
    names = np.array(classes)
    columns: dict[str, Any] = {name: frames[name] for name in KEPT}
    columns |= {
        "true": names[frames["class_index"]],
        "predicted": names[probabilities.argmax(axis=1)],
    }
    lists = pa.array(list(probabilities.astype(np.float32)))
    return pa.table(columns).append_column("probabilities", lists)


def read_answers(predictions: Sequence[str | Path]) -> tuple[Answers, list[str]]:
    """The answers in one or several ``predictions.parquet`` of the same classes, and the labels.

    Raises:
        ValueError: the files do not have the same classes.
    """
    tables, orders = [], set()
    for path in predictions:
        table, metadata = artifacts.read_parquet(path)
        tables.append(table.to_pandas())
        orders.add(tuple(metadata["classes"]))
    if len(orders) != 1:
        raise ValueError("the predictions are of different classes")
    (classes,) = orders
    frames = pd.concat(tables).sort_values(["recording", "frame"], ignore_index=True)
    frames["split"] = "Test"
    index = {label: number for number, label in enumerate(classes)}
    answers = Answers(
        frames,
        frames["true"].map(index).to_numpy(np.int64),
        frames["predicted"].map(index).to_numpy(np.int64),
        np.stack(frames["probabilities"].to_list()),
        len(classes),
    )
    return answers, list(classes)


def learnable(answers: Answers, untrainable: Mapping[str, Collection[str]]) -> Answers:
    """The answers without frames of classes that nothing could have learnt.

    Args:
        answers: of subjects left out.
        untrainable: labels that only this subject shows, by subject.
    """
    unknown = {(subject, label) for subject, labels in untrainable.items() for label in labels}
    pairs = zip(answers.frames["subject"], answers.frames["true"], strict=True)
    return answers.chosen(np.array([pair not in unknown for pair in pairs], bool))


def summarise_folds(
    predictions: Mapping[str, str | Path],
    metrics: Mapping[str, str | Path],
    summary: str | Path,
    table: str | Path,
    seed: int,
    background: str = "",
    confusion: str | Path | None = None,
) -> None:
    """Sum up a model over the subjects left out.

    Args:
        predictions: ``predictions.parquet`` of every fold by the subject left out.
        metrics: ``metrics.json`` of every fold, for the baselines and what could not be learnt.
        summary: written; JSON with every subject's figures, their mean, spread (standard
            deviation), 95 % interval of the mean over subjects, and the baselines' means.
        table: written; the same as CSV, one row per subject, then one per mean and baseline.
        seed: of the intervals.
        background: label of the class for unlabelled frames, left out of all figures.
        confusion: written; confusion matrix over all subjects as a picture.
    """
    subjects = natural_order(predictions)
    answers, classes = read_answers([predictions[subject] for subject in subjects])
    reports = {subject: artifacts.read_json(metrics[subject]) for subject in subjects}
    answers = learnable(answers, {name: reports[name]["untrainable"] for name in subjects})
    left_out = classes.index(background) if background in classes else None
    tallies = protocol.tallies(answers, left_out)
    figures = {subject: protocol.measures(tallies[subject]) for subject in subjects}
    values = np.array([list(figures[subject].values()) for subject in subjects], np.float64)
    low, high = bootstrap(lambda chosen: _mean(values[chosen]), len(subjects), seed)
    rows = {"mean": _mean(values), "spread": _spread(values), "low": low, "high": high}
    rivals_of = {
        subject: report.get("without_background", report)["baselines"]  # on the model's frames
        for subject, report in reports.items()
    }
    rivals = {
        name: _mean([_row(rivals_of[subject][name]) for subject in subjects])
        for name in rivals_of[subjects[0]]
    }
    artifacts.write_json(
        summary,
        {
            "left_out": "one subject at a time",
            "frames": len(answers.true),
            "untrainable": {name: reports[name]["untrainable"] for name in subjects},
            **{name: _named(row) for name, row in rows.items()},
            "pooled": protocol.measures(protocol.summed(tallies.values())),
            "baselines": {name: _named(row) for name, row in rivals.items()},
            "subjects": figures,
        },
    )
    artifacts.write_csv(
        table,
        ["subject", "frames", *MEASURES],
        [[name, int(tallies[name].confusion.sum()), *figures[name].values()] for name in subjects]
        + [[name, "", *_named(row).values()] for name, row in (rows | rivals).items()],
    )
    if confusion is not None:
        total = protocol.summed(tallies.values()).confusion
        plots.confusion_matrix(total, classes, confusion)


def compare_models(
    predictions: Mapping[str, Sequence[str | Path]],
    comparison: str | Path,
    boxes: str | Path,
    seed: int,
    background: str = "",
) -> None:
    """Compare models on the same frames, pair by pair.

    Args:
        predictions: the ``predictions.parquet`` of every model (several where subjects are left
            out), by the model's name.
        comparison: written; CSV, one row per pair: mean over subjects of the difference in
            accuracy and in F1@50, with 95 % interval and p value (see `protocol.compared`).
        boxes: written; frame accuracy of every subject as a picture, one box per model.
        seed: of intervals and tests.
        background: label of the class for unlabelled frames, left out of all figures.
    """
    tallies = {}
    for name, files in predictions.items():
        answers, classes = read_answers(files)
        left_out = classes.index(background) if background in classes else None
        tallies[name] = protocol.tallies(answers, left_out)
    rows = []
    for one, other in combinations(tallies, 2):
        for measure in ("accuracy", "f1@50"):
            found = protocol.compared(tallies[one], tallies[other], seed, measure)
            rows.append([one, other, measure, *found.values()])
    columns = ["model", "against", "measure", "difference", "low", "high", "p_value"]
    artifacts.write_csv(comparison, columns, rows)
    subjects = natural_order(next(iter(tallies.values())))
    plots.subject_boxes(
        {
            name: [MEASURES["accuracy"](parts[subject]) for subject in subjects]
            for name, parts in tallies.items()
        },
        subjects,
        "frame accuracy",
        boxes,
    )


def _row(figures: Mapping[str, float | None]) -> np.ndarray:
    """Figures in the order of `MEASURES`, nan for undefined ones."""
    return np.array([figures[name] for name in MEASURES], np.float64)


def _named(values: np.ndarray) -> dict[str, float | None]:
    return {name: protocol.number(value) for name, value in zip(MEASURES, values, strict=True)}


def _mean(values: ArrayLike) -> np.ndarray[Any, Any]:
    """Mean over subjects of what is defined; nan where nothing is."""
    rows = np.ma.masked_invalid(np.asarray(values, np.float64))
    return rows.mean(axis=0).filled(np.nan)


def _spread(values: np.ndarray) -> np.ndarray[Any, Any]:
    """Standard deviation over subjects; nan with fewer than two."""
    rows = np.ma.masked_invalid(values)
    return rows.std(axis=0, ddof=1).filled(np.nan)
