from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clapboard.problems import InputError, Problem, did_you_mean, errors, refuse, report

ERROR = Problem("bad-clap", "this is not a time", "Write seconds.", "a.tsv", 3, "clap", "soon")
WARNING = Problem("near-label", "the label is rare", "Look at it.", "S1.csv", severity="warning")


def test_a_problem_says_place_value_remedy_and_check_in_one_line():
    text = str(ERROR)
    for part in (
        "error",
        "a.tsv",
        "row 3",
        "column clap",
        "'soon'",
        "Write seconds.",
        "[bad-clap]",
    ):
        assert part in text
    assert "\n" not in text


def test_a_problem_without_a_place_is_readable():
    text = str(Problem("empty", "there is nothing", "Add a row."))
    assert text == "error: there is nothing. Add a row. [empty]"


def test_a_key_of_the_configuration_is_a_place_of_its_own():
    text = str(Problem("bad-value", "too small", "Raise it.", "config.yaml", None, "frames.size"))
    assert "config.yaml, frames.size:" in text


def test_a_hostile_value_cannot_break_the_line():
    text = str(Problem("x", "m", "r", value="a\nb\x1b[2J\0"))
    assert text.isprintable()


def test_only_errors_stop_a_run():
    refuse([])
    refuse([WARNING])
    with pytest.raises(InputError) as caught:
        refuse([WARNING, ERROR])
    assert caught.value.problems == (WARNING, ERROR)
    assert errors([WARNING, ERROR, WARNING]) == [ERROR]


def test_the_report_has_every_problem_and_errors_first():
    lines = report([WARNING, ERROR, WARNING, ERROR]).splitlines()
    assert lines[0].startswith("2 errors")
    assert [line.strip() for line in lines[1:]] == [str(ERROR)] * 2 + [str(WARNING)] * 2
    assert report([ERROR]).startswith("1 error,")


def test_an_input_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(InputError([ERROR, WARNING])))
    assert error.problems == (ERROR, WARNING)
    assert str(error) == report([ERROR, WARNING])


@pytest.mark.parametrize(
    ("word", "known", "remedy"),
    [
        ("trainig", ["training", "test"], "Did you mean 'training'?"),
        ("xyz", ["b", "a"], "Use one of: a, b."),
        ("xyz", [], "Remove it."),
    ],
)
def test_the_nearest_word_is_named_or_all_of_them(word, known, remedy):
    assert did_you_mean(word, known) == remedy


@given(st.text(min_size=4, max_size=12), st.data())
def test_one_slip_of_the_finger_is_understood(word, data):
    place = data.draw(st.integers(0, len(word) - 1))
    slip = word[:place] + word[place + 1 :]
    assert did_you_mean(slip, [word]) == f"Did you mean {word!r}?"
