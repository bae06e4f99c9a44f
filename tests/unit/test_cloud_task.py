"""The task file: what it asks for follows from configuration and plan, and it holds no secret."""

from __future__ import annotations

import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from filming import Camera, film

from clapboard.cli import main
from clapboard.cloud.needs import (
    GPUS,
    Needs,
    disk_of,
    gpus_of,
    memory_of,
    needs_of,
    price_of_bytes,
)
from clapboard.cloud.task import count_needs, task_text
from clapboard.planning.price import Price
from clapboard.problems import InputError
from clapboard.sessions.recordings import Origin, Recording
from clapboard.settings.config import load

ROOT = Path(__file__).parents[2]
EXAMPLE_FILE = ROOT / "cloud" / "train.sky.yaml"

# What cloud/train.sky.yaml is an example of: a night's worth of sessions, all settings as they are.
IN_BUCKET = {"s3": {"results": "s3://lab/results"}, "dataset": {"storage": "shards"}}
EXAMPLE = load(
    {
        "dataset": {"storage": "shards"},
        "s3": {"results": "s3://your-bucket/results"},
        "cloud": {"region": "us-east-1", "spot": True},
    }
)
EXAMPLE_NEEDS = needs_of(EXAMPLE, Price(bytes=12 * 10**9, core_seconds=30_000), 60 * 10**9)


def checks(raised: pytest.ExceptionInfo[InputError]) -> set[str]:
    return {problem.check for problem in raised.value.problems}


def test_the_example_is_in_step():
    remedy = "write task_text(EXAMPLE, EXAMPLE_NEEDS) to it"
    assert EXAMPLE_FILE.read_text() == task_text(EXAMPLE, EXAMPLE_NEEDS), remedy


