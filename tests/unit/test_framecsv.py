"""Frame ranges: the original's figures reproduced, the index asked for every frame."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clapboard.annotations.reading import read_sheet
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.artifacts import write_json
from clapboard.labels.framecsv import clap_seconds, frame_ranges, read_framecsv, write_framecsv
from clapboard.problems import InputError
from clapboard.settings.config import load
from clapboard.video.index import Chapter, RecordingIndex

CELA = Path(__file__).parents[3] / "shared" / "data" / "cela"
NTSC = Fraction(30000, 1001)
SETTINGS = load({}).section("annotations")
HEADER = "ignore,PROCEDURE,Original_Start_Time,Original_Stop_Time"


def index(frames: int, rate: Fraction = NTSC, chapters: int = 1, step: int = 1) -> RecordingIndex:
    """A recording at a constant rate, cut into equal chapters called 1.mp4, 2.mp4, ..."""
    numbers = np.arange(frames, dtype=np.int64)
    chapter = (numbers * chapters // frames + 1).astype(np.int16)
    counts = [int((chapter == number).sum()) for number in range(1, chapters + 1)]
    return RecordingIndex(
        recording="S1C1",
        time_base=1 / rate / step,
        rate=rate,
        pts=numbers * step,
        chapter=chapter,
        key=numbers % 12 == 0,
        source_pts=numbers * step,
        chapters=tuple(
            Chapter(n, f"clips/{n}.mp4", "video", 1 / rate, count, "h264", 64, 48, count / rate)
            for n, count in enumerate(counts, start=1)
        ),
    )


def sheet(*entries: Annotation, origin: str = "video", claps=()) -> Sheet:
    return Sheet("sheet.csv", origin, entries, tuple(claps))


def annotation(start, stop, label: str = "A", row: int = 2, **more) -> Annotation:
    return Annotation(label, Fraction(start), Fraction(stop), row, label, **more)


@pytest.mark.skipif(not CELA.is_dir(), reason=f"no reference figures in {CELA}")
@pytest.mark.parametrize("name", ["P5", "P6", "P7", "P8"])
def test_ranges_agree_with_the_original_to_a_millionth_of_a_frame(name):
    parsed, _ = read_sheet(CELA / "rawcsv" / f"{name}.csv", SETTINGS)
    ours = frame_ranges(parsed, Fraction(0), NTSC, None)
    with (CELA / "framecsv" / f"{name}frame.csv").open(newline="") as file:
        theirs = list(csv.reader(file))[1:]
    assert [entry.procedure for entry in ours] == [row[0] for row in theirs]
    for entry, (_, start, stop) in zip(ours, theirs, strict=True):
        assert abs(entry.start_frame - float(start)) < 1e-6
        assert abs(entry.stop_frame - float(stop)) < 1e-6


def test_a_frame_is_inside_from_its_start_to_just_before_its_stop():
    frame = 1 / NTSC
    nudge = Fraction(1, 10**9)
    ranges = frame_ranges(
        sheet(
            annotation(9 * frame, 12 * frame, row=2),
            annotation(9 * frame + nudge, 12 * frame + nudge, row=3),
            annotation(9 * frame - nudge, 12 * frame - nudge, row=4),
            annotation(9 * frame + nudge, 10 * frame, row=5),
        ),
        Fraction(0),
        NTSC,
        index(100),
    )
    inside = [(entry.first_frame, entry.last_frame) for entry in ranges]
    assert inside == [(10, 12), (11, 13), (10, 12), (None, None)]


def test_wall_clock_sheets_are_moved_to_the_clap_and_player_sheets_are_not():
    entry = annotation(1, 2)
    moved = frame_ranges(sheet(entry, origin="clap"), Fraction(3), NTSC, index(300))[0]
    stays = frame_ranges(sheet(entry, origin="video"), Fraction(3), NTSC, index(300))[0]
    assert (moved.start, moved.stop) == (4, 5)
    assert moved.start_frame == pytest.approx(4 * 30000 / 1001)
    assert (stays.start, stays.stop) == (1, 2)


def test_claps_stay_as_marks_in_sheet_order():
    marks = [annotation(0, 0, "CLAP", 2), annotation(5, 5, "CLAP", 4)]
    ranges = frame_ranges(sheet(annotation(1, 2, row=3), claps=marks), Fraction(0), NTSC, None)
    assert [(entry.row, entry.mark) for entry in ranges] == [(2, True), (3, False), (4, True)]


def test_times_of_a_clip_count_from_its_chapter_and_end_with_it():
    ranges = frame_ranges(
        sheet(
            annotation(0, 1, row=2, clip="clips/2.mp4"),
            annotation(1, 99, row=3, clip="clips/2.mp4"),
            annotation(0, 0, row=4, clip="clips/3.mp4", whole=True),
        ),
        Fraction(7),
        Fraction(25),
        index(150, Fraction(25), chapters=3),
    )
    assert [(entry.start, entry.stop) for entry in ranges] == [(2, 3), (3, 4), (4, 6)]
    assert [(entry.first_frame, entry.last_frame) for entry in ranges] == [
        (51, 75), (76, 100), (101, 150),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("clap", "seconds"), [("", 0), ("12.5", 12.5), ("00:00:01.5", 1.5), ("frame 26", 1)]
)
def test_position_of_the_clap(clap, seconds):
    assert clap_seconds(clap, index(100, Fraction(25))) == Fraction(seconds)


@pytest.mark.parametrize("clap", ["frame 101", "frame", "soon", "frame x"])
def test_unknown_position_of_the_clap(clap):
    with pytest.raises(InputError, match="S1C1"):
        clap_seconds(clap, index(100, Fraction(25)))


def write(folder: Path, *rows: str) -> Path:
    path = folder / "sheet.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def row(label: str, start: float, stop: float) -> str:
    times = [f"2019-04-04 09:00:{seconds:09.6f}" for seconds in (start, stop)]
    return ",".join([label, f'"{label}"', *times])


def test_files_hold_what_was_computed_and_each_procedure_its_rows(tmp_path):
    path = write(
        tmp_path,
        row("CLAP", 0, 0),
        row("Bagging", 1, 2.000001),
        row("../../x", 2.5, 3),
        row("bagging", 3.1, 3.2),
        row("Clap", 3.3, 3.3),
    )
    index(200).write(tmp_path / "index.parquet")
    output = tmp_path / "framecsv.csv"
    write_framecsv(
        str(path), str(tmp_path / "index.parquet"), "1", SETTINGS, str(output), str(tmp_path / "by")
    )
    ranges = read_framecsv(output)
    parsed, _ = read_sheet(path, SETTINGS)
    assert ranges == frame_ranges(parsed, Fraction(1), NTSC, index(200))
    assert [entry.procedure for entry in ranges if entry.mark] == ["CLAP", "CLAP"]
    files = sorted(path.name for path in (tmp_path / "by").iterdir())
    assert len(files) == 2 and files[0] == "BAGGING.csv" and files[1].startswith("X~")
    assert read_framecsv(tmp_path / "by" / "BAGGING.csv") == [ranges[1], ranges[3]]


def test_labels_that_look_like_formulas_run_nowhere_and_come_back(tmp_path):
    labels = ["-CPR", "=1+1", "@SUM(A1)", "'+X"]
    rows = [row(label, 4 + number, 5 + number) for number, label in enumerate(labels)]
    path = write(tmp_path, row("CLAP", 3, 3), *rows)
    index(900).write(tmp_path / "index.parquet")
    write_framecsv(
        str(path), str(tmp_path / "index.parquet"), "0.5", SETTINGS,
        str(tmp_path / "framecsv.csv"), str(tmp_path / "by"),
    )  # fmt: skip
    _, *ranges = read_framecsv(tmp_path / "framecsv.csv")
    assert [entry.procedure for entry in ranges] == [*labels[:3], "+X"]
    tables = [tmp_path / "framecsv.csv", *(tmp_path / "by").iterdir()]
    assert len(tables) == 5
    for table in tables:
        with table.open(newline="") as file:
            for cells in csv.DictReader(file):
                assert not cells["procedure"].startswith(("=", "+", "-", "@"))
                assert float(cells["start_seconds"]) is not None


def test_written_again_a_procedure_that_is_gone_leaves_no_file(tmp_path):
    index(200).write(tmp_path / "index.parquet")
    for label in ("Bagging", "Suturing"):
        path = write(tmp_path, row("CLAP", 0, 0), row(label, 1, 2))
        write_framecsv(
            str(path),
            str(tmp_path / "index.parquet"),
            "0",
            SETTINGS,
            str(tmp_path / "framecsv.csv"),
            str(tmp_path / "by"),
        )
    assert [path.name for path in (tmp_path / "by").iterdir()] == ["SUTURING.csv"]


def test_sync_file_says_where_the_sheet_lies(tmp_path):
    path = write(tmp_path, row("CLAP", 0, 0), row("Bagging", 10, 20))
    index(900).write(tmp_path / "index.parquet")
    sync = tmp_path / "sync.json"
    write_json(sync, {"clap": "5/2", "scale": "1001/1000"})
    write_framecsv(
        str(path), str(tmp_path / "index.parquet"), "auto", SETTINGS,
        str(tmp_path / "framecsv.csv"), str(tmp_path / "by"), sync=str(sync),
    )  # fmt: skip
    placed = read_framecsv(tmp_path / "framecsv.csv")[1]
    assert (placed.start, placed.stop) == (Fraction("12.51"), Fraction("22.52"))


@pytest.mark.parametrize(
    ("start", "stop", "clap", "check"),
    [(8, 12, "0", "beyond-video"), (-1, 2, "1/2", "before-video"), (8, 9, "5", "beyond-video")],
)
def test_what_is_not_in_the_recording_is_refused_where_it_is_known(
    tmp_path, start, stop, clap, check
):
    """The check of the input has not seen a chapter in S3, nor heard a clap."""
    path = write(tmp_path, row("CLAP", 20, 20), row("Bagging", 20 + start, 20 + stop))
    index(300).write(tmp_path / "index.parquet")
    write_json(tmp_path / "sync.json", {"clap": clap, "scale": "1"})
    with pytest.raises(InputError) as caught:
        write_framecsv(
            str(path), str(tmp_path / "index.parquet"), "auto", SETTINGS,
            str(tmp_path / "framecsv.csv"), str(tmp_path / "by"), sync=str(tmp_path / "sync.json"),
            compare=True,
        )  # fmt: skip
    assert [(one.check, one.row) for one in caught.value.problems] == [(check, 3)]
    assert not (tmp_path / "framecsv.csv").exists()


def test_a_sheet_with_errors_is_refused_with_all_of_them(tmp_path):
    path = write(tmp_path, row("CLAP", 0, 0), "b,BAGGING,,", "s,SUTURING,noon,")
    index(200).write(tmp_path / "index.parquet")
    with pytest.raises(InputError) as caught:
        write_framecsv(
            str(path), str(tmp_path / "index.parquet"), "0", SETTINGS,
            str(tmp_path / "framecsv.csv"), str(tmp_path / "by"),
        )  # fmt: skip
    assert [problem.row for problem in caught.value.problems] == [3, 3, 4, 4]
    assert not (tmp_path / "framecsv.csv").exists()
