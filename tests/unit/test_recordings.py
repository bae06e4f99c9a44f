from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clapboard.problems import InputError
from clapboard.sessions.clap import normalise_clap
from clapboard.sessions.recordings import (
    chapter_name,
    examine_recordings,
    read_recordings,
)

TABLE = Path("recordings.tsv")
COLUMNS = ["subject", "camera", "split", "annotations", "videos", "clap", "session", "rate"]

# The working directory is the same for all examples, and each writes its own table.
calmly = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A working directory with sheets and one video for each of S1 ... S4 and two cameras."""
    monkeypatch.chdir(tmp_path)
    for subject in ("S1", "S2", "S3", "S4"):
        Path(f"{subject}.csv").write_text("PROCEDURE\n")
        for camera in ("C1", "C2"):
            Path(subject, camera).mkdir(parents=True)
            Path(subject, camera, "GH010001.MP4").write_text(subject + camera)
    Path("pictures").mkdir()
    Path("pictures/1.png").write_text("")
    return tmp_path


def row(subject="S1", camera="C1", split="Training", **cells) -> list[str]:
    values = {
        "subject": subject,
        "camera": camera,
        "split": split,
        "annotations": f"{subject}.csv",
        "videos": f"{subject}/{camera}",
    } | cells
    return [values.get(column, "") for column in COLUMNS]


def write(*rows: list[str], columns: list[str] = COLUMNS) -> Path:
    TABLE.write_text("".join("\t".join(cells) + "\n" for cells in [columns, *rows]))
    return TABLE


def problems(*rows: list[str], columns: list[str] = COLUMNS):
    return examine_recordings(write(*rows, columns=columns))[1]


def test_a_row_becomes_a_recording(lab):
    table = write(
        row(clap="00:00:12.50"),
        row("S2", "C2", "test", session="R2", clap=""),
        row("S3", "C1", "VALIDATION", videos="pictures", rate="29.97", clap="frame 007"),
    )
    first, second, third = read_recordings(table)
    assert (first.id, first.subject, first.session, first.camera) == ("S1C1", "S1", "", "C1")
    assert (first.split, first.annotations, first.kind) == ("Training", "S1.csv", "video")
    assert (first.chapters, first.clap, first.rate) == (("S1/C1/GH010001.MP4",), "12.5", "")
    assert (second.id, second.split, second.clap) == ("S2R2C2", "Test", "0")
    assert (third.split, third.kind, third.rate) == ("Validation", "images", "30000/1001")
    assert third.clap == "frame 7"
    assert [one.clap_given for one in (first, second, third)] == [True, False, True]
    assert [recording.row for recording in (first, second, third)] == [2, 3, 4]


def test_predict_needs_no_sheet_and_leaks_nothing(lab):
    table = write(
        row("S1", "C1", "Training"),
        row("S1", "C2", "Predict", annotations=""),
        row("S2", "C1", "Test"),
        row("S2", "C9", "Predict", videos="S2/C1", annotations=""),
    )
    assert [recording.split for recording in read_recordings(table)][1::2] == ["Predict"] * 2


def test_columns_may_stand_in_any_order_and_optional_ones_be_absent(lab):
    columns = ["Videos", " annotations ", "SPLIT", "camera", "subject"]
    table = write(["S1/C1", "S1.csv", "Training", "C1", "S1"], columns=columns)
    (recording,) = read_recordings(table)
    assert (recording.id, recording.session, recording.clap) == ("S1C1", "", "0")
    assert not recording.clap_given


def test_a_clap_at_the_first_frame_is_one_that_is_given(lab):
    (recording,) = read_recordings(write(row(clap="0")))
    assert (recording.clap, recording.clap_given) == ("0", True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_editor_may_have_saved_it(lab, encoding, line_end):
    lines = ['# remark with a "quote', "\t".join(COLUMNS), "", '\t"S1"\t'.strip()]
    lines[3] = "\t".join(['"S1"', " C1 ", "Training", '"S1.csv"', "S1/C1"])
    TABLE.write_bytes(line_end.join(lines).encode(encoding))
    (recording,) = read_recordings(TABLE)
    assert (recording.id, recording.row) == ("S1C1", 4)


def test_all_problems_come_at_once_with_their_places(lab):
    table = write(
        row("S1", split="Trainig"),
        row("S2", clap="1:2:3"),
        row("S2", "C2", "Test"),
        row("../x", annotations="", videos=""),
        row("s2", "c1"),
    )
    with pytest.raises(InputError) as caught:
        read_recordings(table)
    found = {(p.row, p.column, p.check) for p in caught.value.problems}
    assert found == {
        (2, "split", "unknown-split"),
        (3, "clap", "bad-clap"),
        (4, "split", "subject-in-two-splits"),
        (5, "subject", "unsafe-name"),
        (5, "annotations", "no-sheet"),
        (5, "videos", "no-videos"),
        (6, "", "repeated-recording"),
        (6, "subject", "subject-spelling"),
        (6, "annotations", "missing-sheet"),
        (6, "videos", "missing-video"),
    }
    assert all(p.file == "recordings.tsv" and p.remedy for p in caught.value.problems)
    split = next(p for p in caught.value.problems if p.check == "unknown-split")
    assert (split.value, split.remedy) == ("Trainig", "Did you mean 'Training'?")
    leak = next(p for p in caught.value.problems if p.check == "subject-in-two-splits")
    assert "row 3" in leak.message


@pytest.mark.parametrize("other", ["s1", "S01", "S001"])
def test_one_person_spelled_in_two_ways_is_not_two_people(lab, other):
    with pytest.raises(InputError) as caught:
        read_recordings(write(row("S1"), row("S10"), row(other, "C2", "Test")))
    found = {(p.row, p.check) for p in caught.value.problems if p.check.startswith("subject")}
    assert found == {(4, "subject-in-two-splits"), (4, "subject-spelling")}


@pytest.mark.parametrize("written", ["train", "Val", "testing", "", "Training,", "Tra ining"])
def test_splits_are_not_guessed(lab, written):
    assert [p.check for p in problems(row(split=written))] == ["unknown-split"]


def test_ids_that_run_together_are_found(lab):
    found = problems(row("S1", "C1", session="1"), row("S1", "1C1", videos="S1/C2"))
    assert [(p.row, p.check, p.value) for p in found] == [(3, "repeated-recording", "S11C1")]


@pytest.mark.parametrize(
    "name",
    [
        *("../../etc/x", "/etc", "a/b", "a\\b", "-rf", ".hidden", "a.", "a b", "$(id)", "a;b", "*"),
        *("{x}", "ü", "x" * 41, "CON:", "=1+1", "a\0b", "a\x07b", "'", "~"),
    ],
)
@pytest.mark.parametrize("column", ["subject", "camera", "session"])
def test_hostile_names_never_become_paths(lab, column, name):
    cells = {"annotations": "S1.csv", "videos": "S1/C1", column: name}
    found = [p for p in problems(row(**cells)) if p.check != "repeated-recording"]
    assert [(p.row, p.column, p.check) for p in found] == [(2, column, "unsafe-name")]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.text(max_size=8), max_size=9), max_size=5))
def test_any_text_gives_problems_and_never_an_exception(lab, rows):
    TABLE.write_text("\t".join(COLUMNS) + "\n", encoding="utf-8")
    with TABLE.open("a", encoding="utf-8", errors="replace", newline="") as file:
        file.writelines("\t".join(cells) + "\n" for cells in rows)
    recordings, found = examine_recordings(TABLE)
    assert recordings == [] and found
    assert all(p.remedy and p.message for p in found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_give_problems_and_never_an_exception(lab, content):
    TABLE.write_bytes(content)
    assert examine_recordings(TABLE)[1]


@pytest.mark.parametrize(
    ("content", "check", "line"),
    [
        (b"", "empty-table", None),
        (b"\n# only a remark\n", "empty-table", None),
        (b"subject\tcamera\tsplit\tannotations\tvideos\n", "empty-table", None),
        (b"subject,camera,split,annotations,videos\nS1,C1,Training,a,b\n", "not-tabs", 1),
        (b"subject\tcamera\tsplit\nS1\tM\xfcller\tx\n", "bad-encoding", 2),
        (b"subject\tsubject\tcamera\tsplit\tannotations\tvideos\n", "repeated-column", 1),
    ],
)
def test_a_table_of_the_wrong_form(lab, content, check, line):
    TABLE.write_bytes(content)
    recordings, found = examine_recordings(TABLE)
    assert recordings == []
    assert (check, line) in [(p.check, p.row) for p in found]


@pytest.mark.parametrize("separator", ["  ", ",", ";"])
def test_columns_that_tabs_do_not_separate_are_told_once_a_line(lab, separator):
    lines = [separator.join(COLUMNS[:5]), separator.join(row()[:5])]
    TABLE.write_text("\n".join(lines))
    assert [(p.check, p.row, p.value) for p in examine_recordings(TABLE)[1]] == [
        ("not-tabs", 1, lines[0].lower())
    ]
    TABLE.write_text("\n".join(["\t".join(COLUMNS), lines[1]]))
    assert [(p.check, p.row, p.value) for p in examine_recordings(TABLE)[1]] == [
        ("not-tabs", 2, lines[1])
    ]


def test_columns_without_a_name_may_be_empty_but_hold_nothing(lab):
    columns = [*COLUMNS, "", ""]
    assert problems([*row(), "", ""], row("S2", split="Test"), columns=columns) == []
    (problem,) = problems([*row(), "", "surplus"], columns=columns)
    assert (problem.check, problem.row, problem.value) == ("long-row", 2, "surplus")


def test_a_table_that_cannot_be_read_is_not_taken_for_none(lab):
    TABLE.mkdir()
    (problem,) = examine_recordings(TABLE)[1]
    assert (problem.check, problem.file) == ("unreadable-table", str(TABLE))
    assert "scan" not in problem.remedy


@pytest.mark.parametrize("content", [None, "", "\t".join(COLUMNS) + "\n"])
def test_without_any_recording_the_way_to_a_table_is_said(lab, content):
    if content is not None:
        TABLE.write_text(content)
    (problem,) = examine_recordings(TABLE)[1]
    assert problem.check in ("missing-table", "empty-table")
    assert problem.file == str(TABLE) and "clapboard scan" in problem.remedy


def test_unknown_and_missing_columns_are_named(lab):
    columns = ["subject", "camera", "split", "annotation", "videos"]
    found = problems(["S1", "C1", "Training", "S1.csv", "S1/C1"], columns=columns)
    assert {(p.check, p.row) for p in found} == {("missing-column", 1), ("unknown-column", 1)}
    unknown = next(p for p in found if p.check == "unknown-column")
    assert unknown.remedy == "Did you mean 'annotations'?"


def test_a_hostile_header_cannot_write_on_the_screen(lab):
    found = problems(row(), columns=[*COLUMNS[:-1], "\x1b[2Jrate\a"])
    assert [p.check for p in found] == ["unknown-column"]
    assert str(found[0]).isprintable()


def test_an_unknown_column_does_not_hide_what_is_wrong_below(lab):
    columns = [*COLUMNS[:5], "camra"]
    found = problems([*row(split="x")[:5], "C1"], columns=columns)
    assert {p.check for p in found} == {"unknown-column", "unknown-split"}


@pytest.mark.parametrize("column", ["annotations", "videos"])
@pytest.mark.parametrize("path", ["a\0b", "a\x1b[2J", "/nowhere/x", "-rf", "$(id).csv", "x" * 5000])
def test_hostile_paths_are_only_looked_up(lab, column, path):
    (problem,) = problems(row(**{column: path}))
    assert (problem.row, problem.column, problem.value) == (2, column, path)
    assert "\x1b" not in str(problem) and "\0" not in str(problem)


@pytest.mark.parametrize("column", ["annotations", "videos"])
def test_a_path_to_nothing_is_told_with_the_folder_it_counts_from(lab, column):
    (problem,) = problems(row(**{column: "nowhere"}))
    assert str(lab) in problem.remedy


def test_a_row_with_too_many_cells_or_an_open_quote(lab):
    found = problems([*row(), "surplus"], ['"S2'])
    assert {(p.row, p.check) for p in found} == {(2, "long-row"), (3, "bad-quote")}


def test_pictures_need_a_rate_and_videos_none(lab):
    found = problems(
        row("S1", videos="pictures"), row("S2", rate="25"), row("S3", videos="S3/C1", rate="0")
    )
    checks = [(p.row, p.column, p.check) for p in found if p.row != 4]
    assert checks == [(2, "rate", "missing-rate"), (3, "rate", "needless-rate")]
    assert (4, "rate", "bad-rate") in [(p.row, p.column, p.check) for p in found]


def test_one_video_under_two_subjects_is_refused_also_through_a_link(lab):
    Path("link").symlink_to("S1/C1")
    (problem,) = problems(row("S1"), row("S2", "C1", "Test", videos="link"))
    assert (problem.check, problem.row, problem.column) == ("shared-video", 3, "videos")
    assert "row 2" in problem.message


def test_a_recording_that_is_only_predicted_does_not_hide_what_others_share(lab):
    found = problems(
        row("S3", "C9", "Predict", videos="S1/C1"),
        row("S1"),
        row("S2", split="Test", videos="S1/C1"),
    )
    assert [(p.check, p.row) for p in found] == [("shared-video", 4)]
    assert "row 3" in found[0].message


def test_one_video_twice_in_a_recording_is_refused(lab):
    Path("S1/C1/GH020001.MP4").symlink_to("GH010001.MP4")
    assert [p.check for p in problems(row("S1"))] == ["shared-video"]


def test_problems_of_chapters_carry_the_row(lab):
    Path("S1/C1/GH030001.MP4").write_text("")
    (problem,) = problems(row("S1"))
    assert (problem.check, problem.row, problem.column) == ("missing-chapter", 2, "videos")
    assert problem.value == "S1/C1"


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        *(("", "0"), ("0.0", "0"), ("12.50", "12.5"), ("-3", "-3"), ("1:02", "62")),
        *(("00:00:01.5", "1.5"), ("Frame 375", "frame 375"), ("AUTO", "auto")),
        *(("auto 00:01:00", "auto 60"), ("auto  12.5", "auto 12.5")),
    ],
)
def test_claps_have_one_form(written, normal):
    assert normalise_clap(written) == normal
    assert normalise_clap(normal) == normal


@pytest.mark.parametrize(
    "written",
    ["frame", "frame 0", "frame -1", "frame 1.5", "auto x", "soon", "0.0000000001", "12,5", "nan"],
)
def test_what_is_not_a_clap_is_refused(written):
    with pytest.raises(ValueError):
        normalise_clap(written)


def test_chapter_names_sort():
    assert [chapter_name(number) for number in (1, 10, 100)] == ["01", "10", "100"]
