"""What recognising a recording costs beside decoding its frames: python -m benchmarks.prediction.

Every frame (the default sampling) of a GoPro-like recording goes through what takes the time in
`snakemake predict`, each job in a process of its own on all cores: extract_frames per chapter,
compute_features with a small backbone (MobileNetV3Small), predict_recording with an LSTM. Beside it
the same frames decoded and thrown away, in the way of extract_frames and by the FFmpeg program.
What an hour takes is computed from what a job needs to start and what each frame adds.
Wall-clock seconds: nothing else may run meanwhile.

``--memory`` measures instead what memory the jobs need (benchmarks.prediction_memory).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import clips, prediction_jobs
from benchmarks.measure import apart, machine, table
from benchmarks.prediction_made_up import HOUR, MODEL, RECORDING, write_labels, write_model
from benchmarks.prediction_memory import print_memory
from clapboard.labels.unlabelled import write_sample
from clapboard.settings.config import load
from clapboard.video.decoding import decode_frames
from clapboard.video.groups import split_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index

SECONDS, CHAPTERS = 60, 2
LIMIT = 1.25
DECODERS = ("ours", "the FFmpeg program")
"""What decoding alone is measured with; the limit is held against the first, which is faster."""
HOUR_CHAPTERS = 7
"""As many files a GoPro makes of it."""
SIZES = (224, 128)
"""Pixels: the default of `frames.size`, and one that suits a small backbone."""

CORES = len(os.sched_getaffinity(0))
PIXELS = {"fit": "stretch", "quality": 2}


def main() -> None:
    """Measure and print; fails where the promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chapters", type=int, default=CHAPTERS, help="of a minute each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="of frames, pixels")
    parser.add_argument("--memory", action="store_true", help="peak memory instead of time")
    chosen = parser.parse_args()
    if chosen.memory:
        print_memory()
        return
    chapters = clips.gopro(chosen.chapters, SECONDS)
    ratios = [_measured(chapters, size, chosen.rounds) for size in chosen.sizes]
    print(machine())
    if max(ratios) > LIMIT:
        raise SystemExit(1)


def _measured(chapters: list[str], size: int, rounds: int) -> float:
    """Print the costs with frames of one size; wall seconds of an hour over those of decoding."""
    ratios, jobs = [], []
    alone: dict[str, list[NDArray[np.float64]]] = {name: [] for name in DECODERS}
    with tempfile.TemporaryDirectory() as folder:
        few = _Work(chapters[:1], Path(folder) / "few", HOUR, size)
        few.run()  # libraries come from the disk only once
        start = few.run()
        for number in range(rounds):
            whole = _Work(chapters, Path(folder) / str(number), "all", size)
            for name, decode in zip(DECODERS, (whole.decode, whole.decode_by_ffmpeg), strict=True):
                alone[name].append(_lap(decode))
            jobs.append(whole.run())
            ratios.append(
                [
                    _of_an_hour(jobs[-1], start, len(chapters), len(whole.index), times[-1])
                    for times in alone.values()
                ]
            )
    frames = len(whole.index)
    middle = {name: np.median([each[name] for each in jobs], axis=0) for name in start}
    measured: list[tuple[str, Any, Any]] = [(name, middle[name], start[name]) for name in start]
    measured += [("all three", sum(middle.values()), sum(start.values()))]
    measured += [
        (f"decoding alone, {name}", np.median(times, axis=0), None) for name, times in alone.items()
    ]
    columns = ["step", f"{frames} frames: seconds", "of processor", "one frame", "of processor"]
    rows = [
        [name, *seconds.tolist(), *(("", "") if one is None else one.tolist())]
        for name, seconds, one in measured
    ]
    print(table(columns, rows))
    medians = np.median(ratios, axis=0)
    for place, (name, (wall, processor)) in enumerate(zip(DECODERS, medians, strict=True)):
        of_rounds = (each[place] for each in ratios)
        rounded = ", ".join(f"{one[0]:.2f} ({one[1]:.2f})" for one in of_rounds)
        print(
            f"{size} pixels: an hour at this pace takes {wall:.2f} x decoding alone by {name} "
            f"({processor:.2f} of processor seconds), limit {LIMIT}; rounds: {rounded}",
            flush=True,
        )
    return float(medians[0, 0])


