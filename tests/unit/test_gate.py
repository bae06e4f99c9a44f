"""The gate before all work: what it lets through, what it remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from clapboard.checks import gate
from clapboard.checks.inputs import read_report
from clapboard.problems import InputError, Problem
from clapboard.sessions.recordings import Recording
from clapboard.settings.config import load

WARNING = Problem("odd", "looks odd", "Look again.", severity="warning")
ERROR = Problem("bad", "is bad", "Mend it.", file="-x", value="=1+1")


@pytest.fixture
def looks(monkeypatch) -> list[list[Problem]]:
    """What the checks find, look by look; a look more than that is an error of the test."""
    found: list[list[Problem]] = []
    monkeypatch.setattr(gate, "check_inputs", lambda **_: found.pop(0))
    return found


def look(folder: Path, **known_by: str) -> list[Problem]:
    return gate.look(folder, list[Recording](), {}, known_by, threads=1)


def open_gate(folder: Path, **known_by: str) -> None:
    gate.open_gate(folder, list[Recording](), {}, known_by, threads=1)


def test_the_same_input_is_looked_at_once(tmp_path, looks, capsys):
    looks += [[WARNING], []]
    open_gate(tmp_path, sheet="1")
    assert "looks odd" in capsys.readouterr().err
    open_gate(tmp_path, sheet="1")
    assert capsys.readouterr().err == ""
    assert look(tmp_path, sheet="1") == [WARNING]
    assert look(tmp_path, sheet="2") == []


def test_an_error_is_never_remembered_and_always_in_the_way(tmp_path, looks):
    looks += [[ERROR, WARNING], [ERROR], []]
    for _ in range(2):
        with pytest.raises(SystemExit, match="is bad"):
            open_gate(tmp_path, sheet="1")
    assert read_report(tmp_path / "report.csv") == [ERROR]
    open_gate(tmp_path, sheet="1")


def test_input_with_an_error_is_not_accepted_any_more(tmp_path, looks):
    looks += [[ERROR]]
    gate.accept([], tmp_path / "report.csv", tmp_path / "accepted.json")
    with pytest.raises(SystemExit, match="is bad"):
        open_gate(tmp_path, sheet="1")
    assert not (tmp_path / "accepted.json").exists()


def test_only_input_without_errors_is_accepted(tmp_path):
    report, accepted = tmp_path / "report.csv", tmp_path / "accepted.json"
    with pytest.raises(InputError) as caught:
        gate.accept([ERROR, WARNING], report, accepted)
    assert list(caught.value.problems) == [ERROR, WARNING] == read_report(report)
    assert not accepted.exists()
    gate.accept([WARNING], report, accepted)
    assert accepted.exists() and read_report(report) == [WARNING]


def test_real_checks_take_the_settings_of_the_workflow(tmp_path):
    annotations = load({}).section("annotations")
    assert gate.look(tmp_path, [], {"annotations": annotations}, {}, threads=1) == []
