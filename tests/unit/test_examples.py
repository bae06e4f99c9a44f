"""The demo and the layout of the real sets: what they write is what the package reads."""

import importlib.util
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from clapboard.annotations.reading import read_sheet
from clapboard.checks.inputs import check_inputs
from clapboard.problems import errors
from clapboard.sessions.project import known_at_start, read_project
from clapboard.settings.config import Config

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
    from clapboard.video.packets import read_packets

    act = film.Act("BAGGING", Fraction(1), Fraction(13))
    take = film.Take(1, 1, (act,))
    film.film(take, tmp_path)
    files = take.files(tmp_path)
    assert [path.name for path in files] == ["GH010131.MP4", "GH020131.MP4"]
    assert sum(len(read_packets(str(path)).pts) for path in files) == take.frames


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real sets in {DATA}")
@pytest.mark.parametrize(("name", "clips"), [("weizmann4", 36), ("gmdcsa24", 23)])
def test_the_real_sets_are_laid_out_as_projects_without_an_error(
    lay_out, tmp_path, monkeypatch, name, clips
):
    lay_out.main(DATA, tmp_path)
    monkeypatch.chdir(tmp_path / name)
    project = read_project("config/config.yaml")
    recordings = project.recordings
    assert len(recordings) == clips
    assert project.problems + known_at_start(project.config, recordings, []) == []
    found = check_inputs(project.config.section("annotations"), recordings)
    assert errors(found) == []
    if name == "weizmann4":
        assert found == []