def _of_an_hour(
    jobs: dict[str, NDArray[np.float64]],
    start: dict[str, NDArray[np.float64]],
    chapters: int,
    frames: int,
    alone: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Seconds (clock, processor) of all jobs over those of decoding, if there were an hour."""

    def starting(files: int) -> NDArray[np.float64]:
        return sum(start.values()) + (files - 1) * start["extract_frames"]

    growing = sum(jobs.values()) - starting(chapters)
    return (starting(HOUR_CHAPTERS) + growing * HOUR / frames) / (alone * HOUR / frames)


class _Work:
    """A recording to recognise with a network that has learnt nothing."""

    def __init__(self, chapters: list[str], folder: Path, every: int | str, size: int) -> None:
        """Index it, choose its frames, make the network."""
        self.chapters, self.folder = chapters, folder
        self.pixels = {**PIXELS, "size": size}
        self.settings = load({"models": {"lstm": MODEL}}).section("models")["lstm"]
        write_index(RECORDING, chapters, "video", "", self._at("index.parquet"), self._at("a.json"))
        write_sample(self._at("index.parquet"), every, self._at("sample.parquet"))
        self.index = RecordingIndex.read(self._at("index.parquet"))
        write_labels(self._at("labels.csv"))
        apart(write_model, self.settings, self._at("model.keras"))

    def run(self) -> dict[str, NDArray[np.float64]]:
        """Seconds of every job."""
        manifests = [
            self._at(f"resized/{number:02d}/manifest.parquet")
            for number in range(1, len(self.chapters) + 1)
        ]
        index, sample = self._at("index.parquet"), self._at("sample.parquet")

        def extract() -> None:
            for number, chapter in enumerate(self.chapters, 1):
                place = manifests[number - 1]
                known = (RECORDING, number, chapter, "video", index, sample, self.pixels)
                prediction_jobs.run("extract_frames", *known, place)

        labels, model, features = (
            self._at(name) for name in ("labels.csv", "model.keras", "features.npy")
        )
        answers = self._at("probabilities.parquet")
        known = (RECORDING, manifests, labels, model, self.settings, answers, features)
        return {
            "extract_frames": _lap(extract),
            "compute_features": _lap(
                lambda: prediction_jobs.run("compute_features", manifests, self.settings, features)
            ),
            "predict_recording": _lap(lambda: prediction_jobs.run("predict_recording", *known)),
        }

    def decode(self) -> None:
        """Decode every frame on all cores, as extract_frames does, and throw it away."""
        for number, chapter in enumerate(self.chapters, 1):
            members = self.index.chapter_frames(number)
            parts = split_frames(self.index, number, np.array(members), CORES)
            threads = max(1, CORES // len(parts))

            def run(part: Any, file: str = chapter, place: int = number, n: int = threads) -> None:
                deque(decode_frames(file, self.index, place, part, n), maxlen=0)

            with ThreadPoolExecutor(CORES) as pool:
                list(pool.map(run, parts))

    def decode_by_ffmpeg(self) -> None:
        """Decode every frame with the FFmpeg program, its threads as it likes."""
        for chapter in self.chapters:
            command = [clips.FFMPEG, "-v", "error", "-i", chapter, "-an", "-f", "null", "-"]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    def _at(self, name: str) -> Path:
        return self.folder / name


def _lap(job: Callable[[], object]) -> NDArray[np.float64]:
    """Seconds on the clock, and of the processor, that a job and its processes take."""
    started = np.array(_clocks())
    job()
    return _clocks() - started


def _clocks() -> NDArray[np.float64]:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor = sum(each.ru_utime + each.ru_stime for each in used)
    return np.array([time.perf_counter(), processor])


if __name__ == "__main__":
    main()
