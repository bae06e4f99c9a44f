"""The proof: every file shows the frame in its name, and every label is right to the frame.

Videos with one property each are filmed, indexed, labelled and extracted by the package's own jobs.
What must come out is worked out here, from what the camera and the annotator did, with no code of
the package.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import ffmpeg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clapboard.artifacts import read_json, read_parquet
from clapboard.labels.framecsv import write_framecsv
from clapboard.labels.labelling import write_labels
from clapboard.pictures.frames import read_manifest, write_frames
from clapboard.settings.config import load
from clapboard.timing.sync_files import write_sync
from clapboard.video.ffmpeg_program import local_input, run_ffmpeg
from clapboard.video.indexing import write_index
from tests.filming import (
    Camera,
    Take,
    concatenate_streams,
    film,
    film_recording,
    grid_times,
    read_jpeg,
)

ID = "S1C2"
NTSC = Fraction(30000, 1001)
LONGER = Fraction(1, 20)
MICROSECOND = Fraction(1, 1_000_000)
ZERO = datetime(2019, 4, 4, 23, 59, 50, 740439)  # a session over midnight
LABELS = ("SWAB", "CHEST-TUBE PREP", "CPR (BREATH)")

FRAMES = 1260
"""Frames of each property's recording, over all chapters."""


# In memory where there is such a place: the frame store flushes every picture to disk.
SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=SCRATCH) as name:
        yield Path(name)


@dataclass(frozen=True)
class Interval:
    """What the annotator meant: seconds after the clap, whole microseconds."""

    label: str
    start: Fraction
    stop: Fraction


