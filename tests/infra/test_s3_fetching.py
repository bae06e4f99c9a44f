"""One large object to a file, against a real server."""

import random
from pathlib import Path

import obstore
import pytest
from faults import Proxy, killing
from lab import connect
from small_disk import needs_root, small_disk

from clapboard.problems import InputError
from clapboard.s3 import clients, fetching
from clapboard.s3.bucket import MOST_IN_MEMORY
from clapboard.s3.fetching import fetch
from clapboard.s3.parts import PART_BYTES, sending_requests
from clapboard.s3.sending import send_file
from clapboard.s3.sources import Sources, fetch_chapter
from clapboard.sessions.chapters import find_chapters
from clapboard.sessions.recordings import Origin

PARTS, PART = 20, 32_768
DATA = random.Random(1).randbytes(PARTS * PART - 1000)


@pytest.fixture
def bucket(server, bucket_name, as_writer):
    return connect(bucket_name, server.endpoint)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(fetching, "PART_BYTES", PART)


@pytest.fixture
def video(bucket, request):
    bucket.write(f"{request.node.name}/GH010123.MP4", DATA)
    (found,) = bucket.objects(f"{request.node.name}/")
    return found


def gets(proxy):
    return [path for method, path in proxy.requests if method == "GET"]


def test_an_interrupted_fetch_goes_on_where_it_stopped(bucket, video, server, tmp_path):
    target, left = tmp_path / "sources" / "GH010123.MP4", iter(range(8))

    def fault(method, path):
        return "drop" if method == "GET" and next(left, None) is None else None

    with (
        Proxy(server.endpoint, fault) as proxy,
        pytest.raises(InputError, match="goes on where it stopped"),
    ):
        fetch(connect(bucket.name, proxy.endpoint, tries=0), video, target)
    assert not target.exists()
    with Proxy(server.endpoint, lambda method, path: None) as proxy:
        fetch(connect(bucket.name, proxy.endpoint), video, target)
        assert len(gets(proxy)) == PARTS - 8
    assert target.read_bytes() == DATA
    assert list(target.parent.iterdir()) == [target]


def test_a_journal_without_its_file_vouches_for_nothing(
    bucket, video, server, tmp_path, monkeypatch
):
    """Under a KMS key nothing but the journal says what is here."""
    monkeypatch.setattr(fetching, "is_content", lambda *_: True)
    target, left = tmp_path / "GH010123.MP4", iter(range(8))
    journal = tmp_path / f".partial-s3-{video.etag}-{target.name}.parts"
    journal.write_text("".join(f"{part}\n" for part in range(PARTS)))

    def fault(method, path):
        return "drop" if method == "GET" and next(left, None) is None else None

    with Proxy(server.endpoint, fault) as proxy, pytest.raises(InputError):
        fetch(connect(bucket.name, proxy.endpoint, tries=0), video, target)
    fetch(bucket, video, target)
    assert target.read_bytes() == DATA


def test_a_kill_at_the_end_of_a_fetch_leaves_no_journal_beside_the_file(
    bucket, video, tmp_path, monkeypatch
):
    target, replace = tmp_path / "GH010123.MP4", Path.replace

    def killed(path, name):
        replace(path, name)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        fetch(bucket, video, target)
    assert list(tmp_path.iterdir()) == [target]


def test_cut_throttled_and_slow_answers_are_outlasted(bucket, video, server, tmp_path):
    count = iter(range(1000))
    kinds = {0: "cut", 3: "503", 6: "drop", 9: 0.3}
    with Proxy(server.endpoint, lambda method, path: kinds.get(next(count) % 12)) as proxy:
        fetch(connect(bucket.name, proxy.endpoint), video, tmp_path / "x.MP4")
    assert (tmp_path / "x.MP4").read_bytes() == DATA


def test_a_slow_line_is_outlasted_and_a_silent_server_is_not(
    bucket, video, server, tmp_path, monkeypatch
):
    monkeypatch.setattr(clients, "SILENCE_SECONDS", 1)
    monkeypatch.setattr(fetching, "PART_BYTES", len(DATA))
    with Proxy(server.endpoint, lambda method, path: None, pace=0.25) as proxy:
        slow = connect(bucket.name, proxy.endpoint, tries=0)
        fetch(slow, video, tmp_path / "x.MP4")
        obstore.put(slow.uploads, f"{video.key}.copy", DATA)
    assert (tmp_path / "x.MP4").read_bytes() == bucket.read(f"{video.key}.copy") == DATA
    with (
        Proxy(server.endpoint, lambda method, path: None, pace=2) as proxy,
        pytest.raises(InputError, match="goes on where it stopped"),
    ):
        fetch(connect(bucket.name, proxy.endpoint, tries=0), video, tmp_path / "y.MP4")


