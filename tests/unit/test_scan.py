from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clapboard.cli import main
from clapboard.problems import InputError
from clapboard.sessions.naming import as_role, read_name
from clapboard.sessions.recordings import read_recordings
from clapboard.sessions.scan import as_text, scan

GMDCSA = Path(__file__).parents[3] / "shared/data/gmdcsa24"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Makes files in the working directory, each with content of its own."""
    monkeypatch.chdir(tmp_path)

    def make(*names: str) -> None:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    return make


def rows(folder: str = "media") -> list[tuple[str, ...]]:
    """Subject, session, camera, sheet and videos of each row."""
    keys = ("subject", "session", "camera", "annotations", "videos")
    return [tuple(row[key] for key in keys) for row in scan(Path(folder)).rows]


@pytest.mark.parametrize(
    ("video", "place"),
    [
        ("S1/C2/a.MP4", ("S1", "", "C2", "", "media/S1/C2")),
        ("C2/S1/a.MP4", ("S1", "", "C2", "", "media/C2/S1")),
        ("S1C2/a.MP4", ("S1", "", "C2", "", "media/S1C2")),
        ("S1R2C2.mp4", ("S1", "R2", "C2", "", "media/S1R2C2.mp4")),
        ("Subject 1/Cam 3/a.mov", ("S1", "", "C3", "", "media/Subject 1/Cam 3")),
        ("P05/cam1/DCIM/100GOPRO/GX010001.MP4", ("P05", "", "cam1", "", None)),
        ("sub-01/ses-02/a.mkv", ("sub-01", "ses-02", "C1", "", "media/sub-01/ses-02")),
        ("Anna/view 1/a.avi", ("Anna", "", "V1", "", "media/Anna/view 1")),
        ("S1_cam2_part3.mp4", ("S1", "", "cam2", "", "media/S1_cam2_part3.mp4")),
    ],
)
def test_who_and_which_camera_are_read_from_names(tree, video, place):
    tree(f"media/{video}")
    videos = place[-1] or str(Path("media", video).parent)
    assert rows() == [(*place[:-1], videos)]


def test_the_folder_itself_may_be_the_subject(tree):
    tree("S7/C1/a.mp4", "S7/S7.csv")
    assert rows("S7") == [("S7", "", "C1", "S7/S7.csv", "S7/C1")]


def test_spellings_of_one_subject_are_one(tree):
    tree("media/S1/C1/a.mp4", "media/more/Subject 1/C2/a.mp4", "media/sub-01/C3/a.mp4")
    assert {row[0] for row in rows()} == {"S1"}


def test_gopro_recordings_in_one_folder_are_sessions_in_order(tree):
    tree(*(f"media/S1/C1/{name}" for name in ("GOPR0009.MP4", "GP010009.MP4", "GOPR0010.MP4")))
    tree("media/S2/C1/GH010009.MP4", "media/S2/C1/GH020009.MP4")
    assert [(row[0], row[1], row[4]) for row in rows()] == [
        ("S1", "R1", "media/S1/C1/G[OP]*0009.*"),
        ("S1", "R2", "media/S1/C1/GOPR0010.MP4"),
        ("S2", "", "media/S2/C1"),
    ]


def test_folders_without_a_known_name_tell_sessions_apart(tree):
    tree("media/S1/morning/a.mp4", "media/S1/evening/a.mp4")
    tree("media/S1/morning.csv", "media/S1/evening.csv")
    assert rows() == [
        ("S1", "evening", "C1", "media/S1/evening.csv", "media/S1/evening"),
        ("S1", "morning", "C1", "media/S1/morning.csv", "media/S1/morning"),
    ]


def test_sheets_are_matched_by_subject_and_session(tree):
    tree("media/S1/R1/a.mp4", "media/S1/R2/a.mp4", "media/P05/a.mp4", "media/S3/a.mp4")
    tree("sheets/x", "media/sheets/S1R1.csv", "media/sheets/S1.xlsx", "media/P5.csv")
    tree("media/other.csv")
    found = scan(Path("media"))
    assert [row["annotations"] for row in found.rows] == [
        "media/P5.csv",
        "media/sheets/S1R1.csv",
        "media/sheets/S1.xlsx",
        "",
    ]
    assert found.unplaced["the sheet fits no recording"] == ["media/other.csv"]
    assert found.remarks["no sheet has the name of the subject"] == ["media/S3"]


def test_two_sheets_that_fit_equally_are_both_named_and_none_is_taken(tree):
    tree("media/S1/a.mp4", "media/S1.csv", "media/S1.ods")
    found = scan(Path("media"))
    assert found.rows[0]["annotations"] == ""
    named = found.remarks["more than one sheet fits, none is taken"]
    assert sorted(named) == ["media/S1.csv", "media/S1.ods"]


def test_a_sheet_that_two_sessions_would_share_is_given_to_none_and_named(tree):
    tree("media/S1/R1/C1/a.mp4", "media/S1/R1/C2/a.mp4", "media/S1/R2/C1/a.mp4", "media/S1.csv")
    tree("media/S2/C1/a.mp4", "media/S2/C2/a.mp4", "media/S2.csv")
    found = scan(Path("media"))
    sheets = {(row["subject"], row["session"]): row["annotations"] for row in found.rows}
    assert sheets == {("S1", "R1"): "", ("S1", "R2"): "", ("S2", ""): "media/S2.csv"}
    (reason,) = found.unplaced
    assert "several sessions" in reason and found.unplaced[reason] == ["media/S1.csv"]


def test_chapters_of_several_cameras_in_one_folder_get_patterns(tree):
    tree("media/S1C1_1.mp4", "media/S1C1_2.mp4", "media/S1C2.mp4")
    assert [row[4] for row in rows()] == ["media/S1C1_*", "media/S1C2.mp4"]


def test_what_has_no_place_is_said(tree):
    tree("media/a.mp4", "media/S1/C1/GH010001.MP4", "media/S1/C1/output.MP4")
    tree("media/S1/C1/bad\nname.MP4")
    found = scan(Path("media"))
    assert [row["videos"] for row in found.rows] == ["media/S1/C1/GH010001.MP4"]
    unplaced = [place for places in found.unplaced.values() for place in places]
    assert "media/a.mp4" in unplaced and "media/S1/C1/output.MP4" in unplaced
    assert all("\n" not in place for place in unplaced) and len(unplaced) == 3


def test_broken_chains_and_pictures_are_said(tree):
    tree("media/S1/C1/GH020001.MP4", "media/S2/C1/1.jpg", "media/S2/C1/2.jpg")
    found = scan(Path("media"))
    (problem,) = found.problems
    assert "GH010001.MP4 missing" in problem and found.problems[problem] == ["media/S1/C1"]
    assert found.remarks["pictures; fill in their frames a second as rate"] == ["media/S2/C1"]
    assert "rate" in as_text(found).splitlines()[0].split("\t")


def test_a_first_chapter_is_missed_also_beside_another_recording(tree):
    tree("media/S1/C1/GH020001.MP4", "media/S1/C1/GH030001.MP4", "media/S1/C1/GH010002.MP4")
    (problem,) = scan(Path("media")).problems
    assert "GH010001.MP4 missing" in problem


def test_results_hidden_files_and_loops_are_passed_over(tree):
    tree("media/S1/C1/a.mp4", "media/results/check/accepted.json")
    tree("media/results/video/S1C1.mp4", "media/.trash/S9.mp4", "media/S1/C1/._a.mp4")
    Path("media/S1/again").symlink_to("..", target_is_directory=True)
    assert [row[4] for row in rows()] == ["media/S1/C1"]


@pytest.mark.parametrize(
    ("subjects", "splits"),
    [(3, (1, 1, 1)), (7, (5, 1, 1)), (9, (6, 1, 2)), (20, (14, 2, 4))],
)
def test_splits_are_proposed_by_subject_in_natural_order(tree, subjects, splits):
    tree(
        *(
            f"media/S{number}/{camera}/a.mp4"
            for number in range(1, subjects + 1)
            for camera in ("C1", "C2")
        )
    )
    split = {row["subject"]: row["split"] for row in scan(Path("media")).rows}
    names = ["Training", "Validation", "Test"]
    expected = [name for name, count in zip(names, splits, strict=True) for _ in range(count)]
    assert [split[f"S{number}"] for number in range(1, subjects + 1)] == expected


def test_with_two_subjects_splits_stay_empty_and_this_is_said(tree):
    tree("media/S1/a.mp4", "media/S2/a.mp4")
    found = scan(Path("media"))
    assert [row["split"] for row in found.rows] == ["", ""]
    assert any("three subjects" in note for note in found.remarks)


def test_the_table_can_be_read_as_it_is_written(tree, capsys):
    for subject in ("S1", "S2", "S[3]"):
        tree(f"media/{subject}/C1/GH010001.MP4", f"media/{subject}/C1/GH010002.MP4")
        tree(f"media/{subject}R1.csv", f"media/{subject}R2.csv")
    tree("media/S3/C1/GH010001.MP4", "media/S3/C1/GH010002.MP4", "media/S3/C1/GH020002.MP4")
    tree("media/S3R1.csv", "media/S3R2.csv")
    assert main(["scan", "media", "-o", "table.tsv"]) == 0
    text = Path("table.tsv").read_text()
    kept = [line for line in text.splitlines() if "S[3]" not in line]
    Path("table.tsv").write_text("\n".join(kept))
    recordings = read_recordings("table.tsv")
    assert [recording.id for recording in recordings] == [
        *("S1R1C1", "S1R2C1", "S2R1C1", "S2R2C1", "S3R1C1", "S3R2C1"),
    ]
    assert len(recordings[-1].chapters) == 2


def test_a_path_that_looks_like_a_formula_is_still_a_path_but_no_formula(tree, monkeypatch):
    tree("=1+1,S1/C1/S1C1.mp4", "-S2C1.mp4", "-S2C1.csv")
    main(["scan", ".", "-o", "table.tsv"])
    rows = list(csv.DictReader(Path("table.tsv").read_text().splitlines(), delimiter="\t"))
    assert sorted(row["videos"] for row in rows) == ["./-S2C1.mp4", "./=1+1,S1/C1/S1C1.mp4"]
    assert all(Path(row["videos"]).exists() for row in rows)


def test_an_existing_table_is_kept_unless_forced(tree, capsys):
    tree("media/S1/C1/a.mp4", "table.tsv")
    assert main(["scan", "media", "-o", "table.tsv"]) == 1
    assert Path("table.tsv").read_text() == "table.tsv"
    assert "--force" in capsys.readouterr().err
    assert main(["scan", "media", "-o", "table.tsv", "--force"]) == 0
    (row,) = csv.DictReader(Path("table.tsv").read_text().splitlines(), delimiter="\t")
    assert (row["subject"], row["videos"]) == ("S1", "media/S1/C1")


def test_what_is_wrong_with_a_row_is_said_as_a_problem_at_the_end(tree, capsys):
    tree("media/S1/C1/GH020001.MP4", "media/S2/C1/a.mp4", "media/b.mp4")
    assert main(["scan", "media", "-o", "table.tsv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    kinds = [line.partition(":")[0] for line in lines if line[0] != " "]
    assert kinds[-2] == "problem" and kinds.count("problem") == 1
    assert "    media/b.mp4" in lines


def test_nothing_is_written_when_nothing_is_found(tree, capsys):
    tree("media/notes.txt")
    assert main(["scan", "media", "-o", "table.tsv"]) == 1
    assert not Path("table.tsv").exists()
    assert "no recording" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_an_error(tree):
    with pytest.raises(InputError):
        scan(Path("nowhere"))


@pytest.mark.parametrize(
    "name",
    ["", "notes", "S1S2", "S1 extra", "clip2", "GH010001", "S", "C2x", "../S1", "S1-final", "٣"],
)
def test_names_that_are_not_understood_say_nothing(name):
    assert read_name(name) == {}


@given(st.text(max_size=60).filter(bool))
def test_any_name_gives_a_safe_role(name):
    role = as_role(name)
    assert role.name.isascii() and "/" not in role.name and len(role.name) <= 40


def test_the_clips_of_gmdcsa_find_their_sheets():
    if not GMDCSA.is_dir():
        pytest.skip(f"{GMDCSA} is not there")
    found = scan(GMDCSA)
    assert len(found.rows) == 8 and not found.unplaced
    for row in found.rows:
        assert row["annotations"] == f"{row['videos']}.csv"
    assert [row["split"] for row in found.rows[::2]] == [
        *("Training", "Training", "Validation", "Test"),
    ]