def test_no_credentials_are_in_it_and_none_are_copied(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    text = task_text(EXAMPLE, EXAMPLE_NEEDS)
    assert "very-secret" not in text
    assert "AWS_" not in text
    identities = yaml.safe_load((ROOT / ".sky.yaml").read_text())["aws"]["remote_identity"]
    assert [*identities[-1]] == ["*"], "the default copies credentials"
    chosen = {name for identity in identities for name in identity.values()}
    assert not chosen & {"LOCAL_CREDENTIALS", "NO_UPLOAD", "SERVICE_ACCOUNT"}


def test_a_rented_machine_keeps_everything_on_the_disk_that_was_planned(tmp_path):
    """Not on an instance store, which is lost when `keep_disk` stops the machine."""
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud" / "setup.sh").write_text("echo $DATA_DISK")
    words = ["sh", "-c", yaml.safe_load(task_text(EXAMPLE, EXAMPLE_NEEDS))["setup"]]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "none\n"


def test_a_machine_that_goes_with_its_disk_tries_long_to_hand_over():
    def run(**cloud):
        s3 = {"results": "s3://lab/results"}
        config = load({"dataset": {"storage": "shards"}, "s3": s3, "cloud": cloud})
        return yaml.safe_load(task_text(config, needs_of(config, Price(), 0)))["run"]

    assert "--keep-trying 1440 --" in run()
    assert "--keep-trying" not in run(spot=False, keep_disk=True)


def test_a_hostile_name_stays_one_word():
    target = "$(touch x); 'y'\n#"
    text = yaml.safe_load(task_text(EXAMPLE, EXAMPLE_NEEDS, [target]))["run"]
    words = ["sh", "-c", f"printf '%s\\0' {text.removeprefix('exec ')}"]
    read = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\0")
    assert read[-2] == target


def test_more_to_store_is_a_larger_disk_and_more_to_decode_are_more_cores():
    small = needs_of(EXAMPLE, Price(bytes=10**9, core_seconds=100), 10**9)
    large = needs_of(EXAMPLE, Price(bytes=10**11, core_seconds=200_000), 10**12)
    assert small.disk >= 100
    assert large.disk > 1000 + 2 * 100, "videos, and pictures both as files and packed"
    assert (small.cores, large.cores) == (4, 32)
    assert disk_of(load({"cloud": {"disk": 321}}), None, 0) == 321


def recording(sheet: str, *chapters: str, **changes) -> Recording:
    values = {"session": "", "kind": "video", "clap": "0", "rate": "", "row": 2} | changes
    return Recording(
        "S1C1", "S1", camera="C1", split="Training", annotations=sheet, chapters=chapters, **values
    )


def test_videos_that_are_in_a_bucket_only_count_by_the_size_of_their_objects():
    def needs(gigabytes, config=EXAMPLE):
        origin = Origin("s3://lab/raw/x.MP4", gigabytes * 10**9, "etag")
        there = recording("s.csv", "1.MP4", "2.MP4", origins=(origin, origin))
        said = list[str]()
        needs = count_needs(config, [there], said.append)
        assert f"{2 * gigabytes}.0 GB" in said[0]
        assert ("cloud.disk" in said[0]) == (config is EXAMPLE)
        return needs

    assert needs(1).disk == needs_of(EXAMPLE, Price(bytes=2 * 10**9), 2 * 10**9).disk
    assert needs(500).disk > 1000 + 2 * 1000, "videos, and pictures both as files and packed"
    disk_is_set = load({"cloud": {"disk": 300}})
    assert needs(500, disk_is_set) == replace(needs(500), disk=300)
    assert needs(500).cores > needs(1).cores


def test_videos_that_only_a_target_makes_count_with_it():
    kilo = 1000 * 10**9

    def disk(*targets, models=1, **prediction):
        taught = {f"m{number}": {"architecture": "cnn", "cache_mb": 0} for number in range(models)}
        config = load({**IN_BUCKET, "models": taught, "prediction": prediction})
        chapter = (Origin("s3://lab/raw/x.MP4", kilo, "etag"),)
        known = recording("s.csv", "1.MP4", origins=chapter)
        new = replace(known, id="S2C1", split="Predict", annotations="")
        return count_needs(config, [known, new], print, targets).disk

    alone = disk()
    assert disk("models") == alone
    assert disk("videos") >= alone + 2000
    assert alone + 1000 <= disk("predict") < alone + 2000
    assert disk("predict", "videos") == disk("videos")
    assert disk("predict", overlay="off") == alone
    one = disk("predict", overlay="full")
    assert alone + 2000 <= one < alone + 3000
    assert disk("predict", models=3, overlay="full") >= one + 2000, "every model has its own"


def test_what_predict_looks_at_has_room_for_its_pictures(tmp_path):
    film(tmp_path / "1.mp4", Camera(size=(64, 48)), 60)
    new = tmp_path / "new.mp4"
    with new.open("wb") as file:
        file.truncate(300 * 10**9)  # nothing is read of it
    sheet = tmp_path / "s.csv"
    sheet.write_text("label,start,stop\nCUFF,0,2\n")
    here = recording(str(sheet), str(tmp_path / "1.mp4"))
    both = [here, replace(here, id="S2C1", split="Predict", annotations="", chapters=(str(new),))]
    config = load({**IN_BUCKET, "prediction": {"overlay": "off"}})
    alone = count_needs(config, both, print)
    predict = count_needs(config, both, print, ["predict"])
    assert predict.disk >= alone.disk + 2 * 300
    assert predict.cores > alone.cores


def test_a_disk_that_is_set_leaves_the_cores_to_the_plan(tmp_path, monkeypatch):
    film(tmp_path / "1.mp4", Camera(size=(64, 48)), 60)
    sheet = tmp_path / "s.csv"
    sheet.write_text("label,start,stop\nCUFF,0,2\n")
    here = [recording(str(sheet), str(tmp_path / "1.mp4"))]
    config = load({"cloud": {"disk": 300}})
    assert count_needs(config, here, print) == Needs(gpus_of(config), 300, 4)
    monkeypatch.setattr("clapboard.cloud.needs.HOURS", 1e-9)  # so that two seconds are too much
    assert count_needs(config, here, print).cores == 32
    assert count_needs(config, [], print).cores == 4


def test_videos_of_which_only_the_size_is_known_have_room_for_pictures_as_large():
    terabyte = 10**12
    usual = needs_of(EXAMPLE, price_of_bytes(terabyte), terabyte)
    assert usual.disk >= 3 * 1000, "the videos, and pictures both as files and packed"
    assert needs_of(EXAMPLE, price_of_bytes(terabyte, 448), terabyte).disk > 2 * usual.disk
    assert price_of_bytes(terabyte, 64) == price_of_bytes(terabyte)
    assert usual.cores > needs_of(EXAMPLE, price_of_bytes(10**9), 10**9).cores


def test_memory_grows_with_what_grows():
    def memory(size=224, **settings):
        config = load({"models": {"m": {"architecture": "cnn", **settings}}})
        return memory_of(config.section("models")["m"], size)

    base = memory()
    assert base < min(GPUS.values())
    assert memory(batch_size=320) > base + 5 * (memory(batch_size=64) - base)
    assert memory(size=448) > base
    assert memory(filters=[64, 128, 256]) > base
    sequence = {"architecture": "lstm", "input": "frames", "batch_size": 8}
    assert memory(**sequence, window=64) > memory(**sequence, window=16) > memory(batch_size=8)


def test_the_gpu_fits_the_largest_model():
    heavy = {"architecture": "lstm", "input": "frames", "window": 32, "batch_size": 40}
    config = load({"models": {"a": {"architecture": "cnn"}, "b": heavy}})
    wanted = memory_of(config.section("models")["b"], 224)
    chosen = gpus_of(config)
    assert chosen
    assert min(GPUS[name] for name in chosen) >= wanted > min(GPUS.values())
    heavy["batch_size"] = 80
    largest = memory_of(load({"models": {"b": heavy}}).section("models")["b"], 224)
    assert GPUS["L40S"] < largest < GPUS["H100"]
    assert gpus_of(load({"models": {"b": heavy}})) == {"H100": 1}
    heavy["batch_size"] = 4000
    with pytest.raises(InputError, match="batch_size") as raised:
        gpus_of(load({"models": {"b": heavy}}))
    assert checks(raised) == {"too-big-for-gpu"}
    named = {"models": {"b": heavy}, "cloud": {"gpu": "A10G:4"}}
    assert gpus_of(load(named)) == {"A10G": 4}


def test_contradictions_are_told_together():
    config = load({"cloud": {"keep_disk": True, "spot": True, "image": "ami-12ab"}})
    with pytest.raises(InputError) as raised:
        task_text(config, Needs({"T4": 1}, 100, 4))
    assert checks(raised) == {"spot-with-disk", "image-without-region", "results-nowhere"}


def test_without_spot_the_disk_can_be_kept_and_nothing_watches_over_the_run():
    kept = {"spot": False, "keep_disk": True, "idle_minutes": 5}
    config = load({**IN_BUCKET, "cloud": kept})
    text = task_text(config, Needs({"T4": 1}, 100, 4))
    resources = yaml.safe_load(text)["resources"]
    # A terminal that somebody has left open does not count.
    assert resources["autostop"] == {"idle_minutes": 5, "down": False, "wait_for": "jobs"}
    assert resources["use_spot"] is False
    assert re.search("sky launch ", text)
    assert "sky jobs launch" in task_text(EXAMPLE, EXAMPLE_NEEDS)


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """Launch by a `sky` that ends so; the status, and what `sky` was called with after that."""

    def launch(ends, limit="exit 0", **cloud):
        (tmp_path / "table.tsv").write_text(
            "subject\tcamera\tsplit\tannotations\tvideos\nS1\tC1\tPredict\t\ta.mp4\n"
        )
        (tmp_path / "a.mp4").touch()
        config = {**IN_BUCKET, "recordings": "table.tsv", "cloud": {"disk": 300, **cloud}}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        program = tmp_path / ".sky" / "bin" / "sky"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(
            f'#!/bin/sh\necho "$@" >>calls\ncase $1 in autostop) {limit} ;; *) {ends} ;; esac\n'
        )
        program.chmod(0o755)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "calls").write_text("")
        status = main(["cloud", "--configfile", "config.yaml", "--launch"])
        return status, (tmp_path / "calls").read_text().splitlines()[1:]

    return launch


