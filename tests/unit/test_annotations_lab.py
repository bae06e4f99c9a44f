"""Lab sheets: real ones in full, and everything that can be wrong with one."""

from __future__ import annotations

import csv
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clapboard.annotations.placing import of_recording
from clapboard.annotations.reading import read_sheet

CELA = Path(__file__).parents[3] / "shared" / "data" / "cela" / "rawcsv"
needs_cela = pytest.mark.skipif(not CELA.is_dir(), reason=f"no real sheets in {CELA}")

SETTINGS = {
    "format": "auto",
    "columns": {
        "label": ["PROCEDURE"],
        "start": ["Original_Start_Time"],
        "stop": ["Original_Stop_Time"],
        "comment": ["Comments"],
    },
    "clap": "CLAP",
    "aliases": {},
    "ignore": [],
    "overlaps": "refuse",
    "unseen": "refuse",
    "background": "",
    "rate": "",
}
HEADER = "ignore,PROCEDURE,Original_Start_Time,Original_Stop_Time,Comments"
CLAP = "clap,CLAP,2019-04-04 09:00:00:000000,2019-04-04 09:00:00:000000,"


def write(folder: Path, *lines: str, encoding: str = "utf-8", ends: str = "\n") -> Path:
    path = folder / "sheet.csv"
    path.write_bytes((ends.join(lines) + ends).encode(encoding))
    return path


def row(label: str, start: str, stop: str, comment: str = "") -> str:
    return f"{label},{label},2019-04-04 {start},2019-04-04 {stop},{comment}"


def times(sheet):
    return [(entry.label, entry.start, entry.stop) for entry in sheet.annotations]


@needs_cela
def test_all_seven_real_sheets_parse():
    sheets, problems = {}, []
    for path in sorted(CELA.glob("P*.csv")):
        sheets[path.stem], found = read_sheet(path, SETTINGS)
        problems += found
    entries = [entry for sheet in sheets.values() for entry in (*sheet.annotations, *sheet.claps)]
    assert len(sheets) == 7
    assert len(entries) == 1050
    assert len({entry.label for entry in entries}) == 29
    assert {name: len(sheet.claps) for name, sheet in sheets.items()} == {
        "P5": 1, "P6": 1, "P7": 1, "P8": 2, "P9": 1, "P10": 2, "P11": 2,
    }  # fmt: skip
    assert all(sheet.claps[0].start == 0 for sheet in sheets.values())
    hours = sum(
        entry.stop - entry.start for sheet in sheets.values() for entry in sheet.annotations
    )
    assert abs(hours / 3600 - Fraction("8.999")) < Fraction("0.001")
    assert [(problem.check, problem.row, problem.value) for problem in problems] == [
        ("label-column-guessed", 1, "IGNORE")
    ]
    assert problems[0].severity == "warning"


@needs_cela
def test_the_column_as_typed_has_the_same_labels_once_normalised(tmp_path):
    as_typed = {**SETTINGS, "columns": {**SETTINGS["columns"], "label": ["ignore"]}}
    for path in CELA.glob("P*.csv"):
        if path.stem == "P11":
            continue
        typed, normal = read_sheet(path, as_typed)[0], read_sheet(path, SETTINGS)[0]
        assert times(typed) == times(normal)


@needs_cela
def test_spellings_and_rows_without_label_of_the_real_sheets():
    cells = [
        line for path in CELA.glob("P*.csv") for line in list(csv.reader(path.open(newline="")))[1:]
    ]
    assert sum(not line[1] for line in cells) == 90
    assert len({line[0] for line in cells if line[1]}) == 48


def test_times_count_from_the_first_clap_and_later_claps_are_marks(tmp_path):
    sheet, problems = read_sheet(
        write(
            tmp_path,
            HEADER,
            row("bagging", "08:59:59:500000", "09:00:01:000000"),
            CLAP,
            row("Bagging ", "09:00:01:000001", "09:00:02:500000", "left hand"),
            row("Clap", "09:10:00:250000", "09:10:00:250000"),
            row("suturing", "09:11:00:000000", "09:11:01:000000"),
        ),
        SETTINGS,
    )
    assert problems == []
    assert sheet.origin == "clap"
    assert sheet.zero == datetime(2019, 4, 4, 9)
    assert times(sheet) == [
        ("BAGGING", Fraction(-1, 2), 1),
        ("BAGGING", Fraction(1000001, 1000000), Fraction(5, 2)),
        ("SUTURING", 660, 661),
    ]
    assert [clap.start for clap in sheet.claps] == [0, Fraction("600.25")]
    assert sheet.annotations[1].comment == "left hand"
    assert sheet.annotations[1].written == "Bagging"
    assert [entry.row for entry in sheet.annotations] == [2, 4, 6]


