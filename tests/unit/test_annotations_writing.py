"""The way back: what is written in a form comes back the same, and players understand it."""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import av
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clapboard.annotations.export import add_arguments, run
from clapboard.annotations.labels import normalise
from clapboard.annotations.lint_video import lint_video
from clapboard.annotations.placing import from_clap, in_recording
from clapboard.annotations.predictions import Sampled, predicted_sheet, sheet_of, spans
from clapboard.annotations.reading import read_sheet
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.annotations.writing import FORMS, write_sheet
from clapboard.artifacts import write_parquet
from clapboard.clock import parse_duration, rounded_up, seconds_text
from clapboard.labels.framecsv import frame_ranges
from clapboard.labels.sampling import grid
from clapboard.parts import runs_of
from clapboard.problems import InputError
from clapboard.settings.config import load
from clapboard.video.index import Chapter, RecordingIndex

SETTINGS = load({}).section("annotations")
ZERO = datetime(2019, 4, 4, 9, 21, 58, 740439)

# What cells cannot hold is left out: surrogates anywhere, outer blanks, carriage returns.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20).map(
    str.strip
)
# Nor can a label begin like what a spreadsheet shows for a broken formula, `#NUM!`: it is refused.
LABELS = TEXT.map(normalise).filter(lambda label: label and label != "CLAP" and label[0] != "#")
HOSTILE = [
    "#1 X",
    "=1+1",
    "'=1",
    "-X",
    "@SUM(A1)",
    "A,B",
    'A "B"',
    "A;B",
    "../../X",
    "<B>&",
    "-->",
    "ÜBUNG",
]


@st.composite
def entries(draw, step: Fraction, negative: bool = False, instants: bool = True):
    """Annotations with times in whole steps, in sheet order."""
    rows = []
    for row in range(draw(st.integers(0, 6))):
        start = draw(st.integers(-(10**6) if negative else 0, 10**10))
        length = draw(st.integers(0 if instants else 1, 10**9))
        label = draw(LABELS | st.sampled_from(HOSTILE))
        rows.append(
            Annotation(
                label, start * step, (start + length) * step, row + 2, label, draw(TEXT), draw(TEXT)
            )
        )
    return tuple(rows)


def table(sheet: Sheet):
    """What every form has to keep, in no order."""
    return sorted(
        (entry.label, entry.start, entry.stop, entry.comment, entry.subject)
        for entry in sheet.in_order()
    )


def there_and_back(folder, sheet, form, **changes):
    path = folder / f"sheet{FORMS[form].suffix}"
    told = write_sheet(sheet, path, form, SETTINGS)
    forced = {"elan": "elan", "boris": "boris", "csv": "intervals", "lab": "lab"}[form]
    back, problems = read_sheet(path, {**SETTINGS, "format": forced} | changes)
    assert problems == []
    return back, told


@given(rows=entries(Fraction(1, 10**9), negative=True))
@pytest.mark.parametrize("form", ["csv", "boris"])
def test_tables_come_back_whole(tmp_path_factory, form, rows):
    sheet = Sheet("x", "video", rows)
    back, told = there_and_back(tmp_path_factory.mktemp("way"), sheet, form)
    expected = table(sheet)
    if form == "boris":
        nobody = "No focal subject"
        expected = sorted((*row[:4], "" if row[4] == nobody else row[4]) for row in expected)
    assert (table(back), told, back.origin) == (expected, [], "video")


@given(
    rows=entries(Fraction(1, 10**6), negative=True),
    zero=st.datetimes(
        datetime(1990, 1, 1),
        datetime(2100, 1, 1),
        timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-3, minutes=-30))]),
    ),
)
def test_lab_sheets_come_back_whole(tmp_path_factory, rows, zero):
    clap = Annotation("CLAP", Fraction(0), Fraction(0), 1, "CLAP")
    sheet = Sheet("x", "clap", rows, (clap,), zero)
    back, told = there_and_back(tmp_path_factory.mktemp("way"), sheet, "lab")
    assert (table(back), told, back.zero) == (table(sheet), [], zero)