def test_a_launch_that_fails_leaves_no_machine_without_a_limit(launch, capsys):
    """SkyPilot sets its own only after upload and setup."""
    alone = {"spot": False, "idle_minutes": 7}
    limit = "autostop clapboard --idle-minutes 7 --wait-for jobs --yes"
    assert launch("exit 3", **alone) == (3, [f"{limit} --down"])
    said = capsys.readouterr().out
    assert "sky status" in said
    assert "costs until you end it" in said, "SkyPilot may have refused it with status 0"
    assert launch("exit 3", **alone, keep_disk=True) == (3, [limit])
    assert launch("exit 0", **alone) == (0, [])
    capsys.readouterr()
    assert launch("exit 3", "exit 1", **alone)[0] == 3
    assert "costs until you end it" in capsys.readouterr().out
    assert launch("exit 3", spot=True) == (3, [])
    assert "sky status" in capsys.readouterr().out


def test_that_a_kept_machine_gets_no_larger_is_said(launch, capsys):
    assert launch("exit 0", spot=False, keep_disk=True) == (0, [])
    assert "sky down clapboard` before the launch" in capsys.readouterr().out
    assert launch("exit 0", spot=False) == (0, [])
    assert "before the launch" not in capsys.readouterr().out


def test_a_launch_that_is_interrupted_goes_on_and_says_what_to_look_at(launch, capsys):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored here
    try:
        assert launch("kill -INT $PPID; sleep 5", spot=False) == (130, [])
    finally:
        signal.signal(signal.SIGINT, before)
    assert "nothing ends a machine before its setup is over" in capsys.readouterr().out


