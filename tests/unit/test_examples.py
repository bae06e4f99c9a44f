"""The demo and the layout of the real sets: what they write is what the package reads."""

import importlib.util
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from clapboard.annotations.reading import read_sheet
from clapboard.config import Config
from clapboard.recordings import read_recordings

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


def load(folder, name):
    """A script of examples/ as a module."""
    path = ROOT / "examples" / folder / f"{name}.py"
    specification = importlib.util.spec_from_file_location(f"example_{name}", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    sys.path.insert(0, str(path.parent))
    try:
        specification.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@pytest.fixture(scope="module")
def film():
    return load("demo", "film")


@pytest.fixture(scope="module")
def lay_out():
    return load("real", "lay_out")


def test_every_subject_of_the_demo_shows_every_procedure(film):
    for subject in film.SPLITS:
        acts = film.plan(subject)
        assert {act.procedure for act in acts} == set(film.PROCEDURES)
        assert all(act.start < act.stop for act in acts)
        assert all(a.stop <= b.start for a, b in pairwise(acts))
    assert set(film.SPLITS.values()) == {"Training", "Validation", "Test"}


@pytest.mark.parametrize("subject", [2, 3])
def test_the_sheet_of_the_demo_says_what_is_filmed(film, tmp_path, subject):
    acts = film.plan(subject)
    film.write_sheet(subject, acts, tmp_path / "sheet.csv")
    settings = Config(annotations={"aliases": {"BVM": "BAGGING"}}).section("annotations")
    sheet, problems = read_sheet(tmp_path / "sheet.csv", settings)
    assert problems == []
    assert [(a.label, a.start, a.stop) for a in sheet.annotations] == [
        (act.procedure, act.start, act.stop) for act in acts
    ]


def test_the_demo_is_filmed_in_chapters_that_hold_every_frame(film, tmp_path):
    from clapboard.packets import read_packets

    act = film.Act("BAGGING", Fraction(1), Fraction(13))
    take = film.Take(1, 1, (act,))
    film.film(take, tmp_path)
    files = take.files(tmp_path)
    assert [path.name for path in files] == ["GH010131.MP4", "GH020131.MP4"]
    assert sum(len(read_packets(str(path)).pts) for path in files) == take.frames


@pytest.mark.parametrize(
    ("cell", "expected", "notes"),
    [
        ("Sitting[0 to 1]; Sleeping[2 to 8]", [("Sitting", 0, 1), ("Sleeping", 2, 8)], []),
        (
            " Standing [0 to 0.5; 4.2 to 6.5]",
            [("Standing", 0, "1/2"), ("Standing", "21/5", "13/2")],
            [],
        ),
        ("Falling (SW) [ 2.8 to 6]; ", [("Falling (SW)", "14/5", 6)], []),
        ("Sitting[9.7 to 3]", [], ["stop-before-start"]),
        ("Falling (BW[5.9 to 10]; Walking[0 to 1.3]", [("Walking", 0, "13/10")], ["malformed"]),
        ("Eating[0.9 4.6]; Reading", [], ["malformed", "malformed"]),
        ("Standing[2 to 3; Walking[3 to 5]", [("Walking", 3, 5)], ["malformed"]),
    ],
)
def test_cells_of_gmdcsa_are_read_or_noted(lay_out, cell, expected, notes):
    found = lay_out.Notes()
    stretches = lay_out._stretches(cell, Path("Subject 1/ADL.csv"), 2, found)
    assert [(s.label, s.start, s.stop) for s in stretches] == [
        (label, Fraction(start), Fraction(stop)) for label, start, stop in expected
    ]
    assert [note.check for note in found.found] == notes


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_the_real_sets_are_laid_out_as_projects(lay_out, tmp_path, monkeypatch):
    lay_out.main(DATA, tmp_path)
    sizes = {}
    for name in ("weizmann4", "gmdcsa24"):
        monkeypatch.chdir(tmp_path / name)
        recordings = read_recordings("config/recordings.tsv")
        sizes[name] = len(recordings)
        settings = Config().section("annotations")
        for recording in recordings:
            sheet, problems = read_sheet(recording.annotations, settings)
            assert [problem for problem in problems if problem.severity == "error"] == []
            assert sheet.annotations
    assert sizes == {"weizmann4": 36, "gmdcsa24": 23}
    notes = (tmp_path / "gmdcsa24" / "notes.csv").read_text().splitlines()
    assert len(notes) == 11
