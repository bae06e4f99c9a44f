"""The task file, read by SkyPilot itself, up to the choice of a machine."""

import json
import re
import shlex
import shutil
import subprocess

import boto3
import skypilot
import yaml

from clapboard.cloud.launching import limit_words
from clapboard.cloud.needs import GPUS, needs_of
from clapboard.cloud.task import task_text
from clapboard.planning.price import Price
from clapboard.settings.config import load

EXAMPLE = skypilot.ROOT / "cloud" / "train.sky.yaml"


def written(path, config):
    needs = needs_of(load(config), Price(bytes=10**9, core_seconds=100), 10**9)
    path.write_text(task_text(load(config), needs))
    return path


def test_the_example_gets_the_cheapest_machine_that_will_do(sky):
    answer = sky.ask(skypilot.DRY_RUN, EXAMPLE)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    assert "'*': 'clapboard'" in answer.stdout, ".sky.yaml keeps credentials on the laptop"
    assert "enabled AWS\n" in answer.stdout
    chosen = [line for line in answer.stdout.splitlines() if "✔" in line]
    # A T4 with four cores is cheaper, and has too few.
    assert len(chosen) == 1, answer.stdout
    assert re.search(r"g4dn\.2xlarge.*\[Spot\]", chosen[0])
    assert "Dryrun finished" in answer.stdout + answer.stderr


def test_a_model_that_needs_more_memory_gets_a_larger_gpu(sky, tmp_path):
    model = {"architecture": "lstm", "input": "frames", "window": 32, "batch_size": 40}
    config = {"models": {"big": model}, "dataset": {"storage": "shards"}}
    config["s3"] = {"results": "s3://lab/results"}
    answer = sky.ask(skypilot.DRY_RUN, written(tmp_path / "task.yaml", config))
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    chosen = [line for line in answer.stdout.splitlines() if "✔" in line]
    assert len(chosen) == 1, answer.stdout
    assert "g6e.xlarge" in chosen[0]
    assert "Spot" not in chosen[0]


def test_a_terminal_that_somebody_has_open_does_not_keep_a_machine(sky, tmp_path):
    """SkyPilot waits for one, if it is not told what to wait for."""
    gone = {"s3": {"results": "s3://lab/results"}, "dataset": {"storage": "shards"}}
    kept = gone | {"cloud": {"keep_disk": True, "idle_minutes": 7}}
    paths = [written(tmp_path / name, config) for name, config in (("1", gone), ("2", kept))]
    limits = [
        {"idle_minutes": 10, "down": True, "wait_for": "jobs"},
        {"idle_minutes": 7, "down": False, "wait_for": "jobs"},
    ]
    answer = sky.ask(skypilot.LIMITS, *paths)
    told = {f"{path} {limit}" for path, limit in zip(paths, limits, strict=True)}
    assert {*answer.stdout.splitlines()} == told, answer.stderr[-3000:]

    # As `clapboard cloud` asks for it itself, and as the documents say it of a start by hand.
    asking = [shlex.join(limit_words(load(config))) for config in (gone, kept)]
    documents = (skypilot.ROOT / "docs" / "ec2.md").read_text()
    starting = re.findall(r"\.sky/bin/(sky start [^`\n]*)", documents)
    answer = sky.ask(skypilot.READ, *asking, *starting)
    read = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [{key: one[key] for key in limits[0]} for one in read[:2]] == limits
    assert len(read) == 2 + len(starting) == 4, answer.stderr[-3000:]
    assert all((one["clusters"], one["wait_for"]) == (["clapboard"], "jobs") for one in read)


def test_each_gpu_is_one_that_aws_rents_alone(sky):
    """moto has AWS's own descriptions of its machines."""
    ec2 = boto3.client(
        "ec2",
        endpoint_url=sky.endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    alone = {}
    for page in ec2.get_paginator("describe_instance_types").paginate():
        for machine in page["InstanceTypes"]:
            if {"on-demand", "spot"} <= set(machine["SupportedUsageClasses"]):
                for gpu in machine.get("GpuInfo", {}).get("Gpus", []):
                    if gpu.get("Count") == 1 and "MemoryInfo" in gpu:
                        bytes_ = gpu["MemoryInfo"]["SizeInMiB"] * 2**20
                        alone.setdefault(gpu["Name"], []).append(round(bytes_ / 1e9))
    for name, memory in GPUS.items():
        assert memory <= min(alone[name]), name


def test_keys_that_lie_in_the_folder_are_not_sent(sky, tmp_path):
    secret = ["key.pem", "lab/me.key", "id_ed25519", ".env", "lab_accessKeys.csv", "credentials"]
    secret += ["lab/credentials.csv", ".aws/config"]
    sent = ["sheets/keys.csv", "videos/S1/a.MP4", "lab/notes"]
    here = tmp_path / "here"
    for name in [*secret, *sent]:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).touch()
    shutil.copy(skypilot.ROOT / ".gitignore", here)
    subprocess.run(["git", "init", "-q"], cwd=here, check=True)
    answer = sky.ask(skypilot.NOT_SENT, str(here))
    assert answer.returncode == 0, answer.stderr[-3000:]
    rsync_filter, *left_out = answer.stdout.splitlines()
    # By way of a bucket, as for spot machines.
    assert {*left_out} == {*secret} - {".aws/config"} | {".aws/"}
    # By rsync, as for all others.
    words = ["rsync", "-a", *shlex.split(rsync_filter), "--exclude=.git", f"{here}/", "there/"]
    subprocess.run(words, cwd=tmp_path, check=True)
    there = [path for path in (tmp_path / "there").rglob("*") if path.is_file()]
    names = {path.relative_to(tmp_path / "there").as_posix() for path in there}
    assert names == {*sent, ".gitignore"}


def test_a_key_that_skypilot_does_not_know_is_refused(sky, tmp_path):
    task = yaml.safe_load(EXAMPLE.read_text())
    task["resources"]["disk_sice"] = task["resources"].pop("disk_size")
    path = tmp_path / "task.yaml"
    path.write_text(yaml.safe_dump(task))
    answer = sky.ask(skypilot.CHECK, path)
    assert answer.returncode != 0
    assert "disk_sice" in answer.stdout + answer.stderr
    assert "valid clapboard" in sky.ask(skypilot.CHECK, EXAMPLE).stdout
