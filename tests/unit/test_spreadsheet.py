"""Tables that people open with a spreadsheet program: no cell runs, and every text comes back."""

from __future__ import annotations

import csv

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clapboard.artifacts import read_csv, write_csv
from clapboard.spreadsheet import escape, unescape

RUNS = tuple("=+-@\t\r\n")
NUMBERS = ["-1", "+2", "-0.5", "-.5", "-1e-9", "12.5"]

calmly = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(st.characters(codec="utf-8"), max_size=12)
formulas = st.builds(str.__add__, st.sampled_from(["", "'", "''"]), st.sampled_from(RUNS))


@calmly
@given(st.lists(st.lists(st.builds(str.__add__, formulas | st.just(""), texts), min_size=2,
                         max_size=2), max_size=5))  # fmt: skip
@example([["-CPR", "=1+1"], ["'-CPR", "\r\n"], ["-1\n", "-٣"]])
def test_every_text_comes_back_and_none_begins_as_a_formula(tmp_path, rows):
    path = tmp_path / "table.csv"
    write_csv(path, ["a", "=b"], rows)
    with path.open(newline="", encoding="utf-8") as file:
        _, *cells = list(csv.reader(file))
    for cell in (cell for row in cells for cell in row):
        assert not cell.startswith(RUNS) or float(cell) is not None
    assert read_csv(path) == [dict(zip(["a", "=b"], row, strict=True)) for row in rows]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_stays_a_number(number):
    assert escape(number) == number == unescape(number)


@pytest.mark.parametrize("value", [None, -1, -0.5, True])
def test_what_is_no_text_stays_what_it_is(value):
    assert escape(value) is value


def test_a_row_that_somebody_cut_or_lengthened_can_still_be_read(tmp_path):
    (tmp_path / "a.csv").write_text("label,row\n'-CPR\nSWAB,2,3,=4\n")
    assert read_csv(tmp_path / "a.csv") == [
        {"label": "-CPR", "row": ""},
        {"label": "SWAB", "row": "2"},
    ]