@given(rows=entries(Fraction(1, 1000), instants=False))
def test_elan_files_come_back_whole(tmp_path_factory, rows):
    def holds(text):
        return all(char in "\t\n" or (char >= " " and char not in "\ufffe\uffff") for char in text)

    kept = tuple(row for row in rows if all(map(holds, (row.label, row.comment, row.subject))))
    sheet = Sheet("x", "video", kept)
    back, told = there_and_back(tmp_path_factory.mktemp("way"), sheet, "elan")
    assert (table(back), told) == (table(sheet), [])


def test_what_xml_cannot_hold_is_replaced(tmp_path):
    sheet = Sheet(
        "x", "video", (Annotation("A\0\x1b", Fraction(1), Fraction(2), 2, "", "\ud800\uffff"),)
    )
    back, _ = there_and_back(tmp_path, sheet, "elan")
    assert [(entry.label, entry.comment) for entry in back.annotations] == [
        ("A\ufffd\ufffd", "\ufffd\ufffd")
    ]


def test_elan_keeps_overlapping_annotations_on_tiers_of_their_own(tmp_path):
    spans = [(0, 5), (1, 2), (2, 3), (4, 9)]
    rows = [Annotation("A", Fraction(a), Fraction(b), n, "A") for n, (a, b) in enumerate(spans)]
    back, _ = there_and_back(tmp_path, Sheet("x", "video", tuple(rows)), "elan")
    assert sorted((entry.start, entry.stop) for entry in back.annotations) == spans


def test_formulas_are_escaped_in_every_table(tmp_path):
    for form in ("csv", "boris", "lab"):
        rows = [
            Annotation(text, Fraction(n), Fraction(n + 1), n + 2, text, text, text)
            for n, text in enumerate(HOSTILE[:4])
        ]
        sheet = Sheet("x", "video", tuple(rows))
        if form == "lab":
            sheet = from_clap(sheet, Fraction(0), ZERO)
        write_sheet(sheet, tmp_path / form, form, SETTINGS)
        with (tmp_path / form).open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "@", "+", "-")]


def test_a_lab_sheet_without_a_clap_gets_one(tmp_path):
    rows = (Annotation("A", Fraction(1), Fraction(2), 2, "a"),)
    back, _ = there_and_back(tmp_path, Sheet("x", "clap", rows, zero=ZERO), "lab")
    assert [clap.start for clap in back.claps] == [0]
    assert [entry.start for entry in back.annotations] == [1]


