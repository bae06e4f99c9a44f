"""What recognising a recording costs beside decoding its frames: python -m benchmarks.prediction.

Every frame (the default sampling) of a GoPro-like recording goes through what takes the time in
`snakemake predict`, each job in a process of its own on all cores: extract_frames per chapter,
compute_features with a small backbone (MobileNetV3Small), predict_recording with an LSTM. Beside it
the same frames decoded and thrown away, in the way of extract_frames and by the FFmpeg program.
What an hour takes is computed from what a job needs to start and what each frame adds.
Wall-clock seconds: nothing else may run meanwhile.

``--memory`` measures instead what memory compute_features, predict_recording, write_timeline (by
every decoder, and of two cameras) and draw_overlay (all of the recording) need for an hour and for
three, and by how much more that is for each frame.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import simplejpeg
from numpy.typing import NDArray

from benchmarks import clips, prediction_jobs
from benchmarks.measure import machine, table
from clapboard import artifacts
from clapboard.allocator import give_back_memory
from clapboard.arrow import lists
from clapboard.artifacts import ROWS
from clapboard.labels.unlabelled import write_sample
from clapboard.learning.showing import draw_overlay
from clapboard.learning.timeline import write_timeline
from clapboard.settings.config import load
from clapboard.settings.model_checks import SMALLEST
from clapboard.video.decoding import decode_frames
from clapboard.video.groups import split_frames
from clapboard.video.index import Chapter, RecordingIndex
from clapboard.video.indexing import write_index

SECONDS, CHAPTERS = 60, 2
LIMIT = 1.25
DECODERS = ("ours", "the FFmpeg program")
"""What decoding alone is measured with; the limit is held against the first, which is faster."""
HOUR = 107_892
"""Frames of an hour at 30000/1001 a second."""
HOUR_CHAPTERS = 7
"""As many files a GoPro makes of it."""
SIZES = (224, 128)
"""Pixels: the default of `frames.size`, and one that suits a small backbone."""

LENGTHS = {"1 hour": HOUR, "3 hours": HOUR * 3}
DECODERS_OF_TIMELINES = ("none", "median", "viterbi")
STEP = 1001 / 30000
SEGMENT = 5.0
"""Seconds between two changes of the procedure, where answers are made up."""

MEBIBYTE = 2**20
CORES = len(os.sched_getaffinity(0))
CLASSES, FEATURES = 28, 576
RECORDING = "S1C1"
PIXELS = {"fit": "stretch", "quality": 2}
MODEL = {"architecture": "lstm", "backbone": "MobileNetV3Small", "weights": "none"}

Result = TypeVar("Result")


def main() -> None:
    """Measure and print; fails where the promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chapters", type=int, default=CHAPTERS, help="of a minute each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="of frames, pixels")
    parser.add_argument("--memory", action="store_true", help="peak memory instead of time")
    chosen = parser.parse_args()
    if chosen.memory:
        _print_memory()
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
        _apart(write_model, self.settings, self._at("model.keras"))

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


def _print_memory() -> None:
    """A line for each job: its peaks, and what a frame more takes."""
    give_back_memory()  # as the scripts of the workflow do
    short, long = LENGTHS.values()
    peaks = [_peaks(count) for count in (short, long)]
    columns = ["job", *(f"{name} ({LENGTHS[name]} frames), peak MB" for name in LENGTHS)]
    rows = [
        [job, *(each[job] for each in peaks), _more(peaks[0][job], peaks[1][job], long - short)]
        for job in peaks[0]
    ]
    print(table([*columns, "bytes a frame"], rows))


def _more(less: float, more: float, frames: int) -> float:
    """Bytes for each of so many frames more."""
    return (more - less) * MEBIBYTE / frames