def test_a_file_goes_up_over_a_slow_line_and_not_over_one_that_stands_still(
    bucket, server, tmp_path, monkeypatch, request
):
    path, prefix = tmp_path / "x.tar", request.node.name
    data = 8 * DATA  # a tenth of which is more than the connection takes ahead
    path.write_bytes(data)
    monkeypatch.setattr(clients, "BLOCK_SECONDS", 2)
    with Proxy(server.endpoint, lambda method, path: None, pace=0.5) as proxy:
        slow = connect(bucket.name, proxy.endpoint, tries=0)
        etag = send_file(slow, path, f"{prefix}/file")
        slow.write(f"{prefix}/data", data)
    assert {found.etag for found in bucket.objects(prefix)} == {etag}
    assert bucket.read(f"{prefix}/file") == bucket.read(f"{prefix}/data") == data
    with Proxy(server.endpoint, lambda method, path: None, pace=6) as proxy:
        still = connect(bucket.name, proxy.endpoint, tries=0)
        for send in (
            lambda: send_file(still, path, f"{prefix}/lost"),
            lambda: still.write(f"{prefix}/lost", data),
        ):
            with pytest.raises(InputError, match="goes on where it stopped"):
                send()
    assert len(list(bucket.objects(prefix))) == 2


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, 2 * PART_BYTES + 1])
def test_a_file_takes_as_many_requests_as_the_plan_counts(bucket, server, tmp_path, request, size):
    path = tmp_path / "x.tar"
    path.write_bytes(bytes(size))
    with Proxy(server.endpoint, lambda method, path: None) as proxy:
        send_file(connect(bucket.name, proxy.endpoint), path, f"{request.node.name}/file")
    assert len(proxy.requests) == sending_requests(size)


def test_no_more_goes_up_at_a_time_than_a_slow_line_takes(bucket):
    assert bucket.side_by_side(10_000) == bucket.settings["connections"]
    assert bucket.side_by_side(5 * 2**20) == 3
    assert bucket.side_by_side(10**9) == 1
    assert bucket.side_by_side(0) == bucket.settings["connections"]
    pictures = 32 * 2**20, MOST_IN_MEMORY
    assert bucket.side_by_side(*pictures) == 8, "those that are kept in memory, 256 MiB of them"


def test_a_server_killed_in_the_middle_and_back(mortal, tmp_path):
    server, bucket = mortal
    bucket.write("raw/GH010123.MP4", DATA)
    (video,) = bucket.objects("raw/")
    with Proxy(server.endpoint, killing(server, 6)) as proxy, pytest.raises(InputError):
        fetch(connect(bucket.name, proxy.endpoint, tries=0), video, tmp_path / "x.MP4")
    server.start()
    fetch(bucket, video, tmp_path / "x.MP4")
    assert (tmp_path / "x.MP4").read_bytes() == DATA