def test_a_sheet_without_dates_comes_back_without_dates(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text(
        "PROCEDURE,Original_Start_Time,Original_Stop_Time\n"
        "CLAP,09:00:00:000001,09:00:00:000001\nA,09:00:01:000001,09:00:02:500001\n"
    )
    sheet, _ = read_sheet(source, SETTINGS)
    back, _ = there_and_back(tmp_path, sheet, "lab")
    assert table(back) == table(sheet)
    assert "09:00:02:500001" in (tmp_path / "sheet.csv").read_text()


@given(
    frames=st.lists(st.integers(0, 90_000), min_size=2, max_size=2, unique=True).map(sorted),
    form=st.sampled_from(["csv", "boris", "elan"]),
)
def test_times_of_frames_are_cut_so_that_the_same_frames_stay_inside(
    tmp_path_factory, frames, form
):
    rate = Fraction(30000, 1001)
    first, stop = frames
    sheet = Sheet("x", "video", (Annotation("A", first / rate, stop / rate, 2, "A"),))
    back, told = there_and_back(tmp_path_factory.mktemp("way"), sheet, form)
    numbers = np.arange(90_001, dtype=np.int64)
    ones = np.ones(len(numbers), dtype=np.int16)
    chapter = Chapter(1, "1.mp4", "video", 1 / rate, 90_001, "h264", 64, 48, 90_001 / rate)
    index = RecordingIndex("S1C1", 1 / rate, numbers, (chapter,), rate, ones, ones == 1, numbers)
    inside = frame_ranges(back, Fraction(0), rate, index)[0]
    assert (inside.first_frame, inside.last_frame) == (first + 1, stop)
    assert {problem.check for problem in told} <= {"times-cut"}


@given(
    sample=st.integers(0, 48_000 * 60),
    rate=st.sampled_from([44_100, 48_000, 32_000]),
    frame=st.sampled_from([Fraction(1001, 30000), Fraction(1, 25), Fraction(1, 240)]),
    kept=st.booleans(),
)
@example(  # rounded to a nanosecond it is less, and a whole microsecond
    sample=4393, rate=44_056, frame=Fraction(1, 25), kept=True
)
def test_a_timeline_counted_from_a_heard_clap_comes_back_with_the_same_frames(
    tmp_path_factory, sample, rate, frame, kept
):
    """Its first frame is at no whole microsecond from the clap, whose time ends nowhere either."""
    heard = Fraction(sample, rate)
    clap = rounded_up(heard)
    numbers = np.arange(3000, dtype=np.int64)
    ones = np.ones(len(numbers), dtype=np.int16)
    length = len(numbers) * frame
    chapter = Chapter(1, "1.mp4", "video", frame, len(numbers), "h264", 64, 48, length)
    index = RecordingIndex("S1C1", frame, numbers, (chapter,), 1 / frame, ones, ones == 1, numbers)
    labels = runs_of(np.repeat([0, 1, 0, 1], [1, 700, 1, 2298]))
    sampled = Sampled(numbers + 1, numbers * float(frame), index)
    timeline = sheet_of("x", spans(labels, sampled), ("A", "B"))
    path = tmp_path_factory.mktemp("way") / "timeline.csv"
    write_sheet(from_clap(timeline, clap, ZERO), path, "lab", SETTINGS)
    back, problems = read_sheet(path, SETTINGS)
    # The table still says `auto`, so that it is heard again; or it has what was printed.
    found = heard if kept else parse_duration(seconds_text(clap))
    problems += lint_video(back, "S1C1", {"1.mp4": length}, found)
    assert problems == []
    ranges = frame_ranges(back, found, 1 / frame, index)
    covered = [(each.procedure, each.first_frame, each.last_frame) for each in ranges[1:]]
    assert covered == [("A", 1, 1), ("B", 2, 701), ("A", 702, 702), ("B", 703, 3000)]
    subtitles = path.with_suffix(".srt")
    told = write_sheet(in_recording(back, found, index), subtitles, "srt", SETTINGS)
    assert {problem.check for problem in told} <= {"times-cut"}


@pytest.mark.parametrize("form", ["vtt", "srt"])
def test_a_player_reads_the_subtitles(tmp_path, form):
    rows = (
        Annotation("B <I>&", Fraction("3723.5"), Fraction("3725.25"), 3, "", "two\nlines --> x"),
        Annotation("A", Fraction("0.5"), Fraction("2.0009"), 2, ""),
        Annotation("EARLY", Fraction(-1), Fraction(1), 4, ""),
        Annotation("INSTANT", Fraction(9), Fraction(9), 5, ""),
    )
    path = tmp_path / f"x.{form}"
    told = write_sheet(Sheet("x", "video", rows), path, form, SETTINGS)
    assert {problem.check for problem in told} == {"times-cut", "before-video"}
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        cues = [
            (packet.pts * stream.time_base, packet.duration * stream.time_base, bytes(packet))
            for packet in container.demux(stream)
            if packet.size
        ]
    assert [cue[:2] for cue in cues] == [
        (Fraction("0.5"), Fraction("1.5")),
        (9, Fraction("0.001")),
        (Fraction("3723.5"), Fraction("1.75")),
    ]
    text = cues[2][2].decode()
    assert (
        text
        == {
            "vtt": "B &lt;I&gt;&amp; (two lines -&gt; x)",
            "srt": "B <I>& (two lines -> x)",
        }[form]
    )


@pytest.mark.parametrize("form", FORMS)
def test_times_from_elsewhere_are_not_taken(tmp_path, form):
    rows = (Annotation("A", Fraction(1), Fraction(2), 2, "A"),)
    wrong = Sheet("x", "video" if form == "lab" else "clap", rows, zero=ZERO)
    with pytest.raises(ValueError, match="count from"):
        write_sheet(wrong, tmp_path / "x", form, SETTINGS)


# -- predictions and the command ----------------------------------------------------------------


def recording_index(frames=100, rate=Fraction(25)):
    numbers = np.arange(frames, dtype=np.int64)
    ones = np.ones(frames, dtype=np.int16)
    chapter = Chapter(1, "v/1.mp4", "video", 1 / rate, frames, "h264", 64, 48, frames / rate)
    return RecordingIndex("S1C1", 1 / rate, numbers, (chapter,), rate, ones, ones == 1, numbers)


def predictions(path, frames, labels, recordings=None):
    columns = {
        "recording": pa.array(recordings or ["S1C1"] * len(frames), pa.string()),
        "frame": pa.array(frames, pa.int64()),
        "predicted": pa.array(labels, pa.string()),
    }
    write_parquet(path, pa.table(columns))
    return path


def frames_of(sheet):
    return [(entry.label, entry.start * 25, entry.stop * 25) for entry in sheet.annotations]


def test_runs_of_predictions(tmp_path):
    path = predictions(tmp_path / "p.parquet", [*range(1, 5), *range(9, 12), 99, 100], "AABBBBCCC")
    sheet = predicted_sheet(path, recording_index())
    assert frames_of(sheet) == [
        ("A", 0, 2),
        ("B", 2, 4),
        ("B", 8, 10),
        ("C", 10, 11),
        ("C", 98, 100),
    ]


def test_predictions_of_every_nth_frame_join(tmp_path):
    path = predictions(tmp_path / "p.parquet", [1, 13, 26, 38, 88], "AABBB")
    assert frames_of(predicted_sheet(path, recording_index())) == [
        ("A", 0, 25), ("B", 25, 49), ("B", 87, 99),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "keys", "every"),
    [
        (Fraction(30000, 1001), 15, "4/s"),
        (Fraction(30000, 1001), 30, "4/s"),
        (Fraction(30000, 1001), 10, "2/s"),
        (Fraction(30), 25, "1/s"),
        (Fraction(30), 8, "2/s"),
    ],
)
def test_predictions_of_frames_beside_key_frames_join(tmp_path, rate, keys, every):
    index = recording_index(3000, rate)
    index = replace(index, key=np.arange(3000) % keys == 0)
    frames = np.flatnonzero(grid(index, every)) + 1
    assert len(set(np.diff(frames).tolist())) > 1, "the steps differ"
    path = predictions(tmp_path / "p.parquet", frames, ["A"] * len(frames))
    (entry,) = predicted_sheet(path, index).annotations
    usual = int(np.median(np.diff(frames))) / rate
    assert (entry.start, entry.stop) == (
        0,
        min(index.seconds(int(frames[-1])) + usual, 3000 / rate),
    )


