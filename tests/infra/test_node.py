"""A run on a machine that is taken away, and the machine after it, with a real bucket between."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from pathlib import Path

import imds
import pytest
import yaml

from clapboard.cloud.unfinished import Unfinished
from clapboard.s3.location import Location
from clapboard.settings.config import load
from tests.workflow.project import REPOSITORY

PROGRAM = Path(sys.executable).with_name("clapboard")
EPOCHS = 20

# Stands for a training: an epoch every half second, its state as the real one's.
SNAKEFILE = """
rule all:
    input: "results/models/m/model.keras"

rule train_model:
    output: "results/models/m/model.keras"
    script: "train.py"
"""

TRAIN = f"""
import json, os, time
from pathlib import Path
folder = Path("results/models/m/training")
folder.mkdir(parents=True, exist_ok=True)
state = folder / "state.json"
history = json.loads(state.read_text())["history"] if state.exists() else []
while len(history) < {EPOCHS}:
    time.sleep(0.5)
    history.append(os.environ["MACHINE"])
    for old in folder.glob("*.h5"):
        old.unlink()
    (folder / f"epoch-{{len(history):04d}}.weights.h5").write_text(str(len(history)))
    (folder / ".partial").write_text(json.dumps({{"history": history}}))
    (folder / ".partial").rename(state)
Path(snakemake.output[0]).write_text(json.dumps(history))
for path in folder.iterdir():
    path.unlink()
folder.rmdir()
"""


def in_bucket(keep, endpoint):
    """The configuration of results in a bucket."""
    return {
        "dataset": {"storage": "shards"},
        "s3": {"results": keep, "endpoint": endpoint},
    }


class Machine:
    """A folder with the project, and nothing of any other machine."""

    def __init__(self, folder, keep, endpoint):
        self.folder, self.keep = folder, keep
        files = {
            "Snakefile": SNAKEFILE,
            "train.py": TRAIN,
            "config/config.yaml": yaml.safe_dump(in_bucket(keep, endpoint)),
        }
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        shutil.copytree(REPOSITORY / "profiles", folder / "profiles")

    def start(self, **environment):
        """`clapboard node` here, its screen in a file."""
        profile = ["--profile", "profiles/ec2", "--cores", "2"]
        with (self.folder / "screen").open("wb") as screen:
            return subprocess.Popen(
                [PROGRAM, "node", "--", *profile],
                cwd=self.folder,
                env=os.environ | {"MACHINE": self.folder.name} | environment,
                stdout=screen,
                stderr=screen,
            )

    @property
    def screen(self):
        return (self.folder / "screen").read_text()

    def epochs(self):
        """How many epochs the unfinished training has."""
        state = self.folder / "results" / "models" / "m" / "training" / "state.json"
        return len(json.loads(state.read_text())["history"]) if state.exists() else 0


@pytest.fixture
def keep(bucket_name):
    return f"s3://{bucket_name}/{uuid.uuid4().hex[:8]}/run 1"


def wait_for(condition, process, machine, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"ended too early:\n{machine.screen[-5000:]}"
        assert time.monotonic() < deadline, machine.screen[-5000:]
        time.sleep(0.1)


def end(process):
    process.kill()
    process.wait()


@pytest.mark.parametrize("event", ["SIGINT", "SIGTERM", "notice"])
def test_the_next_machine_goes_on(tmp_path, server, as_writer, keep, event):
    one = Machine(tmp_path / "one", keep, server.endpoint)
    with imds.Service() as service:
        process = one.start(**service.environment)
        try:
            wait_for(lambda: one.epochs() >= 3, process, one)
            if event == "notice":
                service.take_away()
                # Ending would look like a failure; the machine goes by itself.
                wait_for(lambda: "waiting for the machine to go" in one.screen, process, one, 60)
            else:
                process.send_signal(signal.Signals[event])
                assert process.wait(timeout=60) == 128 + signal.Signals[event]
        finally:
            end(process)
    done = one.epochs()
    assert 3 <= done < EPOCHS
    assert f"kept in {keep}/" in one.screen

    two = Machine(tmp_path / "two", keep, server.endpoint)
    process = two.start()
    assert process.wait(timeout=300) == 0, two.screen
    history = json.loads((two.folder / "results/models/m/model.keras").read_text())
    assert history == ["one"] * done + ["two"] * (EPOCHS - done)

    # What is finished is unfinished no more.
    three = Machine(tmp_path / "three", keep, server.endpoint)
    assert find(three, server.endpoint).fetch() == []


def find(machine, endpoint):
    """What is unfinished in the folder of a machine, which becomes the working directory."""
    os.chdir(machine.folder)
    settings = load({"s3": {"endpoint": endpoint}}).section("s3")
    return Unfinished(Location.parse(machine.keep), settings, Path("results"))


def put(unfinished, path, members):
    """An object as another machine might have left it, or somebody else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    unfinished.bucket.write(unfinished.place.prefix + path, buffer.getvalue())


def test_nothing_is_written_elsewhere_than_in_folders_of_trainings(
    tmp_path, server, as_writer, keep, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    machine = Machine(tmp_path / "one", keep, server.endpoint)
    unfinished = find(machine, server.endpoint)
    state = {"state.json": "{}", "epoch-0001.weights.h5": "w"}
    put(unfinished, "models/a/training.tar", state | {"../../evil": "x", "model.keras": "x"})
    put(unfinished, "models/b/training.zip", state)
    assert unfinished.fetch() == ["models/a/training"]
    written = {path.name for path in (machine.folder / "results").rglob("*") if path.is_file()}
    assert written == set(state)


def test_a_disk_that_was_kept_is_newer_than_the_bucket(
    tmp_path, server, as_writer, keep, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    machine = Machine(tmp_path / "one", keep, server.endpoint)
    unfinished = find(machine, server.endpoint)
    put(unfinished, "models/a/training.tar", {"state.json": "old"})
    state = machine.folder / "results/models/a/training/state.json"
    state.parent.mkdir(parents=True)
    state.write_text("new")
    assert unfinished.fetch() == []
    assert state.read_text() == "new"
    unfinished.send()
    state.unlink()
    assert unfinished.fetch() == ["models/a/training"]
    assert state.read_text() == "new"
    state.unlink()
    unfinished.forget()
    assert unfinished.fetch() == []
