"""Ids of recordings as one regular expression."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from clapboard.sessions.wildcard import one_of

NAMES = st.sets(st.text("S1C2.-_^]", min_size=1, max_size=6), min_size=1, max_size=30)


@given(NAMES, NAMES)
def test_matches_the_names_and_nothing_else(names, others):
    pattern = re.compile(one_of(names))
    for name in names | others:
        assert bool(pattern.fullmatch(name)) == (name in names)


def test_numbered_names_take_little_room_however_many_there_are():
    names = [f"S{subject}C{camera}" for subject in range(1, 5001) for camera in (1, 2)]
    assert one_of(["S2C1", "S1C2", "S2C2", "S1C1"]) == "S[12]C[12]"
    assert len(one_of(names)) < len("|".join(names)) / 100
