"""Models on real people, one left out at a time: train, evaluate, tables in docs/results.md.

A fold that is finished is not trained again, so a run that was stopped goes on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from scipy.ndimage import uniform_filter1d

from benchmarks.measure import machine, table
from clapboard import artifacts
from clapboard.evaluation import plots
from clapboard.evaluation.intervals import bootstrap
from clapboard.learning import protocol
from clapboard.learning.comparison import learnable, read_answers
from clapboard.learning.folds import natural_order
from clapboard.learning.protocol import MEASURES, Answers, Tally
from clapboard.settings.model_settings import Model

DOCUMENT = Path(__file__).parents[1] / "docs" / "results.md"
SHOWN = ("accuracy", "macro_f1", "edit", "f1@50")


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
    """Train and evaluate every model, seed and fold (of some subjects) that is not done yet."""
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
    if done.exists() and artifacts.read_json(done)["settings"] == settings:
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
    written = {name: folder / f"{name}.txt" for name in ("summary",)}
    train(**data, history=folder / "history.csv", curves=folder / "curves.png", **written)
    evaluate(
        **data,
        predictions=folder / "predictions.parquet",
        metrics=folder / "metrics.json",
        confusion=folder / "confusion.png",
    )
    figures = artifacts.read_json(folder / "metrics.json")["model"]
    seconds = round(time.process_time() - started, 1)
    artifacts.write_json(done, {"settings": settings, "cpu_seconds": seconds})
    print(
        model, settings["seed"], subject, f"{figures['accuracy']:.4f}", f"{seconds} s", flush=True
    )


def report(study: Study, seeds: Sequence[int]) -> str:
    """What was reached, as Markdown: an overview, then every subject."""
    results = {
        model: [_tallies(study, model, seed) for seed in seeds if study.done(model, seed)]
        for model in study.models
    }
    results = {model: runs for model, runs in results.items() if runs}
    rows, per_subject = [], []
    for model, runs in results.items():
        values = np.mean([_values(parts) for parts in runs], axis=0)
        low, high = bootstrap(lambda chosen, v=values: v[chosen].mean(axis=0), len(values), 1)
        cells = [
            f"{values[:, place].mean():.3f} ({low[place]:.3f} to {high[place]:.3f})"
            for place in range(len(SHOWN))
        ]
        rows.append([model, len(runs), *cells, f"{values[:, 0].std(ddof=1):.3f}"])
        each = " / ".join(f"{_values(parts)[:, 0].mean():.3f}" for parts in runs)
        rows[-1].append(each)
        if len(runs) > 1:
            together = _values(_tallies(study, model, *seeds[: len(runs)]))
            rows.append([f"{model}, seeds together", len(runs), *_means(together), "", ""])
        if "window" not in study.models[model] and study.smoothed:
            steady = [_smoothed(study, model, seed) for seed in seeds[: len(runs)]]
            rows.append(
                [
                    f"{model}, mean of {study.smoothed} frames",
                    len(runs),
                    *_means(np.mean([_values(parts) for parts in steady], axis=0)),
                    "",
                    "",
                ]
            )
        per_subject.append([model, *(f"{value:.3f}" for value in values[:, 0])])
    rows += [[name, "", *_means(values), "", ""] for name, values in _rivals(study, seeds).items()]
    columns = ["model", "seeds", *SHOWN, "spread of accuracy", "accuracy by seed"]
    called = [(study.names or {}).get(subject, subject) for subject in study.subjects()]
    parts = [table(columns, rows), table(["accuracy", *called], per_subject)]
    parts += _pairs(results)
    draw_boxes(study, results)
    return "\n\n".join(parts)


def draw_boxes(study: Study, results: Mapping[str, Sequence[Mapping[str, Tally]]]) -> None:
    """Every subject's accuracy as a picture, one box per model."""
    values = {
        model: np.mean([_values(parts)[:, 0] for parts in runs], axis=0).tolist()
        for model, runs in results.items()
    }
    called = [(study.names or {}).get(subject, subject) for subject in study.subjects()]
    if values:
        picture = DOCUMENT.parent / "images" / f"{study.name}.png"
        plots.subject_boxes(values, called, "frame accuracy", picture)


