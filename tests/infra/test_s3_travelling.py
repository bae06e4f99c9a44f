"""Raw material and results in a bucket: every machine does what is missing and nothing else."""

import os
import random
import threading
import time

import pytest
import seaweed
from comparing import tables
from faults import Proxy, killing
from lab import become, connect
from project import ACTS, write_sheet
from travelling import Machine, jobs

from clapboard import provenance
from clapboard.problems import InputError
from clapboard.s3 import mirror
from clapboard.s3.inventory import read_manifest
from clapboard.s3.location import Location
from clapboard.s3.parts import PART_BYTES
from clapboard.s3.receipt import NAME, Receipt, read_receipt, write_receipt
from clapboard.s3.results import take_shards


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
    mirror.push(bucket, place, results)
    mirror.pull(bucket, place, tmp_path / "other", lambda name: True)
    brought = content(tmp_path / "other")
    assert not any(data == b"never" for data, _ in brought.values())
    assert brought == {name: content(results)[name] for name in brought}
    assert len(brought) == 5
    assert mirror.push(bucket, place, results).moved == ()
    (results / "check" / "report.csv").write_bytes(b"other\n")
    assert mirror.push(bucket, place, results).moved == ("check/report.csv",)


def test_of_two_versions_the_later_stays(bucket, place, results, tmp_path):
    mirror.push(bucket, place, results)
    mirror.pull(bucket, place, tmp_path / "other")
    (tmp_path / "other" / "check" / "report.csv").write_bytes(b"later\n")
    mirror.push(bucket, place, tmp_path / "other")
    (results / "check" / "report.csv").write_bytes(b"mine\n")
    os.utime(results / "check" / "report.csv", (1, 1))
    assert mirror.push(bucket, place, results).newer == ("check/report.csv",)
    mirror.pull(bucket, place, results)
    assert (results / "check" / "report.csv").read_bytes() == b"later\n"
    (results / "check" / "report.csv").write_bytes(b"latest\n")
    assert mirror.pull(bucket, place, results).newer == ("check/report.csv",)
    assert (results / "check" / "report.csv").read_bytes() == b"latest\n"


def taking_shards(bucket, place, folder):
    settings = bucket.settings | {"results": place.url}
    take_shards(settings, folder, [f"{folder}/shards/S1C1.parquet"])


def test_a_shard_that_a_run_reads_comes_alone(bucket, place, results, tmp_path):
    """The run is planned by what is here: what another machine has made since waits for a pull."""
    other = tmp_path / "other"
    mirror.push(bucket, place, results)
    mirror.pull(bucket, place, other)
    here = content(other)
    for name in ("check/report.csv", "models/cnn/model.keras", "Data/labels.csv"):
        (results / name).write_bytes(b"later")
    (results / "check" / "new.csv").write_bytes(b"new")
    mirror.push(bucket, place, results)
    taking_shards(bucket, place, other)
    assert content(other) == here | {"shards/S1C1.tar": content(results)["shards/S1C1.tar"]}


@pytest.mark.parametrize("gone", [False, True])
def test_a_shard_of_another_manifest_is_not_taken(bucket, place, results, tmp_path, gone):
    other = tmp_path / "other"
    mirror.push(bucket, place, results)
    mirror.pull(bucket, place, other)
    here = content(other)
    if gone:
        bucket.delete([place.key("shards/S1C1.tar")])
    else:
        (results / "shards" / "S1C1.tar").write_bytes(b"other pictures")
        (results / "shards" / "S1C1.parquet").write_bytes(b"listed anew")
        mirror.push(bucket, place, results)
    with pytest.raises(InputError, match="Run `clapboard pull`"):
        taking_shards(bucket, place, other)
    assert content(other) == here
    mirror.push(bucket, place, results)
    mirror.pull(bucket, place, other)
    taking_shards(bucket, place, other)
    assert (other / "shards" / "S1C1.tar").read_bytes() == (
        results / "shards" / "S1C1.tar"
    ).read_bytes()


