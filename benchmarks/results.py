"""Tables in docs/results.md of what models reach on real people."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter1d

from benchmarks.folds import Study
from benchmarks.measure import machine, table
from clapboard import artifacts
from clapboard.evaluation import plots
from clapboard.evaluation.intervals import bootstrap
from clapboard.learning import protocol
from clapboard.learning.answers import read_answers
from clapboard.learning.protocol import MEASURES, Answers, Tally

DOCUMENT = Path(__file__).parents[1] / "docs" / "results.md"
SHOWN = ("accuracy", "macro_f1", "edit", "f1@50")


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
    rivals = _rivals(study, seeds)
    for name, values in rivals.items():
        rows.append([name, "", *_means(values), "", ""])
        per_subject.append([name, *(f"{value:.3f}" for value in values[:, 0])])
    columns = ["model", "seeds", *SHOWN, "spread of accuracy", "accuracy by seed"]
    called = [(study.names or {}).get(subject, subject) for subject in study.subjects()]
    parts = [table(columns, rows), table(["accuracy", *called], per_subject)]
    parts += _pairs(results)
    draw_boxes(study, results, rivals)
    return "\n\n".join(parts)


def draw_boxes(
    study: Study,
    results: Mapping[str, Sequence[Mapping[str, Tally]]],
    rivals: Mapping[str, np.ndarray],
) -> None:
    """Every subject's accuracy as a picture, one box per model and baseline."""
    values = {
        model: np.mean([_values(parts)[:, 0] for parts in runs], axis=0).tolist()
        for model, runs in results.items()
    }
    called = [(study.names or {}).get(subject, subject) for subject in study.subjects()]
    values |= {name: each[:, 0].tolist() for name, each in rivals.items()}
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
        runs.append(read_answers(folds))
    first, mean = runs[0].model, np.mean([run.model.probabilities for run in runs], axis=0)
    answers = Answers(first.frames, first.true, mean.argmax(axis=1), mean, first.classes)
    tallies = protocol.tallies(answers.chosen(runs[0].trainable))
    return {subject: tallies[subject] for subject in study.subjects()}


def _smoothed(study: Study, model: str, seed: int) -> dict[str, Tally]:
    """A tally per subject, probabilities averaged over the frames around within a recording."""
    subjects = study.subjects()
    files = [study.fold(model, seed, subject) / "predictions.parquet" for subject in subjects]
    judged = read_answers(files)
    answers = judged.model
    mean = answers.probabilities.astype(np.float64).copy()
    for rows in answers.frames.groupby("recording").indices.values():
        mean[rows] = uniform_filter1d(mean[rows], study.smoothed, axis=0, mode="nearest")
    steady = Answers(answers.frames, answers.true, mean.argmax(axis=1), mean, answers.classes)
    tallies = protocol.tallies(steady.chosen(judged.trainable))
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
