from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clapboard import fingerprint

PROJECT = {
    "clapboard/__init__.py": "",
    "clapboard/clock.py": "TICK = 1\n",
    "clapboard/index.py": "from clapboard.clock import TICK\n",
    "clapboard/frames.py": "def f():\n    import clapboard.index\n",
    "clapboard/other.py": "OTHER = 1\n",
    "clapboard/learning/__init__.py": "",
    "clapboard/learning/data.py": "from clapboard import other\n",
    "workflow/scripts/extract.py": "import os\nfrom clapboard import frames\n",
    "workflow/scripts/train.py": "from clapboard.learning.data import read, write\n",
    "workflow/scripts/plain.py": "import json, clapboardish\n",
}


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """Digest of a script in a copy of PROJECT with some files changed, each copy elsewhere."""

    def of(script: str, **changed: str) -> str:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        files = PROJECT | {name.replace("__", "/") + ".py": text for name, text in changed.items()}
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(fingerprint, "PACKAGE", root / "clapboard")
        monkeypatch.setattr(fingerprint, "SCRIPTS", root / "workflow/scripts")
        return fingerprint.code(script)

    return of


def test_the_same_code_elsewhere_has_the_same_digest(digest):
    assert digest("extract") == digest("extract")


@pytest.mark.parametrize(
    ("script", "changed", "seen"),
    [
        ("extract", "workflow__scripts__extract", True),
        ("extract", "clapboard__frames", True),
        ("extract", "clapboard__index", True),
        ("extract", "clapboard__clock", True),
        ("extract", "clapboard__other", False),
        ("extract", "workflow__scripts__train", False),
        ("train", "clapboard__learning__data", True),
        ("train", "clapboard__other", True),
        ("train", "clapboard__clock", False),
        ("plain", "clapboard__clock", False),
    ],
)
def test_an_edit_is_seen_by_exactly_the_scripts_that_import_it(digest, script, changed, seen):
    path = changed.replace("__", "/") + ".py"
    edited = digest(script, **{changed: PROJECT[path] + "# edited\n"})
    assert (edited != digest(script)) == seen


@pytest.mark.parametrize("script", ["extract", "train"])
@pytest.mark.parametrize("package", ["clapboard", "clapboard/learning"])
def test_the_packages_on_the_way_count(digest, script, package, monkeypatch):
    before = digest(script)
    monkeypatch.setitem(PROJECT, f"{package}/__init__.py", "X = 1\n")
    assert (digest(script) != before) == (package == "clapboard" or script == "train")


def test_a_relative_import_is_refused_since_it_would_be_missed(digest):
    with pytest.raises(SyntaxError, match="relative import"):
        digest("extract", clapboard__frames="from . import clock\n")


def test_a_script_that_does_not_exist_is_an_error():
    with pytest.raises(FileNotFoundError):
        fingerprint.code("no_such_rule")


def test_every_script_of_the_workflow_has_a_digest():
    names = [path.stem for path in fingerprint.SCRIPTS.glob("*.py")]
    assert names
    assert len({fingerprint.code(name) for name in names}) == len(names)


def test_a_touched_or_copied_file_keeps_its_digest_and_a_replaced_one_does_not(tmp_path):
    video, copy = tmp_path / "a.mp4", tmp_path / "b.mp4"
    video.write_bytes(b"0" * 1000)
    os.utime(video, (1, 1))
    before = fingerprint.source(video)
    os.utime(video)
    shutil.copy(video, copy)
    assert fingerprint.source(video) == fingerprint.source(copy) == before
    video.write_bytes(b"0" * 999 + b"1")
    os.utime(video, (1, 1))
    assert fingerprint.source(video) != before


@pytest.mark.parametrize("size", [0, 1, 3 * fingerprint.SAMPLED_BYTES, 5_000_000])
def test_head_middle_tail_and_length_of_a_source_count(tmp_path, size):
    path = tmp_path / "a"
    data = bytearray(size)
    path.write_bytes(data)
    digests = {fingerprint.source(path)}
    changes = [place for place in (0, size // 2, size - 1) if 0 <= place < size]
    for place in changes:
        changed = bytearray(data)
        changed[place] = 1
        path.write_bytes(changed)
        digests.add(fingerprint.source(path))
    path.write_bytes(data + b"\0")
    digests.add(fingerprint.source(path))
    assert len(digests) == len(set(changes)) + 2


@settings(max_examples=30)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_small_sources_are_covered_whole(tmp_path_factory, one, other):
    folder = Path(tmp_path_factory.mktemp("sources"))
    (folder / "one").write_bytes(one)
    (folder / "other").write_bytes(other)
    same = fingerprint.source(folder / "one") == fingerprint.source(folder / "other")
    assert same == (one == other)


def test_a_source_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        fingerprint.source(tmp_path / "gone.mp4")
