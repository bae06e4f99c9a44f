"""How good a trained model is on subjects it has never seen: what `evaluate_model` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clapboard import artifacts
from clapboard.learning import devices
from clapboard.learning.answers import answer_table, judge, nothing_learnable
from clapboard.learning.folds import teach_validation
from clapboard.learning.inputs import make_inputs
from clapboard.learning.manifest import of_split, read_classes, read_examples
from clapboard.learning.pictures import draw
from clapboard.learning.recognition import load, recognise
from clapboard.learning.reporting import report
from clapboard.problems import Problem, refuse


def evaluate(
    model: str | Path,
    manifest: str | Path,
    labels: str | Path,
    data_folder: str | Path,
    settings: Mapping[str, Any],
    predictions: str | Path,
    metrics: str | Path,
    confusion: str | Path,
    threads: int = 0,
    features: Mapping[str, str] | None = None,
    test_subject: str | None = None,
    background: str = "",
    pictures: Mapping[str, str | Path] | None = None,
    shards: Mapping[str, str] | None = None,
) -> None:
    """Recognise every frame of the Test split and say how good that is, beside the baselines.

    Args:
        model: ``model.keras`` of this dataset.
        manifest: ``Data/manifest.parquet``.
        labels: ``Data/labels.csv``.
        data_folder: the folder that the paths of the manifest start from.
        settings: one section of ``models`` in the configuration.
        predictions: written; one row per test frame: recording, subject, session, camera, frame,
            seconds, true, predicted (labels), whether Training shows the true class, what each
            baseline says (labels; where there is a background, also what it says that has not
            learnt it), probabilities (a list, one per class in the order that the metadata give).
        metrics: written; see `clapboard.learning.reporting.report`.
        confusion: written; confusion matrix as a picture.
        threads: cores to use, 0 for all.
        features: feature file of every recording, for models that learn from features.
        test_subject: test on this subject instead of the Test split of the manifest.
        background: label of the class for unlabelled frames, if there is one.
        pictures: more pictures to write, see `clapboard.learning.pictures.draw`.
        shards: manifest of every recording's shard, to read pictures from those.

    Raises:
        InputError: there is no test frame, or none of a class that Training shows, and no
            `test_subject` (of whom there are no figures then), or frames cannot be read.
    """
    devices.prepare(settings["seed"], threads)
    classes = read_classes(labels)
    examples = read_examples(
        manifest, labels, data_folder, test_subject=test_subject, shards=shards
    )
    if settings["teach_validation"]:
        examples["split"] = teach_validation(examples["split"])  # baselines know them, too
    test, training = of_split(examples, "Test"), of_split(examples, "Training")
    problems = _check(test, training, str(manifest))
    if test_subject is None:
        refuse(problems)
    for problem in problems:
        # A fact about this subject, which must not cost the figures of all others.
        print(f"No figures of this subject: {problem.message}", flush=True)  # noqa: T201

    if test.empty:
        probabilities = np.empty((0, len(classes)), np.float32)
    else:
        seen = make_inputs(test, settings, threads, features, True)
        probabilities = recognise(load(model, settings), seen)
    judged = judge(test, training, probabilities, classes, settings["seed"], background)
    artifacts.write_parquet(predictions, answer_table(judged), {"classes": classes})
    figures = report(judged, settings["seed"], background)
    artifacts.write_json(metrics, figures)
    wanted, counted = {"confusion": confusion, **(pictures or {})}, judged.trainable
    shown = test[counted].reset_index(drop=True)
    draw(wanted, shown, probabilities[counted], classes, figures)


def _check(test: pd.DataFrame, training: pd.DataFrame, manifest: str) -> list[Problem]:
    if test["label"].isin(training["label"]).any():
        return []
    if not test.empty:
        return [nothing_learnable(test["subject"], manifest)]
    return [
        Problem(
            "no-test-frame",
            "no frame is in the Test split, so nothing can be said about the model",
            "Give at least one subject the split Test.",
            file=manifest,
            column="split",
        )
    ]
