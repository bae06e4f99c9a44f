"""Models on real people, one left out at a time: train and evaluate.

A fold that is finished is not trained again, so a run that was stopped goes on, as long as it would
be made of the same data by the same code.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from clapboard import artifacts, fingerprint
from clapboard.learning.folds import natural_order
from clapboard.settings.model_settings import Model


@dataclass(frozen=True)
class Study:
    """Models on one set.

    Attributes:
        name: of the set, and of its place in docs/results.md.
        data: folder with ``manifest.parquet`` and ``labels.csv``.
        models: sections of ``models`` by name.
        work: where folds are kept.
        features: feature file of every recording, for models that learn from features.
        names: how subjects are called in the tables.
        smoothed: frames over which the answers of models of single frames are averaged, for a row
            of its own; 0: none.
    """

    name: str
    data: Path
    models: Mapping[str, Mapping[str, Any]]
    work: Path
    features: Mapping[str, str] | None = None
    names: Mapping[str, str] | None = None
    smoothed: int = 0

    @cached_property
    def identity(self) -> list[str]:
        """Digests of what is learnt from: manifest, labels, and features by recording."""
        features = [self.features[key] for key in sorted(self.features)] if self.features else []
        files = [self.data / "manifest.parquet", self.data / "labels.csv", *features]
        return [artifacts.digest_file(file) for file in files]

    def subjects(self) -> list[str]:
        """Everybody in the set."""
        manifest, _ = artifacts.read_parquet(self.data / "manifest.parquet", ["subject"])
        return natural_order(manifest["subject"].to_pylist())

    def fold(self, model: str, seed: int, subject: str) -> Path:
        """The folder of a fold."""
        return self.work / model / f"seed{seed}" / subject

    def done(self, model: str, seed: int) -> bool:
        """Whether all folds of a model and seed are finished."""
        return all(
            (self.fold(model, seed, subject) / "done.json").exists() for subject in self.subjects()
        )


def run(
    study: Study, seeds: Sequence[int], threads: int, subjects: Sequence[str] | None = None
) -> None:
    """Train and evaluate every model, seed and fold (of some subjects) that is not done yet.

    A model that starts from another one stands behind it in the study.
    """
    for seed in seeds:
        for model, section in study.models.items():
            settings = TypeAdapter(Model).validate_python({**section, "seed": seed})
            for subject in subjects or study.subjects():
                _run_fold(study, model, settings.model_dump(mode="json"), subject, threads)


def _run_fold(
    study: Study, model: str, settings: Mapping[str, Any], subject: str, threads: int
) -> None:
    from clapboard.learning.evaluation import evaluate
    from clapboard.learning.training import train

    folder = study.fold(model, settings["seed"], subject)
    done = folder / "done.json"
    start = settings.get("start_from")
    begun = study.fold(start, settings["seed"], subject) / "model.keras" if start else None
    made_of = {
        "settings": settings,
        "start": artifacts.digest_file(begun) if begun else None,
        "code": [fingerprint.code("train_model"), fingerprint.code("evaluate_model")],
        "data": study.identity,
    }
    if done.exists() and artifacts.read_json(done).get("made_of") == made_of:
        return
    folder.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    data = {
        "manifest": study.data / "manifest.parquet",
        "labels": study.data / "labels.csv",
        "data_folder": study.data,
        "settings": settings,
        "model": folder / "model.keras",
        "threads": threads,
        "features": study.features,
        "test_subject": subject,
    }
    written = {"summary": folder / "summary.txt"}
    written |= {"history": folder / "history.csv", "curves": folder / "curves.png"}
    train(**data, **written, start=begun, code=fingerprint.code("train_model"))
    evaluate(
        **data,
        predictions=folder / "predictions.parquet",
        metrics=folder / "metrics.json",
        confusion=folder / "confusion.png",
    )
    figures = artifacts.read_json(folder / "metrics.json")["model"]
    seconds = round(time.process_time() - started, 1)
    artifacts.write_json(done, {"made_of": made_of, "cpu_seconds": seconds})
    print(
        model, settings["seed"], subject, f"{figures['accuracy']:.4f}", f"{seconds} s", flush=True
    )
