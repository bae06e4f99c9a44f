"""Shards: the same bytes, the same dataset, the same numbers as folders."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from labelled_set import make_labelled_set
from test_dataset import Results

from clapboard import artifacts
from clapboard.dataset.damages import write_damages
from clapboard.dataset.shards import list_dataset, number_classes, pack_shard, packed_bytes
from clapboard.dataset.verify import verify
from clapboard.learning.manifest import read_examples
from clapboard.learning.stored import read_stored
from clapboard.pictures.addresses import part_of, read_picture
from clapboard.problems import InputError

HOSTILE = "../../x'; rm -rf ~\n\"/\x1b[31m=1+1"


class Shards(Results):
    """Results whose dataset is in shards."""

    def pack(self, folder="shards", unseen="refuse"):
        recordings = list(self.recordings.values())
        classes = self.root / f"{folder}-Data" / "labels.csv"
        number_classes(recordings, self.labels, unseen, classes)
        made = {}
        for name, recording in self.recordings.items():
            tar = self.root / folder / f"{name}.tar"
            made[name] = str(tar.with_suffix(".parquet"))
            pack_shard(recording, self.labels[name], self.manifests[name], tar, made[name])
        list_dataset(recordings, made, classes, classes.with_name("manifest.parquet"))
        return made


@pytest.fixture
def results(tmp_path):
    made = Shards(tmp_path)
    made.add("S1", "Training", [("CUFF", 3), ("", 2), (HOSTILE, 4)], chapters=3)
    made.add("S2.b", "Validation", [("CUFF", 2)])
    made.add("S3", "Test", [(HOSTILE, 2), ("CUFF", 1)])
    return made


def members(tar):
    with tarfile.open(tar) as file:
        return {member.name: (member, file.extractfile(member).read()) for member in file}


def test_folders_of_before_do_not_stay_with_labels_of_before(results):
    """A loader of folders would train on whoever has been moved to Test since."""
    results.write()
    theirs = results.data / "Training" / "CUFF" / "notes.txt"
    theirs.write_text("somebody else's")
    results.recordings["S1C1"]["split"] = "Test"
    results.recordings["S3C1"]["split"] = "Training"
    recordings = list(results.recordings.values())
    number_classes(recordings, results.labels, "refuse", results.data / "labels.csv")
    assert list(results.data.rglob("*.jpg")) == []
    assert theirs.read_text() == "somebody else's"


def test_a_sample_holds_picture_label_and_all_that_is_known(results):
    results.pack()
    found = members(results.root / "shards" / "S1C1.tar")
    assert len(found) == 2 * 7
    assert found["S1C1000007.jpg"][1] == b"S1C1 7"
    known = json.loads(found["S1C1000007.json"][1])
    assert known["label"] == HOSTILE
    assert (known["frame"], known["seconds"], known["split"]) == (7, 7 / 25, "Training")
    assert all(name.startswith("S1C100000") for name in found), "labels name no member"
    # A reader of WebDatasets takes everything up to the first dot for the key.
    assert "S2_bC1000001.jpg" in members(results.root / "shards" / "S2.bC1.tar")


def test_what_damage_has_cost_is_told_by_shards_as_by_chapters(results):
    recordings = list(results.recordings.values())
    for number, manifest in enumerate(results.manifests["S1C1"][1:], 2):
        table, _ = artifacts.read_parquet(manifest)
        last = table["frame"][-1].as_py()
        stretch = [last, last, last / 25, last / 25]
        facts = {"chapter": number, "file": f"GH{number}.MP4", "spoilt": [stretch]}
        artifacts.write_parquet(manifest, table.slice(0, len(table) - 1), facts)
    shards = {name: [path] for name, path in results.pack().items()}
    told = []
    for manifests in (results.manifests, shards):
        write_damages(recordings, results.labels, manifests, results.root / "damaged.csv")
        told.append(artifacts.read_csv(results.root / "damaged.csv"))
    assert [row["file"] for row in told[0]] == ["GH2.MP4", "GH3.MP4"]
    assert told[0] == told[1]


def test_the_same_pictures_give_the_same_bytes(results, monkeypatch):
    one = results.pack()
    monkeypatch.setattr("time.time", lambda: 0)
    other = results.pack("again")
    for name in one:
        for suffix in (".tar", ".parquet"):
            files = [results.root / folder / f"{name}{suffix}" for folder in ("shards", "again")]
            assert files[0].read_bytes() == files[1].read_bytes()
    member = next(iter(members(results.root / "shards" / "S1C1.tar").values()))[0]
    assert (member.mtime, member.uid, member.uname) == (0, 0, "")
    assert len(other) == 3


def test_the_dataset_is_that_of_the_folders(results):
    shards = results.pack()
    results.write()
    for name in ("labels.csv", "manifest.parquet"):
        made = [root / name for root in (results.data, results.root / "shards-Data")]
        assert made[0].read_bytes() == made[1].read_bytes(), name
    arguments = (results.data / "manifest.parquet", results.data / "labels.csv", results.data)
    folders, packed = read_examples(*arguments), read_examples(*arguments, shards=shards)
    for one, other in zip(folders["file"], packed["file"], strict=True):
        assert read_picture(one) == read_picture(other)
    stored = read_stored([shards["S1C1"]])
    assert stored.frames[:].tolist() == [1, 2, 3, 6, 7, 8, 9]
    assert read_picture(stored.files[3]) == b"S1C1 6"


def test_shards_do_not_change_with_the_classes_of_others(results):
    before = [Path(path).with_suffix(".tar").read_bytes() for path in results.pack().values()]
    results.add("S4", "Training", [("AAA: the first class of all", 2)])
    after = results.pack("again")
    assert [Path(path).with_suffix(".tar").read_bytes() for path in after.values()][:3] == before
    for name in ("S1C1", "S2.bC1", "S3C1"):
        files = [results.root / folder / f"{name}.parquet" for folder in ("shards", "again")]
        assert files[0].read_bytes() == files[1].read_bytes()
    rows = pq.read_table(results.root / "again-Data" / "manifest.parquet").to_pylist()
    assert {row["class_index"] for row in rows if row["label"] == "CUFF"} == {2}


def test_a_label_that_training_lacks_is_in_the_shard_and_not_in_the_dataset(results):
    results.add("S4", "Test", [("NEVER TRAINED", 2), ("CUFF", 1)])
    results.pack(unseen="drop")
    results.write(unseen="drop")
    files = [root / "manifest.parquet" for root in (results.data, results.root / "shards-Data")]
    assert files[0].read_bytes() == files[1].read_bytes()
    listed = pq.read_table(files[1]).to_pylist()
    assert [row["frame"] for row in listed if row["subject"] == "S4"] == [3]
    packed = pq.read_table(results.root / "shards" / "S4C1.parquet")["label"].to_pylist()
    assert packed == ["NEVER TRAINED", "NEVER TRAINED", "CUFF"]


def wrong(results, quick=False):
    """What is found about shards; the made-up pictures of the store are no JPEGs."""
    findings = verify(results.root, quick).findings
    return [finding for finding in findings if "shards" in str(finding.file)]


def test_what_is_cut_changed_or_gone_is_found_and_named(results):
    shards = results.pack()
    assert wrong(results) == []
    tar = results.root / "shards" / "S1C1.tar"
    whole = tar.read_bytes()
    row = pq.read_table(shards["S1C1"]).to_pylist()[3]
    start = row["offset"]
    tar.write_bytes(whole[:start] + b"!" + whole[start + 1 :])
    (finding,) = wrong(results)
    assert "S1C1000006.jpg" in finding.message
    tar.write_bytes(whole[: start + 1])
    assert [found.check for found in wrong(results, quick=True)] == ["shard-size"]
    with pytest.raises(OSError, match="ends before"):
        read_picture(part_of(tar, start, row["bytes"]))
    tar.unlink()
    assert [found.check for found in wrong(results)] == ["shard-missing"]


def test_a_picture_that_is_not_what_its_manifest_says_is_not_packed(results):
    results.pack()
    picture = results.root / "resized" / "S1C1" / "02" / "S1C1000006.jpg"
    picture.write_bytes(b"S1C1 !")
    with pytest.raises(InputError, match=r"S1C1000006\.jpg is not what its manifest says"):
        results.pack("again")
    assert not (results.root / "again" / "S1C1.tar").exists()


def test_the_plan_knows_how_large_a_shard_gets(tmp_path):
    data = make_labelled_set(tmp_path, frames=100, size=64)
    pictures = [len(path.read_bytes()) for path in data.glob("*/*/S1C1*.jpg")]
    pack_tree(data, tmp_path / "shards")
    packed = (tmp_path / "shards" / "S1C1.tar").stat().st_size
    assert packed_bytes(len(pictures), sum(pictures)) == pytest.approx(packed, rel=0.05)


def test_training_reads_shards_or_folders_with_the_same_numbers(tmp_path):
    """Metrics agree to the last digit, models to the last weight."""
    from clapboard.learning.evaluation import evaluate
    from clapboard.learning.training import train
    from clapboard.settings.model_settings import Cnn

    data = make_labelled_set(tmp_path)
    shards = pack_tree(data, tmp_path / "shards")
    chosen = {"epochs": 2, "batch_size": 8, "cache_mb": 0}
    settings = Cnn(architecture="cnn", **chosen).model_dump(mode="json")
    weights, metrics = [], []
    for name, read_from in (("folders", None), ("shards", shards)):
        out = tmp_path / name
        source = {
            "manifest": data / "manifest.parquet",
            "labels": data / "labels.csv",
            "data_folder": data if read_from is None else tmp_path / "nowhere",
            "settings": settings,
            "shards": read_from,
        }
        pictures = {"curves": out / "curves.png", "summary": out / "summary.txt"}
        train(**source, model=out / "m.keras", history=out / "h.csv", code="", **pictures)
        made = {"metrics": out / "metrics.json", "confusion": out / "confusion.png"}
        extra = {"mistakes": out / "mistakes.png"}
        evaluate(
            model=out / "m.keras", predictions=out / "p.parquet", pictures=extra, **source, **made
        )
        import keras

        weights.append(keras.saving.load_model(out / "m.keras", compile=False).get_weights())
        metrics.append((out / "metrics.json").read_bytes())
        assert (out / "mistakes.png").is_file()
    assert metrics[0] == metrics[1]
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))


def pack_tree(data, folder):
    """Shards of a labelled set whose pictures are in its folders only."""
    rows = pq.read_table(data / "manifest.parquet").to_pylist()
    shards = {}
    for name in dict.fromkeys(row["recording"] for row in rows):
        own = [row for row in rows if row["recording"] == name]
        store = folder / "resized" / name / "01"
        stored = []
        for row in own:
            content = (data / row["path"]).read_bytes()
            file = row["path"].rpartition("/")[2]
            artifacts.write_bytes(store / file, content)
            digest = artifacts.digest(content)
            stored.append((row["frame"], row["seconds"], file, len(content), digest))
        write(store / "manifest.parquet", stored, "frame seconds file bytes digest")
        labels = [(row["frame"], 1, row["label"], 2, True) for row in own]
        write(folder / "labels" / f"{name}.parquet", labels, "frame chapter label row selected")
        shards[name] = str(folder / f"{name}.parquet")
        recording = {key: own[0][key] for key in ("subject", "session", "camera", "split")}
        pack_shard(
            {"id": name, **recording},
            str(folder / "labels" / f"{name}.parquet"),
            [str(store / "manifest.parquet")],
            folder / f"{name}.tar",
            shards[name],
        )
    return shards


def write(path, rows, names):
    import pyarrow as pa

    columns = [list(column) for column in zip(*rows, strict=True)]
    artifacts.write_parquet(path, pa.table(columns, names=names.split()))
