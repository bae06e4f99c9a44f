"""Raw material and results in a bucket: every machine does what is missing and nothing else."""

import os
import random
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import seaweed
from comparing import tables
from faults import Proxy, killing
from lab import become, connect
from project import ACTS, table, write_sheet
from travelling import Machine, jobs

from clapboard import provenance
from clapboard.problems import InputError
from clapboard.s3 import pulling, pushing
from clapboard.s3.inventory import read_manifest, write_manifest
from clapboard.s3.location import Location
from clapboard.s3.parts import PART_BYTES
from clapboard.s3.receipt import NAME, Receipt, read_receipt, write_receipt
from clapboard.s3.results import push, take_shards, take_up, take_up_again
from clapboard.settings.config import load
from tests.holding import another_run


def test_a_dry_run_downloads_no_video_and_the_run_leaves_the_bucket_as_it_was(site):
    assert jobs(site.planned)["fetch_chapter"] == 12
    assert site.fetched_by_plan == []
    raw = {one.key: one for one in site.bucket.objects(f"{site.prefix}/videos/")}
    assert len(raw) == 12
    for path in site.first.results.glob("sources/*/*/videos/*/*"):
        original = site.local.folder / path.relative_to(site.first.results).relative_to(
            f"sources/{site.bucket.name}/{site.prefix}"
        )
        assert path.read_bytes() == original.read_bytes()


def test_everything_in_a_bucket_gives_the_tables_of_one_machine(site):
    assert tables(site.first.results) == tables(site.local.results)
    names = {site.place.name(one.key) for one in site.bucket.objects(site.place.prefix)}
    assert not any(name.endswith(".jpg") for name in names)
    assert {"shards/S1C1.tar", "shards/S1C1.parquet", "models/cnn/model.keras"} <= names


def test_an_empty_second_checkout_has_nothing_to_do_and_fetches_neither_video_nor_shard(site):
    second = site.machine("second")
    assert "Nothing to be done" in second.snakemake()
    assert tables(second.results) == tables(site.local.results)
    assert not list(second.results.glob("**/*.tar")) + list(second.results.glob("**/*.MP4"))
    assert not (second.results / "resized").exists()


def test_only_what_is_missing_in_the_bucket_is_made(site):
    site.bucket.delete([site.key("models/cnn/metrics.json")])
    third = site.machine("third")
    assert jobs(third.snakemake()) == {"evaluate_model": 1, "all": 1}
    assert tables(third.results) == tables(site.local.results)
    assert not list(third.results.glob("sources/*/*/videos"))
    assert "models/cnn/metrics.json" in read_manifest(site.bucket, site.place)[0]


def test_what_has_changed_is_noticed_on_a_machine_that_made_nothing(site):
    models = {"cnn": {"architecture": "cnn", "epochs": 2, "batch_size": 32}}
    other = site.machine("other", models=models)
    assert jobs(other.snakemake("--dry-run")) == {"train_model": 1, "evaluate_model": 1, "all": 1}

    sheet = site.folder / "S3.csv"
    (one, start, stop), *rest = ACTS
    write_sheet(sheet, [(one, start + 1, stop), *rest])
    key = f"{site.prefix}/sheets/S3.csv"
    before = site.bucket.read(key)
    try:
        site.bucket.write(key, sheet.read_bytes())
        planned = jobs(site.machine("relabelled").snakemake("--dry-run"))
    finally:
        site.bucket.write(key, before)
    assert planned["pack_shards"] == planned["label_frames"] == 2, "the two cameras of S3 alone"
    assert planned["fetch_chapter"] == planned["extract_frames"] == 4

    video = f"{site.prefix}/videos/S2C1/GH020123.MP4"
    before = site.bucket.read(video)
    try:
        site.bucket.write(video, before[:-1] + b"?")
        planned = jobs(site.machine("replaced").snakemake("--dry-run"))
        at_home = jobs(site.first.snakemake("--dry-run"))
    finally:
        site.bucket.write(video, before)
    assert planned["index_recording"] == 1
    assert at_home["fetch_chapter"] == at_home["index_recording"] == at_home["label_frames"] == 1, (
        "also where the copy of before is"
    )
    assert "Nothing to be done" in site.machine("again").snakemake("--dry-run")


def test_snakemakes_storage_plugin_brings_the_same_chapters(site):
    """On a machine with nothing but the raw material; what is replaced is made again."""
    empty = Location(site.bucket.name, f"{site.prefix}/by-plugin/")
    machine = site.machine("plugin", empty, s3={"fetch": "storage_plugin"})
    assert jobs(machine.snakemake("--dry-run", "models"))["fetch_chapter"] == 12
    assert not list(machine.results.glob("sources/*/*/videos")), "a plan downloads no video"
    screen = machine.snakemake("models")
    assert screen.count("Retrieving from storage") == jobs(screen)["fetch_chapter"] == 12
    ours = tables(machine.results)
    assert ours and ours.items() <= tables(site.local.results).items()
    assert not list(machine.folder.glob(".snakemake/storage/**/*.MP4")), "nothing is kept twice"

    video = f"{site.prefix}/videos/S2C1/GH020123.MP4"
    before = site.bucket.read(video)
    try:
        site.bucket.write(video, before)
        assert "Nothing to be done" in machine.snakemake("--dry-run", "models"), "only its date"
        site.bucket.write(video, before[:-1] + b"?")
        planned = jobs(machine.snakemake("--dry-run", "models"))
    finally:
        site.bucket.write(video, before)
    assert planned["fetch_chapter"] == planned["index_recording"] == 1


