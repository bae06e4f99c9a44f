"""What a look at the pictures finds that Snakemake cannot see, and whether the repair is right."""

import os
import shutil

import av
import numpy as np
import pyarrow as pa
import pytest

from clapboard import artifacts
from clapboard.cli import main
from clapboard.dataset.tree import write_dataset
from clapboard.dataset.verify import verify
from clapboard.pictures.store import FrameStore
from clapboard.video.pixels import encode_jpeg
from tests.holding import another_run

SUBJECTS = {"S1": "Training", "S2": "Test"}
LABELS = ["CUFF", "SPLINT"]
FRAMES = 6


def picture(subject, frame):
    """A JPEG that no other frame has."""
    grey = np.random.default_rng([int(subject[1]), frame]).integers(0, 256, (32, 32), np.uint8)
    colour = np.stack([grey] * 3, axis=2)
    return encode_jpeg(av.VideoFrame.from_ndarray(colour).reformat(format="yuvj444p"))


class Results:
    """A small results folder made by the package: two recordings of two chapters each."""

    def __init__(self, root):
        self.root, self.data = root, root / "Data"
        for subject in SUBJECTS:
            frames = np.arange(1, 2 * FRAMES + 1)
            labels = [LABELS[frame % 2] for frame in frames]
            table = pa.table(
                {"frame": frames, "label": labels, "selected": np.ones(len(frames), bool)}
            )
            artifacts.write_parquet(root / "labels" / f"{subject}C1.parquet", table)
        self.make()

    def make(self):
        """What the pipeline does: whatever the stores lack, then the links."""
        for subject in SUBJECTS:
            for chapter in (1, 2):
                store = FrameStore(self.chapter(subject, chapter), f"{subject}C1", {"made": "here"})
                frames = range((chapter - 1) * FRAMES + 1, chapter * FRAMES + 1)
                for frame in frames:
                    if frame not in store:
                        store.add(frame, picture(subject, frame))
                store.save()
                table = store.table(frames, [frame / 25 for frame in frames])
                artifacts.write_parquet(store.folder / "manifest.parquet", table)
        recordings = [
            {"id": f"{name}C1", "subject": name, "session": "", "camera": "C1", "split": split}
            for name, split in SUBJECTS.items()
        ]
        ids = [recording["id"] for recording in recordings]
        write_dataset(
            recordings,
            {name: str(self.root / "labels" / f"{name}.parquet") for name in ids},
            {
                name: [str(self.chapter(name[:2], k) / "manifest.parquet") for k in (1, 2)]
                for name in ids
            },
            "refuse",
            self.data,
        )

    def chapter(self, subject, chapter):
        return self.root / "resized" / f"{subject}C1" / f"{chapter:02d}"

    def file(self, subject, frame):
        chapter = 1 if frame <= FRAMES else 2
        return self.chapter(subject, chapter) / f"{subject}C1{frame:06d}.jpg"

    def link(self, subject, frame):
        return self.data / SUBJECTS[subject] / LABELS[frame % 2] / self.file(subject, frame).name

    def found(self, **options):
        """{(check, file)} of all errors."""
        return {
            (finding.check, finding.file)
            for finding in verify(self.root, threads=2, **options).findings
            if finding.severity == "error"
        }


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "results")


def flip(path):
    """Change one byte in the middle; size and date stay."""
    status, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_what_is_right_is_found_right(results):
    verdict = verify(results.root, threads=2)
    assert verdict.findings == ()
    assert (verdict.pictures, verdict.linked) == (4 * FRAMES, 2)


def test_a_deleted_picture(results):
    results.file("S1", 3).unlink()
    results.link("S2", 8).unlink()
    assert results.found(quick=True) == {
        ("picture-missing", results.file("S1", 3)),
        ("picture-missing", results.link("S2", 8)),
    }


def test_a_truncated_picture_is_found_by_its_size(results):
    path = results.file("S1", 3)
    path.write_bytes(path.read_bytes()[:-100])
    assert results.found(quick=True) == {("picture-size", path)}