def test_date_counts_over_midnight(tmp_path):
    sheet, problems = read_sheet(
        write(
            tmp_path,
            HEADER,
            "c,CLAP,2019-04-04 23:59:50:000000,2019-04-04 23:59:50:000000,",
            "b,BAGGING,2019-04-04 23:59:58:000000,2019-04-05 00:00:02:000000,",
        ),
        SETTINGS,
    )
    assert (times(sheet), problems) == ([("BAGGING", 8, 12)], [])


@pytest.mark.parametrize(
    "form",
    [
        "2019-04-04 {}:740439",
        "2019-04-04 {}.740439",
        "2019-04-04T{}.740439",
        "2019-04-04T{},740439",
        "2019/04/04 {}.740439",
        "2019-04-04T{}.740439Z",
        "2019-04-04T{}.740439+02:00",
        "{}:740439",
        "{}.740439",
    ],
)
def test_every_form_of_time_is_exact(tmp_path, form):
    clap, start, stop = (form.format(time) for time in ("09:00:00", "09:00:01", "10:00:01"))
    lines = ["PROCEDURE;Original_Start_Time;Original_Stop_Time", f"Clap;{clap};{clap}"]
    sheet, problems = read_sheet(
        write(tmp_path, *lines, f"Bagging;{start};{stop}"), {**SETTINGS, "format": "lab"}
    )
    assert (times(sheet), problems) == ([("BAGGING", 1, 3601)], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encoding_delimiter_and_line_ends_are_found(tmp_path, encoding, delimiter, ends):
    lines = [HEADER, CLAP, row("Übung", "09:00:01:000000", "09:00:02:000000", "naïve")]
    path = write(
        tmp_path, *(line.replace(",", delimiter) for line in lines), encoding=encoding, ends=ends
    )
    sheet, problems = read_sheet(path, SETTINGS)
    assert (times(sheet), problems) == ([("ÜBUNG", 1, 2)], [])
    assert sheet.annotations[0].comment == "naïve"


def test_windows_text_is_read_with_a_warning(tmp_path):
    path = write(
        tmp_path, HEADER, CLAP, row("Übung", "09:00:01:0", "09:00:02:0"), encoding="cp1252"
    )
    path.write_bytes(path.read_bytes().replace(b":0,", b":000000,"))
    sheet, problems = read_sheet(path, SETTINGS)
    assert times(sheet) == [("ÜBUNG", 1, 2)]
    assert [(p.check, p.severity, p.row) for p in problems] == [("encoding-guessed", "warning", 3)]


def test_quoted_line_ends_stay_in_the_cell_and_rows_keep_their_line(tmp_path):
    sheet, problems = read_sheet(
        write(
            tmp_path,
            HEADER,
            CLAP,
            row("Bagging", "09:00:01:000000", "09:00:02:000000", '"two\nlines; ""so"""'),
            row("Suturing", "09:00:03:000000", "09:00:04:000000"),
        ),
        SETTINGS,
    )
    assert problems == []
    assert sheet.annotations[0].comment == 'two\nlines; "so"'
    assert [entry.row for entry in sheet.annotations] == [3, 5]


def test_titles_above_the_header_and_columns_in_any_order(tmp_path):
    sheet, problems = read_sheet(
        write(
            tmp_path,
            "Study 7,,,",
            "",
            "comments,original stop time,ORIGINAL_START_TIME,Procedure",
            ",2019-04-04 09:00:00,2019-04-04 09:00:00,clap",
            "x,2019-04-04 09:00:03,2019-04-04 09:00:01,bagging",
        ),
        SETTINGS,
    )
    assert (times(sheet), problems) == ([("BAGGING", 1, 3)], [])
    assert sheet.annotations[0].row == 5


def test_all_problems_of_all_rows_at_once(tmp_path):
    path = write(
        tmp_path,
        HEADER,
        CLAP,
        "b,BAGGING,,2019-04-04 09:00:01:000000,",
        "b,BAGGING,2019-04-04 09:00:61:000000,noon,",
        "b,#REF!,2019-04-04 09:00:01:000000,2019-04-04 09:00:02:000000,",
        ",,2019-04-04 09:00:01:000000,2019-04-04 09:00:02:000000,",
        "b,BAGGING,2019-04-04T09:00:01Z,2019-04-04T09:00:02Z,",
        ",,,,",
        row("Suturing", "09:00:03:000000", "09:00:04:000000"),
    )
    sheet, problems = read_sheet(path, SETTINGS)
    assert times(sheet) == [("SUTURING", 3, 4)]
    assert sorted((p.row, p.check, p.column, p.value) for p in problems) == [
        (3, "missing-time", "Original_Start_Time", ""),
        (4, "unreadable-time", "Original_Start_Time", "2019-04-04 09:00:61:000000"),
        (4, "unreadable-time", "Original_Stop_Time", "noon"),
        (5, "formula-error", "PROCEDURE", "#REF!"),
        (6, "missing-label", "PROCEDURE", ""),
        (7, "mixed-clocks", "", "2019-04-04 09:00:01+00:00 to 2019-04-04 09:00:02+00:00"),
    ]
    assert all(problem.file == str(path) and problem.remedy for problem in problems)


def test_date_that_is_not_year_first_is_refused_not_guessed(tmp_path):
    path = write(tmp_path, HEADER, "c,CLAP,04/05/2019 09:00:00,04/05/2019 09:00:00,")
    _, problems = read_sheet(path, SETTINGS)
    unreadable = [problem for problem in problems if problem.check == "unreadable-time"]
    assert len(unreadable) == 2
    assert "YYYY-MM-DD" in unreadable[0].remedy


def test_sheet_without_clap_is_an_error(tmp_path):
    lines = [HEADER, row("Bagging", "09:00:01:000000", "09:00:02:000000")]
    _, problems = read_sheet(write(tmp_path, *lines), SETTINGS)
    assert [(p.check, p.severity) for p in problems] == [("no-clap", "error")]


def test_a_clap_that_cannot_be_read_is_told_once(tmp_path):
    lines = [
        HEADER,
        "c,CLAP,2019-04-04 09:00:xx,2019-04-04 09:00:00:000000,",
        row("Bagging", "09:00:01:000000", "09:00:02:000000"),
        row("CLAP", "09:30:00:000000", "09:30:00:000000"),
    ]
    sheet, problems = read_sheet(write(tmp_path, *lines), SETTINGS)
    assert [(p.check, p.row) for p in problems] == [("unreadable-time", 2)]
    assert sheet.claps == ()


def test_the_one_row_in_another_form_is_told_and_not_all_others(tmp_path):
    lines = [
        HEADER,
        "c,CLAP,09:00:00:000000,09:00:00:000000,",
        row("Bagging", "09:00:01:000000", "09:00:02:000000"),
        row("Suturing", "09:00:02:000000", "09:00:03:000000"),
    ]
    sheet, problems = read_sheet(write(tmp_path, *lines), {**SETTINGS, "format": "lab"})
    assert [(p.check, p.row) for p in problems] == [("mixed-clocks", 2)]
    assert sheet.claps == ()


SUBJECTS = "PROCEDURE,Original_Start_Time,Original_Stop_Time,Subject"


def of_subject(label: str, time: str, subject: str) -> str:
    return f"{label},2019-04-04 {time}:000000,2019-04-04 {time}:500000,{subject}"


def parts(sheet, *subjects):
    """(start, row) of the annotations and claps that the recording of each subject gets."""
    found = [of_recording(sheet, [], subject) for subject in subjects]
    return [[(entry.start, entry.row) for entry in part.in_order()] for part in found]


def test_each_subject_counts_from_its_own_clap(tmp_path):
    path = write(
        tmp_path,
        SUBJECTS,
        of_subject("CLAP", "09:00:00", "s1"),
        of_subject("BAGGING", "09:00:05", "S1"),
        of_subject("CLAP", "10:00:00", "S2"),
        of_subject("BAGGING", "10:00:07", "S2"),
        of_subject("CLAP", "10:30:00", "S2"),
        of_subject("REST", "10:00:03", ""),
    )
    sheet, problems = read_sheet(path, SETTINGS)
    assert problems == []
    one, other = parts(sheet, "S1", "S2")
    assert one == [(0, 2), (5, 3), (3603, 7)]
    assert other == [(0, 4), (7, 5), (1800, 6), (3, 7)]
    assert of_recording(sheet, [], "S2").zero == datetime(2019, 4, 4, 10)
    assert parts(sheet, "S3") == [[(3603, 7)]]


def test_a_clap_of_nobody_is_everybodys(tmp_path):
    rows = [
        of_subject("CLAP", "09:00:00", ""),
        of_subject("BAGGING", "09:00:05", "S1"),
        of_subject("BAGGING", "09:00:07", "S2"),
        of_subject("CLAP", "09:30:00", "S2"),
    ]
    sheet, problems = read_sheet(write(tmp_path, SUBJECTS, *rows), SETTINGS)
    assert problems == []
    assert parts(sheet, "S1", "S2") == [[(0, 2), (5, 3)], [(0, 2), (7, 4), (1800, 5)]]


def test_a_subject_is_not_placed_by_the_clap_of_another(tmp_path):
    rows = [
        of_subject("CLAP", "09:00:00", "S1"),
        of_subject("BAGGING", "09:00:05", "S1"),
        of_subject("BAGGING", "09:00:07", "S2"),
        of_subject("BAGGING", "09:00:09", "S2"),
    ]
    sheet, problems = read_sheet(write(tmp_path, SUBJECTS, *rows), SETTINGS)
    assert [(p.check, p.row, p.value) for p in problems] == [("no-clap", 4, "S2")]
    assert parts(sheet, "S1", "S2") == [[(0, 2), (5, 3)], []]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["CLAP", "BAGGING", "SUTURING"]),
        st.integers(0, 59),
        st.sampled_from(["S1", "S2", ""]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(rows=ROWS)
def test_a_subject_gets_what_a_sheet_of_its_own_rows_says(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("subjects")

    def annotations(subject, own):
        lines = [
            of_subject(label, f"09:00:{second:02d}", name)
            if not own or name in ("", subject)
            else ""
            for label, second, name in rows
        ]
        sheet, problems = read_sheet(write(folder, SUBJECTS, *lines), SETTINGS)
        refused = {p.value for p in problems if p.check == "no-clap"} & {"", subject}
        part = of_recording(sheet, [], subject)
        return None if refused else [(e.label, e.start, e.row) for e in part.in_order()]

    for subject in ("S1", "S2"):
        if any(name == subject for _, _, name in rows):
            assert annotations(subject, own=False) == annotations(subject, own=True)


def test_unknown_header_says_what_it_saw(tmp_path):
    _, problems = read_sheet(write(tmp_path, "PROCEDURE,Beginning,Ending", "a,1,2"), SETTINGS)
    assert [p.check for p in problems] == ["unknown-header", "unknown-header"]
    assert all("Beginning" in p.value and "annotations.columns" in p.remedy for p in problems)


@pytest.mark.parametrize(
    ("content", "check"),
    [
        (b"\xff\xfeodd", "undecodable-file"),
        (b"PK\x03\x04\0\0\0\xff\xd8", "undecodable-file"),
        (b"", "empty-sheet"),
        (f'{HEADER}\n{CLAP}\nb,"BAGGING,2019'.encode(), "broken-csv"),
    ],
)
def test_file_that_is_no_sheet(tmp_path, content, check):
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    _, problems = read_sheet(path, SETTINGS)
    assert check in {problem.check for problem in problems}


def test_missing_file_is_a_problem_not_a_traceback(tmp_path):
    _, problems = read_sheet(tmp_path / "none.csv", SETTINGS)
    assert [problem.check for problem in problems] == ["unreadable-file"]