@needs_root
def test_a_full_disk_is_told_of_and_what_fits_is_kept(bucket, video, server, tmp_path):
    disk, page = tmp_path / "disk", 4096
    # Room for five parts and a half.
    with small_disk(disk, 5 * PART + PART // 2 + page) as resize:
        with pytest.raises(OSError, match="No space left"):
            fetch(bucket, video, disk / "x.MP4")
        assert not (disk / "x.MP4").exists()
        resize("16m")
        with Proxy(server.endpoint, lambda method, path: None) as proxy:
            fetch(connect(bucket.name, proxy.endpoint), video, disk / "x.MP4")
            assert PARTS - 5 <= len(gets(proxy)) < PARTS
        assert (disk / "x.MP4").read_bytes() == DATA


@pytest.mark.parametrize("tries", [0, 2])
def test_a_chapter_is_tried_as_often_as_the_configuration_says(
    bucket, video, server, tmp_path, monkeypatch, tries
):
    monkeypatch.setattr(fetching, "PART_BYTES", len(DATA))
    origin = Origin(f"s3://{bucket.name}/{video.key}", video.bytes, video.etag)
    left = iter(range(tries))

    def fault(method, path):
        return "cut" if next(left, None) is not None else None

    with Proxy(server.endpoint, fault) as proxy:
        settings = bucket.settings | {"endpoint": proxy.endpoint, "tries": tries}
        fetch_chapter(origin, settings, tmp_path / "x.MP4")
        assert (tmp_path / "x.MP4").read_bytes() == DATA
    with Proxy(server.endpoint, lambda method, path: "503") as proxy:
        settings = bucket.settings | {"endpoint": proxy.endpoint, "tries": tries}
        with pytest.raises(InputError, match="goes on where it stopped"):
            fetch_chapter(origin, settings, tmp_path / "y.MP4")
        assert len(proxy.requests) == tries + 1


def test_another_version_is_never_mixed_in(bucket, video, tmp_path):
    bucket.write(video.key, DATA[::-1])
    with pytest.raises(InputError, match="was replaced"):
        fetch(bucket, video, tmp_path / "x.MP4")
    assert not (tmp_path / "x.MP4").exists()


def test_damage_on_the_way_is_noticed(bucket, video, tmp_path, monkeypatch):
    taken = fetching._part

    async def damaged(bucket, source, part):
        data = await taken(bucket, source, part)
        return data if part else b"?" + data[1:]

    monkeypatch.setattr(fetching, "_part", damaged)
    with pytest.raises(InputError, match="entity tag"):
        fetch(bucket, video, tmp_path / "x.MP4")
    assert list(tmp_path.iterdir()) == []


def test_what_another_program_has_brought_is_taken_when_it_is_whole(bucket, video, tmp_path):
    brought, target = tmp_path / "storage" / "GH010123.MP4", tmp_path / "sources" / "GH010123.MP4"
    brought.parent.mkdir()
    target.parent.mkdir()
    origin = Origin(f"s3://{bucket.name}/{video.key}", video.bytes, video.etag)
    for wrong in (DATA[:-1], DATA[:-1] + bytes([DATA[-1] ^ 1])):
        brought.write_bytes(wrong)
        with pytest.raises(InputError, match="damaged on the way"):
            fetch_chapter(origin, bucket.settings, target, str(brought))
        assert list(target.parent.iterdir()) == []
    brought.write_bytes(DATA)
    fetch_chapter(origin, bucket.settings, target, str(brought))
    brought.unlink()
    assert target.read_bytes() == DATA
    assert list(target.parent.iterdir()) == [target]


@needs_root
def test_another_disk_gets_a_copy_of_what_was_brought(bucket, video, tmp_path):
    origin = Origin(f"s3://{bucket.name}/{video.key}", video.bytes, video.etag)
    brought = tmp_path / "disk" / "GH010123.MP4"
    with small_disk(brought.parent, "16m"):
        brought.write_bytes(DATA)
        fetch_chapter(origin, bucket.settings, tmp_path / "here.MP4", str(brought))
        assert brought.read_bytes() == DATA
    assert (tmp_path / "here.MP4").read_bytes() == DATA


@pytest.mark.parametrize("sign", "{}#?")
def test_a_name_that_the_storage_plugin_does_not_find_is_refused_at_the_start(
    bucket, request, tmp_path, monkeypatch, sign
):
    monkeypatch.chdir(tmp_path)
    folder = f"plugin-{ord(sign)}"
    bucket.write(f"{folder}/take {sign}1.MP4", DATA)
    place = f"s3://{bucket.name}/{folder}/"
    with Sources(bucket.settings | {"fetch": "storage_plugin"}, "sources") as sources:
        (problem,) = sources.chapters(place).problems
    assert "take" in problem.message
    assert "s3.fetch: parts" in problem.remedy
    with Sources(bucket.settings, "sources") as sources:
        assert sources.chapters(place).problems == ()


def test_what_was_uploaded_in_parts_is_checked_too(bucket, tmp_path, request):
    data, key = random.Random(2).randbytes(11 * 2**20), f"{request.node.name}/x.MP4"
    bucket.store.put(key, data, chunk_size=5 * 2**20)
    (video,) = bucket.objects(key)
    assert video.etag.endswith("-3")
    fetch(bucket, video, tmp_path / "x.MP4")
    assert (tmp_path / "x.MP4").read_bytes() == data


def test_chapters_are_found_by_file_folder_and_glob(bucket, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prefix = request.node.name
    for name in ("GH010123.MP4", "GH020123.MP4", "GL010123.LRV", "old/GH010123.MP4"):
        bucket.write(f"{prefix}/S1C2/{name}", name.encode())
    place = f"s3://{bucket.name}/{prefix}/S1C2"
    here = f"results/sources/{bucket.name}/{prefix}/S1C2"
    both = (f"{here}/GH010123.MP4", f"{here}/GH020123.MP4")
    with Sources(bucket.settings, "results/sources") as sources:
        assert sources.chapters(place).files == sources.chapters(f"{place}/").files == both
        assert sources.chapters(f"{place}/G*0123.MP4").files == both
        assert sources.chapters(f"{place}/GH020123.MP4").files == both[1:]
        (first, *_) = bucket.objects(f"{prefix}/S1C2/GH01")
        assert sources.origin(both[0]) == Origin(f"{place}/GH010123.MP4", first.bytes, first.etag)
        assert sources.chapters(f"{place}/none/").problems[0].check == "missing-video"
    asking_nobody = Sources({}, "results/sources", fresh=False)
    assert asking_nobody.chapters(f"{place}/").files == both


@pytest.mark.parametrize(
    "videos",
    [
        "S1C1/*.MP4",
        "S1C1/**/*.MP4",
        "S1C*/*.MP4",
        "**/c*.MP4",
        "S1C1/[a-b].MP4",
        "S1C1/?.MP4",
        "*.MP4",
        "S1C1/*",
        "S1C1/.old/*.MP4",
        "S1C[1]/*.MP4",
        "S1C1/take[1].MP4",
        "take[1]",
        "take[1]/",
        "S1C1",
    ],
)
def test_a_place_in_s3_is_read_as_one_on_disk(bucket, tmp_path, monkeypatch, videos):
    prefix = "as-on-disk"
    names = ["a.MP4", "b.MP4", "take[1].MP4", "take1.MP4", "old/c.MP4", ".old/d.MP4", ".e.MP4"]
    names = [f"S1C1/{name}" for name in names] + ["S1C10/f.MP4", "take[1]/g.MP4", "take1/h.MP4"]
    here = tmp_path / "sources" / bucket.name / prefix
    for name in names:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).touch()
        bucket.write(f"{prefix}/{name}", name.encode())
    monkeypatch.chdir(tmp_path)
    with Sources(bucket.settings, "sources") as sources:
        found = sources.chapters(f"s3://{bucket.name}/{prefix}/{videos}")
    on_disk = find_chapters(f"{here.relative_to(tmp_path)}/{videos}")
    assert found.files == on_disk.files
    assert [one.check for one in found.problems] == [one.check for one in on_disk.problems]


def test_a_start_lists_a_place_once_and_the_next_one_again(
    bucket, server, request, tmp_path, monkeypatch
):
    """A sheet is that of every camera of its subject."""
    monkeypatch.chdir(tmp_path)
    place = f"s3://{bucket.name}/{request.node.name}"
    names = ("S1C1/GH010123.MP4", "S1C2/GH010123.MP4", "sheets/S1.csv")
    for name in names:
        bucket.write(f"{request.node.name}/{name}", b"before")

    def start(endpoint, fresh=True):
        with Sources(bucket.settings | {"endpoint": endpoint}, "sources", fresh) as sources:
            for camera in ("S1C1", "S1C2"):
                assert sources.chapters(f"{place}/{camera}/").problems == ()
                sheet, problems = sources.sheet(f"{place}/sheets/S1.csv")
                assert problems == []
        return Path(sheet).read_bytes()

    with Proxy(server.endpoint, lambda method, path: None) as proxy:
        assert start(proxy.endpoint) == b"before"
        assert sum("list-type=2" in path for _, path in proxy.requests) == len(names)
    bucket.write(f"{request.node.name}/sheets/S1.csv", b"after")
    with Proxy(server.endpoint, lambda method, path: None) as proxy:
        assert start(proxy.endpoint, fresh=False) == b"before"
        assert proxy.requests == []
        assert start(proxy.endpoint) == b"after"
