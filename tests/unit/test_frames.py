"""The frame store: the right picture under each name, never decoded twice, never torn."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from clapboard.artifacts import digest_file, read_parquet, write_parquet
from clapboard.pictures import frames as job
from clapboard.pictures.frame_names import file_name
from clapboard.pictures.frames import read_manifest, write_frames
from clapboard.pictures.store import LEDGER, FrameStore
from clapboard.problems import InputError
from clapboard.video.ffmpeg_program import local_input, run_ffmpeg
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index
from tests.filming import Camera, Take, film_recording, read_jpeg

SETTINGS = {"size": 96, "fit": "stretch", "quality": 2}
ID = "S1C2"


class Project:
    """A filmed recording with its index, and a results folder for its frames."""

    def __init__(self, folder: Path, take: Take, kind: str = "video") -> None:
        self.folder, self.chapters, self.kind = folder, [str(f) for f in take.chapters], kind
        self.index_file = folder / "index.parquet"
        self.reindex()

    def reindex(self) -> None:
        rate = "30" if self.kind == "images" else ""
        write_index(ID, self.chapters, self.kind, rate, self.index_file, self.folder / "audit.json")
        self.index = RecordingIndex.read(self.index_file)

    def store(self, chapter: int = 1, name: str = "resized") -> Path:
        return self.folder / name / ID / f"{chapter:02d}"

    def select(self, frames) -> Path:
        """Label all frames, select some."""
        every = np.arange(1, len(self.index) + 1)
        table = pa.table(
            {
                "frame": every,
                "chapter": self.index.chapter,
                "label": ["CUFF"] * len(every),
                "row": np.full(len(every), 2, np.int32),
                "selected": np.isin(every, list(frames)),
            }
        )
        write_parquet(self.folder / "labels.parquet", table)
        return self.folder / "labels.parquet"

    def write(self, frames, chapter: int = 1, full_size: bool = False, **settings) -> list[int]:
        manifest = self.store(chapter) / "manifest.parquet"
        full = self.store(chapter, "frames") / "manifest.parquet"
        write_frames(
            recording=ID,
            chapter=chapter,
            source=self.chapters[chapter - 1],
            kind=self.kind,
            index_file=self.index_file,
            labels_file=self.select(frames),
            settings=SETTINGS | settings,
            resized=manifest,
            full_size=full if full_size else None,
            threads=2,
        )
        return read_manifest(manifest)["frame"].to_pylist()

    def pictures(self, chapter: int = 1, name: str = "resized") -> dict[int, Path]:
        return {int(f.stem[-6:]): f for f in sorted(self.store(chapter, name).glob("*.jpg"))}

    def times(self) -> dict[int, int]:
        return {number: f.stat().st_mtime_ns for number, f in self.pictures().items()}


@pytest.fixture
def project(tmp_path):
    camera = Camera(rate=Fraction(30000, 1001), b_frames=2, gop=12, sound=True)
    return Project(tmp_path, film_recording(tmp_path, camera, [60, 50]))


@pytest.fixture
def decoded(monkeypatch):
    """The frames that are decoded from here on."""
    numbers = list[int]()
    decode = job.decode_frames

    def watched(file, index, chapter, frames, *how):
        numbers.extend(frames.tolist())
        return decode(file, index, chapter, frames, *how)

    monkeypatch.setattr(job, "decode_frames", watched)
    return numbers


def assert_shows_its_number(pictures: dict[int, Path]) -> None:
    assert {number: read_jpeg(file) for number, file in pictures.items()} == {
        number: number for number in pictures
    }


def test_every_file_shows_the_frame_of_its_name_over_a_chapter_join(project):
    for chapter, frames in ((1, range(1, 61)), (2, range(61, 111))):
        assert project.write(range(1, 111), chapter) == list(frames)
        assert list(project.pictures(chapter)) == list(frames)
        assert_shows_its_number(project.pictures(chapter))
    assert project.pictures(2)[109].name == "S1C2000109.jpg"


def test_manifest_describes_the_files_and_knows_the_time(project):
    project.write([61, 75, 110], chapter=2)
    table = read_manifest(project.store(2) / "manifest.parquet")
    assert table.schema.names == ["frame", "seconds", "file", "bytes", "digest"]
    for row in table.to_pylist():
        file = project.store(2) / row["file"]
        assert row["file"] == file_name(ID, row["frame"])
        assert (row["bytes"], row["digest"]) == (file.stat().st_size, digest_file(file))
        assert row["seconds"] == pytest.approx((row["frame"] - 1) * 1001 / 30000, abs=1e-9)


def test_full_size_frames_come_from_the_same_decoding_pass(project, decoded):
    project.write([3, 30], full_size=True)
    assert sorted(decoded) == [3, 30]
    for number, file in project.pictures(name="frames").items():
        with Image.open(file) as image:
            assert image.size == (160, 120)
        assert read_jpeg(file) == number
    full = read_manifest(project.store(name="frames") / "manifest.parquet")
    assert full["frame"].to_pylist() == [3, 30]
    project.write([3, 30, 31])
    project.write([3, 30, 31], full_size=True)
    assert sorted(decoded) == [3, 30, 31, 31]


def test_same_and_narrower_selection_decode_nothing(project, decoded):
    project.write(range(1, 40))
    before = project.times()
    decoded.clear()
    assert project.write(range(1, 40)) == list(range(1, 40))
    assert project.write([4, 5]) == [4, 5]
    assert decoded == []
    assert project.times() == before


def test_wider_selection_decodes_only_what_is_new(project, decoded):
    project.write(range(10, 20))
    before = project.times()
    decoded.clear()
    assert project.write(range(8, 30)) == list(range(8, 30))
    assert sorted(decoded) == [8, 9, *range(20, 30)]
    assert {n: t for n, t in project.times().items() if n in before} == before
    assert_shows_its_number(project.pictures())


def test_frames_are_the_same_with_and_without_hardware_decoding(project):
    project.write(range(1, 20), hwaccel="none")
    software = {number: file.read_bytes() for number, file in project.pictures().items()}
    for file in project.pictures().values():
        file.unlink()
    project.write(range(1, 20), hwaccel="auto")
    assert {n: file.read_bytes() for n, file in project.pictures().items()} == software


def test_nothing_selected_gives_an_empty_manifest(project):
    assert project.write([]) == []
    assert project.write([2]) == [2]


@pytest.mark.parametrize("change", [{"size": 80}, {"fit": "crop"}, {"quality": 9}])
def test_other_pixel_settings_replace_every_picture(project, decoded, change):
    project.write(range(1, 10))
    decoded.clear()
    project.write([2, 3], **change)
    assert decoded == [2, 3]
    assert list(project.pictures()) == [2, 3]


def test_replaced_chapter_replaces_its_pictures(project, decoded):
    project.write([2, 3])
    other = film_recording(project.folder, Camera(gop=5), [60])
    project.chapters[0] = str(other.chapters[0])
    project.reindex()
    decoded.clear()
    project.write([2, 3])
    assert decoded == [2, 3]


@pytest.mark.parametrize(
    ("codec", "trimmed"), [("mpeg4", True), ("h264", True), ("mpeg4", False), ("h264", False)]
)
def test_pictures_made_without_a_hidden_key_frame_are_made_again(tmp_path, decoded, codec, trimmed):
    """Of MPEG-4 all, since nothing tells which were made without one between two edits."""
    take = film_recording(tmp_path, Camera(codec=codec, gop=12, rate=Fraction(25)), [60])
    if trimmed:
        source, file = local_input(take.chapters[0], ss="0.7"), tmp_path / "GH010124.MP4"
        run_ffmpeg(ffmpeg.output(source, str(file), codec="copy"), "bundled")
        take = replace(take, chapters=(file,))
    project = Project(tmp_path, take)
    assert project.index.key[0] != trimmed
    project.write([2, 3])
    ledger = project.store() / LEDGER
    table, origin = read_parquet(ledger)
    origin.pop("hidden_key_frame", None)  # as they were written before
    write_parquet(ledger, table, origin)
    decoded.clear()
    project.write([2, 3])
    assert decoded == ([2, 3] if trimmed or codec == "mpeg4" else [])


def test_shorter_first_chapter_renumbers_the_pictures_of_the_second(project):
    project.write([61, 62], chapter=2)
    shorter = project.folder / "shorter"
    shorter.mkdir()
    camera = Camera(b_frames=2, gop=12)
    project.chapters[0] = str(film_recording(shorter, camera, [20]).chapters[0])
    project.reindex()
    project.write([21, 61], chapter=2)
    shown = {number: read_jpeg(file) for number, file in project.pictures(2).items()}
    assert shown == {21: 61, 61: 101}


def test_damaged_pictures_are_made_again(project, decoded):
    project.write(range(1, 10))
    truth = {number: file.read_bytes() for number, file in project.pictures().items()}
    files = project.pictures()
    files[3].write_bytes(truth[3][:-40])
    files[4].unlink()
    files[5].write_bytes(bytes(len(truth[5])))
    decoded.clear()
    project.write(range(1, 10))
    assert decoded == [3, 4, 5]
    assert {number: file.read_bytes() for number, file in project.pictures().items()} == truth


def test_copied_or_touched_store_is_still_believed(project, decoded):
    project.write(range(1, 10))
    for file in project.pictures().values():
        os.utime(file, (1, 1))
    decoded.clear()
    project.write(range(1, 10))
    assert decoded == []


def test_pictures_that_the_ledger_does_not_name_are_not_believed(project, decoded):
    project.write([1, 2])
    (project.store() / file_name(ID, 3)).write_bytes(project.pictures()[2].read_bytes())
    (project.store() / ".partial-S1C2000004.jpg").write_bytes(b"\xff\xd8")
    (project.store() / "notes of a person.jpg").write_bytes(b"mine")
    decoded.clear()
    project.write([1, 2, 3])
    assert decoded == [3]
    assert_shows_its_number({n: project.store() / file_name(ID, n) for n in (1, 2, 3)})
    assert not list(project.store().glob(".partial*"))
    assert (project.store() / "notes of a person.jpg").read_bytes() == b"mine"


def test_links_in_the_data_set_never_change_under_it(project):
    project.write([1, 2])
    link = project.folder / "linked.jpg"
    link.hardlink_to(project.pictures()[2])
    before = link.read_bytes()
    project.write([1, 2], quality=20)
    assert link.read_bytes() == before


def test_unreadable_ledger_means_an_empty_store(project, decoded):
    project.write([1, 2])
    (project.store() / "ledger.parquet").write_bytes(b"PAR1 torn")
    decoded.clear()
    project.write([1, 2])
    assert decoded == [1, 2]


def test_killed_extraction_goes_on_where_it_stopped(project, decoded):
    labels = project.select(range(1, 61))
    script = textwrap.dedent(
        f"""
        import time
        from clapboard.pictures import frames, store
        store.SAVE_SECONDS = 0.05
        encode = frames.JpegEncoder.__call__
        def slowly(self, picture):
            time.sleep(0.02)
            return encode(self, picture)
        frames.JpegEncoder.__call__ = slowly
        frames.write_frames({ID!r}, 1, {project.chapters[0]!r}, "video",
            {str(project.index_file)!r}, {str(labels)!r}, {SETTINGS!r},
            {str(project.store() / "manifest.parquet")!r}, threads=1)
        """
    )
    running = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    while len(project.pictures()) < 20 and running.poll() is None:
        time.sleep(0.01)
    running.kill()
    running.wait()
    assert not (project.store() / "manifest.parquet").exists()
    before = project.times()
    project.write(range(1, 61))
    again = [n for n, changed in project.times().items() if before.get(n, changed) != changed]
    assert 0 < len(decoded) < 60
    assert len(again) < 20
    assert_shows_its_number(project.pictures())


def test_undecodable_frame_leaves_no_manifest_but_keeps_the_rest(project, decoded):
    project.write([1, 50])
    index = project.index
    broken = index.source_pts.copy()
    broken[40] += 1  # a time that the decoder will never deliver
    type(index)(**{**vars(index), "source_pts": broken}).write(project.index_file)
    with pytest.raises(InputError, match=r"1 of 4 .* cannot be decoded .*: 41 at"):
        project.write([1, 20, 41, 50])
    assert not (project.store() / "manifest.parquet").exists()
    assert set(project.pictures()) == {1, 20, 50}


def test_folder_of_pictures_as_chapter(project):
    project.write(range(1, 31), full_size=True)
    again = project.folder / "again"
    again.mkdir()
    source = Take((project.store(name="frames"),), (), (30,))
    images = Project(again, source, kind="images")
    assert images.write([1, 17, 30]) == [1, 17, 30]
    assert_shows_its_number(images.pictures())


def test_replaced_picture_of_a_folder_is_made_again(project):
    project.write(range(1, 6), full_size=True)
    folder = project.folder / "bitmaps"  # all of one size, which tells nothing of the content
    folder.mkdir()
    for number, file in project.pictures(name="frames").items():
        with Image.open(file) as image:
            image.save(folder / f"{ID}{number:06d}.bmp")
    images = Project(folder, Take((folder,), (), (5,)), kind="images")
    images.write([1, 2, 3])
    shutil.copy(folder / f"{ID}000005.bmp", folder / f"{ID}000002.bmp")
    images.write([1, 2, 3])
    assert {number: read_jpeg(file) for number, file in images.pictures().items()} == {
        1: 1,
        2: 5,
        3: 3,
    }


def test_store_is_safe_to_fill_while_it_saves(tmp_path, monkeypatch):
    monkeypatch.setattr("clapboard.pictures.store.SAVE_SECONDS", 0.0)
    store = FrameStore(tmp_path, ID, {})
    for frame in range(1, 40):
        store.add(frame, bytes(frame))
    store.save()
    again = FrameStore(tmp_path, ID, {})
    assert all(frame in again for frame in range(1, 40))
    assert 40 not in again
    assert again.table([3, 1], [0.2, 0.0])["bytes"].to_pylist() == [3, 1]


def test_disk_that_fails_once_while_pictures_are_made_is_not_forgotten(tmp_path, monkeypatch):
    failures = [OSError(errno.EIO, "failing disk")]

    def fsync(descriptor: int) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr("clapboard.pictures.store.os.fsync", fsync)
    monkeypatch.setattr("clapboard.pictures.store.SAVE_SECONDS", 0.0)
    store = FrameStore(tmp_path, ID, {})
    with pytest.raises(OSError, match="failing disk"):
        for frame in range(1, 100):
            store.add(frame, bytes(frame))
        store.save()
    assert not any(frame in FrameStore(tmp_path, ID, {}) for frame in range(1, 100))