def test_what_is_not_in_the_bucket_is_said_with_its_row(site):
    rows = [dict(row) for row in site.rows]
    rows[0]["videos"] = rows[0]["videos"].replace("S1C1", "S1C9")
    rows[1]["annotations"] = rows[1]["annotations"].replace("S1.csv", "S9.csv")
    wrong = Machine(site.folder / "wrong", rows, site.server.endpoint, site.place.url)
    screen = wrong.snakemake("--dry-run", check=False)
    assert "row 2, column videos: there is no video in S3" in screen
    assert "row 3, column annotations: there is no such object" in screen


def test_a_laptop_without_the_videos_can_ask_for_a_machine(site):
    laptop = site.machine("laptop")
    said = laptop.clapboard("cloud")
    assert "videos are in S3 only" in said
    assert "disk   100 GB" in said
    assert "disk_size: 100" in (laptop.folder / "train.sky.yaml").read_text()
    assert not list(laptop.results.glob("sources/*/*/videos"))


# -- the dataset of a smaller project ----------------------------------------------------------


def test_how_pictures_are_made_is_known_where_there_are_none(little):
    """They stay where they were made; what was made of them says how."""
    assert "Nothing to be done" in little.machine("second").snakemake("--dry-run", "dataset")
    for change in ({"frames": {"size": 48}}, {"video": {"damaged": "refuse"}}):
        planned = jobs(little.machine("other", **change).snakemake("--dry-run", "dataset"))
        assert planned["extract_frames"] == planned["pack_shards"] == 3


def test_one_more_recording_extracts_no_other(little):
    """Also with video.damaged: skip, where what damage has cost is listed for all of them."""
    screen = little.machine("more", little.one_more).snakemake("--dry-run", "dataset")
    planned = jobs(screen)
    assert planned["list_damage"] == 1
    assert planned["extract_frames"] == planned["pack_shards"] == 1


def test_shards_that_are_asked_for_are_fetched_and_not_made_again(little):
    machine = little.machine("asked")
    assert jobs(machine.snakemake("shards")) == {"shards": 1}
    shards = {path.name: path.read_bytes() for path in machine.results.glob("shards/*.tar")}
    assert len(shards) == 3
    assert shards == {
        path.name: path.read_bytes() for path in little.first.results.glob("**/*.tar")
    }


# -- push and pull by themselves ------------------------------------------------------------------


@pytest.fixture
def place(bucket, request):
    return Location(bucket.name, f"{request.node.name}/results/")


@pytest.fixture
def bucket(server, bucket_name, as_writer):
    return connect(bucket_name, server.endpoint)


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {
        "check/report.csv": b"check\n",
        "models/cnn/model.keras": b"weights" * 1000,
        "models/cnn/training/state.json": b"never",
        "shards/S1C1.tar": b"pictures" * 1000,
        "shards/S1C1.parquet": b"listed",
        "resized/S1C1/01/S1C1000001.jpg": b"never",
        "Data/Training/x/S1C1000001.jpg": b"never",
        "Data/labels.csv": b"index,label,folder\n",
        "audit/.partial-1-x.json": b"never",
    }
    for name, data in files.items():
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "results"


def content(folder):
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_there_and_back_with_time_stamps_and_no_folder_of_pictures(
    bucket, place, results, tmp_path
):
    pushing.push(bucket, place, results)
    pulling.pull(bucket, place, tmp_path / "other", lambda name: True)
    brought = content(tmp_path / "other")
    assert not any(data == b"never" for data, _ in brought.values())
    assert brought == {name: content(results)[name] for name in brought}
    assert len(brought) == 5
    assert pushing.push(bucket, place, results).moved == ()
    (results / "check" / "report.csv").write_bytes(b"other\n")
    assert pushing.push(bucket, place, results).moved == ("check/report.csv",)


def test_of_two_versions_the_later_stays(bucket, place, results, tmp_path):
    pushing.push(bucket, place, results)
    pulling.pull(bucket, place, tmp_path / "other")
    (tmp_path / "other" / "check" / "report.csv").write_bytes(b"later\n")
    pushing.push(bucket, place, tmp_path / "other")
    (results / "check" / "report.csv").write_bytes(b"mine\n")
    os.utime(results / "check" / "report.csv", (1, 1))
    assert pushing.push(bucket, place, results).newer == ("check/report.csv",)
    pulling.pull(bucket, place, results)
    assert (results / "check" / "report.csv").read_bytes() == b"later\n"
    (results / "check" / "report.csv").write_bytes(b"latest\n")
    assert pulling.pull(bucket, place, results).newer == ("check/report.csv",)
    assert (results / "check" / "report.csv").read_bytes() == b"latest\n"


def taking_shards(bucket, place, folder):
    settings = bucket.settings | {"results": place.url}
    take_shards(settings, folder, [f"{folder}/shards/S1C1.parquet"])


def test_a_shard_that_a_run_reads_comes_alone(bucket, place, results, tmp_path):
    """The run is planned by what is here: what another machine has made since waits for a pull."""
    other = tmp_path / "other"
    pushing.push(bucket, place, results)
    pulling.pull(bucket, place, other)
    here = content(other)
    for name in ("check/report.csv", "models/cnn/model.keras", "Data/labels.csv"):
        (results / name).write_bytes(b"later")
    (results / "check" / "new.csv").write_bytes(b"new")
    pushing.push(bucket, place, results)
    taking_shards(bucket, place, other)
    assert content(other) == here | {"shards/S1C1.tar": content(results)["shards/S1C1.tar"]}