def ends(frames, index):
    """Until when what is said of each frame stands."""
    frames = np.array(frames)
    sampled = Sampled(frames, index.pts[frames - 1] * float(index.time_base), index)
    return [sampled.stop(row) for row in range(len(frames))]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([1, 151, 301], [150, 300, 450]),
        ([1, 151, 301, 1801, 1951], [150, 300, 450, 1950, 2100]),
        ([1, 151, 1801, 1951, 2050], [150, 300, 1950, 2049, 2100]),
        ([1, 2, 3], [1, 2, 3]),
        ([5], [5]),
        ([], []),
    ],
)
def test_what_is_said_stands_for_the_usual_step_where_no_frame_follows(frames, expected):
    rate = Fraction(30000, 1001)
    found = ends(np.array(frames, np.int64), recording_index(2100, rate))
    assert [end * rate for end in found] == expected


@pytest.mark.parametrize(("last", "expected"), [(50, 50), (30, 40), (110, 40)])
def test_what_is_said_of_every_frame_stands_as_long_as_it_is_shown_without_gaps(last, expected):
    """A frame somewhat longer than others, as from a coarse clock, counts whole; no hole does."""
    steps = np.array([40, 40, 60, 40, 40, 500, 40, 40, last])
    pts = np.concatenate([[0], np.cumsum(steps)])
    ones, stop = np.ones(9, np.int16), int(pts[-1])
    base = Fraction(1, 1000)
    chapter = Chapter(1, "v/1.mp4", "video", base, 9, "h264", 64, 48, stop * base)
    clock = ("S1C1", base, pts[:9], (chapter,), Fraction(25))
    found = ends(np.arange(1, 10), RecordingIndex(*clock, ones, ones == 1, pts[:9]))
    ended = [*pts[1:6], pts[5] + 40, *pts[7:9], pts[8] + min(expected, last)]
    assert [end / base for end in found] == ended


