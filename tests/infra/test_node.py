"""A run on a machine that is taken away, and the machine after it, with a real bucket between."""

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import uuid
import zipfile
from pathlib import Path

import imds
import pytest
import seaweed
import yaml
from comparing import tables
from faults import Proxy
from lab import become
from travelling import jobs

from clapboard import provenance, running
from clapboard.cloud import node
from clapboard.cloud.keeper import Keeper
from clapboard.cloud.unfinished import Unfinished
from clapboard.problems import InputError
from clapboard.s3.inventory import read_manifest
from clapboard.s3.location import Location
from clapboard.s3.results import KEPT_BY_NODE, hand_over, pull
from clapboard.settings.config import load
from tests.holding import another_run
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


# Of the real training below: about a second each, so that the notice comes in the middle.
REAL_EPOCHS = 40
METRICS = "results/models/cnn/metrics.json"


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
        """`clapboard node` here."""
        return start(self.folder, MACHINE=self.folder.name, **environment)

    @property
    def screen(self):
        return (self.folder / "screen").read_text()

    def epochs(self):
        """How many epochs the unfinished training has."""
        state = self.folder / "results" / "models" / "m" / "training" / "state.json"
        return len(json.loads(state.read_text())["history"]) if state.exists() else 0


def start(folder, *targets, options=(), **environment):
    """`clapboard node` in a folder, its screen in a file there."""
    profile = ["--profile", "profiles/ec2", "--cores", "2"]
    with (folder / "screen").open("wb") as screen:
        return subprocess.Popen(
            [PROGRAM, "node", *options, "--", *profile, *targets],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
            stdout=screen,
            stderr=screen,
        )


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


def test_that_no_notice_will_be_seen_is_said(tmp_path, server, as_writer, keep):
    said = "no notice of a spot interruption will be seen: "
    environments = {"AWS_EC2_METADATA_DISABLED is true": {}}
    with imds.Service() as service:
        environments[""] = service.environment
        gone = imds.Service()
        gone.server.server_close()
        endpoint = gone.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"].rstrip("/")
        environments[f"nobody answers at {endpoint}"] = gone.environment
        for number, (why, environment) in enumerate(environments.items()):
            machine = Machine(tmp_path / str(number), keep, server.endpoint)
            process = start(machine.folder, "--version", **environment)
            assert process.wait(timeout=60) == 0, machine.screen
            assert [line for line in machine.screen.splitlines() if said in line] == (
                [said + why] if why else []
            )


# -- a bucket that takes nothing -------------------------------------------------------------------


def test_without_the_right_to_write_no_work_is_begun(
    tmp_path, server, as_writer, keep, monkeypatch
):
    """An empty bucket can be listed all the same."""
    become(monkeypatch, seaweed.READER)
    one = Machine(tmp_path / "one", keep, server.endpoint)
    assert one.start().wait(timeout=120) == 1
    assert "AccessDenied" in one.screen
    assert "no work is begun" in one.screen
    assert not (one.folder / "results").exists()


def test_with_no_right_to_read_what_was_written_no_work_is_begun(tmp_path, server, as_writer, keep):
    """As under a KMS key with the right to encrypt alone: large objects could not be sent."""

    def fault(method, path):
        return "403" if method == "GET" and "list-type" not in path else None

    with Proxy(server.endpoint, fault) as proxy:
        one = Machine(tmp_path / "one", keep, proxy.endpoint)
        assert one.start().wait(timeout=120) == 1
    assert "no work is begun" in one.screen


class Closing:
    """A bucket that takes nothing more once a model is made, but for so many refusals."""

    def __init__(self, folder, refusals):
        self.model = folder / "results" / "models" / "m" / "model.keras"
        self.refusals, self.refused = refusals, 0

    def __call__(self, method, path):
        if method != "PUT" or not self.model.exists() or self.refused == self.refusals:
            return None
        self.refused += 1
        return "403"