@pytest.mark.parametrize("gone", [False, True])
def test_a_shard_of_another_manifest_is_not_taken(bucket, place, results, tmp_path, gone):
    other = tmp_path / "other"
    pushing.push(bucket, place, results)
    pulling.pull(bucket, place, other)
    here = content(other)
    if gone:
        bucket.delete([place.key("shards/S1C1.tar")])
    else:
        (results / "shards" / "S1C1.tar").write_bytes(b"other pictures")
        (results / "shards" / "S1C1.parquet").write_bytes(b"listed anew")
        pushing.push(bucket, place, results)
    with pytest.raises(InputError, match="Run `clapboard pull`"):
        taking_shards(bucket, place, other)
    assert content(other) == here
    pushing.push(bucket, place, results)
    pulling.pull(bucket, place, other)
    taking_shards(bucket, place, other)
    assert (other / "shards" / "S1C1.tar").read_bytes() == (
        results / "shards" / "S1C1.tar"
    ).read_bytes()


def test_a_truncated_object_is_not_believed(bucket, place, results, tmp_path):
    pushing.push(bucket, place, results)
    bucket.write(place.key("models/cnn/model.keras"), b"weights" * 500)
    pulling.pull(bucket, place, tmp_path / "other")
    assert not (tmp_path / "other" / "models" / "cnn" / "model.keras").exists()
    assert (tmp_path / "other" / "check" / "report.csv").exists()
    assert pushing.push(bucket, place, results).moved == ("models/cnn/model.keras",)


def test_a_folder_that_is_one_result_travels_whole_or_not_at_all(
    bucket, place, results, tmp_path, server
):
    """Snakemake takes an export for made when its folder is there."""
    export = results / "models" / "cnn" / "export"
    names = (".snakemake_timestamp", "forms.json", "saved_model/variables/weights")

    def write(text):
        for name in names:
            (export / name).parent.mkdir(parents=True, exist_ok=True)
            (export / name).write_text("" if name == names[0] else text)

    def pulled(name):
        pulling.pull(bucket, place, tmp_path / name)
        assert (tmp_path / name / "models" / "cnn" / "model.keras").exists()
        found = content(tmp_path / name / "models" / "cnn" / "export")
        return {path: data.decode() for path, (data, _) in found.items()}

    write("first")
    pushing.push(bucket, place, results)
    assert pulled("one") == dict(zip(names, ("", "first", "first"), strict=True))
    write("second")

    def fault(method, path):
        return "drop" if method == "PUT" and path.endswith("weights") else None

    with Proxy(server.endpoint, fault) as proxy:
        broken = connect(bucket.name, proxy.endpoint, tries=0, connections=1)
        with pytest.raises(InputError, match="goes on where it stopped"):
            pushing.push(broken, place, results)
    assert pulled("two") == {}
    pushing.push(bucket, place, results)
    assert pulled("three") == dict(zip(names, ("", "second", "second"), strict=True))
    (export / names[2]).unlink()
    os.utime(export / names[0])  # as Snakemake does when it was made anew
    pushing.push(bucket, place, results)
    for name in ("three", "four"):
        assert pulled(name) == dict(zip(names[:2], ("", "second"), strict=True))
    bucket.write(place.key("models/cnn/export/forms.json"), b"cut")
    assert pulled("five") == {}


def test_a_push_that_is_killed_leaves_what_was_whole(bucket, place, results, tmp_path, server):
    pushing.push(bucket, place, results)
    for path in results.rglob("*.*"):
        if path.is_file():
            path.write_bytes(path.read_bytes() + b" new")
    seen = []

    def fault(method, path):
        seen.extend([path] if method == "PUT" and "/results/" in path else [])
        return "drop" if len(seen) > 4 else None

    with Proxy(server.endpoint, fault) as proxy:
        broken = connect(bucket.name, proxy.endpoint, tries=1, connections=1)
        with pytest.raises(InputError, match="goes on where it stopped"):
            pushing.push(broken, place, results)
    pulling.pull(bucket, place, tmp_path / "other", lambda name: True)
    for name, (data, _) in content(tmp_path / "other").items():
        now = (results / name).read_bytes()
        assert data in (now, now.removesuffix(b" new"))
    pushing.push(bucket, place, results)
    pulling.pull(bucket, place, tmp_path / "third", lambda name: True)
    third = content(tmp_path / "third")
    assert len(third) == 5
    assert all(data.endswith(b" new") for data, _ in third.values())


def test_a_push_that_is_killed_never_parts_results_from_what_snakemake_knows_of_them(
    bucket, place, results, tmp_path, server
):
    """Without it a result would pass for right after its settings have changed."""
    model, report = "models/cnn/model.keras", "check/report.csv"

    def record(epochs):
        made = {"params": [f"epochs {epochs}"], "endtime": float(epochs)}
        records = {model: made, "models": {"params": []}}
        provenance.write_records(results, records, [model])

    def taken_up(name):
        pulling.pull(bucket, place, tmp_path / name)
        assert (tmp_path / name / report).exists()
        return provenance.read_records(tmp_path / name, [model])[model]["params"]

    record(1)
    pushing.push(bucket, place, results)
    assert taken_up("one") == ["epochs 1"]
    record(2)
    os.utime(results / model)
    for allowed in range(3):
        left = iter(range(allowed))

        def fault(method, path, left=left):
            return "drop" if method == "PUT" and next(left, None) is None else None

        with Proxy(server.endpoint, fault) as proxy:
            broken = connect(bucket.name, proxy.endpoint, tries=0, connections=1)
            try:
                pushing.push(broken, place, results)
            except InputError:
                assert taken_up(f"after {allowed}") == ["epochs 1"]
            else:
                assert taken_up(f"after {allowed}") == ["epochs 2"]
    pushing.push(bucket, place, results)
    assert taken_up("last") == ["epochs 2"]