def test_a_truncated_object_is_not_believed(bucket, place, results, tmp_path):
    mirror.push(bucket, place, results)
    bucket.write(place.key("models/cnn/model.keras"), b"weights" * 500)
    mirror.pull(bucket, place, tmp_path / "other")
    assert not (tmp_path / "other" / "models" / "cnn" / "model.keras").exists()
    assert (tmp_path / "other" / "check" / "report.csv").exists()
    assert mirror.push(bucket, place, results).moved == ("models/cnn/model.keras",)


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
        mirror.pull(bucket, place, tmp_path / name)
        assert (tmp_path / name / "models" / "cnn" / "model.keras").exists()
        found = content(tmp_path / name / "models" / "cnn" / "export")
        return {path: data.decode() for path, (data, _) in found.items()}

    write("first")
    mirror.push(bucket, place, results)
    assert pulled("one") == dict(zip(names, ("", "first", "first"), strict=True))
    write("second")

    def fault(method, path):
        return "drop" if method == "PUT" and path.endswith("weights") else None

    with Proxy(server.endpoint, fault) as proxy:
        broken = connect(bucket.name, proxy.endpoint, tries=0, connections=1)
        with pytest.raises(InputError, match="goes on where it stopped"):
            mirror.push(broken, place, results)
    assert pulled("two") == {}
    mirror.push(bucket, place, results)
    assert pulled("three") == dict(zip(names, ("", "second", "second"), strict=True))
    (export / names[2]).unlink()
    os.utime(export / names[0])  # as Snakemake does when it was made anew
    mirror.push(bucket, place, results)
    for name in ("three", "four"):
        assert pulled(name) == dict(zip(names[:2], ("", "second"), strict=True))
    bucket.write(place.key("models/cnn/export/forms.json"), b"cut")
    assert pulled("five") == {}


def test_a_push_that_is_killed_leaves_what_was_whole(bucket, place, results, tmp_path, server):
    mirror.push(bucket, place, results)
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
            mirror.push(broken, place, results)
    mirror.pull(bucket, place, tmp_path / "other", lambda name: True)
    for name, (data, _) in content(tmp_path / "other").items():
        now = (results / name).read_bytes()
        assert data in (now, now.removesuffix(b" new"))
    mirror.push(bucket, place, results)
    mirror.pull(bucket, place, tmp_path / "third", lambda name: True)
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
        mirror.pull(bucket, place, tmp_path / name)
        assert (tmp_path / name / report).exists()
        return provenance.read_records(tmp_path / name, [model])[model]["params"]

    record(1)
    mirror.push(bucket, place, results)
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
                mirror.push(broken, place, results)
            except InputError:
                assert taken_up(f"after {allowed}") == ["epochs 1"]
            else:
                assert taken_up(f"after {allowed}") == ["epochs 2"]
    mirror.push(bucket, place, results)
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
            mirror.push(broken, place, results)
    server.start()
    assert "shards/S1C1.tar" not in read_manifest(bucket, place)[0]
    assert not any(one.key.endswith(".tar") for one in bucket.objects(place.prefix))
    assert "shards/S1C1.tar" in mirror.push(bucket, place, results).moved
    mirror.pull(bucket, place, tmp_path / "other", lambda name: True)
    brought = content(tmp_path / "other")
    assert brought == {name: content(results)[name] for name in brought}
    assert len(brought) == 5


def test_throttling_and_cut_answers_are_outlasted_and_nothing_half_is_left(
    bucket, place, results, tmp_path, server
):
    mirror.push(bucket, place, results)
    counts = {}

    def fault(method, path):
        counts[method, path] = counts.get((method, path), 0) + 1
        bad = method == "GET" and "/results/" in path and counts[method, path] == 1
        return {0: "503", 1: "drop", 2: 0.3}[len(path) % 3] if bad else None

    with Proxy(server.endpoint, fault) as proxy:
        slow = connect(bucket.name, proxy.endpoint)
        mirror.pull(slow, place, tmp_path / "other", lambda name: True)
    assert len(content(tmp_path / "other")) == 5


def test_no_more_come_down_at_a_time_than_there_is_memory_for(
    bucket, place, results, tmp_path, server, monkeypatch
):
    for number in range(12):
        (results / "check" / f"{number}.csv").write_bytes(b"x" * 7000)
    mirror.push(bucket, place, results)
    monkeypatch.setattr(mirror, "MOST_IN_MEMORY", 60_000)
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
        mirror.pull(connect(bucket.name, proxy.endpoint), place, tmp_path / "other")
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
        mirror.push(bucket, place, results)

    def pull_and_break():
        def fault(method, path):
            return "drop" if method == "GET" and path.endswith(("model.keras", "/b")) else None

        with Proxy(server.endpoint, fault) as proxy:
            broken = connect(bucket.name, proxy.endpoint, tries=0, connections=1)
            with pytest.raises(InputError):
                mirror.pull(broken, place, other)
        assert f"{export}/a" in provenance.unfinished(other, content(other)), "the folder is half"
        assert not (other / "models/cnn/model.keras").exists()

    made("first")
    pull_and_break()
    assert (other / "check" / "report.csv").exists()
    assert all(record == {"params": ["first"]} for record in records(other).values())
    assert {*content(other)} - {f"{export}/{name}" for name in "ab"} <= records(other).keys()
    mirror.pull(bucket, place, other)
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
    mirror.pull(bucket, place, other)
    found = records(other)
    assert export in found and "models/cnn/model.keras" in found
    assert all(record == {"params": ["second"]} for record in found.values())