def publish(study: Study, text: str) -> None:
    """Put a study's results between ``<!-- name -->`` and ``<!-- /name -->`` of the document."""
    body = f"{text}\n\nMeasured {time.strftime('%-d %B %Y')} on {machine()}."
    print(body)
    document = DOCUMENT.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- {study.name} -->\n).*?(<!-- /{study.name} -->)", re.DOTALL)
    artifacts.write_text(
        DOCUMENT, place.sub(lambda found: f"{found[1]}{body}\n{found[2]}", document)
    )


def _tallies(study: Study, model: str, *seeds: int) -> dict[str, Tally]:
    """A tally per subject; of several seeds, of the mean of their probabilities."""
    runs = []
    for seed in seeds:
        folds = [
            study.fold(model, seed, subject) / "predictions.parquet" for subject in study.subjects()
        ]
        runs.append(read_answers(folds)[0])
    first, mean = runs[0], np.mean([run.probabilities for run in runs], axis=0)
    answers = Answers(first.frames, first.true, mean.argmax(axis=1), mean, first.classes)
    untrainable = {
        subject: artifacts.read_json(study.fold(model, seeds[0], subject) / "metrics.json")[
            "untrainable"
        ]
        for subject in study.subjects()
    }
    tallies = protocol.tallies(learnable(answers, untrainable))
    return {subject: tallies[subject] for subject in study.subjects()}


def _smoothed(study: Study, model: str, seed: int) -> dict[str, Tally]:
    """A tally per subject, probabilities averaged over the frames around within a recording."""
    subjects = study.subjects()
    files = [study.fold(model, seed, subject) / "predictions.parquet" for subject in subjects]
    answers, _ = read_answers(files)
    mean = answers.probabilities.astype(np.float64).copy()
    for rows in answers.frames.groupby("recording").indices.values():
        mean[rows] = uniform_filter1d(mean[rows], study.smoothed, axis=0, mode="nearest")
    steady = Answers(answers.frames, answers.true, mean.argmax(axis=1), mean, answers.classes)
    tallies = protocol.tallies(steady)
    return {subject: tallies[subject] for subject in subjects}


def _values(parts: Mapping[str, Tally]) -> np.ndarray:
    """Figures of every subject, shape (subjects, `SHOWN`)."""
    return np.array([[MEASURES[name](tally) for name in SHOWN] for tally in parts.values()])


def _means(values: np.ndarray) -> list[str]:
    return ["" if np.isnan(column).all() else f"{np.nanmean(column):.3f}" for column in values.T]


def _rivals(study: Study, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """The baselines' figures of every subject, from any model that is done."""
    for model in study.models:
        if study.done(model, seeds[0]):
            reports = [
                artifacts.read_json(study.fold(model, seeds[0], subject) / "metrics.json")
                for subject in study.subjects()
            ]
            return {
                name: np.array(
                    [[each["baselines"][name][m] for m in SHOWN] for each in reports], np.float64
                )
                for name in reports[0]["baselines"]
            }
    return {}


def _pairs(results: Mapping[str, Sequence[Mapping[str, Tally]]]) -> list[str]:
    """The first model against each other one, seed 1, as sentences."""
    names = list(results)
    lines = []
    for other in names[1:]:
        found = protocol.compared(results[other][0], results[names[0]][0], seed=1)
        low, high = (
            "none" if found[end] is None else f"{found[end]:+.3f}" for end in ("low", "high")
        )
        lines.append(
            f"{other} against {names[0]}, seed 1, same frames: {found['difference']:+.3f} "
            f"({low} to {high}), p = {found['p_value']:.3f}."
        )
    return lines