def test_a_server_killed_in_mid_upload_of_a_shard_and_back(mortal, results, tmp_path):
    """A shard goes up in parts; half of them make no object, and the next push sends it whole."""
    server, bucket = mortal
    shard = results / "shards" / "S1C1.tar"
    shard.write_bytes(random.Random(1).randbytes(5 * PART_BYTES))
    place = Location(bucket.name, "results/")

    def is_part(method, path):
        return method == "PUT" and "partNumber=" in path

    with Proxy(server.endpoint, killing(server, 4, is_part)) as proxy:
        broken = connect(bucket.name, proxy.endpoint, tries=1, connections=1)
        with pytest.raises(InputError, match="goes on where it stopped"):
            pushing.push(broken, place, results)
    server.start()
    assert "shards/S1C1.tar" not in read_manifest(bucket, place)[0]
    assert not any(one.key.endswith(".tar") for one in bucket.objects(place.prefix))
    assert "shards/S1C1.tar" in pushing.push(bucket, place, results).moved
    pulling.pull(bucket, place, tmp_path / "other", lambda name: True)
    brought = content(tmp_path / "other")
    assert brought == {name: content(results)[name] for name in brought}
    assert len(brought) == 5


def test_throttling_and_cut_answers_are_outlasted_and_nothing_half_is_left(
    bucket, place, results, tmp_path, server
):
    pushing.push(bucket, place, results)
    counts = {}

    def fault(method, path):
        counts[method, path] = counts.get((method, path), 0) + 1
        bad = method == "GET" and "/results/" in path
        faults = ("cut", ("503", "drop", 0.3)[len(path) % 3])
        return dict(enumerate(faults, start=1)).get(counts[method, path]) if bad else None

    with Proxy(server.endpoint, fault) as proxy:
        slow = connect(bucket.name, proxy.endpoint)
        pulling.pull(slow, place, tmp_path / "other", lambda name: True)
    assert len(content(tmp_path / "other")) == 5
    objects = {path for _, path in counts if "/results/" in path}
    assert place.key(NAME) in {path.partition("?")[0].split("/", 2)[2] for path in objects}
    assert all(counts["GET", path] >= 2 for path in objects), "each was cut, whatever came then"


def test_a_manifest_that_is_cut_again_and_again_is_given_up(bucket, place, results, server):
    pushing.push(bucket, place, results)

    def fault(method, path):
        return "cut" if method == "GET" and f"/results/{NAME}" in path else None

    with Proxy(server.endpoint, fault) as proxy:
        broken = connect(bucket.name, proxy.endpoint, tries=2)
        with pytest.raises(InputError, match="goes on where it stopped"):
            pulling.pull(broken, place, results)
        assert sum(f"/results/{NAME}" in path for _, path in proxy.requests) == 3


def test_no_more_come_down_at_a_time_than_there_is_memory_for(
    bucket, place, results, tmp_path, server, monkeypatch
):
    for number in range(12):
        (results / "check" / f"{number}.csv").write_bytes(b"x" * 7000)
    pushing.push(bucket, place, results)
    monkeypatch.setattr(pulling, "MOST_IN_MEMORY", 60_000)
    lock, under_way, most = threading.Lock(), 0, 0

    def fault(method, path):
        nonlocal under_way, most
        if method == "GET" and path.endswith(".csv"):
            with lock:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.3)
            with lock:
                under_way -= 1

    with Proxy(server.endpoint, fault) as proxy:
        pulling.pull(connect(bucket.name, proxy.endpoint), place, tmp_path / "other")
    assert len(list((tmp_path / "other" / "check").iterdir())) == 13
    assert 1 < most <= 4, "of 7,000 bytes, each of them twice in memory"


def record(results, said, *outputs):
    """Write Snakemake's record of outputs, or of all files, which are made as `said`."""
    files = [path for path in results.rglob("*") if path.is_file()]
    outputs = outputs or [path.relative_to(results).as_posix() for path in files]
    provenance.write_records(results, dict.fromkeys(outputs, said), outputs)


def records(results):
    """What is recorded of the files that are here, and of no other."""
    return provenance.read_records(results, content(results))


def test_a_pull_that_broke_off_is_made_good_by_the_next(bucket, place, results, tmp_path, server):
    """No file is here without the provenance that is its own, neither in between nor at the end."""
    other = tmp_path / "other"
    export = "models/cnn/export"
    for name in (".snakemake_timestamp", "a", "b"):
        (results / export).mkdir(parents=True, exist_ok=True)
        (results / export / name).write_text("first")

    def made(version):
        record(results, {"params": [version]})
        record(results, {"params": [version]}, export)
        pushing.push(bucket, place, results)

    def pull_and_break():
        def fault(method, path):
            return "drop" if method == "GET" and path.endswith(("model.keras", "/b")) else None

        with Proxy(server.endpoint, fault) as proxy:
            broken = connect(bucket.name, proxy.endpoint, tries=0, connections=1)
            with pytest.raises(InputError):
                pulling.pull(broken, place, other)
        assert f"{export}/a" in provenance.unfinished(other, content(other)), "the folder is half"
        assert not (other / "models/cnn/model.keras").exists()

    made("first")
    pull_and_break()
    assert (other / "check" / "report.csv").exists()
    assert all(record == {"params": ["first"]} for record in records(other).values())
    assert {*content(other)} - {f"{export}/{name}" for name in "ab"} <= records(other).keys()
    pulling.pull(bucket, place, other)
    assert not provenance.unfinished(other, content(other))
    for name in content(results):
        (results / name).write_bytes(b"second")
    made("second")
    pull_and_break()
    for name, (data, _) in content(other).items():
        assert (data == b"second") == (records(other).get(name) == {"params": ["second"]}) or (
            name.startswith(export)
        )
    for name in records(other):
        provenance.record_of(other / name).unlink()
    pulling.pull(bucket, place, other)
    found = records(other)
    assert export in found and "models/cnn/model.keras" in found
    assert all(record == {"params": ["second"]} for record in found.values())