def test_results_that_reach_nothing_are_no_success(tmp_path, server, as_writer, keep):
    closing = Closing(tmp_path / "one", None)
    with Proxy(server.endpoint, closing) as proxy:
        one = Machine(tmp_path / "one", keep, proxy.endpoint)
        process = start(one.folder, options=["--keep-trying", "0.15"], MACHINE="one")
        assert process.wait(timeout=300) == node.NOT_KEPT, one.screen
    assert closing.model.exists(), "the work itself was well"
    assert closing.refused >= 3, "at once, after the first pause, and at the end"
    assert f"NOT in {keep}/" in one.screen
    assert f"{one.folder / 'results'}\n" in one.screen


def test_what_is_refused_for_a_while_is_kept_in_the_end(tmp_path, server, as_writer, keep):
    closing = Closing(tmp_path / "one", 2)
    with Proxy(server.endpoint, closing) as proxy:
        one = Machine(tmp_path / "one", keep, proxy.endpoint)
        assert one.start().wait(timeout=300) == 0, one.screen
    assert closing.refused == 2
    assert f"kept in {keep}/" in one.screen


def weights(machine):
    """Of the model; beside them its file has the time and addresses of objects."""
    with zipfile.ZipFile(machine.results / "models" / "cnn" / "model.keras") as model:
        return model.read("model.weights.h5")


def test_a_real_training_that_was_interrupted_ends_as_an_undisturbed_one(site, as_writer):
    model = {"architecture": "cnn", "epochs": REAL_EPOCHS, "patience": REAL_EPOCHS, "batch_size": 1}
    place = site.elsewhere()
    # So that the first machine has something to finish before it trains.
    site.bucket.delete([place.key("check/leakage.csv")])
    one, two = (site.machine(name, place, models={"cnn": model}) for name in ("one", "two"))
    whole = site.machine("whole", site.elsewhere(), models={"cnn": model})
    for machine in (one, two, whole):
        machine.check_out()
    with imds.Service() as service:
        process = start(one.folder, METRICS, **service.environment)
        try:
            wait_for(lambda: one.epochs("cnn") >= 2, process, one)
            service.take_away()
            wait_for(lambda: "waiting for the machine to go" in one.screen, process, one, 120)
        finally:
            end(process)
    done = one.epochs("cnn")
    assert 2 <= done < REAL_EPOCHS
    assert jobs(one.screen) == {"check_leakage": 1, "train_model": 1}

    for machine in (two, whole):
        process = start(machine.folder, METRICS)
        assert process.wait(timeout=1200) == 0, machine.screen[-5000:]
    assert "going on with models/cnn/training" in two.screen
    assert jobs(two.screen) == {"train_model": 1, "evaluate_model": 1}, "what was finished stays so"
    said = (two.results / "logs" / "train_model" / "cnn.log").read_text()
    assert re.findall(r"^Epoch (\d+)/", said, re.MULTILINE)[0] == str(done + 1)
    assert list(site.bucket.objects(place.folder("unfinished").prefix)) == []

    assert tables(two.results) == tables(whole.results)
    assert weights(two) == weights(whole)


def find(machine, endpoint, tries=10):
    """What is unfinished in the folder of a machine, which becomes the working directory."""
    os.chdir(machine.folder)
    settings = load({"s3": {"endpoint": endpoint, "tries": tries}}).section("s3")
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


