"""`clapboard remote` against a real ssh server, behind which runs the real `clapboard node`."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sshd

from clapboard import provenance, running
from clapboard.cloud import fetched, ssh
from clapboard.cloud.ssh import Machine
from clapboard.problems import InputError
from tests.holding import another_run

REPOSITORY = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("clapboard")

# Every line is shown once, whatever happens to the connection.
SNAKEFILE = """
rule all:
    input: "results/models/a model's.txt"

rule work:
    output: "results/models/a model's.txt", "results/resized/S1C1/01/S1C1000001.jpg"
    shell:
        "for i in $(seq {config[ticks]}); do echo tick $i; sleep 0.2; done; "
        "echo done > {output[0]:q}; touch {output[1]}; test {config[ends]} = well"
"""

SETUP = """#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")/.."
ln -sfn {venv} .venv
exec "$@"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    reason = sshd.missing()
    if reason:
        pytest.skip(reason)
    with sshd.Server(tmp_path_factory.mktemp("ssh") / "a server") as server:
        yield server


class Laptop:
    """A checkout, and the folder on the machine that it is sent to."""

    def __init__(self, folder, server):
        self.server = server
        self.folder = folder / "my project"
        self.there = folder / "a node's $HOME"
        files = {
            "Snakefile": SNAKEFILE,
            "cloud/setup.sh": SETUP.format(venv=REPOSITORY / ".venv"),
            "config/config.yaml": "models: {}\n",
            "config/recordings.tsv": "subject\tcamera\tsplit\tannotations\tvideos\n"
            "S1\tC1\tTraining\tsheets/S1's $(x).csv\tvideos/S 1\n",
            "sheets/S1's $(x).csv": "sheet",
            "videos/S 1/a `b`.mp4": "video",
            "credentials": "secret",
            "results/models/a model's.txt": "of an earlier run",
        }
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        shutil.copy(REPOSITORY / "cloud" / "session.sh", self.folder / "cloud")
        for profile in ("default", "ec2"):
            shutil.copytree(REPOSITORY / "profiles" / profile, self.folder / "profiles" / profile)
        subprocess.run(["git", "init", "-q"], cwd=self.folder, check=True)
        tracked = ["Snakefile", "cloud", "profiles", "config"]
        subprocess.run(["git", "add", *tracked], cwd=self.folder, check=True)

    def start(self, *arguments, options=None):
        words = [PROGRAM, "remote", self.server.address]
        words += self.server.options if options is None else options
        return subprocess.Popen(
            [*words, "--folder", self.there, *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *arguments, options=None):
        process = self.start(*arguments, options=options)
        screen, _ = process.communicate(timeout=300)
        return process.returncode, screen


@pytest.fixture
def laptop(tmp_path, server):
    return Laptop(tmp_path, server)


def work(ticks, ends="well"):
    return ["--", "--config", f"ticks={ticks}", f"ends={ends}"]


def ticks(screen):
    return [int(number) for number in re.findall(r"^tick (\d+)$", screen, re.MULTILINE)]


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_run_is_sent_watched_and_fetched(laptop):
    status, screen = laptop.call(*work(3))
    assert status == 0, screen
    assert ticks(screen) == [1, 2, 3]
    sent = {str(path.relative_to(laptop.there)) for path in laptop.there.rglob("*")}
    assert {"sheets/S1's $(x).csv", "videos/S 1/a `b`.mp4", "config/recordings.tsv"} <= sent
    assert not {"credentials", ".git"} & sent
    result = laptop.folder / "results" / "models" / "a model's.txt"
    assert result.read_text() == "done\n"
    assert not (laptop.folder / "results" / "resized").exists(), "pictures stay there"
    kept = list(laptop.folder.glob("results-replaced-*/models/a model's.txt"))
    assert [path.read_text() for path in kept] == ["of an earlier run"]

    status, screen = laptop.call("--fetch", "--pictures")
    assert status == 0, screen
    assert (laptop.folder / "results/resized/S1C1/01/S1C1000001.jpg").exists()


# -- what is fetched -------------------------------------------------------------------------------

TRAINING = """
rule train:
    output: "results/models/cnn/model.keras"
    params: epochs=config["epochs"]
    shell: "echo {params.epochs} epochs > {output}"
"""


def snakemake(laptop, epochs, *arguments):
    """Call snakemake on the laptop; its screen."""
    words = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    answer = subprocess.run(
        [*words, "--config", f"epochs={epochs}"],
        cwd=laptop.folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return answer.stdout + answer.stderr


@pytest.mark.parametrize("before", ["nothing", "a run of its own"])
def test_a_model_that_was_fetched_is_made_anew_when_its_settings_change(laptop, before):
    (laptop.folder / "Snakefile").write_text(TRAINING)
    if before == "a run of its own":
        snakemake(laptop, 2)
    status, screen = laptop.call("--", "--config", "epochs=1")
    assert status == 0, screen
    model = laptop.folder / "results" / "models" / "cnn" / "model.keras"
    assert model.read_text() == "1 epochs\n"
    assert "Nothing to be done" in snakemake(laptop, 1, "-n")
    assert "Params have changed" in snakemake(laptop, 2, "-n")


def test_nothing_is_fetched_beside_a_run_here(laptop):
    (laptop.there / "results").mkdir(parents=True)
    (laptop.there / "results" / "x").write_text("x")
    with another_run(laptop.folder / "results"):
        status, screen = laptop.call("--fetch")
    assert status == 1
    assert "Another run works in this folder" in screen
    assert not (laptop.folder / "results" / "x").exists()
    assert laptop.call("--fetch")[0] == 0
    assert (laptop.folder / "results" / "x").read_text() == "x"


class Stopped(Exception):
    """What ends a fetch."""


FOLDER = "procedures/S1C1"
UNRECORDED = "check/report.csv"
THERE = [UNRECORDED, f"{FOLDER}/a.csv", f"{FOLDER}/.snakemake_timestamp", "models/cnn/model.keras"]


@pytest.fixture
def two_sides(server, tmp_path, monkeypatch):
    """The machine with newer results than there are in the working directory."""
    here, there = tmp_path / "here", tmp_path / "there"
    for side, whose in ((here, "here"), (there, "there")):
        side.mkdir()
        monkeypatch.chdir(side)
        names = THERE if whose == "there" else [*THERE, f"{FOLDER}/only here.csv", "models/x"]
        for name in names:
            Path("results", name).parent.mkdir(parents=True, exist_ok=True)
            Path("results", name).write_text(whose)
        outputs = {FOLDER, "models/x", THERE[-1]} | ({UNRECORDED} if whose == "here" else set())
        records = {output: {"params": whose} for output in outputs}
        provenance.write_records(Path("results"), records, names)
    (there / "results" / ".mirror.json").write_text("{}")
    monkeypatch.chdir(here)
    # It would last as long as the tests.
    monkeypatch.setattr(running, "hold", lambda results: None)
    return machine_of(server, str(there))


def believed():
    """Whose each file here is, and whose its record, if any; of what is not taken for half."""
    names = {
        path.relative_to("results").as_posix()
        for path in Path("results").rglob("*")
        if path.is_file()
    }
    names -= provenance.unfinished(Path("results"), names)
    records = provenance.read_records(Path("results"), names)
    outputs = {name: FOLDER if name.startswith(FOLDER) else name for name in names}
    return {
        name: (Path("results", name).read_text(), records.get(output, {}).get("params"))
        for name, output in outputs.items()
    }


def test_wherever_a_fetch_is_stopped_no_file_has_the_record_of_another(two_sides, monkeypatch):
    move, left, nothing = fetched._move, 0, ()

    def stopping(path, to):
        nonlocal left
        if left == 0:
            raise Stopped
        left -= 1
        move(path, to)

    monkeypatch.setattr(fetched, "_move", stopping)
    for many in range(20):
        left = many
        try:
            fetched.fetch_results(two_sides, "results", pictures=False, screen=False)
        except Stopped:
            found = believed()
            assert found.pop(UNRECORDED, nothing) in (nothing, ("there", None), ("here", "here"))
            assert all(whose == by for whose, by in found.values()), found
            continue
        break
    assert many > 1
    expected = dict.fromkeys(THERE, ("there", "there")) | {"models/x": ("here", "here")}
    assert believed() == expected | {UNRECORDED: ("there", None)}
    assert not Path("results", ".mirror.json").exists()
    assert not Path("results-fetching").exists()
    replaced = {path.name for path in Path().glob("results-replaced-*/**/*") if path.is_file()}
    assert replaced == {Path(name).name for name in THERE} | {"only here.csv"}


def test_what_a_run_there_is_just_making_is_left(two_sides):
    there = Path(two_sides.folder)
    mark = provenance.record_of(Path("results", THERE[-1])).relative_to(provenance.RECORDS)
    (there / provenance.INCOMPLETE / mark).parent.mkdir(parents=True, exist_ok=True)
    (there / provenance.INCOMPLETE / mark).touch()
    fetched.fetch_results(two_sides, "results", pictures=False, screen=False)
    assert believed()[THERE[-1]] == ("here", "here")
    assert believed()[THERE[1]] == ("there", "there")


def test_folders_of_pictures_and_clips_are_sent_with_what_is_read_of_them(laptop):
    read = {"pictures/S2/S2C1000001.jpg", "pictures/S2/S2C1000002.jpg", "clips/CPR/a `b`.mp4"}
    for name in [*read, "pictures/S2/credentials", "clips/CPR/key"]:
        (laptop.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (laptop.folder / name).write_text(name)
    (laptop.folder / "config" / "recordings.tsv").write_text(
        "subject\tcamera\tsplit\tannotations\tvideos\trate\n"
        "S2\tC1\tTraining\tclips\t./pictures/S2/\t25\n"
    )
    status, screen = laptop.call(*work(1))
    assert status == 0, screen
    sent = [path for name in ("pictures", "clips") for path in (laptop.there / name).rglob("*")]
    sent = {path.relative_to(laptop.there): path for path in sent if path.is_file()}
    assert {str(name): path.read_text() for name, path in sent.items()} == {x: x for x in read}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=laptop.folder, stdout=subprocess.PIPE, text=True, check=True
    )
    assert f"sending {len(tracked.stdout.splitlines()) + len(read)} files" in screen


def test_what_is_gone_here_is_gone_there_and_nothing_else(laptop):
    def put(*names, at=laptop.folder):
        for name in names:
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            (at / name).write_text("clip")

    def there(folder):
        found = (laptop.there / folder).rglob("*")
        return {str(path.relative_to(laptop.there)) for path in found if path.is_file()}

    odd = "clips/CPR/ a\n`b`.mp4"
    put(
        odd,
        "clips/CPR/-1.mp4",
        "clips/CPR/2.mp4",
        "clips/IV/3.mp4",
        "videos/S2/1.mp4",
        "videos/S2/2.mp4",
    )
    table = laptop.folder / "config" / "recordings.tsv"
    with table.open("a") as rows:
        rows.write("S2\tC1\tTraining\tclips\tvideos/S2\n")
    status, screen = laptop.call(*work(1))
    assert status == 0, screen
    assert "removed" not in screen
    put("clips/CPR/by hand.mp4", "notes", at=laptop.there)

    (laptop.folder / "clips" / "BAG").mkdir()
    (laptop.folder / odd).rename(laptop.folder / "clips" / "BAG" / "1.mp4")
    for gone in ("clips/CPR/-1.mp4", "clips/IV/3.mp4", "videos/S2/2.mp4"):
        (laptop.folder / gone).unlink()
    table.write_text(table.read_text().replace("\tclips\t", "\t./clips/\t"))
    written = (laptop.there / "clips" / "CPR" / "2.mp4").stat().st_ino
    status, screen = laptop.call(*work(1))
    assert status == 0, screen
    assert screen.count("not sent any more") == 4
    assert there("clips") == {"clips/BAG/1.mp4", "clips/CPR/2.mp4", "clips/CPR/by hand.mp4"}
    assert not (laptop.there / "clips" / "IV").exists()
    assert there("videos") == {"videos/S 1/a `b`.mp4", "videos/S2/1.mp4"}
    assert (laptop.there / "clips" / "CPR" / "2.mp4").stat().st_ino == written, "it stayed"
    assert (laptop.there / "notes").exists()
    assert (laptop.there / "results" / "models").exists()


def test_what_is_in_s3_the_machine_fetches_itself(laptop, mortal):
    store, bucket = mortal
    bucket.write("raw/GH010001.MP4", b"video")
    bucket.write("sheets/S2.csv", b"sheet")
    place = f"s3://{bucket.name}"
    with (laptop.folder / "config" / "recordings.tsv").open("a") as table:
        table.write(f"S2\tC1\tTest\t{place}/sheets/S2.csv\t{place}/raw\n")
    with (laptop.folder / "config" / "config.yaml").open("a") as config:
        config.write(f"s3: {{endpoint: '{store.endpoint}'}}\n")
    sources = laptop.folder / "results" / "sources" / bucket.name
    # As if it had: it goes on with what it has, and sends none of that here.
    fetched = laptop.there / "results" / "sources" / bucket.name / "raw" / "GH010001.MP4"
    fetched.parent.mkdir(parents=True)
    fetched.write_bytes(b"video")
    for pictures in ([], ["--pictures"]):
        status, screen = laptop.call(*pictures, *work(1))
        assert status == 0, screen
        assert (sources / "sheets" / "S2.csv").exists()
        assert not (sources / "raw").exists()
        assert [path.name for path in fetched.parents[1].iterdir()] == ["raw"]
        assert fetched.exists()


def test_a_failure_there_is_a_failure_here(laptop):
    status, screen = laptop.call(*work(1, ends="badly"))
    assert status == 1, screen
    assert "Error in rule work" in screen


@pytest.mark.parametrize("known", ["another key", "no key"])
def test_a_machine_that_is_not_known_gets_nothing(laptop, tmp_path, known):
    known_hosts = tmp_path / "known hosts"
    known_hosts.touch()
    if known == "another key":
        laptop.server.remember(sshd.make_key(tmp_path / "key"), known_hosts)
    options = [*laptop.server.options[:-1], str(known_hosts)]
    before = known_hosts.read_text()
    status, screen = laptop.call(*work(1), options=options)
    assert status == 1
    assert "Host key verification failed" in screen
    assert "there is no connection" in screen
    assert not laptop.there.exists()
    assert known_hosts.read_text() == before, "no key is taken on trust"


def test_a_lost_connection_loses_neither_the_run_nor_a_line(laptop):
    process = laptop.start(*work(30))
    log = laptop.there / ".clapboard" / "log"
    for tick in (3, 10):
        wait_for(lambda tick=tick: log.exists() and f"tick {tick}\n" in log.read_text())
        wait_for(laptop.server.hang_up)
    screen, _ = process.communicate(timeout=300)
    assert process.returncode == 0, screen
    assert ticks(screen) == list(range(1, 31))


def test_one_run_at_a_time_which_can_be_watched_again_and_stopped(laptop):
    process = laptop.start(*work(2000))
    log = laptop.there / ".clapboard" / "log"
    wait_for(lambda: log.exists() and "tick 2\n" in log.read_text())
    process.kill()  # the laptop is closed
    process.communicate()

    status, screen = laptop.call(*work(1))
    assert status == 1
    assert "a run is going on here" in screen

    watching = laptop.start("--attach")
    assert next(line for line in watching.stdout if line == "tick 1\n")
    status, screen = laptop.call("--stop")
    assert (status, screen) == (0, "stopped\n")
    watching.communicate(timeout=60)
    assert watching.returncode == 128 + 15

    status, screen = laptop.call("--attach")
    assert status == 128 + 15
    assert "stopping: SIGTERM" in screen
    assert laptop.call("--stop")[0] == 1


# -- nothing waits for ever ------------------------------------------------------------------------


def machine_of(server, folder="."):
    return Machine(
        server.address, folder, server.port, str(server.identity), str(server.known_hosts)
    )


def test_a_machine_that_accepts_and_says_nothing_is_given_up(laptop):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        options = ["--port", port, *laptop.server.options[2:]]
        begun = time.monotonic()
        status, screen = laptop.call("--fetch", options=options)
    assert status == 1
    assert "there is no connection" in screen
    assert 10 < time.monotonic() - begun < 60


def test_a_machine_that_falls_silent_is_given_up(server, tmp_path, capfd):
    stopped, begun_there = [], tmp_path / "begun"

    def freeze():
        wait_for(begun_there.exists)
        for process in server.connections():
            os.kill(process, signal.SIGSTOP)
            stopped.append(process)

    freezing = threading.Thread(target=freeze)
    freezing.start()
    begun = time.monotonic()
    try:
        with pytest.raises(InputError, match="there is no connection"):
            work = ["sh", "-c", 'touch -- "$1" && exec sleep 200', "sh", str(begun_there)]
            machine_of(server).run(work)
    finally:
        freezing.join()
        for process in stopped:
            os.kill(process, signal.SIGKILL)
    assert stopped
    assert time.monotonic() - begun < 150
    assert "not responding" in capfd.readouterr().err


def test_no_name_is_too_strange_to_be_sent(server, tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    names = ["#1.mp4", ";2/x.mp4", "-e.mp4", "a\nb", "./c:d.mp4", os.fsdecode(b"\xff.mp4")]
    for name in names:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(name, errors="surrogateescape")
    there.mkdir()
    monkeypatch.chdir(here)
    machine_of(server, str(there)).send(names, screen=False)
    for name in names:
        assert (there / name).read_bytes() == (here / name).read_bytes()


def test_a_step_that_does_not_end_is_ended_and_said(server):
    begun = time.monotonic()
    with pytest.raises(InputError, match="did not end within 3 seconds"):
        machine_of(server).run(["sleep", "600"], limit=3)
    assert time.monotonic() - begun < 30


def test_a_copy_that_stands_still_is_ended_and_said(server, tmp_path, monkeypatch):
    monkeypatch.setattr(ssh, "STILL_SECONDS", 3)
    there = tmp_path / "there"
    (there / "results").mkdir(parents=True)
    (there / "results" / "x").write_text("x")
    begun = time.monotonic()
    with pytest.raises(InputError, match="stood still for 3 seconds"):
        # The other side's rsync is one that never answers.
        machine_of(server, str(there)).fetch(
            "results", tmp_path / "here", ["--rsync-path=sleep 600 #"], screen=False
        )
    assert time.monotonic() - begun < 60


# -- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("me@gpu_box", "gpu_box"),
        ("me@gpu-1.lab", "gpu-1.lab"),
        ("me@192.0.2.1", "192.0.2.1"),
        ("me@2001:db8::1", "2001:db8::1"),
        ("me@[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_ssh_is_called_with_a_host_that_it_can_resolve(address, host):
    words = Machine(address, "there").command(["true"])
    asked = subprocess.run([words[0], "-G", *words[1:]], capture_output=True, text=True, check=True)
    assert {f"hostname {host}", "user me"} <= set(asked.stdout.splitlines())


@pytest.mark.parametrize("brackets", [False, True])
def test_a_machine_of_an_ipv6_number_is_reached(tmp_path, brackets):
    if sshd.missing():
        pytest.skip(sshd.missing())
    try:
        server = sshd.Server(tmp_path / "ssh", "::1")
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    user, _, host = server.address.partition("@")
    address = f"{user}@[{host}]" if brackets else server.address
    there = tmp_path / "there"
    (there / "results").mkdir(parents=True)
    (there / "results" / "x").write_text("x")
    with server:
        machine = Machine(
            address, str(there), server.port, str(server.identity), str(server.known_hosts)
        )
        machine.run(["test", "-f", "results/x"])
        machine.fetch("results", tmp_path / "here", [], screen=False)
    assert (tmp_path / "here" / "x").read_text() == "x"


@pytest.mark.parametrize(
    "address",
    [
        "x;touch y",
        "me@-oProxyCommand=touch y",
        "a b",
        "host:22",
        "me@[2001:db8::1",
        "me@2001:db8::1]",
        "me@[192.0.2.1]",
        "me@abc:22",
    ],
)
def test_what_is_no_address_is_refused(tmp_path, address):
    process = subprocess.run(
        [PROGRAM, "remote", address], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert "no address" in process.stderr
    assert not list(tmp_path.iterdir())
