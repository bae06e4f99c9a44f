from __future__ import annotations

import ast
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

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


@pytest.mark.parametrize(
    "line",
    [
        "import os, clapboard.other",
        "import json; import clapboard.other as o",
        "from clapboard import clock as c, other as o  # why",
        "from clapboard import (\n    clock as c,  # why\n    other,\n)",
        "from clapboard import clock, \\\n    other",
        "def f():\n\tfrom clapboard.other import OTHER",
    ],
)
def test_every_way_to_import_is_seen(digest, line):
    texts = {"workflow__scripts__extract": f"{line}\n"}
    before = digest("extract", **texts)
    assert digest("extract", **texts, clapboard__other="OTHER = 2\n") != before
    assert digest("extract", **texts, clapboard__frames="FRAMES = 2\n") == before


def test_imports_are_those_that_python_sees():
    files = [*fingerprint.PACKAGE.rglob("*.py"), *fingerprint.SCRIPTS.glob("*.py")]
    for file in files:
        names = set[str]()
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
        seen = set[Path]().union(*map(fingerprint._modules, names))
        assert fingerprint._imports(file) == seen, file


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
def test_head_middle_tail_and_length_of_a_video_count(tmp_path, size):
    path = tmp_path / "a.mp4"
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


@pytest.mark.parametrize("name", ["S1.csv", "S1.xlsx", "recordings.tsv"])
def test_of_a_sheet_or_table_every_byte_counts(tmp_path, name):
    sheet = tmp_path / name
    data = bytearray(1_000_000)
    sheet.write_bytes(data)
    before = fingerprint.source(sheet)
    data[200_000] = 1
    sheet.write_bytes(data)
    assert fingerprint.source(sheet) != before


@pytest.fixture
def clips(tmp_path):
    """A folder with a folder for each class."""
    for name in ("wave/ido.avi", "wave/eli.avi", "bend/ido.avi"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "clips"


@pytest.mark.parametrize(
    "change",
    [
        lambda clips: (clips / "wave/ido.avi").write_text("wave/IDO.avi"),
        lambda clips: (clips / "wave/eli.avi").rename(clips / "bend/eli.avi"),
        lambda clips: (clips / "wave").rename(clips / "greet"),
        lambda clips: (clips / "bend/ido.avi").unlink(),
    ],
)
def test_a_folder_of_clips_is_known_by_its_classes_and_their_clips(clips, change):
    before = fingerprint.source(clips)
    change(clips)
    assert fingerprint.source(clips) != before


def test_a_touched_or_copied_folder_keeps_its_digest_whatever_else_lies_in_it(clips, tmp_path):
    before = fingerprint.source(clips)
    os.utime(clips / "wave/ido.avi", (1, 1))
    (clips / "wave/notes.txt").write_text("seen")
    (clips / "Thumbs.db").write_text("seen")
    shutil.copytree(clips, tmp_path / "copy")
    assert fingerprint.source(tmp_path / "copy") == fingerprint.source(clips) == before


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder of pictures whose digest is remembered soon."""
    monkeypatch.setattr(fingerprint, "SETTLED_NS", 20_000_000)
    (tmp_path / "pictures").mkdir()
    for number in range(1, 31):
        (tmp_path / f"pictures/{number:06d}.jpg").write_text(f"picture {number:2d}")
    time.sleep(0.05)
    return tmp_path / "pictures"


@pytest.mark.parametrize("remembers", [False, True])
def test_any_picture_that_is_replaced_is_noticed_also_with_its_old_date(pictures, remembers):
    memory = pictures.parent / "memory" if remembers else None
    before = fingerprint.source(pictures, memory)
    for number in range(1, 31):
        picture = pictures / f"{number:06d}.jpg"
        status, content = picture.stat(), picture.read_text()
        picture.write_text(content[::-1])
        os.utime(picture, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert fingerprint.source(pictures, memory) != before
        picture.write_text(content)
        assert fingerprint.source(pictures, memory) == before


@pytest.mark.parametrize("remembers", [False, True])
def test_a_picture_that_is_painted_on_is_noticed(pictures, remembers):
    memory = pictures.parent / "memory" if remembers else None
    pixels = np.full((1080, 1920, 3), 200, np.uint8)
    Image.fromarray(pixels).save(pictures / "000031.bmp")
    time.sleep(0.05)
    size, before = (pictures / "000031.bmp").stat().st_size, fingerprint.source(pictures, memory)
    pixels[100:400, 100:700] = 0
    Image.fromarray(pixels).save(pictures / "000031.bmp")
    assert (pictures / "000031.bmp").stat().st_size == size
    assert fingerprint.source(pictures, memory) != before


def test_an_untouched_folder_is_not_read_again(pictures, monkeypatch):
    memory = pictures.parent / "memory"
    before = fingerprint.source(pictures, memory)
    with monkeypatch.context() as patch:
        patch.setattr(fingerprint, "_file", None)
        assert fingerprint.source(pictures, memory) == before
    os.utime(pictures / "000007.jpg")
    assert fingerprint.source(pictures, memory) == before


def test_a_memory_that_cannot_be_kept_costs_only_time(pictures):
    before = fingerprint.source(pictures)
    (pictures.parent / "memory").write_text("a file where a folder belongs")
    assert fingerprint.source(pictures, pictures.parent / "memory") == before


def test_a_source_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        fingerprint.source(tmp_path / "gone.mp4")