def test_a_state_that_is_cut_is_tried_as_often_as_the_configuration_says(
    tmp_path, server, as_writer, keep, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    machine = Machine(tmp_path / "one", keep, server.endpoint)
    put(find(machine, server.endpoint), "models/a/training.tar", {"state.json": "{}"})
    asked = []

    def always(method, path):
        asked.extend([path] if method == "GET" and "training.tar" in path else [])
        return "cut" if asked else None

    with Proxy(server.endpoint, always) as proxy:
        broken = find(machine, proxy.endpoint, tries=2)
        with pytest.raises(InputError, match="goes on where it stopped"):
            broken.fetch()
    assert len(asked) == 3
    assert not (machine.folder / "results").exists()
    left = iter(["cut", "drop"])

    def twice(method, path):
        return next(left, None) if method == "GET" and "training.tar" in path else None

    with Proxy(server.endpoint, twice) as proxy:
        assert find(machine, proxy.endpoint, tries=2).fetch() == ["models/a/training"]


class Training:
    """A training with a state on a machine that is the working directory, about to end."""

    def __init__(self, folder, server, keep):
        self.unfinished = find(Machine(folder, keep, server.endpoint), server.endpoint)
        self.place = Location.parse(keep)
        self.model = Path("results", "models", "m", "model.keras")
        self.state = self.model.parent / "training" / "state.json"
        self.state.parent.mkdir(parents=True)
        self.state.write_text("{}")

    def end(self):
        self.model.write_text("trained")
        self.state.unlink()

    def in_bucket(self):
        """How many states there are, and whether there is the model."""
        bucket = self.unfinished.bucket
        kept = {one.key for one in bucket.objects(self.unfinished.place.prefix)}
        return len(kept), "models/m/model.keras" in read_manifest(bucket, self.place).rows


@pytest.fixture
def training(tmp_path, server, as_writer, keep, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Training(tmp_path / "one", server, keep)


def test_a_training_that_ends_during_a_push_is_kept_until_its_model_is_up(training, server, keep):
    report = Path("results", "check", "report.csv")
    report.parent.mkdir()
    report.write_text("{}")

    def ends(method, path):
        """When this is sent, the push has listed what there is."""
        if method == "PUT" and "report.csv" in path:
            training.end()

    with Proxy(server.endpoint, ends) as proxy:
        keeper = Keeper(load(in_bucket(keep, proxy.endpoint)))
        assert keeper.keep()
        assert not training.state.exists()
        assert training.in_bucket() == (1, False)
        assert keeper.keep()
    assert training.in_bucket() == (0, True)


def test_a_training_that_has_not_ended_for_snakemake_is_kept_until_its_model_travels(
    training, server, keep
):
    keeper = Keeper(load(in_bucket(keep, server.endpoint)))
    assert keeper.keep()
    # The job's last act but one; then Snakemake looks at its outputs and takes this mark away.
    training.end()
    output = str(training.model).encode()
    mark = Path(".snakemake", "incomplete", base64.urlsafe_b64encode(output).decode())
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert keeper.keep()
    assert training.in_bucket() == (1, False)
    mark.unlink()
    assert keeper.keep()
    assert training.in_bucket() == (0, True)


@pytest.mark.parametrize("linked", ["results/models", "results/models/m"])
def test_a_model_on_another_disk_is_kept_and_comes_back_to_it(
    training, server, keep, tmp_path, linked
):
    disk = tmp_path / "disk"
    Path(linked).rename(disk)
    Path(linked).symlink_to(disk)
    keeper = Keeper(load(in_bucket(keep, server.endpoint)))
    assert keeper.keep()
    assert training.in_bucket() == (1, False)
    training.end()
    assert keeper.keep()
    assert training.in_bucket() == (0, True)
    training.model.unlink()
    pull(load(in_bucket(keep, server.endpoint)).section("s3"), Path("results"))
    assert [path.read_text() for path in disk.rglob("model.keras")] == ["trained"]
    assert Path(linked).is_symlink()


# A training that has something new five times a second, and once more when it is ended.
BUSY = """
import itertools, signal, sys, time
from pathlib import Path

def write(text):
    new = Path("results/models/m/training/new")
    new.parent.mkdir(parents=True, exist_ok=True)
    new.write_text(text)
    new.rename(new.with_name("state.json"))

def end(*_):
    write("last")
    sys.exit(1)

signal.signal(signal.SIGINT, end)
for number in itertools.count():
    write(str(number))
    time.sleep(0.2)
"""


def test_a_push_holds_up_no_training(tmp_path, server, as_writer, keep, monkeypatch):
    """While one is under way, states go up, and the last one too before the push has ended."""
    monkeypatch.chdir(tmp_path)
    machine = Machine(tmp_path / "one", keep, server.endpoint)
    unfinished = find(machine, server.endpoint)
    report = machine.folder / "results" / "check" / "report.csv"
    report.parent.mkdir(parents=True)
    report.write_text("many gigabytes")
    monkeypatch.setattr(node, "KEEP_SECONDS", 0.5)
    monkeypatch.setattr(node, "HAND_OVER_SECONDS", 1.0)
    seen = []

    def state():
        data = unfinished.bucket.read(unfinished.place.key("models/m/training.tar"))
        if data is None:
            return ""
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            return tar.extractfile("state.json").read().decode()

    def wait_for_state(condition):
        deadline = time.monotonic() + 40
        while not condition(found := state()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        seen.append(found)

    def slow(method, path):
        if method == "PUT" and "report.csv" in path and not seen:
            try:
                wait_for_state(bool)
                wait_for_state(lambda found: found != seen[0])
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
            wait_for_state(lambda found: found == "last")

    with Proxy(server.endpoint, slow) as proxy:
        keeper = Keeper(load(in_bucket(keep, proxy.endpoint)))
        words, results = [sys.executable, "-c", BUSY], machine.folder / "results"
        work = node.Node(words, keeper, NoNotice(), print, 0.0, results)
        assert work.run() == 128 + signal.SIGTERM
    assert len(seen) == 3, seen


def state_of(epochs, identity="same"):
    return json.dumps({"identity": identity, "history": list(range(epochs))})


@pytest.fixture
def two_disks(tmp_path, server, as_writer, keep, monkeypatch):
    """State and its keeper on two machines; the state of the first one is in the bucket."""
    monkeypatch.chdir(tmp_path)
    found = []
    for name, epochs in (("one", 5), ("two", 3)):
        machine = Machine(tmp_path / name, keep, server.endpoint)
        unfinished = find(machine, server.endpoint)
        unfinished.results = machine.folder / "results"
        state = unfinished.results / "models/a/training/state.json"
        state.parent.mkdir(parents=True)
        state.write_text(state_of(epochs))
        found.append((state, unfinished))
    found[0][1].send()
    return found


def test_a_disk_that_was_kept_may_be_newer_than_the_bucket(two_disks):
    _, (state, unfinished) = two_disks
    state.write_text(state_of(7))
    assert unfinished.fetch() == []
    assert state.read_text() == state_of(7)
    unfinished.send()
    state.unlink()
    assert unfinished.fetch() == ["models/a/training"]
    assert state.read_text() == state_of(7)
    state.unlink()
    unfinished.forget(unfinished.finished())
    assert unfinished.fetch() == []


def test_a_disk_that_was_kept_may_be_older_than_the_bucket(two_disks):
    (one, first), (two, second) = two_disks
    old = two.with_name("epoch-0003.weights.h5")
    old.write_text("3")
    assert second.fetch() == ["models/a/training"]
    assert two.read_text() == state_of(5)
    two.write_text(state_of(20))
    second.send()
    assert first.fetch() == ["models/a/training"]
    assert one.read_text() == state_of(20)


def test_a_state_that_is_replaced_while_it_is_fetched_is_fetched_anew(two_disks, server):
    (one, first), (two, second) = two_disks
    left = iter(range(1))

    def replaced(method, path):
        if method == "GET" and "training.tar" in path and next(left, None) is not None:
            one.write_text(state_of(9))
            first.send()

    with Proxy(server.endpoint, replaced) as proxy:
        settings = load({"s3": {"endpoint": proxy.endpoint}}).section("s3")
        place = Location.parse(second.place.url.removesuffix("unfinished/"))
        assert Unfinished(place, settings, second.results).fetch() == ["models/a/training"]
    assert two.read_text() == state_of(9)


def test_of_different_trainings_the_later_goes_on(two_disks):
    _, (state, unfinished) = two_disks
    state.write_text(state_of(1, "other"))
    hour = 3600
    for moment, fetched in ((time.time() + hour, []), (time.time() - hour, ["models/a/training"])):
        os.utime(state, (moment, moment))
        assert unfinished.fetch() == fetched


def test_a_state_beside_the_model_that_was_made_of_it_goes(two_disks):
    """As a machine leaves it that goes between the two."""
    _, (state, unfinished) = two_disks
    shutil.rmtree(state.parents[1])
    assert unfinished.fetch() == ["models/a/training"]
    model = state.parents[1] / "model.keras"
    model.touch()
    before = state.stat().st_mtime - 10
    os.utime(model, (before, before))
    assert unfinished.finished() == set(), "that is of a training before"
    model.touch()
    unfinished.forget(unfinished.finished())
    assert unfinished.fetch() == [], "nothing is there"


def test_a_state_is_found_whatever_models_and_people_are_called(two_disks):
    _, (_, unfinished) = two_disks
    states = {
        "models/training/training",
        "models/frames/fine-tuning",
        "models/logs/without/video/training",
        "models/cnn/without/training/training",
    }
    for name in (*states, "models/training", "models/cnn/without/training", "training"):
        folder = unfinished.results / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state.json").write_text(state_of(1))
    unfinished.send()
    shutil.rmtree(unfinished.results)
    assert set(unfinished.fetch()) == states | {"models/a/training"}


def test_beside_a_run_a_node_fetches_nothing_and_says_so(two_disks, server, keep):
    _, (state, _) = two_disks
    stamp = Path("results", ".mirror.json")
    stamp.write_text("{}")
    with another_run("results"):
        with pytest.raises(InputError, match="Another run works"):
            Keeper(load(in_bucket(keep, server.endpoint))).fetch()
        assert state.read_text() == state_of(3)
        assert stamp.exists()
    assert Keeper(load(in_bucket(keep, server.endpoint))).fetch() == ["models/a/training"]
    assert not stamp.exists(), "the run takes up what others have finished since"
    running.hold("results")  # as Snakemake does then


def test_what_nobody_has_foreseen_ends_no_machine(training, server, keep, monkeypatch, capsys):
    keeper = Keeper(load(in_bucket(keep, server.endpoint)))

    def fails(*_):
        raise RuntimeError("not foreseen")

    monkeypatch.setattr("clapboard.s3.results.push", fails)
    assert not keeper.keep()
    assert "RuntimeError: not foreseen" in capsys.readouterr().err


def test_half_a_record_of_snakemake_holds_up_nothing(training, server, keep):
    training.end()
    record = provenance.record_of(training.model)
    record.parent.mkdir(parents=True)
    record.write_text('{"version": 9, "endt')
    assert Keeper(load(in_bucket(keep, server.endpoint))).keep()
    assert training.in_bucket() == (0, True)


def test_a_run_that_has_just_ended_by_itself_is_not_stopped():
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as process:
        process.wait()
        node._stop(process)
    assert process.returncode == 3


class NoNotice:
    """Nobody takes this machine away."""

    def given(self):
        return ""


WORK = """
import sys
from pathlib import Path
from clapboard.cloud.node import Node
class NoNotice:
    def given(self):
        return ""
words = [sys.executable, "-c", sys.argv[1]]
sys.exit(Node(words, None, NoNotice(), print, 0.0, Path("results")).run())
"""
WAITS = "import os, time; open('begun', 'w').write(str(os.getpid())); time.sleep(60)"


def begun(folder):
    """The process of the work that a node has started, when it has."""
    deadline = time.monotonic() + 60
    while not (folder / "begun").exists() or not (folder / "begun").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return int((folder / "begun").read_text())


def test_a_machine_whose_node_was_killed_is_not_free_before_its_work_has_ended(tmp_path):
    (tmp_path / "cloud").mkdir()
    shutil.copy(REPOSITORY / "cloud" / "session.sh", tmp_path / "cloud")

    def session(*words):
        return subprocess.run(
            ["bash", tmp_path / "cloud" / "session.sh", *words],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert session("start", sys.executable, "-c", WORK, WAITS).returncode == 0
    begun(tmp_path)
    os.kill(int((tmp_path / ".clapboard" / "pid").read_text()), signal.SIGKILL)
    time.sleep(1)
    assert "a run is going on here" in session("start", "true").stderr
    assert session("stop").stdout == "stopped\n"
    assert session("start", "true").returncode == 0


def test_a_node_under_nohup_outlives_the_terminal(tmp_path):
    words = [sys.executable, "-c", WORK, WAITS]
    with subprocess.Popen(
        ["nohup", *words], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}
    ) as process:
        work = begun(tmp_path)
        process.send_signal(signal.SIGHUP)
        time.sleep(2)
        os.kill(work, 0)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM


@pytest.mark.parametrize("signals", [1, 2])
def test_a_second_signal_while_the_work_ends_ends_the_trying(tmp_path, monkeypatch, signals):
    """It was sent for that, and must not be forgotten when the trying begins."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(node, "FIRST_PAUSE", 0.1)
    asked = []

    class Refused:
        place = "s3://nowhere/"

        def keep_unfinished(self):
            for _ in range(signals - 1):
                os.kill(os.getpid(), signal.SIGTERM)

        def keep(self):
            asked.append(1)
            return len(asked) == 3

    timer = threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    words = [sys.executable, "-c", WAITS]
    work = node.Node(words, Refused(), NoNotice(), print, 60.0, Path("results"))
    assert work.run() == 128 + signal.SIGTERM
    assert len(asked) == (3 if signals == 1 else 1)


def test_a_machine_keeps_what_is_finished_only_after_what_is_not(training, server, keep):
    """Snakemake's own push at its end would take the time that a machine has after the notice."""
    settings = load(in_bucket(keep, server.endpoint)).section("s3")
    training.end()
    words = "import sys; from pathlib import Path; from clapboard.s3.results import hand_over;"
    words += f"hand_over({settings!r}, Path('results'))"
    asked = []

    class Looking(Keeper):
        def keep(self):
            asked.append(training.in_bucket())
            return super().keep()

    keeper = Looking(load(in_bucket(keep, server.endpoint)))
    work = [sys.executable, "-c", words]
    assert node.Node(work, keeper, NoNotice(), print, 0.0, Path("results")).run() == 0
    assert asked == [(0, False)]
    assert training.in_bucket() == (0, True)


def test_a_run_whose_node_was_killed_hands_over_itself(training, server, keep, monkeypatch):
    settings = load(in_bucket(keep, server.endpoint)).section("s3")
    training.end()
    monkeypatch.setenv(KEPT_BY_NODE, str(os.getpid()))  # of no parent that lives
    hand_over(settings, Path("results"))
    assert training.in_bucket() == (0, True)


def test_a_node_that_keeps_nothing_leaves_that_to_its_run():
    looks = f"import os, sys; sys.exit({KEPT_BY_NODE!r} in os.environ)"
    work = [sys.executable, "-c", looks]
    assert node.Node(work, None, NoNotice(), print, 0.0, Path("results")).run() == 0


def test_machines_that_try_out_the_bucket_at_once_do_not_disturb_one_another(
    training, server, keep
):
    unfinished = training.unfinished

    def other(method, path):
        if method == "GET" and "may-be-written" in path and "list-type" not in path:
            unfinished.try_out()

    with Proxy(server.endpoint, other) as proxy:
        settings = load(in_bucket(keep, proxy.endpoint)).section("s3")
        Unfinished(Location.parse(keep), settings, Path("results")).try_out()
    assert training.in_bucket() == (0, False)