def test_a_flipped_bit_is_found_though_size_and_date_are_right(results):
    flip(results.file("S2", 9))
    assert results.found() == {("picture-content", results.file("S2", 9))}


def test_swapped_pictures_are_called_so(results):
    one, other = results.file("S1", 2), results.file("S1", 5)
    kept = one.with_name("kept")
    one.rename(kept)
    other.rename(one)
    kept.rename(other)
    assert results.found() >= {("picture-swapped", one), ("picture-swapped", other)}


def test_links_that_lead_to_another_picture(results):
    one, other = results.link("S1", 2), results.link("S1", 5)
    one.unlink()
    shutil.copy(other, one)
    assert results.found() == {("link-elsewhere", one)}


def test_a_copy_is_as_good_as_a_link(results):
    path = results.link("S1", 2)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert results.found() == set()


def test_a_picture_in_another_class_folder(results):
    path = results.link("S1", 2)
    moved = path.parent.with_name("SPLINT") / path.name
    path.rename(moved)
    assert results.found() == {("picture-missing", path), ("stray", moved)}


def test_a_file_of_others_in_a_class_folder_is_only_a_warning(results):
    path = results.data / "Training/CUFF/IMG_1234.jpg"
    path.touch()
    (finding,) = verify(results.root).findings
    assert (finding.check, finding.file, finding.severity) == ("foreign", path, "warning")


def test_labels_that_changed_behind_the_manifest(results):
    path = results.root / "labels" / "S1C1.parquet"
    table, _ = artifacts.read_parquet(path)
    labels = ["CUFF", *table["label"].to_pylist()[1:]]
    place = table.column_names.index("label")
    artifacts.write_parquet(path, table.set_column(place, "label", pa.array(labels)))
    assert results.found() == {("label-differs", results.data / "manifest.parquet")}


@pytest.mark.parametrize("name", ["resized/S1C1/01/manifest.parquet", "Data/manifest.parquet"])
def test_a_broken_manifest(results, name):
    path = results.root / name
    path.write_bytes(path.read_bytes()[:100])
    assert ("manifest-unreadable", path) in results.found()


def test_a_store_without_manifest_is_believed_by_nobody(results):
    folder = results.chapter("S1", 1)
    (folder / "manifest.parquet").unlink()
    findings = verify(results.root).findings
    assert ("unfinished", folder, "warning") in {
        (finding.check, finding.file, finding.severity) for finding in findings
    }


def test_an_empty_folder_holds_nothing_wrong(tmp_path):
    assert verify(tmp_path).findings == ()


def test_after_the_repair_everything_is_right_again(results):
    flip(results.file("S1", 3))
    results.file("S1", 4).unlink()
    results.file("S2", 8).write_bytes(b"")
    findings = verify(results.root).findings
    targets = {str(target.relative_to(results.root)) for f in findings for target in f.targets}
    assert targets == {
        "resized/S1C1/01/manifest.parquet",
        "resized/S2C1/02/manifest.parquet",
        "Data/manifest.parquet",
    }
    assert all("snakemake --cores all --force -- " in f.problem.remedy for f in findings)
    for finding in findings:
        if finding.damaged:
            finding.file.unlink()
    results.make()
    assert verify(results.root).findings == ()


def test_repair_is_named_before_what_makes_the_pictures_again(results, capsys):
    flip(results.file("S1", 3))
    assert main(["verify", "--results", str(results.root)]) == 1
    lines = capsys.readouterr().out.splitlines()
    commands = [line.strip() for line in lines[lines.index("to put it right:") + 1 :]]
    assert [command.split()[0] for command in commands] == ["clapboard", "snakemake"]


def test_nothing_is_repaired_while_a_run_works_there(results, capsys):
    flip(results.file("S1", 3))
    with another_run(results.root):
        assert main(["verify", "--repair", "--results", str(results.root)]) == 1
    assert "Another run works in this folder" in capsys.readouterr().err
    assert results.file("S1", 3).exists()
