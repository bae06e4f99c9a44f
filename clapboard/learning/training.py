"""From the labelled set to a trained model: what the rule `train_model` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from clapboard import artifacts
from clapboard.evaluation import plots
from clapboard.learning import architectures, devices, failures, inputs
from clapboard.learning.architectures import Networks
from clapboard.learning.backbones import make_backbone
from clapboard.learning.checkpoint import Checkpoint, identity, kept_epoch
from clapboard.learning.each_frame import take_over
from clapboard.learning.folds import as_trained, natural_order
from clapboard.learning.kept import MEBIBYTE
from clapboard.learning.learner import fit, make_learner, summary_of
from clapboard.learning.lessons import hindrances, taught, without
from clapboard.learning.manifest import class_counts, of_split, read_classes, read_examples
from clapboard.learning.recognition import load_whole
from clapboard.learning.sources import Pictures, index_file
from clapboard.learning.transfer import FINE_TUNING, free_last_blocks, joined
from clapboard.problems import refuse

Settings = Mapping[str, Any]


def train(
    manifest: str | Path,
    labels: str | Path,
    data_folder: str | Path,
    settings: Settings,
    model: str | Path,
    history: str | Path,
    curves: str | Path,
    summary: str | Path,
    code: str,
    threads: int = 0,
    shards: Mapping[str, str] | None = None,
    features: Mapping[str, str] | None = None,
    test_subject: str | None = None,
    start: str | Path | None = None,
    lend: bool = False,
    ignored: str = "",
) -> None:
    """Train on the Training split, stop by the Validation split, keep the best or last weights.

    With the setting `teach_validation` there is no Validation split: it is part of Training.

    A run that was killed goes on after its last whole epoch, with the same result; with other
    settings, input, code or libraries it begins anew.

    Args:
        manifest: ``Data/manifest.parquet``.
        labels: ``Data/labels.csv``, which alone says what index a class has.
        data_folder: the folder that the paths of the manifest start from.
        settings: one section of ``models`` in the configuration.
        model: written; takes frames with values 0-255 (or features, if trained on them).
        history: written; one row per epoch.
        curves: written; loss and accuracy as a picture.
        summary: written; the network as text.
        code: digest of the code that trains (`clapboard.fingerprint.code`).
        threads: cores to use, 0 for all.
        shards: manifest of every recording's shard, to read pictures from those; the model is the
            same.
        features: feature file of every recording, for models that learn from features.
        test_subject: leave this subject out instead of using the splits of the manifest.
        start: trained model whose convolutions a sequence model starts from, of the same fold.
        lend: let a Training subject validate where nobody has the split Validation, see
            `clapboard.learning.folds.lend_validation`.
        ignored: label whose frames teach nothing and that is never recognised.

    Raises:
        InputError: a class without a training frame, no validation frame, frames that cannot be
            read, not enough memory.
    """
    devices.prepare(settings["seed"], threads)
    classes = read_classes(labels)
    examples = read_examples(
        manifest, labels, data_folder, test_subject=test_subject, shards=shards
    )
    given = examples["split"]
    examples["split"] = as_trained(examples, settings["teach_validation"], lend)
    lent = frozenset(
        examples["subject"][(given == "Training") & (examples["split"] == "Validation")]
    )
    training = of_split(examples, "Training")
    validation = None if settings["teach_validation"] else of_split(examples, "Validation")
    refuse(hindrances(training, validation, classes, str(manifest), test_subject, ignored, lent))
    print(_chosen_by(validation, settings["keep"]), flush=True)  # noqa: T201 - the job's log

    left_out = classes.index(ignored) if ignored in classes else None
    learnt = len(classes) - (left_out is not None)
    if validation is not None:
        validation = without(left_out, taught(validation, training))
    training = without(left_out, training)
    work = _Work(Path(model).parent, training, validation, learnt, threads, features, start)
    read = [manifest, labels, *([start] if start else [])]
    # Not what they were made from: computed again, on another machine, they may differ a little.
    read += [
        part for _, file in sorted((features or {}).items()) for part in (file, index_file(file))
    ]
    chosen = {**settings, "test_subject": test_subject, "ignored": ignored}
    known = identity(chosen, read, code)
    keras.config.set_dtype_policy(devices.precision(settings["mixed_precision"]))
    if settings["architecture"] == "transfer":
        network, records = _transfer(work, settings, known)
    else:
        network, records = _plain(work, settings, known)

    rows = [row for record in records for row in record.history]
    best = kept_epoch(rows, settings["keep"])
    with artifacts.replacing(model) as temporary:
        architectures.with_probabilities(network, left_out).save(temporary)
    artifacts.write_csv(
        history,
        ["epoch", *rows[0]],
        ([number, *row.values()] for number, row in enumerate(rows, start=1)),
    )
    plots.learning_curves(rows, best, curves)
    artifacts.write_text(summary, summary_of(network))
    for record in records:
        record.remove()


def _chosen_by(validation: pd.DataFrame | None, keep: str) -> str:
    """Who decides what is kept, for the log."""
    if validation is None:
        return "Nobody validates, all teach: the last epoch is kept"
    people = ", ".join(natural_order(validation["subject"]))
    if keep == "last":
        return f"Validation decides nothing, the last epoch is kept: {people}"
    return f"Validation decides when to stop: {people}"


@dataclass(frozen=True)
class _Work:
    """What every phase of a training needs."""

    folder: Path
    training: pd.DataFrame
    validation: pd.DataFrame | None
    classes: int
    threads: int
    features: Mapping[str, str] | None
    start: str | Path | None


def _plain(work: _Work, settings: Settings, known: str) -> tuple[keras.Model, list[Checkpoint]]:
    """Train a network that learns all at once; gives it with its best weights."""

    def make(shape: tuple[int | None, ...]) -> Networks:
        networks = architectures.make_model(shape, work.classes, settings)
        if work.start:
            take_over(networks.plain, load_whole(work.start))
        return networks

    return _phase(work, settings, known, "training", make)


def _transfer(work: _Work, settings: Settings, known: str) -> tuple[keras.Model, list[Checkpoint]]:
    """Train a head on features, then, if asked for, the end of the backbone along with it.

    Where no epoch of that is better than the head's best, the head's is the result.
    """
    head, records = _plain(work, {**settings, "fine_tune": 0}, known)
    shape = Pictures(work.training["file"].tolist()[:1]).shape
    with devices.strategy().scope():
        backbone = make_backbone(shape, settings)
        network = joined(backbone, head)
    if not settings["fine_tune"]:
        return network, records
    free_last_blocks(backbone, settings["fine_tune"])
    before = network.get_weights()
    gentle = {**settings, "learning_rate": settings["learning_rate"] * FINE_TUNING}
    _, more = _phase(work, gentle, known, "fine-tuning", lambda shape: Networks(network, network))
    rows = [row for record in records + more for row in record.history]
    if kept_epoch(rows, settings["keep"]) < len(rows) - more[0].epoch:
        network.set_weights(before)
    return network, records + more


def _phase(
    work: _Work,
    settings: Settings,
    known: str,
    name: str,
    make: Callable[[tuple[int | None, ...]], Networks],
) -> tuple[keras.Model, list[Checkpoint]]:
    """Train one network to its best epoch.

    Args:
        work: what to train on.
        settings: of the model.
        known: identity of this training.
        name: of the folder for its state.
        make: the network for the shape of an item.
    """
    record = Checkpoint(
        work.folder / name, known, settings["patience"], settings["seed"], settings["keep"]
    )

    def made(examples: pd.DataFrame, room: float) -> tuple[inputs.Inputs, float]:
        every = inputs.make_inputs(examples, settings, work.threads, work.features)
        # Beside the state, not in it: on a network file system what is open cannot be deleted.
        return every.kept(room, work.folder)

    seen, room = made(work.training, settings["cache_mb"] * MEBIBYTE)
    held_out = None if work.validation is None else made(work.validation, room)[0]
    sources = [each.source for each in (seen, held_out) if each is not None]
    with failures.explained(settings["batch_size"], *sources):
        with devices.strategy().scope():
            networks = make(seen.shape)
            counts = class_counts(work.training, work.classes)
            learner = make_learner(networks.learning, settings, counts, seen.batches)
        if not record.finished(settings["epochs"]):
            fit(learner, seen, held_out, settings, record)
        record.restore_kept(learner)
    return networks.plain, [record]