def test_the_later_record_of_the_same_content_stays(bucket, place, results, tmp_path):
    """What was made anew and came out the same is not made anew once more elsewhere."""
    other = tmp_path / "other"
    record(results, {"params": ["old"], "endtime": 1.0})
    pushing.push(bucket, place, results)
    pulling.pull(bucket, place, other)
    old = records(other)
    anew = "check/report.csv"
    os.utime(results / anew)
    record(results, {"params": ["new"], "endtime": 2.0}, anew)
    pushing.push(bucket, place, results)
    assert pushing.push(bucket, place, other).moved == ()
    pulling.pull(bucket, place, other)
    assert records(other) == old | {anew: {"params": ["new"], "endtime": 2.0}}
    assert read_manifest(bucket, place)[1] == old | {anew: {"params": ["new"], "endtime": 2.0}} | {
        "shards/S1C1.tar": {"params": ["old"], "endtime": 1.0}
    }

    record(other, {"params": ["newest"], "endtime": 3.0}, anew)
    os.utime(other / anew)
    pulling.pull(bucket, place, other)
    assert records(other)[anew]["params"] == ["newest"]
    pushing.push(bucket, place, other)
    pulling.pull(bucket, place, results)
    assert records(results)[anew]["params"] == ["newest"]


def test_pictures_here_do_not_count_for_what_another_machine_has_made(
    bucket, place, results, tmp_path
):
    """Their manifest would have all that has just come made again; the pictures are kept."""
    other = tmp_path / "other"
    names = ("S1C1", "S2C1", "S3C1")
    for name in names:
        for made in (f"labels/{name}.parquet", f"shards/{name}.parquet"):
            (results / made).parent.mkdir(exist_ok=True)
            (results / made).write_text("first")
    record(results, {"params": ["old"], "endtime": 1.0})
    pushing.push(bucket, place, results)
    pulling.pull(bucket, place, other)
    stores = {name: other / "resized" / name / "01" for name in names}
    for store in stores.values():
        store.mkdir(parents=True)
        for name in ("manifest.parquet", "ledger.parquet", "S1C1000001.jpg"):
            (store / name).write_text("mine")
    record(other, {"params": ["mine"]}, *(f"resized/{name}/01/manifest.parquet" for name in names))
    pulling.pull(bucket, place, other)
    assert all((store / "manifest.parquet").exists() for store in stores.values())

    (results / "labels" / "S1C1.parquet").write_text("second")
    record(results, {"params": ["new"], "endtime": 2.0}, "shards/S2C1.parquet")
    os.utime(results / "shards" / "S2C1.parquet")
    pushing.push(bucket, place, results)
    pulling.pull(bucket, place, other)
    for name, store in stores.items():
        manifest = store / "manifest.parquet"
        assert manifest.exists() == (name == "S3C1")
        assert provenance.record_of(manifest).exists() == (name == "S3C1")
        assert {path.name for path in store.iterdir()} >= {"ledger.parquet", "S1C1000001.jpg"}


def test_a_push_leaves_out_what_a_job_is_writing(bucket, place, results, tmp_path):
    """Snakemake has no record of it yet, and without one it would be believed elsewhere."""
    model = "models/cnn/model.keras"
    mark = provenance.INCOMPLETE / provenance.record_of(results / model).relative_to(
        provenance.RECORDS
    )
    mark.parent.mkdir(parents=True)
    mark.write_text("{}")
    assert model not in pushing.push(bucket, place, results).moved
    pulling.pull(bucket, place, tmp_path / "other")
    assert not (tmp_path / "other" / model).exists()
    mark.unlink()
    assert pushing.push(bucket, place, results).moved == (model,)


def test_a_reader_may_pull_and_not_push(bucket, place, results, tmp_path, server, monkeypatch):
    pushing.push(bucket, place, results)
    become(monkeypatch, seaweed.READER)
    reader = connect(bucket.name, server.endpoint)
    pulling.pull(reader, place, tmp_path / "other")
    (results / "check" / "report.csv").write_bytes(b"mine\n")
    with pytest.raises(InputError, match=r"rights listed in docs/s3\.md"):
        pushing.push(reader, place, results)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(InputError) as caught:
        pulling.pull(connect(bucket.name, server.endpoint), place, tmp_path / "third")
    assert "wrong" not in str(caught.value)


# -- two machines that have made the same things of different sheets -----------------------------

MADE_FROM = {
    "framecsv/S1.parquet": [],
    "labels/S1C1.parquet": ["results/framecsv/S1.parquet"],
    "models/cnn/model.keras": ["results/labels/S1C1.parquet"],
    "models/cnn/metrics.json": ["results/models/cnn/model.keras"],
}
SHEETS, LABELS, MODEL, METRICS = MADE_FROM


