"""The linter: each check fires where it should and keeps silent where it should not."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clapboard.annotations.labels import resolve
from clapboard.annotations.lint import lint
from clapboard.annotations.reading import read_sheet
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.problems import errors
from clapboard.sessions.recordings import Recording
from clapboard.settings.config import load

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
DOCS, PACKAGE = ROOT / "docs" / "annotations.md", ROOT / "clapboard"
SETTINGS = load({}).section("annotations")


def recording(subject="S1", split="Training", file="s.csv", chapters=(), clap="0", camera="C1"):
    chapters = tuple(chapters)
    return Recording(
        f"{subject}{camera}", subject, "", camera, split, file, chapters, "video", clap, "", 2
    )


def entry(label, start, stop, row, **more):
    return Annotation(label, Fraction(start), Fraction(stop), row, label.title(), **more)


CLAP = entry("CLAP", 0, 0, 1)


def check(entries, durations=None, settings=SETTINGS, origin="video", claps=(CLAP,), **more):
    """(check, severity, row) of all problems of one sheet."""
    sheet = Sheet("s.csv", origin, tuple(entries), tuple(claps))
    problems = lint({"s.csv": sheet}, [recording(**more)], durations, settings)
    return [(problem.check, problem.severity, problem.row) for problem in problems]


def sheets_of(**labels):
    """One sheet a subject, each label ten times, ten seconds long; (sheets, recordings)."""
    sheets, recordings = {}, []
    for subject, (split, names) in labels.items():
        rows = [
            entry(name, 100 * place + 10 * turn, 100 * place + 10 * turn + 10, 10 * place + turn)
            for place, name in enumerate(names, start=1)
            for turn in range(10)
        ]
        sheets[f"{subject}.csv"] = Sheet(f"{subject}.csv", "video", tuple(rows))
        recordings.append(recording(subject, split, f"{subject}.csv"))
    return sheets, recordings


def test_clean_sheet_has_no_problem():
    entries = [entry("A", 0, 5, 2), entry("B", 5, 9, 3), entry("A", 9, 12, 4)]
    assert check(entries, {"1.mp4": Fraction(12)}, chapters=["1.mp4"]) == []


@pytest.mark.parametrize(
    ("entries", "problems"),
    [
        ([entry("A", 5, 4, 2)], [("stop-before-start", "error", 2)]),
        ([entry("A", 5, 5, 2)], [("zero-length", "warning", 2)]),
        ([entry("A", 0, 5, 2), entry("A", 0, 5, 3)], [("duplicate", "warning", 3)]),
        ([entry("A", 0, 5, 2), entry("A", 4, 6, 3)], [("overlap", "warning", 3)]),
        ([entry("A", 0, 5, 2), entry("B", 4, 6, 3)], [("overlap", "error", 3)]),
        ([entry("A", 5, 6, 2), entry("B", 1, 2, 3)], [("out-of-order", "warning", 3)]),
    ],
)
def test_faults_of_rows(entries, problems):
    assert check(entries) == problems


def test_overlap_names_both_rows_and_how_long():
    sheet = Sheet("s.csv", "video", (entry("A", 0, 5, 2), entry("B", 1, 2, 3), entry("C", 4, 6, 9)))
    problems = lint({"s.csv": sheet}, [recording()], None, SETTINGS)
    assert [problem.row for problem in problems] == [3, 9]
    assert "row 2" in problems[0].message and "1 s" in problems[0].message
    assert "row 2" in problems[1].message and problems[1].file == "s.csv"


@pytest.mark.parametrize("policy", ["first", "last", "shortest"])
def test_overlap_that_a_policy_resolves_is_a_warning(policy):
    entries = [entry("A", 0, 5, 2), entry("B", 4, 6, 3)]
    assert check(entries, settings={**SETTINGS, "overlaps": policy}) == [("overlap", "warning", 3)]


def test_ignored_labels_may_overlap():
    entries = [entry("SESSION", 0, 50, 2), entry("B", 4, 6, 3)]
    assert check(entries, settings={**SETTINGS, "ignore": ["session"]}) == []


def test_rows_of_different_clips_or_subjects_do_not_overlap():
    clips = [entry("A", 0, 5, 2, clip="GH010123.MP4"), entry("B", 0, 5, 3, clip="GH020123.MP4")]
    assert check(clips, chapters=["GH010123.MP4", "GH020123.MP4"]) == []
    subjects = [entry("A", 0, 5, 2, subject="S1"), entry("B", 0, 5, 3, subject="S2")]
    sheets = {"s.csv": Sheet("s.csv", "clap", tuple(subjects), (CLAP,))}
    found = lint(sheets, [recording("S1"), recording("S2")], None, SETTINGS)
    assert {problem.check for problem in found} == {"one-subject-label"}


@pytest.mark.parametrize(
    ("whole", "files", "severity"),
    [
        (True, ("bend/ido.avi", "jack/ido.avi"), "error"),
        (True, ("films/00001.MTS", "films/00002.MTS"), "warning"),
        (False, ("1.mp4", "2.mp4"), "warning"),
        (False, ("GH010123.MP4", "GH010124.MP4"), "warning"),
        (True, ("bend/ido.avi",), None),
        (False, ("GH010123.MP4", "GH020123.MP4"), None),
    ],
)
def test_clips_are_not_taken_for_one_film(whole, files, severity):
    """Their order, which is that of their names, would be learnt and judged."""
    clips = [
        replace(entry(f"L{row}", 0, 0 if whole else 5, row, clip=file), whole=whole)
        for row, file in enumerate(files, 2)
    ]
    sheets = {"s.csv": Sheet("s.csv", "video", tuple(clips))}

    def severities(learnt):
        found = lint(sheets, [recording(chapters=files)], None, SETTINGS, learnt=learnt)
        return [problem.severity for problem in found if problem.check == "several-clips"]

    assert severities(learnt=True) == [severity] * bool(severity)
    assert severities(learnt=False) == ["warning"] * bool(severity)


def test_rows_of_several_people_in_one_video_do_overlap():
    people = [entry("A", 0, 5, 2, subject="X"), entry("B", 0, 5, 3, subject="Y")]
    assert check(people) == [("several-subjects", "warning", None), ("overlap", "error", 3)]
    everybody = [entry("A", 0, 5, 2), entry("B", 0, 5, 3, subject="S1")]
    assert check(everybody) == [("overlap", "error", 3)]


def test_people_with_claps_of_their_own_are_not_put_into_one_video():
    rows = (entry("A", 0, 5, 2, subject="X"), entry("B", 20, 25, 4, subject="Y"))
    zeros = {"X": Fraction(0), "Y": Fraction(19)}
    sheet = Sheet("s.csv", "clap", rows, (CLAP,), subject_zeros=zeros)
    problems = lint({"s.csv": sheet}, [recording("S1")], None, SETTINGS)
    assert [(p.check, p.severity) for p in problems] == [("several-subjects", "error")]


def test_a_sheet_of_several_subjects_gives_each_recording_its_rows():
    rows = (
        entry("A", 0, 5, 2, subject="s1"),
        entry("B", 9, 8, 3, subject="S2"),
        entry("A", 5, 9, 4),
    )
    sheets = {"s.csv": Sheet("s.csv", "video", rows)}
    assert lint(sheets, [recording("S1")], None, SETTINGS) == []
    problems = lint(sheets, [recording("S1"), recording("S2", "Training")], None, SETTINGS)
    assert [(p.check, p.row) for p in problems] == [
        ("stop-before-start", 3),
        ("one-subject-label", 3),
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 8)).map(lambda pair: (pair[0], sum(pair))),
        max_size=8,
    )
)
def test_every_two_rows_that_share_time_are_told_once(intervals):
    entries = [entry(f"L{row}", start, stop, row) for row, (start, stop) in enumerate(intervals, 2)]
    sharing = sum(
        one.start < other.stop and other.start < one.stop
        for place, one in enumerate(entries)
        for other in entries[place + 1 :]
    )
    assert sum(name == "overlap" for name, _, _ in check(entries)) == sharing


@pytest.mark.parametrize(
    ("start", "stop", "problems"),
    [
        (0, 20, []),
        (19, "20.5", [("beyond-video", "warning", 2)]),
        (19, "21.5", [("beyond-video", "error", 2)]),
        (20, "20.5", [("beyond-video", "error", 2)]),
    ],
)
def test_end_of_the_video(start, stop, problems):
    durations = {"1.mp4": Fraction(12), "2.mp4": Fraction(8)}
    more = {"chapters": ["1.mp4", "2.mp4"]}
    assert check([entry("A", start, stop, 2)], durations, **more) == problems


def test_clap_position_moves_wall_clock_sheets_against_the_video():
    entries = [entry("A", -2, 5, 2), entry("B", 5, 9, 3)]
    durations, chapters = {"1.mp4": Fraction(10)}, ["1.mp4"]

    def at(clap):
        return check(entries, durations, origin="clap", chapters=chapters, clap=clap)

    assert at("2") == [("beyond-video", "warning", 3)]
    assert at("1") == [("before-video", "error", 2)]
    assert at("5") == [("beyond-video", "error", 3)]
    assert at("auto") == []


def test_session_longer_than_its_video_is_told_whatever_the_clap():
    entries = [entry("A", 0, 5, 2), entry("B", 500, 505, 3)]
    found = check(entries, {"1.mp4": Fraction(100)}, chapters=["1.mp4"], clap="auto", origin="clap")
    assert ("longer-than-video", "error", None) in found


def test_one_stray_row_is_told_by_its_row_and_many_by_their_cause():
    durations, chapters = {"1.mp4": Fraction(100)}, ["1.mp4"]
    rows = [entry("A", 10 * n, 10 * n + 5, n + 2) for n in range(10)]
    stray = entry("B", 86_400, 86_405, 12)
    assert check([*rows, stray], durations, chapters=chapters) == [("beyond-video", "error", 12)]
    late = [entry("B", 100 + n, 101 + n, 20 + n) for n in range(7)]
    problems = check([*rows, *late], durations, chapters=chapters)
    assert problems == [("beside-video", "error", 20)]
    far = [entry("B", 1000 + n, 1001 + n, 20 + n) for n in range(7)]
    problems = check([*rows, *far], durations, chapters=chapters)
    assert problems == [("longer-than-video", "error", None)]


def test_a_row_that_ends_before_it_begins_is_told_once():
    rows = [entry("A", 10 * n, 10 * n + 5, n + 2) for n in range(10)]
    rows[5] = entry("A", 86_450, 55, 7)
    found = check(rows, {"1.mp4": Fraction(100)}, chapters=["1.mp4"])
    assert found == [("stop-before-start", "error", 7)]


def test_a_sheet_without_its_clap_is_not_said_to_begin_before_the_video():
    entries = [entry("A", -5, 0, 2), entry("A", 0, 6, 3)]
    durations, chapters = {"1.mp4": Fraction(10)}, ["1.mp4"]
    assert check(entries, durations, origin="clap", claps=(), chapters=chapters) == []


def test_cameras_that_share_a_sheet_of_a_player_are_placed_or_refused():
    sheet = Sheet("s.csv", "video", (entry("A", 1, 2, 2),), (entry("CLAP", "0.5", "0.5", 3),))

    def problems(*claps, sheet=sheet):
        recordings = [
            recording(camera=f"C{number}", clap=clap, chapters=[f"{number}.mp4"])
            for number, clap in enumerate(claps, start=1)
        ]
        return [(p.check, p.value) for p in lint({"s.csv": sheet}, recordings, None, SETTINGS)]

    assert problems("0", "0") == [("unplaced-camera", "S1C1, S1C2")]
    assert problems("0", "0", "7") == [("unplaced-camera", "S1C1, S1C2")]
    for other in ("7", "frame 1", "auto", "auto 7"):
        assert problems("0", other) == []
    without = Sheet("s.csv", "video", sheet.annotations)
    assert problems("0", "auto", sheet=without) == [("no-clap", "auto")]
    assert problems("0", "7", sheet=without) == []
    assert problems("0", "frame 1", sheet=without) == []
    assert problems("5", "7") == []
    assert problems("5", "7", sheet=without) == [("no-clap", "S1C1, S1C2")]
    assert problems("5", sheet=without) == [("no-clap", "S1C1")]
    clips = Sheet("s.csv", "video", (entry("A", 1, 2, 2, clip="1.mp4"),))
    assert problems("0", "0", sheet=clips) == []
    assert problems("7", sheet=clips) == [("needless-clap", "7")]
    for claps in (("0", "7"), ("12.5", "3.1"), ("auto", "frame 7")):  # for the session's own clock
        assert problems(*claps, sheet=clips) == []


def test_labels_that_a_faulty_sheet_may_have_are_not_missed():
    sheets, recordings = sheets_of(S1=("Training", "A"), S2=("Test", "AB"))
    checks = {problem.check for problem in lint(sheets, recordings, None, SETTINGS)}
    assert checks == {"unseen-label"}
    for unsure in (["Training"], ["Training", "Test"]):
        assert lint(sheets, recordings, None, SETTINGS, unsure=unsure) == []


def test_whole_clips_and_videos_of_unknown_length_are_not_compared():
    whole = [entry("A", 0, 0, 2, clip="1.mp4", whole=True)]
    assert check(whole, {"1.mp4": Fraction(3)}, chapters=["1.mp4"]) == []
    assert check([entry("A", 0, 99, 2)], {}, chapters=["1.mp4"]) == []


def test_each_camera_has_its_own_end():
    sheet = Sheet("s.csv", "clap", (entry("A", 0, 8, 2),), (CLAP,))
    recordings = [
        recording(camera="C1", chapters=["1.mp4"], clap="0"),
        recording(camera="C2", chapters=["2.mp4"], clap="5"),
    ]
    durations = {"1.mp4": Fraction(10), "2.mp4": Fraction(10)}
    problems = lint({"s.csv": sheet}, recordings, durations, SETTINGS)
    assert [problem.check for problem in problems] == ["beyond-video"]
    assert "S1C2" in problems[0].message


@pytest.mark.parametrize(("policy", "severity"), [("refuse", "error"), ("drop", "warning")])
def test_label_that_no_training_subject_has(policy, severity):
    sheets, recordings = sheets_of(
        S1=("Training", "AB"), S2=("Validation", "ABC"), S3=("Test", "ABC")
    )
    problems = lint(sheets, recordings, None, {**SETTINGS, "unseen": policy})
    assert [(p.check, p.file, p.severity, p.value) for p in problems] == [
        ("unseen-label", "S2.csv", severity, "C"),
        ("unseen-label", "S3.csv", severity, "C"),
    ]


def test_label_of_one_subject():
    sheets, recordings = sheets_of(S1=("Training", "AB"), S2=("Training", "A"), S3=("Test", "A"))
    problems = lint(sheets, recordings, None, SETTINGS)
    assert [(p.check, p.file, p.value) for p in problems] == [("one-subject-label", "S1.csv", "B")]
    assert lint(sheets, recordings, None, {**SETTINGS, "ignore": ["b"]}) == []


@pytest.mark.parametrize(
    ("usual", "odd", "escaped"),
    [
        ("CHEST-TUBE", "CHEST\N{EN DASH}TUBE", "CHEST\\u2013TUBE"),
        ("CHEST-TUBE", "CHEST\N{MINUS SIGN}TUBE", "CHEST\\u2212TUBE"),
        ("CUT", "CUT\N{ZERO WIDTH SPACE}", "CUT\\u200b"),
        ("CUT", "\N{FULLWIDTH LATIN CAPITAL LETTER C}UT", "\\uff23UT"),
        ("IV LINE", "IO LINE", None),
        ("CHEST-TUBE", "CHEST TUBE", None),
    ],
)
def test_labels_that_look_the_same_are_told_however_common_they_are(usual, odd, escaped):
    names = {"S1": usual, "S2": odd, "S3": usual, "S4": odd}
    splits = dict.fromkeys(("S1", "S2"), "Training") | {"S3": "Test", "S4": "Test"}
    sheets, recordings = sheets_of(**{name: (splits[name], [names[name]]) for name in names})
    problems = lint(sheets, recordings, None, SETTINGS)
    assert [p.check for p in problems] == ["similar-label"] * bool(escaped)
    for problem in problems:
        (alias,) = re.findall(r"the alias (.*) to", problem.remedy)
        assert escaped in alias
        aliases = yaml.safe_load("{" + alias + "}")
        assert {key: resolve(key, aliases) for key in aliases} in ({odd: usual}, {usual: odd})


def test_label_that_cannot_be_judged():
    splits = {"S1": "Training", "S2": "Training", "S3": "Validation", "S4": "Test"}
    names = {"S1": "ABCD", "S2": "ABC", "S3": "AB", "S4": "A"}
    sheets, recordings = sheets_of(**{name: (splits[name], names[name]) for name in splits})

    def told(**more):
        problems = lint(sheets, recordings, None, SETTINGS, **more)
        return [(p.check, p.value, p.message.partition(" has ")[0]) for p in problems]

    assert told() == [
        ("class-absent", "B", "no subject in Test"),
        ("class-absent", "C", "no subject in Validation or Test"),
        ("one-subject-label", "D", "only S1"),
    ]
    assert [value for _, value, _ in told(unsure=["Test"])] == ["C", "D"]


def test_rare_spelling_next_to_a_common_one():
    names = ["IV LINE", "IO LINE", "SPLINTING"]
    sheets, recordings = sheets_of(S1=("Training", names), S2=("Training", [*names, "SPLINTTING"]))
    problems = lint(sheets, recordings, None, SETTINGS)
    similar = [problem for problem in problems if problem.check == "similar-label"]
    assert [(p.file, p.value) for p in similar] == [("S2.csv", "Splintting")]
    assert "'SPLINTTING': 'SPLINTING'" in similar[0].remedy


def test_duration_unlike_the_others_of_its_label():
    seconds = [8, 9, 10, 11, 12, 120]
    entries = [entry("A", 200 * row, 200 * row + n, row) for row, n in enumerate(seconds, start=2)]
    assert check(entries) == [("odd-duration", "warning", 7)]
    assert check(entries[-4:]) == []


def test_neighbours_that_fit_better_exchanged():
    entries = [entry("A", 100 * n, 100 * n + 5, 10 + n) for n in range(6)]
    entries += [entry("B", 1000 + 100 * n, 1060 + 100 * n, 20 + n) for n in range(6)]
    entries += [entry("A", 2000, 2060, 30), entry("B", 2060, 2065, 31)]
    found = check(entries)
    assert ("swapped-neighbours", "warning", 30) in found
    assert {row for name, _, row in found if name == "odd-duration"} == {30, 31}


def shared(entries, *places):
    """Checks of one wall-clock sheet that several (subject, session, camera) share."""
    sheet = Sheet("s.csv", "clap", tuple(entries), (CLAP,))
    recordings = [
        replace(recording(who), id=f"{who}{session}{camera}", session=session, row=row)
        for row, (who, session, camera) in enumerate(places, start=2)
    ]
    return lint({"s.csv": sheet}, recordings, None, SETTINGS)


def test_sessions_do_not_share_a_sheet_but_cameras_and_subjects_do():
    entries = [entry("A", 1, 2, 2)]
    found = shared(entries, ("S1", "R1", "C1"), ("S1", "R1", "C2"), ("S2", "R2", "C1"))
    assert [problem.check for problem in found] == ["shared-by-subjects"]
    (problem,) = shared(entries, ("S1", "R1", "C1"), ("S1", "R1", "C2"), ("S1", "", "C1"))
    assert (problem.check, problem.severity, problem.file) == (
        *("shared-by-sessions", "error", "s.csv"),
    )
    assert "S1R1C1 and S1C1" in problem.message
    assert (
        problem.value == "R1 (row 2 of the recordings table), none (row 4 of the recordings table)"
    )


def test_a_sheet_that_names_its_clips_may_speak_of_several_sessions():
    entries = [entry("A", 0, 1, 2, clip="1.mp4"), entry("A", 0, 1, 3, clip="2.mp4")]
    sheet = Sheet("s.csv", "video", tuple(entries))
    recordings = [
        replace(recording(chapters=[f"{n}.mp4"]), id=f"S1R{n}C1", session=f"R{n}") for n in (1, 2)
    ]
    assert lint({"s.csv": sheet}, recordings, None, SETTINGS) == []


def about(*names, recordings=("S1", "S2"), **more):
    """(check, severity, value) of a sheet with a row about each name; the recordings share it."""
    rows = [entry("A", 5 * n, 5 * n + 5, n + 2, subject=name) for n, name in enumerate(names)]
    sheets = {"s.csv": Sheet("s.csv", "video", tuple(rows), **more)}
    table = [recording(subject) for subject in recordings]
    # Somebody with a sheet of their own, which says nothing here.
    table.append(recording("S9", file="S9.csv"))
    return [(p.check, p.severity, p.value) for p in lint(sheets, table, None, SETTINGS)]


def test_nobody_gets_the_sheet_of_another_subject_of_the_table():
    assert about("s9", "S9", recordings=["S1"]) == [("other-subject", "error", "S9")]
    assert about("S9", "", recordings=["S1"]) == [("other-subject", "error", "S9")]
    assert about("S2", "S9", recordings=["S1", "S2"]) == [("other-subject", "error", "S2, S9")]
    # A word that is no subject of the table may mean anything.
    assert about("PATIENT", recordings=["S1"]) == []
    assert about("s1", "S9", recordings=["S1"]) == []


def test_a_row_about_a_clip_of_another_subject_is_not_held_against_a_recording():
    rows = (
        entry("A", 0, 5, 2, clip="1.mp4"),
        entry("A", 0, 5, 3, clip="2.mp4", subject="S2"),
    )
    table = [recording("S1", chapters=["1.mp4"]), recording("S2", chapters=["2.mp4"])]
    assert lint({"s.csv": Sheet("s.csv", "video", rows)}, table, None, SETTINGS) == []


def test_subjects_that_share_a_sheet_without_names_are_told():
    assert about("", "") == [("shared-by-subjects", "warning", "S1, S2")]
    assert about("PATIENT") == [("shared-by-subjects", "warning", "S1, S2")]
    assert about("S1", "S2", "") == []
    assert about("", recordings=["S1"]) == []


def test_tabs_that_are_not_read_stop_those_who_share_a_workbook():
    tabs = {"tab": "S1", "tabs_left": ("S2",)}
    assert about("", recordings=["S1"], **tabs) == [("unread-tab", "warning", "S2")]
    assert about("", **tabs) == [("unread-tab", "error", "S2")]


def test_clap_that_is_no_instant():
    claps = [entry("CLAP", 0, "3.9", 2), entry("CLAP", 9, 9, 4)]
    assert check([], claps=claps, origin="clap") == [("long-clap", "warning", 2)]


def test_problems_come_by_sheet_and_row():
    sheets, recordings = sheets_of(S1=("Training", "AB"), S2=("Training", "A"))
    bad = (entry("A", 9, 8, 5), entry("A", 7, 6, 3))
    sheets["S2.csv"] = Sheet("S2.csv", "video", bad)
    rows = [(p.file, p.row) for p in lint(sheets, recordings, None, SETTINGS)]
    assert rows == sorted(rows)


@pytest.mark.skipif(not (SHARED / "cela").is_dir(), reason=f"no real sheets in {SHARED}")
def test_real_sheets_are_pointed_at_where_they_are_probably_wrong():
    sheets, recordings, problems = {}, [], []
    splits = ["Training"] * 5 + ["Validation", "Test"]
    for number, split in enumerate(splits, start=1):
        file = str(SHARED / "cela" / "rawcsv" / f"P{number + 4}.csv")
        sheets[file], found = read_sheet(file, SETTINGS)
        problems += found
        recordings.append(recording(f"S{number}", split, file))
    problems += lint(sheets, recordings, None, SETTINGS)
    found = {(Path(p.file).stem, p.row, p.check) for p in problems}
    assert errors(problems) == [p for p in problems if p.check in ("overlap", "unseen-label")]

    probable_errors = {("P9", 23), ("P6", 67), ("P6", 68), ("P10", 7), ("P7", 17), ("P7", 21)}
    identical_rows = {("P11", 21), ("P11", 22)}
    odd = {(sheet, row) for sheet, row, name in found if name == "odd-duration"}
    assert odd == probable_errors | identical_rows
    assert {(sheet, row) for sheet, row, name in found if name == "swapped-neighbours"} == {
        ("P6", 67),
        ("P7", 20),
    }
    assert {p.value for p in problems if p.check == "one-subject-label"} == {
        "INCISION",
        "MEDICATION",
        "INTUBATION-STYLETE",
    }
    assert [p.value for p in problems if p.check == "unseen-label"] == ["PLACE CUFF"]

    documented = DOCS.read_text(encoding="utf-8")
    assert f"this gives {len(problems)} messages" in documented
    assert as_documented(problems) in documented


def as_documented(problems):
    """The table of docs/annotations.md: the rows of each check by sheet."""
    rows = defaultdict[str, dict[str, list[int]]](lambda: defaultdict(list))
    for problem in problems:
        rows[problem.check][Path(problem.file).stem].append(problem.row)
    lines = ["| check | rows |", "|---|---|"]
    for check in sorted(rows):
        sheets = (
            f"{sheet}: {', '.join(map(str, sorted(numbers)))}"
            for sheet, numbers in sorted(rows[check].items())
        )
        lines.append(f"| `{check}` | {'; '.join(sheets)} |")
    return "\n".join(lines) + "\n"


def checks_of(module):
    """Names of the checks in a module: the first argument of every `Problem`."""
    calls = (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call))
    problems = (call for call in calls if getattr(call.func, "id", "") == "Problem")
    arguments = (
        [*call.args[:1], *(word.value for word in call.keywords if word.arg == "check")]
        for call in problems
    )
    constants = (node for first in arguments for one in first for node in ast.walk(one))
    return {node.value for node in constants if isinstance(getattr(node, "value", None), str)}


def test_every_check_is_documented():
    modules = [PACKAGE / "checks" / "inputs.py", PACKAGE / "sessions" / "splits.py"]
    modules += [PACKAGE / "settings" / name for name in ("backbones.py", "model_checks.py")]
    modules += (PACKAGE / "annotations").glob("*.py")
    checks = set().union(*map(checks_of, modules))
    assert {"overlap", "empty-split", "empty-sheet"} <= checks
    documented = set(re.findall(r"`([a-z-]+)`", DOCS.read_text(encoding="utf-8")))
    assert checks - documented == set()
