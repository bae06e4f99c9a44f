"""Globs for names of objects: what `glob` finds on disk."""

from __future__ import annotations

import glob
import itertools

import pytest

from clapboard.s3.globbing import literal_part, matches

NAMES = [
    "x.MP4",
    ".x.MP4",
    "S1C1/x.MP4",
    "S1C1/y.mp4",
    "S1C1/.x.MP4",
    "S1C1/[a].MP4",
    "S1C1/old/x.MP4",
    "S1C1/old/older/x.MP4",
    "S1C1/.trash/x.MP4",
    "S1C1/.trash/old/x.MP4",
    "S1C10/x.MP4",
    ".S1C1/x.MP4",
]
PARTS = ["*", "**", "S1C?", "S1C[1-9]", "[!.]*", "old", ".*", ".trash", "x.MP4", "*.MP4", "**.MP4"]
PATTERNS = ["/".join(parts) for n in (1, 2, 3) for parts in itertools.product(PARTS, repeat=n)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_every_glob_matches_what_it_finds_on_disk(tree):
    more = ["S1C1/[[]a].MP4", "S1C1/", "S1C1/*.MP4/", "**/S1C1/**/old/**/*.MP4"]
    for pattern in PATTERNS + more:
        found = glob.glob(pattern, root_dir=tree, recursive=True)  # noqa: PTH207 - the measure
        files = {name for name in found if (tree / name).is_file() and not name.endswith("/")}
        assert {name for name in NAMES if matches(name, pattern)} == files, pattern
        start = literal_part(pattern)
        assert all(name.startswith(start) for name in files), pattern
    assert not matches("S1C1/x.MP4", "S1C1//*.MP4"), "in a key, a part may be empty"
