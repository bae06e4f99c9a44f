"""All problems of the input at once: real little videos, sheets in the lab's form."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from filming import Camera, film
from PIL import Image

from clapboard.checks.inputs import check_inputs, read_report, write_report
from clapboard.problems import Problem, errors
from clapboard.sessions.recordings import Recording
from clapboard.settings.config import load
from clapboard.settings.model_checks import interrupted

ANNOTATIONS = load({}).section("annotations")
CAMERA = Camera(size=(64, 48), codec="mpeg4")
SOUNDING = ("GH010002.MP4", "GH020002.MP4")


@pytest.fixture(scope="session")
def footage(tmp_path_factory):
    """Two chapters of two seconds, one of another size, and a text that calls itself a video."""
    folder = tmp_path_factory.mktemp("footage")
    for name in ("GH010001.MP4", "GH020001.MP4"):
        film(folder / name, CAMERA, 60)
    film(folder / "other.mp4", Camera(size=(32, 32), codec="mpeg4"), 5)
    (folder / "text.mp4").write_text("not a video")
    return folder


class Lab:
    """A folder with sheets and the recordings that name them."""

    def __init__(self, folder: Path, footage: Path) -> None:
        self.folder, self.footage = folder, footage
        self.recordings: list[Recording] = []

    def add(self, subject, split, rows, videos=("GH010001.MP4", "GH020001.MP4"), **more):
        """A recording; `rows` are (label, start, stop) in seconds after the clap."""
        sheet = self.folder / f"{subject}.csv"
        lines = ["ignore,PROCEDURE,Original_Start_Time,Original_Stop_Time"]
        for label, start, stop in [("CLAP", 0, 0), *rows]:
            times = [f"2019-04-04 09:00:{seconds:09.6f}" for seconds in (start, stop)]
            lines.append(",".join([label, label, *times]))
        sheet.write_text("\n".join(lines))
        values = {
            "id": f"{subject}C1",
            "subject": subject,
            "session": "",
            "camera": "C1",
            "split": split,
            "annotations": str(sheet),
            "chapters": tuple(str(self.footage / video) for video in videos),
            "kind": "video",
            "clap": "0",
            "rate": "",
            "row": len(self.recordings) + 2,
        }
        self.recordings.append(Recording(**(values | more)))

    def check(
        self,
        models=None,
        ffmpeg="bundled",
        incomplete=False,
        protocol="splits",
        held_out=True,
        thinned=None,
        fusion=False,
        overlays=False,
        **settings,
    ):
        return check_inputs(
            ANNOTATIONS | settings,
            self.recordings,
            threads=2,
            models=models,
            ffmpeg=ffmpeg,
            incomplete=incomplete,
            protocol=protocol,
            held_out=held_out,
            thinned=thinned,
            fusion=fusion,
            overlays=overlays,
        )


@pytest.fixture
def lab(tmp_path, footage):
    made = Lab(tmp_path, footage)
    made.add("S1", "Training", [("CUFF", 0.5, 1.5), ("SPLINT", 2, 3)])
    made.add("S2", "Validation", [("CUFF", 0.5, 1.5), ("SPLINT", 2, 3)])
    made.add("S3", "Test", [("CUFF", 0.5, 1.5), ("SPLINT", 2, 3)])
    return made


def places(problems):
    """(check, file name, row) of the problems."""
    return {(problem.check, Path(problem.file).name, problem.row) for problem in problems}


MODELS = {name: {"architecture": name} for name in ("cnn", "transfer", "lstm", "gru", "tcn")}


@pytest.mark.parametrize(
    ("frames", "key"),
    [
        ({"per_label": {"CUFF": 10}}, "frames.per_label"),
        ({"max_per_label_and_subject": 100}, "frames.max_per_label_and_subject"),
        ({"every": 10, "per_label": {"CUFF": 10}}, None),
        ({"every": "2/s"}, None),
    ],
)
def test_models_of_consecutive_frames_are_warned_of_labels_thinned_unequally(lab, frames, key):
    config = load({"models": MODELS, "frames": frames})
    thinned = interrupted(config.models, config.section("frames"))
    problems = lab.check(thinned=thinned)
    assert {(one.check, one.column, one.value, one.severity) for one in problems} == {
        ("interrupted-sequences", f"models.{name}", key, "warning")
        for name in ("lstm", "gru", "tcn")
        if key
    }


def test_good_input_has_no_problem(lab):
    assert lab.check() == []


def test_all_problems_come_at_once(lab):
    lab.add("S4", "Training", [("CUFF", 2, 1), ("CUFF", 3, 3.5)], ("text.mp4",))
    lab.add("S5", "Training", [("CUFF", 1, 3), ("SPLINT", 2, 3)], ("GH010001.MP4", "other.mp4"))
    lab.add("S6", "Test", [("CUFF", 1, 2), ("RARE", 3, 9)])
    found = places(errors(lab.check()))
    assert found >= {
        ("unreadable-chapter", "text.mp4", None),
        ("mixed-frame-sizes", "other.mp4", None),
        ("stop-before-start", "S4.csv", 3),
        ("overlap", "S5.csv", 4),
        ("unseen-label", "S6.csv", 4),
        ("beyond-video", "S6.csv", 4),
    }


def test_a_clap_given_as_a_frame_moves_the_sheet(lab):
    lab.add("S4", "Training", [("CUFF", 0.5, 1)], clap="frame 31")
    assert lab.check() == []
    lab.add("S5", "Training", [("CUFF", 0.5, 1)], clap="frame 91")
    lab.add("S6", "Training", [("CUFF", 0.5, 3.5)], clap="frame 106")
    assert places(errors(lab.check())) == {("beyond-video", "S6.csv", 3)}


def test_films_of_a_gopro_are_not_joined_without_a_word(lab, tmp_path):
    """Nobody knows how long the camera stood between them."""
    film(lab.footage / "GH010003.MP4", CAMERA, 60)
    chain = ("GH010001.MP4", "GH020001.MP4", "GH010003.MP4")
    lab.add("S4", "Training", [("CUFF", 0.5, 1)], chain)
    (problem,) = lab.check()
    assert (problem.check, problem.severity) == ("several-films", "warning")
    assert "S4C1" in problem.message and "GH010003.MP4 after GH020001.MP4" in problem.message
    # A sheet that names its clips has no label behind a gap.
    (tmp_path / "S4.csv").write_text("file,label,start_s,stop_s\nGH010003.MP4,CUFF,0,1\n")
    assert [problem.check for problem in lab.check()] == ["several-clips"]


def test_a_clap_cannot_be_heard_in_a_silent_film(lab):
    lab.add("S4", "Training", [("CUFF", 0.5, 1)], clap="auto", videos=["GH010001.MP4"])
    found = [(p.check, p.column, p.value) for p in lab.check()]
    assert found == [("no-sound", "clap", "auto")]


def test_a_clap_to_be_found_in_the_sound_is_looked_for_near_the_given_time(lab):
    for name in SOUNDING:
        film(lab.footage / name, replace(CAMERA, sound=True), 60)
    lab.add("S4", "Training", [("CUFF", 0.5, 3)], SOUNDING, clap="auto")
    assert lab.check() == []
    lab.add("S5", "Training", [("CUFF", 0.5, 3)], SOUNDING, clap="auto 3.5")
    assert places(errors(lab.check())) == {("beyond-video", "S5.csv", 3)}


def test_pictures_have_a_length_too(lab, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(1, 26):
        Image.new("RGB", (16, 16)).save(folder / f"S4C1{number:06d}.jpg")
    pictures = {"chapters": (str(folder),), "kind": "images", "rate": "25"}
    lab.add("S4", "Training", [("CUFF", 0.2, 0.9)], **pictures)
    assert lab.check() == []
    lab.add("S5", "Training", [("CUFF", 0.2, 2.9)], **pictures)
    assert ("beyond-video", "S5.csv", 3) in places(errors(lab.check()))


def test_nothing_to_tell_apart_and_nothing_in_common(lab):
    lab.recordings = []
    lab.add("S1", "Training", [("CUFF", 0.5, 1.5)])
    lab.add("S2", "Validation", [("CUFF", 0.5, 1.5)])
    lab.add("S3", "Test", [("SPLINT", 0.5, 1.5)])
    checks = {problem.check for problem in errors(lab.check(models={}, unseen="drop"))}
    assert checks == {"one-class", "no-common-label"}
    assert errors(lab.check(models={}, unseen="drop", background="REST")) == []
    assert errors(lab.check(unseen="drop")) == []


def test_those_who_teach_need_not_share_a_label(lab):
    lab.recordings = [entry for entry in lab.recordings if entry.split != "Validation"]
    lab.add("S4", "Validation", [("BANDAGE", 0.5, 1.5)])
    (problem,) = errors(lab.check(models={}, unseen="drop"))
    assert (problem.check, problem.value) == ("no-common-label", "Validation")
    assert errors(lab.check(models={}, unseen="drop", held_out=False)) == []


def test_who_is_left_out_and_has_no_frame_in_the_set_is_named(lab):
    lab.add("S4", "Test", [("BANDAGE", 0.5, 1.5)])
    found = lab.check(models={}, unseen="drop", protocol="loso")
    (problem,) = (problem for problem in found if problem.check == "no-common-label")
    assert problem.value == "BANDAGE" and "S4" in problem.message
    assert errors(found) == []
    of_three = lab.recordings.pop(2)
    (problem,) = errors(lab.check(models={}, unseen="drop", protocol="loso"))
    assert problem.check == "no-common-label"
    lab.recordings.append(of_three)
    assert errors(lab.check(models={}, unseen="drop")) == []
    lab.add("S5", "Training", [("BANDAGE", 0.5, 1.5)])
    assert errors(lab.check(models={}, unseen="drop", protocol="loso")) == []


def test_it_is_said_where_nobody_can_be_spared_to_validate_for_new_recordings(lab):
    """S1 alone shows SPLINT, S10 BANDAGE: S10 would validate, and nobody teach it."""

    def found(**more):
        checked = lab.check(models={}, **({"protocol": "loso"} | more))
        assert errors(checked) == []
        return [problem for problem in checked if problem.check == "nobody-to-spare"]

    lab.recordings = []
    lab.add("S10", "Training", [("CUFF", 0.5, 1.5), ("BANDAGE", 2, 3)])
    lab.add("S1", "Training", [("CUFF", 0.5, 1.5), ("SPLINT", 2, 3)])
    lab.add("S3", "Test", [("SPLINT", 0.5, 1.5)])
    assert found() == []  # nothing is to be recognised
    lab.add("S4", "Predict", [("CUFF", 0.5, 1.5)])
    (problem,) = found()
    assert "S10 would have to validate, who alone shows BANDAGE" in problem.message
    assert found(held_out=False) == []
    lab.add("S2", "Training", [("CUFF", 0.5, 1.5)])
    assert found() == []  # S2 is lent
    lab.recordings.pop()
    lab.add("S2", "Validation", [("CUFF", 0.5, 1.5)])
    assert found() == []


def test_a_sheet_without_annotations_is_an_error(lab):
    lab.add("S4", "Training", [])
    lab.add("S5", "Training", [("CUFF", 0.5, 1)])
    Path(lab.recordings[-1].annotations).write_text(
        "PROCEDURE,Original_Start_Time,Original_Stop_Time"
    )
    found = errors(lab.check())
    assert places(found) == {("empty-sheet", "S4.csv", None), ("empty-sheet", "S5.csv", None)}
    assert errors(lab.check(background="REST")) == []


def test_a_recording_that_its_sheet_says_nothing_about_is_an_error(lab, tmp_path):
    (tmp_path / "clips.csv").write_text("file,label\nGH010001.MP4,CUFF\n")
    more = {"annotations": str(tmp_path / "clips.csv")}
    lab.add("S4", "Training", [], ["GH010001.MP4"], **more)
    lab.add("S5", "Training", [], ["GH020001.MP4"], **more)
    assert [(problem.check, problem.message) for problem in errors(lab.check())] == [
        ("nothing-annotated", "no row is about S5C1")
    ]


@pytest.mark.parametrize("split", ["Training", "Validation", "Test"])
def test_an_unreadable_sheet_is_told_and_not_what_follows_from_it(lab, split):
    """Nobody else has the labels of its split, so that much would follow."""
    sheet = next(Path(entry.annotations) for entry in lab.recordings if entry.split == split)
    sheet.write_text("no sheet")
    found = lab.check(models={})
    assert {(problem.check, Path(problem.file)) for problem in found} == {("unknown-header", sheet)}


def test_rows_that_are_no_recordings_do_not_make_the_others_wrong(lab):
    lab.add("S4", "Training", [("CUFF", 0.5, 1.5)])
    lab.recordings = lab.recordings[1:]
    assert "unseen-label" in {problem.check for problem in lab.check()}
    assert lab.check(models={}, incomplete=True) == []


def program(folder, text):
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_an_ffmpeg_that_does_not_run_is_found(lab, tmp_path):
    for setting in (
        "no/such/ffmpeg",
        str(tmp_path),
        program(tmp_path, "exit 3"),
        program(tmp_path, "echo something else"),
    ):
        (problem,) = lab.check(ffmpeg=setting)
        assert (problem.check, problem.column, problem.value) == (
            "no-ffmpeg",
            "video.ffmpeg",
            setting,
        )
    assert lab.check(ffmpeg=program(tmp_path, "echo ffmpeg version 7.0")) == []


@pytest.mark.parametrize(
    ("said", "checks"),
    [
        ("4.4.2-0ubuntu0.22.04.1 Copyright", ["old-ffmpeg"]),
        ("n5.0.3 Copyright", ["old-ffmpeg"]),
        ("5.1.6-0+deb12u1 Copyright", []),
        ("n7.1 Copyright", []),
        ("N-118315-g4f3c9f2b1a Copyright", []),
    ],
)
def test_an_ffmpeg_that_is_too_old_for_overlays_is_found(lab, tmp_path, said, checks):
    given = {"ffmpeg": program(tmp_path, f"echo ffmpeg version {said}"), "overlays": True}
    assert lab.check(**given) == [], "nothing is to be recognised"
    lab.recordings.append(replace(lab.recordings[0], split="Predict", annotations=""))
    assert [problem.check for problem in lab.check(**given)] == checks
    assert lab.check(**given | {"overlays": False}) == []


def test_weights_that_are_not_there_are_found(lab, tmp_path):
    file = tmp_path / "b0.weights.h5"
    models = {"transfer": {"backbone": "EfficientNetB0", "weights": str(file)}}
    (problem,) = lab.check(models=models)
    assert (problem.check, problem.column) == ("missing-weights", "models.transfer.weights")
    file.touch()
    assert lab.check(models=models) == []


@pytest.mark.parametrize("suffix", [".pth", ".npz", ".H5", ""])
def test_weights_that_the_loader_does_not_know_are_refused_before_work(lab, tmp_path, suffix):
    file = tmp_path / f"b0{suffix}"
    file.touch()
    models = {"transfer": {"backbone": "EfficientNetV2B0", "weights": str(file)}}
    (problem,) = lab.check(models=models)
    assert (problem.check, problem.value) == ("unknown-weights", str(file))


def test_recordings_to_predict_need_no_sheet(lab):
    lab.recordings = [
        Recording(**{**vars(recording), "annotations": "", "split": "Predict"})
        for recording in lab.recordings
    ]
    assert lab.check() == []


SEEN = ("GH010001.MP4", "GH020001.MP4")
FROM_CLIPS = "file,label,start_seconds,stop_seconds\n{file},CUFF,0,1\n{file},SPLINT,1,1.5\n"
FROM_VIDEO = "label,start_seconds,stop_seconds\nCUFF,0,1\nSPLINT,1,1.5\n"
CLAPPED = FROM_VIDEO + "CLAP,0.5,0.5\n"


@pytest.fixture
def cameras(lab, footage):
    """A session of two cameras; says which have no clap to be measured together by."""

    def ask(one, other, fusion=True, split="Test", shared=False, protocol="splits"):
        lab.recordings = lab.recordings[:3]
        for name, video, (text, clap) in (("C1", SEEN[0], one), ("C2", SEEN[1], other)):
            sheet = lab.folder / ("both.csv" if shared else f"{name}.csv")
            sheet.write_text(text.format(file=video))
            template = replace(lab.recordings[2], subject="S4", camera=name, id=f"S4{name}")
            placed = {"clap": clap or "0", "clap_given": bool(clap)}
            files = (str(footage / video),)
            lab.recordings.append(
                replace(
                    template,
                    **{"annotations": str(sheet), "chapters": files, "split": split},
                    **placed,
                )
            )
        problems = lab.check(models={}, fusion=fusion, protocol=protocol)
        assert {one.check for one in errors(problems)} <= {"unknown-clap"}
        assert all(one.column == "clap" and one.remedy for one in errors(problems))
        return [one.message[:4] for one in errors(problems)]

    return ask


@pytest.mark.parametrize("sheet", [FROM_CLIPS, FROM_VIDEO])
def test_cameras_measured_together_need_a_clap_in_common(cameras, sheet):
    nothing, given, annotated = (sheet, ""), (sheet, "0"), (CLAPPED, "")
    assert cameras(nothing, nothing) == ["S4C1", "S4C2"]
    assert cameras(nothing, annotated) == cameras(nothing, given) == ["S4C1"]
    assert cameras(given, given) == cameras(given, annotated) == []
    assert cameras(nothing, nothing, fusion=False) == []
    # Only who tests is measured.
    assert cameras(nothing, nothing, split="Training") == []
    assert cameras(nothing, nothing, split="Training", protocol="loso") == ["S4C1", "S4C2"]


def test_a_clap_of_the_table_brings_cameras_together_whose_sheets_name_clips(cameras):
    assert cameras((FROM_CLIPS, "0.5"), (FROM_CLIPS, "frame 31")) == []


def test_cameras_that_share_a_sheet_are_on_its_clock(cameras):
    assert cameras((FROM_VIDEO, ""), (FROM_VIDEO, "0.2"), shared=True) == []


HOSTILE = [
    Problem("a", "'quoted' message", "Do.", "=cmd|' /C calc'!A0", 7, "x", "@SUM(1)", "warning"),
    Problem("b", "two\nlines", "-", "'=x", None, "", "+CPR"),
]


def test_the_report_comes_back_as_it_was_and_holds_no_formula(tmp_path, capfd):
    path = tmp_path / "report.csv"
    write_report(HOSTILE, path)
    assert read_report(path) == HOSTILE
    assert "1 error, 1 warnings" in capfd.readouterr().out
    with path.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