def test_predictions_of_other_recordings_are_left_out(tmp_path):
    path = predictions(tmp_path / "p.parquet", [1, 2, 3], "AAB", recordings=["S2C1", *["S1C1"] * 2])
    assert frames_of(predicted_sheet(path, recording_index())) == [("A", 1, 2), ("B", 2, 3)]


@pytest.mark.parametrize(
    ("others", "named"),
    [
        (["S10C1", "S2C1", "S2C1"], "about S2C1, S10C1 "),
        ([f"S{n}C1" for n in range(2, 10)], "about S2C1, S3C1, S4C1, S5C1, S6C1 and 3 more"),
        ([], "about no recording"),
    ],
)
def test_a_file_that_says_nothing_about_the_recording_is_refused(tmp_path, others, named):
    frames = list(range(1, len(others) + 1))
    path = predictions(tmp_path / "p.parquet", frames, ["A"] * len(others), others)
    with pytest.raises(InputError) as error:
        predicted_sheet(path, recording_index())
    (problem,) = error.value.problems
    assert (problem.check, problem.file, problem.value) == ("no-predictions", str(path), "S1C1")
    assert named in f"{problem.message} "


@given(st.lists(st.sampled_from("AB"), min_size=1, max_size=60), st.data())
def test_runs_label_exactly_the_frames_that_were_predicted(tmp_path_factory, labels, data):
    index = recording_index()
    places = st.lists(st.integers(1, 100), min_size=len(labels), max_size=len(labels), unique=True)
    dense = st.just(list(range(1, len(labels) + 1)))
    frames = sorted(data.draw(dense | places))
    folder = tmp_path_factory.mktemp("runs")
    sheet = predicted_sheet(predictions(folder / "p.parquet", frames, labels), index)
    said = {}
    for entry in frame_ranges(sheet, Fraction(0), index.rate, index):
        said |= dict.fromkeys(range(entry.first_frame, entry.last_frame + 1), entry.procedure)
    assert {frame: said[frame] for frame in frames} == dict(zip(frames, labels, strict=True))
    if frames == list(range(1, len(labels) + 1)):
        assert len(said) == len(frames)