class Checkout:
    """A working directory in which artifacts are made as if by Snakemake.

    Args:
        folder: a new one.
        bucket: where results are.
        place: of them.
        enter: goes into a directory, for the rest of the test.
    """

    def __init__(self, folder, bucket, place, enter):
        folder.mkdir()
        self.folder, self.bucket, self.place, self.enter = folder, bucket, place, enter

    def make(self, said, **moments):
        """Make artifacts that say who has made them, each at its second."""
        self.enter(self.folder)
        for name, second in zip(MADE_FROM, moments.values(), strict=False):
            if second is not None:
                path = Path("results", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(said)
                os.utime(path, (second, second))
                known = {"input": MADE_FROM[name], "params": [said], "endtime": float(second)}
                provenance.write_records(Path("results"), {name: known}, [name])

    def push(self):
        self.enter(self.folder)
        return pushing.push(self.bucket, self.place, Path("results"))

    def pull(self):
        self.enter(self.folder)
        return pulling.pull(self.bucket, self.place, Path("results"))

    def has(self):
        """Who has made each artifact that is here."""
        found = content(self.folder / "results")
        return {name: found[name][0].decode() for name in MADE_FROM if name in found}

    def is_up_to_date(self, name):
        """Whether Snakemake would take an artifact for right, by the dates."""
        inputs = [Path(path).relative_to("results") for path in MADE_FROM[name]]
        made = (self.folder / "results" / name).stat().st_mtime
        return all(
            (self.folder / "results" / path).stat().st_mtime <= made
            and self.is_up_to_date(path.as_posix())
            for path in inputs
        )


@pytest.fixture
def checkout(bucket, place, tmp_path, monkeypatch):
    return lambda name: Checkout(tmp_path / name, bucket, place, monkeypatch.chdir)


def all_by(who):
    return dict.fromkeys(MADE_FROM, who)


def test_a_later_model_of_older_labels_does_not_replace_the_right_one(checkout):
    """It ended last, on a machine that still had the old sheet."""
    a, b, third = map(checkout, ("a", "b", "third"))
    a.make("a", sheets=100, labels=110)
    b.make("b", sheets=200, labels=210, model=300, metrics=310)
    b.push()
    a.make("a", sheets=100, labels=110, model=400, metrics=410)
    moved = a.push()
    assert (moved.moved, moved.newer, moved.held) == ((), (SHEETS, LABELS), (METRICS, MODEL))
    assert f"{METRICS}, {MODEL}\nRun `clapboard pull`" in str(moved)
    third.pull()
    assert third.has() == all_by("b")

    a.pull()
    assert a.has() == all_by("b"), "as the remedy says"
    assert a.push().moved == ()


def test_a_model_of_labels_that_are_replaced_by_a_pull_is_made_anew(checkout):
    """The bucket has no model of its labels yet."""
    a, b, third = map(checkout, ("a", "b", "third"))
    a.make("a", sheets=100, labels=110, model=400, metrics=410)
    b.make("b", sheets=200, labels=210)
    b.push()
    assert a.push().held == (METRICS, MODEL)
    moved = a.pull()
    assert moved.stale == (METRICS, MODEL)
    assert f"{METRICS}, {MODEL}\nsnakemake makes them anew" in str(moved)
    assert a.has() == {SHEETS: "b", LABELS: "b", MODEL: "a", METRICS: "a"}
    assert not a.is_up_to_date(MODEL)
    a.push()
    third.pull()
    assert not third.is_up_to_date(MODEL)
    a.make("a", sheets=None, labels=None, model=500, metrics=510)
    a.push()
    third.pull()
    assert third.is_up_to_date(METRICS)
    assert third.has() == {SHEETS: "b", LABELS: "b", MODEL: "a", METRICS: "a"}


def test_later_labels_take_the_model_of_the_earlier_ones_out_of_the_bucket(checkout, bucket, place):
    """It ended later than they, and would pass for made of them."""
    a, b, third = map(checkout, ("a", "b", "third"))
    b.make("b", sheets=200, labels=210, model=300, metrics=310)
    b.push()
    a.make("a", sheets=220, labels=230)
    assert a.push().stale == (METRICS, MODEL)
    third.pull()
    assert third.has() == {SHEETS: "a", LABELS: "a"}
    assert b.push().held == (METRICS, MODEL)
    assert set(read_manifest(bucket, place).rows) == {SHEETS, LABELS}
    a.make("a", sheets=None, labels=None, model=240, metrics=250)
    a.push()
    third.pull()
    assert third.has() == all_by("a")


def test_an_older_model_stays_listed_when_its_labels_are_made_anew(checkout):
    """Who takes it up makes it anew, as where the labels were made."""
    a, third = map(checkout, ("a", "third"))
    a.make("old", sheets=100, labels=110, model=120, metrics=130)
    a.push()
    a.make("new", sheets=200, labels=210)
    a.push()
    third.pull()
    assert third.has() == {SHEETS: "new", LABELS: "new", MODEL: "old", METRICS: "old"}
    assert not third.is_up_to_date(MODEL)


def test_a_model_of_labels_that_are_older_than_here_is_not_brought(checkout):
    a, b = map(checkout, ("a", "b"))
    b.make("b", sheets=200, labels=210, model=300, metrics=310)
    b.push()
    a.make("a", sheets=220, labels=230)
    moved = a.pull()
    assert (moved.newer, moved.held) == ((SHEETS, LABELS), (METRICS, MODEL))
    assert a.has() == {SHEETS: "a", LABELS: "a"}


def test_machines_that_have_made_the_same_labels_may_each_train(checkout):
    a, b, third = map(checkout, ("a", "b", "third"))
    for machine, second in ((a, 100), (b, 200)):
        machine.make("both", sheets=second, labels=second + 10)
        machine.push()
    a.make("a", sheets=None, labels=None, model=400)
    b.make("b", sheets=None, labels=None, model=300, metrics=310)
    assert set(b.push().moved) == {MODEL, METRICS}
    assert a.push().moved == (MODEL,)
    third.pull()
    assert third.has() == {SHEETS: "both", LABELS: "both", MODEL: "a", METRICS: "b"}
    assert not third.is_up_to_date(METRICS)


@pytest.mark.parametrize("lost", [[LABELS], list(MADE_FROM)])
def test_what_is_not_recorded_here_does_not_get_the_record_of_what_it_replaces(
    checkout, bucket, place, lost
):
    """Labels of other settings, of which a copy of `.snakemake` or the whole of it is missing."""
    one, two, three = map(checkout, ("one", "two", "three"))
    one.make("one", sheets=1, labels=2, model=3, metrics=4)
    one.push()
    two.make("two", sheets=1, labels=12, model=13, metrics=14)
    log = two.folder / "results" / "logs" / "label.log"
    log.parent.mkdir()
    for name in lost:
        provenance.record_of(Path("results", name)).unlink()
    log.write_text("as always")
    moved = two.push()
    assert "logs/label.log" in moved.moved
    assert not {*moved.moved} & {*MADE_FROM} - {SHEETS}, "a model of labels that stay is left, too"
    assert LABELS in moved.unrecorded
    assert f"no record here of how it was made: {', '.join(moved.unrecorded)}" in str(moved)
    three.pull()
    assert {**three.has(), SHEETS: "one"} == all_by("one")
    two.make("two", sheets=1, labels=12, model=13, metrics=14)
    assert {*two.push().moved} >= {LABELS, MODEL, METRICS}


def test_a_folder_without_a_record_here_takes_nothing_out_of_that_in_the_bucket(
    bucket, place, results, tmp_path
):
    export = "models/cnn/export"
    for name in (".snakemake_timestamp", "a", "b"):
        (results / export).mkdir(parents=True, exist_ok=True)
        (results / export / name).touch()
    record(results, {"params": ["first"]}, export)
    pushing.push(bucket, place, results)
    provenance.record_of(results / export).unlink()
    later = time.time() + 100
    (results / export / "b").unlink()
    os.utime(results / export / ".snakemake_timestamp", (later, later))
    assert f"{export}/.snakemake_timestamp" in pushing.push(bucket, place, results).unrecorded
    pulling.pull(bucket, place, tmp_path / "other")
    assert (tmp_path / "other" / export / "b").exists()


def beside(during, work):
    """A fault that does something else first, once, at a request with a method and end of path."""
    left = [work]

    def fault(method, path):
        if (method, path.rpartition("/")[2]) == during and left:
            left.pop()()

    return fault


@pytest.mark.parametrize("during", ["report.csv", NAME], ids=["artifact", "manifest"])
@pytest.mark.parametrize("listed", [False, True])
def test_two_pushes_at_once_both_hand_over_all_they_have(
    bucket, place, results, tmp_path, server, during, listed
):
    """Whichever writes the manifest later, and whether there was one before or not."""
    other, report = tmp_path / "other", "check/report.csv"
    if listed:
        pushing.push(bucket, place, results)
        pulling.pull(bucket, place, other)
        (results / report).write_bytes(b"later\n")
    (other / "index").mkdir(parents=True)
    (other / "index" / "S2C1.parquet").write_text("theirs")
    record(other, {"params": ["theirs"]}, "index/S2C1.parquet")
    work = beside(("PUT", during), lambda: pushing.push(bucket, place, other))
    with Proxy(server.endpoint, work) as proxy:
        moved = pushing.push(connect(bucket.name, proxy.endpoint, connections=1), place, results)
        sent = [path for method, path in proxy.requests if method == "PUT" and "/results/" in path]
    assert set(moved.moved) >= {report}
    sent = [path for path in sent if not path.endswith(NAME)]
    assert len(sent) == len(moved.moved), "nothing is sent twice"
    pulling.pull(bucket, place, tmp_path / "third", lambda name: True)
    ours = {name: one for name, one in content(results).items() if one[0] != b"never"}
    assert content(tmp_path / "third") == ours | {
        "index/S2C1.parquet": content(other)["index/S2C1.parquet"]
    }
    assert records(tmp_path / "third")["index/S2C1.parquet"] == {"params": ["theirs"]}


def test_two_pushes_of_the_same_name_at_once_list_what_is_there(
    bucket, place, results, tmp_path, server
):
    other, report = tmp_path / "other", "check/report.csv"
    (other / "check").mkdir(parents=True)
    (other / report).write_bytes(b"theirs\n")
    os.utime(other / report, (1, 1))
    work = beside(("PUT", NAME), lambda: pushing.push(bucket, place, other))
    with Proxy(server.endpoint, work) as proxy:
        pushing.push(connect(bucket.name, proxy.endpoint), place, results)
    pulling.pull(bucket, place, tmp_path / "third")
    assert (tmp_path / "third" / report).read_bytes() == (results / report).read_bytes()


def test_a_pull_beside_a_push_brings_what_that_has_replaced(
    bucket, place, results, server, tmp_path
):
    pushing.push(bucket, place, results)
    left = iter(range(1))

    def replaced(method, path):
        if method == "GET" and path.endswith("report.csv") and next(left, None) is not None:
            (results / "check" / "report.csv").write_bytes(b"of the other\n")
            pushing.push(bucket, place, results)

    with Proxy(server.endpoint, replaced) as proxy:
        beside = connect(bucket.name, proxy.endpoint)
        moved = pulling.pull(beside, place, tmp_path / "other", lambda name: True)
    assert (tmp_path / "other" / "check" / "report.csv").read_bytes() == b"of the other\n"
    assert (len(moved.moved), moved.kept) == (5, 0)


def test_a_push_that_always_comes_too_late_ends_and_says_so(bucket, place, results, server):
    other = results.parent / "other"

    def fault(method, path):
        if method == "PUT" and NAME in path:
            (other / "check").mkdir(parents=True, exist_ok=True)
            (other / "check" / "x.json").write_text(f"{time.time_ns()}")
            pushing.push(bucket, place, other)

    with Proxy(server.endpoint, fault) as proxy:
        late = connect(bucket.name, proxy.endpoint)
        with pytest.raises(InputError, match="Run `clapboard push` again"):
            pushing.push(late, place, results)
    assert pushing.push(bucket, place, results).moved


def test_a_server_that_knows_no_conditions_is_written_to_without(bucket, place, results, server):
    with Proxy(server.endpoint, lambda method, path: refusing()) as proxy:

        def refusing():
            conditions = {"if-match", "if-none-match"} & proxy.headers[-1].keys()
            return "501" if conditions and proxy.requests[-1][0] == "PUT" else None

        simple = connect(bucket.name, proxy.endpoint, connections=1)
        assert len(pushing.push(simple, place, results).moved) == 5
        (results / "check" / "report.csv").write_bytes(b"later\n")
        assert pushing.push(simple, place, results).moved == ("check/report.csv",)
    assert len(read_manifest(bucket, place).rows) == 5


@pytest.mark.parametrize("bytes", [1000, PART_BYTES + 1])
def test_what_has_another_digest_than_is_listed_does_not_stay(
    bucket, place, results, tmp_path, bytes
):
    """Of any size, and where its entity tag is right: under a KMS key tags are no digests."""
    model = results / "models" / "cnn" / "model.keras"
    model.write_bytes(b"x" * bytes)
    pushing.push(bucket, place, results)
    there = read_manifest(bucket, place)
    wrong = replace(there.rows["models/cnn/model.keras"], digest="0" * 32)
    write_manifest(bucket, place, there.rows | {wrong.path: wrong}, there.records, there.etag)
    with pytest.raises(InputError, match=r"model\.keras is not what the manifest says"):
        pulling.pull(bucket, place, tmp_path / "other")
    assert not (tmp_path / "other" / "models" / "cnn" / "model.keras").exists()


def test_nothing_is_pulled_while_a_run_works_there(bucket, place, results, server):
    """A training would end later than inputs that have come since, and pass for made of them."""
    pushing.push(bucket, place, results)
    machine = Machine(results.parent / "machine", table(), server.endpoint, place.url)
    machine.results.mkdir()
    with another_run(machine.results):
        assert "Another run works" in machine.clapboard("pull", status=1)
    assert not (machine.results / "check").exists()
    machine.clapboard("pull")
    assert (machine.results / "check" / "report.csv").exists()


def section(place, server):
    """The section `s3` of a configuration with results in a place."""
    results = {"results": place.url, "endpoint": server.endpoint}
    return load({"s3": results, "dataset": {"storage": "shards"}}).section("s3")


def test_beside_a_run_nothing_is_taken_up(bucket, place, results, server, tmp_path, capsys):
    """As by a dry run in another window: both would write the same files."""
    pushing.push(bucket, place, results)
    settings, other = section(place, server), tmp_path / "other"
    other.mkdir()
    with another_run(other):
        take_up(settings, other)
    assert "nothing is taken up" in capsys.readouterr().err
    assert [path.name for path in other.iterdir()] == [".lock"]
    take_up(settings, other)
    assert (other / "check" / "report.csv").exists()


def test_what_was_taken_up_in_part_is_taken_up_again(
    bucket, place, results, server, tmp_path, monkeypatch
):
    pushing.push(bucket, place, results)
    settings, other = section(place, server), tmp_path / "other"

    def cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pulling, "_bring", cut)
        with pytest.raises(KeyboardInterrupt):
            take_up(settings, other)
    push(settings, other)
    take_up(settings, other)
    assert (other / "check" / "report.csv").exists()
    (other / "check" / "report.csv").unlink()
    take_up(settings, other)
    assert not (other / "check" / "report.csv").exists(), "once is enough"
    take_up_again(other)
    take_up(settings, other)
    assert (other / "check" / "report.csv").exists()


def test_a_manifest_cannot_write_outside_the_results(bucket, place, results, tmp_path):
    pushing.push(bucket, place, results)
    receipt = read_receipt(bucket, place)
    names = receipt.table["path"].to_pylist()
    paths = ["../../outside" if "report" in name else name for name in names]
    column = receipt.table.column_names.index("path")
    write_receipt(bucket, place, Receipt.of(receipt.table.set_column(column, "path", [paths]), {}))
    pulling.pull(bucket, place, tmp_path / "deep" / "other")
    assert not list(tmp_path.glob("**/outside"))


def test_results_of_more_objects_than_a_page(bucket, place, results):
    for number in range(1200):
        path = results / "audit" / f"{number}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{number}")
    pushing.push(bucket, place, results)
    assert len(read_manifest(bucket, place)[0]) == 1205
    assert NAME in {place.name(one.key) for one in bucket.objects(place.prefix)}