def intervals_at(edges: Sequence[tuple[int, int]], times, clap: Fraction) -> list[Interval]:
    """Intervals that begin and end beside frames.

    Args:
        edges: frame number, and how many microseconds after the microsecond of its instant.
        times: when frames are shown, seconds in the recording.
        clap: seconds in the recording.
    """
    instants = sorted({(times[frame - 1] - clap) // MICROSECOND + shift for frame, shift in edges})
    return [
        Interval(LABELS[n % 3], start * MICROSECOND, stop * MICROSECOND)
        for n, (start, stop) in enumerate(pairwise(instants))
        if n % 4 != 3  # now and then nothing is annotated
    ]


def write_sheet(path: Path, intervals: Sequence[Interval]) -> None:
    """A lab sheet in wall-clock time."""

    def wall_clock(seconds: Fraction) -> str:
        time = ZERO + timedelta(microseconds=int(seconds / MICROSECOND))
        return f"{time:%Y-%m-%d %H:%M:%S:%f}"

    rows = [("CLAP", wall_clock(Fraction(0)), wall_clock(Fraction(1)))]
    rows += [(entry.label, wall_clock(entry.start), wall_clock(entry.stop)) for entry in intervals]
    header = ("PROCEDURE", "Original_Start_Time", "Original_Stop_Time")
    path.write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")


def check(
    folder: Path,
    take: Take,
    intervals: Sequence[Interval],
    clap: Fraction,
    size: int = 96,
    fit: str = "stretch",
    heard: bool = False,
) -> int:
    """Run the jobs on a recording and compare every frame with the truth; how many there were.

    Args:
        folder: for the results.
        take: what was filmed.
        intervals: what the annotator wrote.
        clap: where the clap is in the recording, seconds.
        size: of the pictures.
        fit: of the pictures.
        heard: leave finding the clap to its sound.
    """
    config = load({"annotations": {"background": "NOTHING"}, "frames": {"size": size, "fit": fit}})
    annotations, frames = config.section("annotations"), config.section("frames")
    index, framecsv, labels = (folder / name for name in ("index", "framecsv", "labels"))
    files = [str(file) for file in take.chapters]
    write_index(ID, files, "video", "", index, folder / "audit")
    sheet, sync = str(folder / "sheet.csv"), str(folder / "sync.json")
    write_sheet(folder / "sheet.csv", intervals)
    position = "auto" if heard else f"{Decimal(clap.numerator) / clap.denominator:f}"
    if heard:
        synchronisation = config.section("sync")
        write_sync(ID, sheet, index, "auto", annotations, synchronisation, sync, folder / "png")
    write_framecsv(
        sheet_file=sheet,
        index_file=str(index),
        clap=position,
        settings=annotations,
        framecsv=str(framecsv),
        procedures=str(folder / "procedures"),
        sync=sync if heard else None,
    )
    write_labels(framecsv, index, annotations, frames, labels)

    written = read_parquet(labels)[0]
    found = dict(zip(written["frame"].to_pylist(), written["label"].to_pylist(), strict=True))
    expected = {
        frame: next(
            (x.label for x in intervals if clap + x.start <= time < clap + x.stop), "NOTHING"
        )
        for frame, time in enumerate(take.times, start=1)
    }
    assert found == expected

    shown = {}
    for number, file in enumerate(files, start=1):
        manifest = folder / "resized" / f"{number:02d}" / "manifest.parquet"
        write_frames(ID, number, file, "video", index, labels, frames, manifest)
        for picture in read_manifest(manifest).to_pylist():
            assert picture["file"] == f"{ID}{picture['frame']:06d}.jpg"
            shown[picture["frame"]] = read_jpeg(manifest.parent / picture["file"], fit)
    assert shown == {frame: frame for frame in range(1, len(take.times) + 1)}
    return len(shown)


# -- one recording for each property --------------------------------------------------------------


Filming = Callable[[Path, Sequence[Fraction]], Take]
"""Films a recording into a folder, with beeps at seconds after its first frame."""


def filmed(camera: Camera, suffix: str = ".MP4", silent: bool = False) -> Filming:
    """A recording in three chapters, one of them very short; without a sound track if silent."""
    counts = [800, 7, FRAMES - 807]

    def make(folder: Path, beeps: Sequence[Fraction]) -> Take:
        return film_recording(folder, camera, counts, suffix, () if silent else beeps)

    return make


def variable_rate(folder: Path, beeps: Sequence[Fraction]) -> Take:
    steps = np.random.default_rng(7).integers(700, 1500, FRAMES)
    times = [Fraction(int(tick), 30000) for tick in np.cumsum(steps) - steps[0]]
    camera = Camera(b_frames=2, sound=True)
    # The second chapter begins after the median distance, like any other frame.
    take = film_recording(folder, camera, [times], beeps=beeps)
    assert take.times == tuple(times)
    return take


def dropped_frames(folder: Path, beeps: Sequence[Fraction]) -> Take:
    camera = Camera(b_frames=2, sound=True, sound_longer=LONGER)
    first = grid_times(camera, 600, holes=[(100, 15), (101, 1), (350, 200)])
    second = grid_times(camera, FRAMES - 600, holes=[(1, 3), (FRAMES - 601, 30)])
    return film_recording(folder, camera, [first, second], beeps=beeps)


def times_given_twice(folder: Path, beeps: Sequence[Fraction]) -> Take:
    camera = Camera(rate=Fraction(25))
    meant = grid_times(camera, FRAMES)
    held = [*meant]
    for twin in range(40, FRAMES, 97):
        held[twin] = held[twin - 1]
    take = film_recording(folder, camera, [held], ".mkv", beeps)
    return Take(take.chapters, tuple(meant), take.frames)


def clock_reset(folder: Path, beeps: Sequence[Fraction]) -> Take:
    camera = Camera(rate=Fraction(25), b_frames=2, sound=True)
    parts, first = [], 1
    for number, count in enumerate((500, 300, FRAMES - 800)):
        parts.append(folder / f"part{number}.ts")
        film(parts[-1], camera, count, first, beeps if number == 0 else ())
        first += count
    concatenate_streams(folder / "clip.ts", parts)
    return Take((folder / "clip.ts",), tuple(grid_times(camera, FRAMES)), (FRAMES,))


def edit_list(codec: str) -> Filming:
    """The second chapter was trimmed without encoding: its first frames are there but hidden."""
    camera, hidden, first = Camera(rate=Fraction(25), codec=codec, b_frames=2, gop=50), 33, 500

    def make(folder: Path, beeps: Sequence[Fraction]) -> Take:
        film(folder / "1.mp4", camera, first, beeps=beeps)
        film(folder / "whole.mp4", camera, FRAMES - first + hidden, first + 1 - hidden)
        begin = (hidden - Fraction(1, 2)) / camera.rate
        source = local_input(folder / "whole.mp4", ss=f"{float(begin)}")
        run_ffmpeg(ffmpeg.output(source, str(folder / "2.mp4"), codec="copy"), "bundled")
        chapters = (folder / "1.mp4", folder / "2.mp4")
        return Take(chapters, tuple(grid_times(camera, FRAMES)), (first, FRAMES - first))

    return make


PROPERTIES: dict[str, Filming] = {
    "join of silent chapters": filmed(Camera(), silent=True),
    "join with longer sound, B-frames": filmed(Camera(b_frames=2, sound=True, sound_longer=LONGER)),
    "join with shorter sound": filmed(Camera(sound=True, sound_longer=-LONGER)),
    "23.976": filmed(Camera(rate=Fraction(24000, 1001), b_frames=3, sound=True)),
    "25": filmed(Camera(rate=Fraction(25))),
    "30": filmed(Camera(rate=Fraction(30))),
    "50": filmed(Camera(rate=Fraction(50), b_frames=1)),
    "59.94": filmed(Camera(rate=Fraction(60000, 1001), gop=60)),
    "non-zero start": filmed(Camera(start=Fraction(5, 3), b_frames=2, sound=True)),
    "hevc": filmed(Camera(codec="hevc", b_frames=2)),
    "mov": filmed(Camera(b_frames=2, sound=True), ".mov"),
    "mkv": filmed(Camera(b_frames=2, sound=True, sound_longer=LONGER), ".mkv"),
    "avi": filmed(Camera(codec="mpeg4", b_frames=2), ".avi", silent=True),
    "avi with h264 and B-frames": filmed(Camera(b_frames=2), ".avi"),
    "variable rate": variable_rate,
    "dropped frames": dropped_frames,
    "times given twice": times_given_twice,
    "clock reset": clock_reset,
    "edit list": edit_list("h264"),
    "edit list, hevc": edit_list("hevc"),
    "edit list, mpeg4": edit_list("mpeg4"),
}


SILENT = {"join of silent chapters", "avi"}

# Far less than half a frame at any rate.
HEARING = Fraction(1, 1000)


def heard_clap(folder: Path) -> Fraction:
    """Where the clap of the recording that `check` has indexed is heard, seconds."""
    config, sync = load({}), folder / "sync.json"
    write_sync(
        ID,
        str(folder / "sheet.csv"),
        folder / "index",
        "auto",
        config.section("annotations"),
        config.section("sync"),
        sync,
        folder / "sync.png",
    )
    return Fraction(read_json(sync)["clap"])


def test_the_suite_checks_twenty_thousand_frames():
    checked = len(PROPERTIES) * FRAMES
    assert checked >= 20_000
    documented = (Path(__file__).parents[2] / "docs" / "time.md").read_text(encoding="utf-8")
    assert f"{checked:,} frames are checked" in documented


@pytest.mark.slow
@pytest.mark.parametrize("name", PROPERTIES)
def test_no_frame_is_off(folder, name):
    rng = np.random.default_rng(len(name))
    clap = Fraction(int(rng.integers(0, 10**10)), 10**9)
    take = PROPERTIES[name](folder, [clap])
    joins = np.cumsum((0, *take.frames))
    frames = {1, 2, FRAMES, *rng.integers(1, FRAMES + 1, 60).tolist()}
    frames |= {int(join) + beside for join in joins[1:-1] for beside in (-1, 0, 1, 2)}
    edges = [(frame, int(shift)) for frame in frames for shift in rng.choice((-1, 0, 1), 1)]
    intervals = intervals_at(edges, take.times, clap)
    assert check(folder, take, intervals, clap) == FRAMES
    if name not in SILENT:
        assert abs(heard_clap(folder) - clap) < HEARING


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_at_the_size_that_is_learned_from(folder, fit):
    camera = Camera(size=(320, 240), b_frames=2, sound=True, sound_longer=LONGER)
    take = film_recording(folder, camera, [60, 40])
    edges = [(1, 0), (30, 1), (60, 0), (61, 0), (61, 1), (100, -1)]
    clap = Fraction("0.333")
    intervals = intervals_at(edges, take.times, clap)
    assert check(folder, take, intervals, clap, size=224, fit=fit) == 100


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("suffix", [".MP4", ".mkv"])
def test_every_camera_hears_the_clap_for_itself(folder, suffix, b_frames):
    """Two cameras, one sheet: annotations begin and end half a frame beside frames."""
    camera = Camera(b_frames=b_frames, sound=True, sound_longer=LONGER)
    meant = [
        Interval("SWAB", Fraction("0.2"), Fraction(3)),
        Interval("CUFF", Fraction(3), Fraction(4)),
    ]
    for number, frame in enumerate((13, 65), start=1):
        clap = (frame - Fraction(1, 2)) / NTSC
        place = folder / f"camera{number}"
        place.mkdir()
        take = film_recording(place, camera, [60, 160], suffix, beeps=[clap])
        halves = [
            Interval(entry.label, in_half(entry.start), in_half(entry.stop)) for entry in meant
        ]
        assert check(place, take, halves, clap, heard=True) == 220


def in_half(seconds: Fraction) -> Fraction:
    """A whole number of frames nearby, in microseconds."""
    return round(round(seconds * NTSC) / NTSC / MICROSECOND) * MICROSECOND


# -- many recordings of a few frames --------------------------------------------------------------

CAMERAS = st.builds(
    Camera,
    rate=st.sampled_from([Fraction(24000, 1001), 25, NTSC, 30, 50, Fraction(60000, 1001)]).map(
        Fraction
    ),
    b_frames=st.integers(0, 3),
    gop=st.integers(1, 40),
    sound=st.booleans(),
    sound_longer=st.sampled_from([Fraction(0), LONGER, -LONGER, Fraction(1, 3)]),
    start=st.sampled_from([Fraction(0), Fraction(1, 7), Fraction(11, 2)]),
    size=st.just((96, 72)),
)
CHAPTERS = st.lists(
    st.tuples(
        st.integers(1, 60),
        st.lists(st.tuples(st.integers(1, 59), st.integers(1, 40)), max_size=2),
    ),
    min_size=1,
    max_size=4,
)
EDGES = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([-1, 0, 1]) | st.integers(-50_000, 50_000)),
    min_size=2,
    max_size=30,
)


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    camera=CAMERAS,
    chapters=CHAPTERS,
    suffix=st.sampled_from([".MP4", ".mov", ".mkv"]),
    edges=EDGES,
    clap=st.integers(-(10**10), 10**10),
)
def test_any_recording(camera, chapters, suffix, edges, clap):
    with TemporaryDirectory(dir=SCRATCH) as name:
        folder, position = Path(name), Fraction(clap, 10**9)
        content = [grid_times(camera, count, holes) for count, holes in chapters]
        take = film_recording(folder, camera, content, suffix)
        total = len(take.times)
        beside = [(1 + int(share * (total - 1)), shift) for share, shift in edges]
        check(folder, take, intervals_at(beside, take.times, position), position)