def test_in_recording_and_back_from_the_clap():
    rows = (Annotation("A", Fraction(1, 3), Fraction(2), 2, "A"),)
    sheet = Sheet("x", "clap", rows, zero=ZERO)
    placed = in_recording(sheet, Fraction(7, 2), None)
    assert placed.annotations[0].start == Fraction(1, 3) + Fraction(7, 2)
    assert from_clap(placed, Fraction(7, 2), ZERO) == sheet
    faster = in_recording(sheet, Fraction(1), None, scale=Fraction(1001, 1000))
    assert faster.annotations[0].stop == 1 + 2 * Fraction(1001, 1000)
    assert from_clap(faster, Fraction(1), ZERO, scale=Fraction(1001, 1000)) == sheet


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one indexed recording with a lab sheet; its video is never looked into."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "1.mp4").touch()
    (tmp_path / "config.yaml").write_text("recordings: recordings.tsv\n")
    (tmp_path / "recordings.tsv").write_text(
        "subject\tcamera\tsplit\tannotations\tvideos\tclap\n"
        "S1\tC1\tTraining\tsheet.csv\tv/1.mp4\t0.5\n"
    )
    (tmp_path / "sheet.csv").write_text(
        "ignore,PROCEDURE,Original_Start_Time,Original_Stop_Time,Comments\n"
        "clap,CLAP,2019-04-04 09:21:58:740439,2019-04-04 09:21:58:740439,\n"
        "b,BAGGING,2019-04-04 09:21:59:240439,2019-04-04 09:22:00:740439,firm\n"
    )
    recording_index().write(tmp_path / "results" / "index" / "S1C1.parquet")
    return tmp_path


def export(*words, recording="S1C1"):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    said = []
    words = [recording, *words, "--configfile", "config.yaml"]
    assert run(parser.parse_args(words), said.append) == 0
    return said


@pytest.mark.parametrize(("name", "form"), [("out.csv", "csv"), ("out.eaf", "elan")])
def test_export_counts_from_the_first_frame(project, name, form):
    assert export(name) == [f"1 annotations of S1C1 in {name} ({form})"]
    sheet, problems = read_sheet(project / name, SETTINGS)
    assert problems == []
    assert [(e.label, e.start, e.stop, e.comment) for e in sheet.annotations] == [
        ("BAGGING", 1, Fraction(5, 2), "firm")
    ]
    assert [clap.start for clap in sheet.claps] == [Fraction(1, 2)]


def test_export_of_predictions_as_a_lab_sheet(project):
    predictions(project / "p.parquet", list(range(26, 51)), ["BAGGING"] * 25)
    export("out.csv", "--to", "lab", "--predictions", "p.parquet")
    rows = list(csv.reader((project / "out.csv").open(newline="")))
    assert rows[1][1:4] == ["CLAP"] + ["2019-04-04 09:21:58:740439"] * 2
    assert rows[2][1:4] == ["BAGGING", "2019-04-04 09:21:59:240439", "2019-04-04 09:22:00:240439"]


@pytest.mark.parametrize("clap", ["", "1.5"])
def test_export_of_a_players_sheet_gives_the_time_of_its_clap(project, clap):
    """The camera that was watched and, half a second later, another one."""
    (project / "sheet.csv").write_text("label,start,stop\nCLAP,1,1\nBAGGING,2,3\n")
    table = (project / "recordings.tsv").read_text()
    (project / "recordings.tsv").write_text(table.replace("\t0.5", f"\t{clap}"))
    export("out.csv", "--to", "lab", "--zero", "2019-04-04 09:00:00")
    rows = list(csv.reader((project / "out.csv").open(newline="")))
    assert [row[1:4] for row in rows[1:]] == [
        ["CLAP", *["2019-04-04 09:00:00:000000"] * 2],
        ["BAGGING", "2019-04-04 09:00:01:000000", "2019-04-04 09:00:02:000000"],
    ]
    export("out.csv")
    sheet, _ = read_sheet(project / "out.csv", SETTINGS)
    assert sheet.annotations[0].start == 2 + (Fraction(clap) - 1 if clap else 0)


def test_export_says_what_is_missing(project):
    with pytest.raises(InputError, match="S1C1"):
        export("out.csv", recording="S9C9")
    with pytest.raises(InputError, match="--to"):
        export("out.doc")
    (project / "results" / "index" / "S1C1.parquet").unlink()
    with pytest.raises(InputError, match="no index"):
        export("out.csv")
    assert not (project / "out.csv").exists()