def test_the_later_record_of_the_same_content_stays(bucket, place, results, tmp_path):
    """What was made anew and came out the same is not made anew once more elsewhere."""
    other = tmp_path / "other"
    record(results, {"params": ["old"], "endtime": 1.0})
    mirror.push(bucket, place, results)
    mirror.pull(bucket, place, other)
    old = records(other)
    anew = "check/report.csv"
    os.utime(results / anew)
    record(results, {"params": ["new"], "endtime": 2.0}, anew)
    mirror.push(bucket, place, results)
    assert mirror.push(bucket, place, other).moved == ()
    mirror.pull(bucket, place, other)
    assert records(other) == old | {anew: {"params": ["new"], "endtime": 2.0}}
    assert read_manifest(bucket, place)[1] == old | {anew: {"params": ["new"], "endtime": 2.0}} | {
        "shards/S1C1.tar": {"params": ["old"], "endtime": 1.0}
    }

    record(other, {"params": ["newest"], "endtime": 3.0}, anew)
    os.utime(other / anew)
    mirror.pull(bucket, place, other)
    assert records(other)[anew]["params"] == ["newest"]
    mirror.push(bucket, place, other)
    mirror.pull(bucket, place, results)
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
    mirror.push(bucket, place, results)
    mirror.pull(bucket, place, other)
    stores = {name: other / "resized" / name / "01" for name in names}
    for store in stores.values():
        store.mkdir(parents=True)
        for name in ("manifest.parquet", "ledger.parquet", "S1C1000001.jpg"):
            (store / name).write_text("mine")
    record(other, {"params": ["mine"]}, *(f"resized/{name}/01/manifest.parquet" for name in names))
    mirror.pull(bucket, place, other)
    assert all((store / "manifest.parquet").exists() for store in stores.values())

    (results / "labels" / "S1C1.parquet").write_text("second")
    record(results, {"params": ["new"], "endtime": 2.0}, "shards/S2C1.parquet")
    os.utime(results / "shards" / "S2C1.parquet")
    mirror.push(bucket, place, results)
    mirror.pull(bucket, place, other)
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
    assert model not in mirror.push(bucket, place, results).moved
    mirror.pull(bucket, place, tmp_path / "other")
    assert not (tmp_path / "other" / model).exists()
    mark.unlink()
    assert mirror.push(bucket, place, results).moved == (model,)


def test_a_reader_may_pull_and_not_push(bucket, place, results, tmp_path, server, monkeypatch):
    mirror.push(bucket, place, results)
    become(monkeypatch, seaweed.READER)
    reader = connect(bucket.name, server.endpoint)
    mirror.pull(reader, place, tmp_path / "other")
    (results / "check" / "report.csv").write_bytes(b"mine\n")
    with pytest.raises(InputError, match=r"rights listed in docs/s3\.md"):
        mirror.push(reader, place, results)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(InputError) as caught:
        mirror.pull(connect(bucket.name, server.endpoint), place, tmp_path / "third")
    assert "wrong" not in str(caught.value)


def test_a_manifest_cannot_write_outside_the_results(bucket, place, results, tmp_path):
    mirror.push(bucket, place, results)
    receipt = read_receipt(bucket, place)
    names = receipt.table["path"].to_pylist()
    paths = ["../../outside" if "report" in name else name for name in names]
    column = receipt.table.column_names.index("path")
    write_receipt(bucket, place, Receipt.of(receipt.table.set_column(column, "path", [paths]), {}))
    mirror.pull(bucket, place, tmp_path / "deep" / "other")
    assert not list(tmp_path.glob("**/outside"))


def test_results_of_more_objects_than_a_page(bucket, place, results):
    for number in range(1200):
        path = results / "audit" / f"{number}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{number}")
    mirror.push(bucket, place, results)
    assert len(read_manifest(bucket, place)[0]) == 1205
    assert NAME in {place.name(one.key) for one in bucket.objects(place.prefix)}
