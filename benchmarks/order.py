"""Generated people whose actions only order, or single pictures, tell: python -m benchmarks.order.

Writes the part of docs/results.md about them. A hand rises (RAISE) or comes down (LOWER) in the
middle: the same pictures in the other order, with noise of their own. Or it goes up and down on one
side (LEFT, RIGHT), which every picture tells. So who sees single frames can have 0.75 right.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.action_clips import ActionClip, write_clips
from benchmarks.folds import Study, run
from benchmarks.results import publish, report
from clapboard import artifacts, fingerprint

PEOPLE = 6
SIZE, RATE, FRAMES = 32, 25, 40
HAND = 6
"""Pixels, its sides."""
PLACES = {"RAISE": 0.5, "LOWER": 0.5, "LEFT": 0.2, "RIGHT": 0.8}
"""Where across the picture the hand is."""

NETWORK = {
    "filters": [8, 16],
    "dense": 32,
    "dropout": 0.2,
    "batch_normalisation": True,
    "learning_rate": 0.003,
    "keep": "last",
    "teach_validation": True,
    # A hand that is shifted sideways would be one on the other side.
    "augmentation": {"shift": 0.0, "zoom": 0.0, "rotation": 0, "flip": False},
}
SEQUENCE = {
    **NETWORK,
    "input": "frames",
    "units": 32,
    "batch_size": 8,
    "epochs": 20,
}
MODELS = {
    "cnn": {"architecture": "cnn", **NETWORK, "batch_size": 32, "epochs": 12},
    "lstm": {"architecture": "lstm", **SEQUENCE, "window": 10, "stride": 5},
    # With the dropout and the epochs of the others it learns too little.
    "tcn": {
        "architecture": "tcn",
        **SEQUENCE,
        "window": 20,
        "stages": 1,
        "layers": 3,
        "dropout": 0.0,
        "epochs": 60,
    },
}


def pictures(person: int, action: str) -> Iterator[NDArray[np.uint8]]:
    """One clip, shape (SIZE, SIZE, 3) each.

    Everybody has a colour, a background and a pace of their own, and the same in all actions.
    """
    own = np.random.default_rng(person)
    ground, skin = own.integers(30, 110, 3), own.integers(150, 250, 3)
    aside, bend = own.uniform(-2, 2), own.uniform(0.6, 1.6)
    noise = np.random.default_rng([person, sorted(PLACES).index(action)])
    way = np.linspace(0, 1, FRAMES) ** bend
    height = {"RAISE": way, "LOWER": way[::-1]}.get(action, np.abs(2 * way - 1))
    for up in height:
        picture = ground + noise.normal(0, 12, (SIZE, SIZE, 3))
        top = round((1 - up) * (SIZE - HAND))
        left = round(PLACES[action] * SIZE - HAND / 2 + aside)
        picture[top : top + HAND, left : left + HAND] += skin - ground
        yield picture.clip(0, 255).astype(np.uint8)


def film(person: int, action: str, file: Path) -> None:
    """Write one clip, every picture a key frame."""
    with artifacts.replacing(file) as temporary, av.open(temporary, "w", format="mp4") as video:
        stream = video.add_stream("libx264", RATE, options={"crf": "10", "g": "1"})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for picture in pictures(person, action):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        video.mux(stream.encode(None))


def prepare(folder: Path) -> Path:
    """Film everybody and bring the clips into the form of a dataset."""
    folder /= artifacts.digest(Path(__file__).read_bytes()) + fingerprint.code("extract_frames")
    clips = [
        ActionClip(f"S{person}", f"R{session}", action, folder / f"films/{person}-{action}.mp4")
        for person in range(1, PEOPLE + 1)
        for session, action in enumerate(PLACES, 1)
    ]
    for clip in clips:
        if not clip.file.exists():
            film(int(clip.subject[1:]), clip.action, clip.file)
    return write_clips(clips, SIZE, folder)


def main() -> None:
    """Film, train, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/order"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    chosen = parser.parse_args()
    study = Study("order", prepare(chosen.work), MODELS, chosen.work / "folds")
    seeds = range(1, chosen.seeds + 1)
    run(study, seeds, chosen.threads)
    publish(study, report(study, seeds))


if __name__ == "__main__":
    main()
