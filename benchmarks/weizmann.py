"""Nine people, four actions, no pretrained weights: ``python -m benchmarks.weizmann``.

Writes the part of docs/results.md about weizmann4. Frame accuracy of single frames (cnn) and of
sequences of ten frames (lstm, tcn), everybody left out once.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.action_clips import ActionClip, write_clips
from benchmarks.folds import Study, run
from benchmarks.results import publish, report
from clapboard import fingerprint
from examples.real.lay_out import ACTIONS, WEIZMANN

SIZE = 48
"""Pixels; the clips have 64, training at 48 costs half of that."""

# People stand at other places and sizes in every clip, and who waves is filmed from nearer than who
# jumps: without strong shifts and zooms a network learns that instead of the arms.
AUGMENTATION = {
    "shift": 0.2,
    "zoom": 0.4,
    "rotation": 8,
    "brightness": 0.1,
    "contrast": 0.4,
    "colour": 0.2,
    "flip": True,
}
# The figure alone, for the colour of clothes and light tell nothing of people never seen; the
# maximum over all places, for it does not matter where somebody stands.
LOOK = {
    "colour": "figure",
    "batch_normalisation": True,
    "filters": [16, 32, 64, 96],
    "pooling": "maximum",
    "dense": 64,
    "dropout": 0.5,
    "learning_rate": 0.003,
    "schedule": "cosine",
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "augmentation": AUGMENTATION,
    "epochs": 18,
    "keep": "last",
    "teach_validation": True,
}
# Sequences start from what `cnn` of the same fold and seed has learnt to see.
SEQUENCE = {
    **LOOK,
    "input": "frames",
    "start_from": "cnn",
    "window": 10,
    "batch_size": 8,
    "epochs": 6,
    "learning_rate": 0.001,
}
# Its layers begin from nothing: with the dropout and small steps of `lstm` they learn too little.
TEMPORAL = {
    "stages": 1,
    "layers": 3,
    "units": 32,
    "dropout": 0.2,
    "learning_rate": 0.003,
    "epochs": 8,
}
MODELS = {
    "cnn": {"architecture": "cnn", **LOOK, "batch_size": 32},
    "lstm": {"architecture": "lstm", **SEQUENCE, "stride": 10, "units": 32},
    "tcn": {"architecture": "tcn", **SEQUENCE, **TEMPORAL},
}


def prepare(source: Path, folder: Path) -> Path:
    """Bring the clips into the form of a dataset, in a folder of its own for these pixels."""
    clips = [
        ActionClip(f"S{number}", f"R{session}", action, source / action / f"{name}_{action}.avi")
        for number, name in enumerate(WEIZMANN, 1)
        for session, action in enumerate(ACTIONS, 1)
    ]
    return write_clips(clips, SIZE, folder / f"{SIZE}-{fingerprint.code('extract_frames')}")


def main() -> None:
    """Make, train, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/weizmann4"))
    parser.add_argument("--work", type=Path, default=Path("build/weizmann4"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--subjects", nargs="+", help="only these folds, as S1; the page stays")
    chosen = parser.parse_args()
    study = Study(
        "weizmann4",
        prepare(chosen.data.resolve(), chosen.work),
        {name: MODELS[name] for name in chosen.models},
        chosen.work / "folds",
        smoothed=10,
        names={f"S{number}": name for number, name in enumerate(WEIZMANN, 1)},
    )
    seeds = range(1, chosen.seeds + 1)
    run(study, seeds, chosen.threads, chosen.subjects)
    if not chosen.subjects:
        publish(study, report(study, seeds))


if __name__ == "__main__":
    main()
