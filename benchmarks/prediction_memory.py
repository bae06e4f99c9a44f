"""How much memory the jobs of a prediction need: python -m benchmarks.prediction --memory.

compute_features, predict_recording, write_timeline (by every decoder, and of two cameras) and
draw_overlay (all of the recording), for an hour and for three, and by how much more that is for
each frame.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import simplejpeg

from benchmarks import clips, prediction_jobs
from benchmarks.measure import apart, table
from benchmarks.prediction_made_up import (
    HOUR,
    RECORDING,
    STEP,
    model_settings,
    write_answers,
    write_clock,
    write_labels,
    write_model,
    write_procedures,
    write_training,
    write_weights,
)
from clapboard import artifacts
from clapboard.allocator import give_back_memory
from clapboard.learning.showing import draw_overlay
from clapboard.learning.timeline import write_timeline
from clapboard.settings.backbones import SMALLEST
from clapboard.settings.config import load

LENGTHS = {"1 hour": HOUR, "3 hours": HOUR * 3}
DECODERS = ("none", "median", "viterbi")
MEBIBYTE = 2**20


def print_memory() -> None:
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
    weights = folder / "backbone.weights.h5"
    apart(write_weights, weights)
    settings = model_settings(weights, units=8)
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
    apart(write_model, settings, model)
    given = (RECORDING, [manifest], labels, model, settings, answers, features)
    return {
        "compute_features": apart(
            peak_of, prediction_jobs.compute_features, [manifest], settings, features
        ),
        "predict_recording": apart(peak_of, prediction_jobs.predict_recording, *given),
    }


def _peaks_showing(count: int, folder: Path) -> dict[str, float]:
    """Megabytes of write_timeline, and of draw_overlay with the FFmpeg that it starts.

    The video has two frames a second: what a job has to keep of it does not grow with their number.
    """
    answers, index = folder / "probabilities.parquet", folder / "index.parquet"
    write_answers(answers, count)
    write_clock(index, count)
    write_training(folder / "manifest.parquet")
    write_procedures(folder / "procedures.csv")
    config = load({"prediction": {"overlay": "full"}})
    settings = config.section("prediction")
    listed = (folder / name for name in ("manifest.parquet", "labels.csv", "procedures.csv"))
    inputs = (answers, index, *listed)
    names = ("predictions.parquet", "timeline.csv", "subtitles.srt", "review.csv")
    written = [folder / name for name in names]
    other = {"probabilities": str(answers), "index": str(index), "clap": "0"}
    ways: list[tuple[str, str, list[dict[str, str]]]] = [
        (f"write_timeline, {decoder}", decoder, []) for decoder in DECODERS
    ]
    ways.append(("write_timeline, viterbi, two cameras", "viterbi", [other]))
    taught = {"class_weights": "balanced", "teach_validation": False, "lend": False}
    peaks = {}
    for name, decoder, others in ways:
        chosen = (settings | {"decoder": decoder}, taught, config.section("annotations"))
        given = (*inputs, *chosen, *written)
        sync = (config.section("sync"), "0", others)
        peaks[name] = apart(peak_of, write_timeline, *given, *sync)
    video = folder / "video.mp4"
    source = f"testsrc2=size=640x360:rate=2:duration={count * STEP}"
    command = [clips.FFMPEG, "-v", "error", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-preset", "ultrafast", video], check=True, stdin=subprocess.DEVNULL)
    shown = (video, written[0], index, settings, "bundled", folder / "overlay.mp4")
    return peaks | {"draw_overlay": apart(peak_of, draw_overlay, *shown)}


def peak_of(job: Callable[..., object], *given: Any) -> float:
    """Run a job; the most memory that this process or a program it started had, in MB.

    That of this process as the kernel keeps it for its own pages: `getrusage` would count those of
    the process that started it, too.
    """
    job(*given)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    own = int(status.partition("VmHWM:")[2].split()[0])
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
