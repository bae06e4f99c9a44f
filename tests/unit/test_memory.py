"""To recognise a longer recording takes no more memory."""

from __future__ import annotations

import gc
import tracemalloc
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from clapboard import artifacts
from clapboard.arrow import lists
from clapboard.artifacts import ROWS
from clapboard.learning.durations import COLUMNS
from clapboard.learning.inputs import inputs_of_recording
from clapboard.learning.showing import draw_overlay
from clapboard.learning.sources import index_file
from clapboard.learning.stored import read_stored
from clapboard.learning.timeline import write_timeline
from clapboard.learning.windows import NONE
from clapboard.settings.config import load
from clapboard.video.index import Chapter, RecordingIndex
from tests.filming import Camera, film

SHORT, LONG = 5 * ROWS, 15 * ROWS
"""Frames; some groups of rows are held at once even of the short one."""
MOST = 4
"""Bytes a frame by which a long recording may need more."""

RATE = Fraction(30)
CLASSES = ("A", "B", "C")
SEGMENT = 6_000
"""Frames: what is written of a segment may take memory."""

PREDICTION = load({"prediction": {"overlay": "clip", "review_seconds": 10}}).section("prediction")


def answers_of(numbers):
    """Rows of the answers; of the first frames a model is least sure."""
    label = numbers // SEGMENT % len(CLASSES)
    sure = np.where(numbers < 10 * RATE, 0.4, 0.9)[:, None]
    known = np.arange(len(CLASSES)) == label[:, None]
    return pa.table(
        {
            "recording": ["S1C1"] * len(numbers),
            "frame": numbers + 1,
            "seconds": numbers / float(RATE),
            "predicted": np.array(CLASSES)[label],
            "probabilities": lists(np.where(known, sure, (1 - sure) / 2).astype(np.float32)),
        }
    )


def write_recording(folder, count):
    """What comes before: index, stored frames, features, answers."""
    numbers = np.arange(count)
    ones = np.ones(count, np.int16)
    chapter = Chapter(1, "v.mp4", "video", 1 / RATE, count, "h264", 64, 48, count / RATE)
    clock = (1 / RATE, numbers, (chapter,), RATE)
    RecordingIndex("S1C1", *clock, ones, ones == 1, numbers).write(folder / "index")
    groups = (answers_of(numbers[start:][:ROWS]) for start in range(0, count, ROWS))
    artifacts.write_parquet_parts(folder / "answers", groups, {"classes": CLASSES})
    stored = answers_of(numbers).select(["frame", "seconds"])
    names = pa.array([f"S1C1{number:06d}.jpg" for number in range(1, count + 1)])
    artifacts.write_parquet(folder / "stored", stored.append_column("file", names))
    np.save(folder / "features.npy", np.zeros((count, 4), np.float16))
    np.save(index_file(folder / "features.npy"), numbers + 1)
    seen = answers_of(np.arange(0, 3 * SEGMENT, 10)).rename_columns(
        ["recording", "frame", "seconds", "label", "probabilities"]
    )
    for name, value in (("split", "Training"), ("path", ""), *zip(WHOSE, "S-C", strict=True)):
        seen = seen.append_column(name, pa.array([value] * len(seen)))
    artifacts.write_parquet(folder / "manifest", seen)
    rows = [[number, name, name] for number, name in enumerate(CLASSES)]
    artifacts.write_csv(folder / "labels.csv", ["index", "label", "folder"], rows)
    lengths = [["", name, 1, SEGMENT / float(RATE)] for name in CLASSES]
    artifacts.write_csv(folder / "procedures.csv", COLUMNS, lengths)


WHOSE = ("subject", "session", "camera")


def timeline(decoder, *others):
    """The job write_timeline."""

    def run(folder):
        names = ("answers", "index", "manifest", "labels.csv", "procedures.csv")
        written = ("predictions", "timeline.csv", "subtitles.srt", "review.csv")
        settings = PREDICTION | {"decoder": decoder}
        write_timeline(
            *(folder / name for name in names),
            settings,
            {"class_weights": "balanced", "teach_validation": False, "lend": False},
            load({}).section("annotations"),
            *(folder / name for name in written),
            load({}).section("sync"),
            others=[
                {"probabilities": str(folder / "answers"), "index": str(folder / "index")} | other
                for other in others
            ],
        )

    return run


def overlay(folder):
    """The job draw_overlay; of the video no more than the clip is read."""
    given = (folder / "answers", folder / "index", PREDICTION, "bundled", folder / "overlay.mp4")
    draw_overlay(folder.parent / "video.mp4", *given)


def recognition(folder):
    """All of predict_recording but the model."""
    stored = read_stored([folder / "stored"])
    settings = load({"models": {"m": {"architecture": "lstm", "batch_size": 512}}})
    seen = inputs_of_recording(stored, settings.section("models")["m"], 1, folder / "features.npy")
    for start in range(0, len(seen.items), seen.batch_size):
        rows = seen.items[np.arange(start, min(start + seen.batch_size, len(seen.items)))]
        rows = rows[rows != NONE]
        assert len(seen.source.fetch(rows)) == len(seen.targets[rows])
        assert stored.files[int(rows[0])] == f"{folder}/S1C1{rows[0] + 1:06d}.jpg"


JOBS = {
    "none": timeline("none"),
    "median": timeline("median"),
    "viterbi": timeline("viterbi"),
    "two cameras": timeline("none", {"clap": "0.5"}),
    "overlay": overlay,
    "recognition": recognition,
}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for count in (SHORT, LONG):
        (folder / str(count)).mkdir()
        write_recording(folder / str(count), count)
    film(folder / "video.mp4", Camera(rate=RATE, size=(64, 48)), 400)
    return folder


POOLS = []
"""Of all measurements: what Arrow keeps gives its memory back to the pool that it is from."""


def peaks(job, folder):
    """Most bytes that Python and NumPy, and that Arrow ever had, in a job."""
    gc.collect()
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)  # counts from nothing, what was before has no part in it
    POOLS.append(pool)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        job(folder)
        return np.array([tracemalloc.get_traced_memory()[1], pool.max_memory()])
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)


def more_a_frame(job, recordings):
    """Bytes a frame by which a job needs more for a longer recording, of each of `peaks`."""
    job(recordings / str(SHORT))  # what is imported is memory, too
    short, long = (peaks(job, recordings / str(count)) for count in (SHORT, LONG))
    return (long - short) / (LONG - SHORT)


@pytest.mark.parametrize("job", JOBS)
def test_a_longer_recording_takes_no_more_memory(recordings, job):
    assert (more_a_frame(JOBS[job], recordings) < MOST).all()


def test_a_job_that_reads_columns_whole_is_seen(recordings):
    def whole(folder):
        return artifacts.read_parquet(folder / "stored", ["frame", "seconds"])

    assert more_a_frame(whole, recordings)[1] > 16 - MOST
