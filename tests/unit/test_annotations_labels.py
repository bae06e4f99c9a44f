"""Labels get one spelling and a file name that can do no harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clapboard.annotations.labels import folder_name, normalise, resolve

HOSTILE = [
    "../../x",
    "..",
    ".",
    "",
    "A/B",
    "A\\B",
    "NUL",
    "con.txt",
    "COM1",
    "A\0B",
    "A\nB",
    "-RF",
    " A",
    "A.",
    "X" * 300,
    "Ä" * 60,
    "$(REBOOT)",
    "A;B",
    "{recording}",
    "*",
    "~",
    "\ud800",
]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("  Chest-tube   prep ", "CHEST-TUBE PREP"),
        ("Bagging\u00a0", "BAGGING"),
        ("CPR\n(Breath)", "CPR (BREATH)"),
        ("e\u0301tude", "\u00c9TUDE"),
    ],
)
def test_case_blanks_and_unicode_forms_do_not_make_another_label(written, label):
    assert normalise(written) == label


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


def test_alias_is_found_whatever_its_case():
    aliases = {"fall (fw)": "Falling (FW)"}
    assert resolve("Fall  (FW)", aliases) == "FALLING (FW)"
    assert resolve("Sitting", aliases) == "SITTING"


@pytest.mark.parametrize("label", ["CPR (BREATH)", "PULSE-OX", "IV LINE", "Bend", "ÜBUNG 3"])
def test_plain_label_is_its_own_folder(label):
    assert folder_name(label) == label


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_label_stays_in_its_folder(tmp_path, label):
    folder = tmp_path / folder_name(label)
    folder.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [folder_name(label)]
    assert folder.resolve().parent == tmp_path
    assert len(folder.name.encode()) <= 100
    assert not folder.name.startswith("-")
    assert folder.name.split(".")[0].casefold() not in {"con", "nul", "aux", "prn", "com1"}


def test_hostile_labels_do_not_meet():
    names = {folder_name(label).casefold() for label in HOSTILE}
    assert len(names) == len(HOSTILE)


@given(st.text(max_size=120), st.text(max_size=120))
def test_labels_share_a_folder_only_if_they_differ_in_case_alone(one, other):
    same_folder = folder_name(one).casefold() == folder_name(other).casefold()
    assert same_folder == (one.casefold() == other.casefold())


@given(st.text(max_size=120))
def test_every_label_is_one_path_component(label):
    name = folder_name(label)
    assert Path(name).name == name
    assert not set(name) & set('/\\:*?"<>|\0\n')
