"""What recognising a recording costs beside decoding its frames: python -m benchmarks.prediction.

Every frame (the default sampling) of a GoPro-like recording goes through what takes the time in
`snakemake predict`, each job in a process of its own on all cores: extract_frames, compute_features
with a small backbone (MobileNetV3Small), predict_recording with an LSTM. Beside it the same frames
decoded and thrown away, in the way of extract_frames and by the FFmpeg program.

extract_frames and decoding are measured on a file of two minutes and multiplied to an hour in
`HOUR_CHAPTERS` files; the other two go through an hour of pictures, for which those of the file are
listed again and again. Wall-clock seconds: nothing else may run meanwhile.

``--memory`` measures instead what memory the jobs need (benchmarks.prediction_memory).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks import clips, prediction_jobs
from benchmarks.measure import apart, machine, table
from benchmarks.prediction_made_up import (
    HOUR,
    RECORDING,
    STEP,
    model_settings,
    write_labels,
    write_model,
    write_weights,
)
from benchmarks.prediction_memory import print_memory
from clapboard.artifacts import write_parquet
from clapboard.labels.unlabelled import write_sample
from clapboard.pictures.frames import read_manifest
from clapboard.video.decoding import decode_frames
from clapboard.video.groups import split_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index

HALF_MINUTES = 4
LIMIT = 1.25
RECOGNISING = ("compute_features", "predict_recording")
START = "extract_frames, one frame"
DECODERS = ("decode", "decode_by_ffmpeg")
"""What decoding alone is measured with; the limit is held against the first, which is faster."""
HOUR_CHAPTERS = 7
"""As many files a GoPro makes of it."""
SIZES = (224,)
"""Pixels: the default of `frames.size`."""

CORES = len(os.sched_getaffinity(0))
PIXELS = {"fit": "stretch", "quality": 2}


def main() -> None:
    """Measure and print; fails where the promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half-minutes", type=int, default=HALF_MINUTES, help="of video")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="of frames, pixels")
    parser.add_argument("--memory", action="store_true", help="peak memory instead of time")
    chosen = parser.parse_args()
    if chosen.memory:
        print_memory()
        return
    chapter = clips.long_chapter(chosen.half_minutes)
    ratios = [_measured(chapter, size, chosen.rounds) for size in chosen.sizes]
    print(machine())
    if max(ratios) > LIMIT:
        raise SystemExit(1)


def _measured(chapter: str, size: int, rounds: int) -> float:
    """Print the costs with frames of one size; wall seconds of an hour over those of decoding."""
    laps = defaultdict[str, list[NDArray[np.float64]]](list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _Work(chapter, folder / "first", HOUR, size).extract_frames()  # libraries from disk
        for number in range(rounds):
            whole = _Work(chapter, folder / f"whole{number}", "all", size)
            one = _Work(chapter, folder / f"one{number}", HOUR, size)
            for step in DECODERS:
                laps[step].append(_lap(getattr(whole, step)))
            laps["extract_frames"].append(_lap(whole.extract_frames))
            laps[START].append(_lap(one.extract_frames))
            whole.prepare_an_hour()
            for step in RECOGNISING:
                laps[step].append(_lap(getattr(whole, step)))
    frames = len(whole.index)
    of = {START: 1, **dict.fromkeys(RECOGNISING, HOUR)}
    rows = [
        [step, of.get(step, frames), *np.median(times, axis=0).tolist()]
        for step, times in laps.items()
    ]
    print(table(["step", "frames", "seconds", "of processor"], rows))
    seconds = {step: np.array(times) for step, times in laps.items()}
    growing = seconds["extract_frames"] - seconds[START]
    hour = HOUR_CHAPTERS * seconds[START] + growing * HOUR / frames
    hour += sum(seconds[step] for step in RECOGNISING)
    ratios = {step: hour / (seconds[step] * HOUR / frames) for step in DECODERS}
    for step, each in ratios.items():
        wall, processor = np.median(each, axis=0)
        of_rounds = ", ".join(f"{one[0]:.3f} ({one[1]:.3f})" for one in each)
        print(
            f"{size} pixels: an hour takes {wall:.3f} x {step} ({processor:.3f} of processor "
            f"seconds), limit {LIMIT}; rounds: {of_rounds}",
            flush=True,
        )
    return float(np.median(ratios[DECODERS[0]][:, 0]))


class _Work:
    """A recording to recognise with networks that have learnt nothing."""

    def __init__(self, chapter: str, folder: Path, every: int | str, size: int) -> None:
        """Index it, choose its frames."""
        self.chapter, self.folder = chapter, folder
        self.pixels = {**PIXELS, "size": size}
        self.settings = model_settings(self._at("backbone.weights.h5"))
        write_index(
            RECORDING, [chapter], "video", "", self._at("index.parquet"), self._at("a.json")
        )
        write_sample(self._at("index.parquet"), every, self._at("sample.parquet"))
        self.index = RecordingIndex.read(self._at("index.parquet"))

    def extract_frames(self) -> None:
        """Of the chapter."""
        index, sample = self._at("index.parquet"), self._at("sample.parquet")
        known = (RECORDING, 1, self.chapter, "video", index, sample, self.pixels)
        prediction_jobs.run("extract_frames", *known, self._at("resized/manifest.parquet"))

    def prepare_an_hour(self) -> None:
        """A manifest of so many frames, their pictures the extracted ones in turn; the network."""
        files = read_manifest(self._at("resized/manifest.parquet"))["file"].to_numpy()
        numbers = np.arange(HOUR)
        listed = {"frame": numbers + 1, "seconds": numbers * STEP}
        listed |= {"file": files[numbers % len(files)]}
        write_parquet(self._at("resized/hour.parquet"), pa.table(listed))
        write_labels(self._at("labels.csv"))
        apart(write_weights, self._at("backbone.weights.h5"))
        apart(write_model, self.settings, self._at("model.keras"))

    def compute_features(self) -> None:
        """Of an hour."""
        given = ([self._at("resized/hour.parquet")], self.settings, self._at("features.npy"))
        prediction_jobs.run("compute_features", *given)

    def predict_recording(self) -> None:
        """Of an hour."""
        manifests, features = [self._at("resized/hour.parquet")], self._at("features.npy")
        labels, model = self._at("labels.csv"), self._at("model.keras")
        answers = self._at("probabilities.parquet")
        known = (RECORDING, manifests, labels, model, self.settings, answers, features)
        prediction_jobs.run("predict_recording", *known)

    def decode(self) -> None:
        """Decode every frame on all cores, as extract_frames does, and throw it away."""
        parts = split_frames(self.index, 1, np.array(self.index.chapter_frames(1)), CORES)
        threads = max(1, CORES // len(parts))

        def run(part: NDArray[np.int64]) -> None:
            deque(decode_frames(self.chapter, self.index, 1, part, threads), maxlen=0)

        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(run, parts))

    def decode_by_ffmpeg(self) -> None:
        """Decode every frame with the FFmpeg program, its threads as it likes."""
        command = [clips.FFMPEG, "-v", "error", "-i", self.chapter, "-an", "-f", "null", "-"]
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