def _peaks(count: int) -> dict[str, float]:
    """Most megabytes of every job with so many frames."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_labels(folder / "labels.csv")
        return {**_peaks_recognising(count, folder), **_peaks_showing(count, folder)}


def _peaks_recognising(count: int, folder: Path) -> dict[str, float]:
    """Megabytes of compute_features, and of predict_recording from what it wrote.

    Every frame's picture is the same small one.
    """
    settings = load({"models": {"lstm": {**MODEL, "units": 8}}}).section("models")["lstm"]
    numbers = np.arange(1, count + 1)
    picture = np.full((SMALLEST, SMALLEST, 3), 128, np.uint8)
    (folder / "grey.jpg").write_bytes(simplejpeg.encode_jpeg(picture))
    files = ["grey.jpg"] * count
    stored = pa.table({"frame": numbers, "seconds": (numbers - 1) * STEP, "file": files})
    manifest, features = folder / "stored.parquet", folder / "features.npy"
    artifacts.write_parquet(manifest, stored)
    labels, model, answers = (
        folder / name for name in ("labels.csv", "m.keras", "answers.parquet")
    )
    _apart(write_model, settings, model)
    given = (RECORDING, [manifest], labels, model, settings, answers, features)
    return {
        "compute_features": _apart(peak_of, features_of, [manifest], settings, features),
        "predict_recording": _apart(peak_of, recognise, *given),
    }


def _peaks_showing(count: int, folder: Path) -> dict[str, float]:
    """Megabytes of write_timeline, and of draw_overlay with the FFmpeg that it starts.

    The video has two frames a second: what a job has to keep of it does not grow with their number.
    """
    answers, index = folder / "probabilities.parquet", folder / "index.parquet"
    write_answers(answers, count)
    write_clock(index, count)
    write_training(folder / "manifest.parquet")
    config = load({"prediction": {"overlay": "full"}})
    settings = config.section("prediction")
    inputs = (answers, index, folder / "manifest.parquet", folder / "labels.csv")
    names = ("predictions.parquet", "timeline.csv", "subtitles.srt", "review.csv")
    written = [folder / name for name in names]
    other = {"probabilities": str(answers), "index": str(index), "clap": "0"}
    ways: list[tuple[str, str, list[dict[str, str]]]] = [
        (f"write_timeline, {decoder}", decoder, []) for decoder in DECODERS_OF_TIMELINES
    ]
    ways.append(("write_timeline, viterbi, two cameras", "viterbi", [other]))
    peaks = {}
    for name, decoder, others in ways:
        given = (*inputs, settings | {"decoder": decoder}, config.section("annotations"), *written)
        sync = (config.section("sync"), "0", others)
        peaks[name] = _apart(peak_of, write_timeline, *given, *sync)
    video = folder / "video.mp4"
    source = f"testsrc2=size=640x360:rate=2:duration={count * STEP}"
    command = [clips.FFMPEG, "-v", "error", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-preset", "ultrafast", video], check=True, stdin=subprocess.DEVNULL)
    shown = (video, written[0], index, settings, "bundled", folder / "overlay.mp4")
    return peaks | {"draw_overlay": _apart(peak_of, draw_overlay, *shown)}


def write_answers(file: Path, count: int) -> None:
    """Made-up probabilities: another procedure every few seconds."""
    classes = [f"P{number:02d}" for number in range(CLASSES)]
    parts = (_made_up(range(start, min(start + ROWS, count)), classes)
             for start in range(0, count, ROWS))  # fmt: skip
    artifacts.write_parquet_parts(file, parts, {"classes": classes})


def _made_up(frames: range, classes: list[str]) -> pa.Table:
    """Some of the answers."""
    numbers = np.array(frames)
    true = numbers // round(SEGMENT / STEP) % CLASSES
    shares = np.full((len(frames), CLASSES), 0.1 / (CLASSES - 1), np.float32)
    shares[np.arange(len(frames)), true] = 0.9
    return pa.table(
        {
            "recording": [RECORDING] * len(frames),
            "frame": numbers + 1,
            "seconds": numbers * STEP,
            "predicted": np.array(classes)[true],
            "probabilities": lists(shares),
        }
    )


def write_clock(file: Path, count: int) -> None:
    """The index of a recording in one chapter."""
    rate, ticks = Fraction(30000, 1001), np.arange(count) * 1001
    unit = 1 / Fraction(30000)
    chapter = Chapter(1, "GH010001.MP4", "video", unit, count, "h264", 1920, 1080, count / rate)
    ones = np.ones(count, np.int16)
    clock = RecordingIndex(RECORDING, unit, ticks, (chapter,), rate, ones, ones > 0, ticks)
    clock.write(file)


def write_training(file: Path) -> None:
    """A labelled recording that shows every procedure once."""
    count = CLASSES * 100
    names = ["path", "split", "label", "recording", "subject", "session", "camera"]
    rows = [
        ("", "Training", f"P{number // 100:02d}", "S2C1", "S2", "", "C1") for number in range(count)
    ]
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    numbers = np.arange(1, count + 1)
    for name, values in (("frame", numbers), ("seconds", (numbers - 1) * STEP)):
        table = table.append_column(name, pa.array(values))
    artifacts.write_parquet(file, table)


def write_labels(file: Path) -> None:
    """Classes without a meaning."""
    names = [f"P{number:02d}" for number in range(CLASSES)]
    rows = [(number, name, name) for number, name in enumerate(names)]
    artifacts.write_csv(file, ["index", "label", "folder"], rows)


def write_model(settings: dict[str, Any], file: Path) -> None:
    """Save the network with random weights."""
    from clapboard.learning import architectures

    network = architectures.make_model((None, FEATURES), CLASSES, settings).plain
    architectures.with_probabilities(network).save(file)


def features_of(manifests: list[Path], settings: dict[str, Any], features: Path) -> None:
    """The job compute_features."""
    from clapboard.learning.features import compute_features

    compute_features(manifests, settings, features)


def recognise(*known: Any) -> None:
    """The job predict_recording."""
    from clapboard.learning.prediction import predict

    predict(*known)


def peak_of(job: Callable[..., object], *given: Any) -> float:
    """Run a job; the most memory that this process or a program it started had, in MB.

    That of this process as the kernel keeps it for its own pages: `getrusage` would count those of
    the process that started it, too.
    """
    job(*given)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    own = int(status.partition("VmHWM:")[2].split()[0])
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def _apart(job: Callable[..., Result], *given: Any) -> Result:
    """Run a job in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(job, *given).result()


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