def test_without_recordings_the_size_must_be_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    (tmp_path / "table.tsv").write_text(
        "subject\tcamera\tsplit\tannotations\tvideos\nS1\tC1\tPredict\t\ta.mp4\n"
    )
    config = {**IN_BUCKET, "recordings": "table.tsv", "cloud": {"keep_disk": True}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    words = ["cloud", "--configfile", "config.yaml", "-o", "task.yaml"]
    assert main(words) == 1
    assert "cloud.disk" in capsys.readouterr().err
    assert not (tmp_path / "task.yaml").exists()
    config["cloud"]["disk"] = 300
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    assert main([*words, "models", "check"]) == 0
    assert "300 GB" in capsys.readouterr().out
    written = yaml.safe_load((tmp_path / "task.yaml").read_text())
    assert written["resources"]["disk_size"] == 300
    assert written["run"].split()[-2:] == ["models", "check"]
    assert "node --configfile config.yaml -- " in written["run"]


def test_inputs_that_the_machine_will_not_have_are_named(tmp_path, monkeypatch, capsys):
    here = tmp_path / "here"
    files = {
        "sheets/S1.csv": "label,start,stop\nCUFF,0,1\n",
        "videos/:(a) 1.mp4": "",
        "videos/b.MOV": "",
        "made/c.mp4": "",
        "made/e.mp4": "",
        "raw/f": "",
        "pictures/S2/1.jpg": "",
        "thumbs/S3/1.png": "",
        ".gitignore": "*.MOV\n/made/\n/thumbs/*/*.png\n/*.tsv\n",
    }
    for name, text in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    (tmp_path / "d.mp4").touch()
    (here / "videos" / "e.mp4").symlink_to(here / "made" / "e.mp4")
    (here / "videos" / "f.MOV").symlink_to(here / "raw" / "f")
    rows = ["videos/:(a) 1.mp4\t", "videos/b.MOV\t", "made/c.mp4\t", f"{tmp_path}/d.mp4\t"]
    rows += ["videos/e.mp4\t", "videos/f.MOV\t", "pictures/S2\t25", "thumbs/S3\t25"]
    table = ["subject\tcamera\tsplit\tannotations\tvideos\trate"]
    table += [f"S{n}\tC1\tPredict\tsheets/S1.csv\t{row}" for n, row in enumerate(rows)]
    (here / "table.tsv").write_text("\n".join(table) + "\n")
    settings = {**IN_BUCKET, "recordings": "table.tsv", "cloud": {"disk": 300}}
    (here / "config.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.chdir(here)

    def named():
        assert main(["cloud", "--configfile", "config.yaml"]) == 0
        lines = capsys.readouterr().out.splitlines()
        said = [line.partition(": ") for line in lines if " not " in f" {line}"]
        return {path: words for words, _, path in said}

    why = "fatal: not a git repository (or any of the parent directories): .git"
    outside = {f"{tmp_path}/d.mp4": "not sent, put it into the bucket"}
    unknown = {why: "which inputs SkyPilot leaves out is not known"}
    assert named() == outside | unknown
    subprocess.run(["git", "init", "-q"], check=True)
    ignored = {"videos/b.MOV", "made/c.mp4", "videos/e.mp4", "videos/f.MOV", "thumbs/S3"}
    because = "not sent because git ignores it, put it into the bucket"
    assert named() == outside | dict.fromkeys(ignored, because)
    subprocess.run(["git", "add", "--force", "."], check=True)
    assert named() == outside | dict.fromkeys(ignored, because)
    (here / ".skyignore").touch()
    (unasked,) = unknown.values()
    assert named() == outside | {".skyignore decides it": unasked}
