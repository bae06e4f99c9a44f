"""The workflow through a real Slurm with the profile that users take."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import loopback
import pytest
import seaweed
import slurm
from comparing import tables
from project import REPOSITORY, make_project, table
from slurm import (
    SUBMITTED,
    ask,
    begin,
    facts,
    finish,
    run_in_spite_of_accidents,
    wait_for_job,
    wait_until,
)
from travelling import jobs

# As a mark, since it is looked at before the results of one machine are made to compare with.
pytestmark = pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())

# Of a training that is longer than what is left of the time of a job.
EPOCHS = 90

# What the project submits: its recordings joined, their chapters decoded, the jobs of which there
# is one, and one submission for each group (profiles/slurm). Without a group for labels there are
# five more, without group-components ten, without groups 22.
RECORDINGS, CHAPTERS_EACH = 6, 2
ALONE = ("compare_cameras", "link_dataset", "check_leakage", "train_model", "evaluate_model")
GROUPS = ("recording", "labels")
GROUPED = RECORDINGS + RECORDINGS * CHAPTERS_EACH + len(ALONE) + len(GROUPS)
SENT_AGAIN = 3

BURDENED = "compute_framecsv"
TARGET = " results/models/cnn/metrics.json"


def test_same_results_as_on_one_machine(cluster, local, tmp_path):
    project = make_project(tmp_path / "project")
    # As many threads as there: sums of another number of parts differ in the last digit.
    process, outside = begin(project.folder, "--cores", "2"), set()
    while process.poll() is None:
        outside |= loopback.elsewhere(loopback.named("slurmctld", "slurmd", "slurmstepd", "srun"))
        time.sleep(0.5)
    assert outside == set(), "nothing of Slurm listens beyond loopback"
    screen = finish(process, project.folder)
    assert tables(project.results) == tables(local.results)
    submitted = len(re.findall(r"submitted with SLURM jobid", screen))
    assert submitted <= GROUPED + SENT_AGAIN, "short jobs are to be grouped"


def test_a_node_that_shares_no_files_works_from_the_bucket(cluster, site):
    site.bucket.delete([site.key("models/cnn/metrics.json")])
    node = site.machine("node")
    command = f"{sys.executable} -m snakemake --snakefile {REPOSITORY}/Snakefile --cores 2"
    subprocess.run(
        [
            "sbatch",
            "--wait",
            "--cpus-per-task=2",
            "--mem=4000",
            "--output=screen",
            "--wrap",
            command,
        ],
        cwd=node.folder,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), **seaweed.WRITER},
        check=True,
        timeout=900,
    )
    assert jobs((node.folder / "screen").read_text()) == {"evaluate_model": 1, "all": 1}
    assert tables(node.results) == tables(site.local.results)


def burdened(project, folder, monkeypatch, *burden):
    """Begin to make a file anew, with lines of Python at the head of the script that makes it."""
    folder.mkdir()
    lines = [f"if sys.orig_argv[-1].endswith('.{BURDENED}.py'):", *burden]
    text = "import pathlib, sys, time\n" + "\n    ".join(lines)
    (folder / "sitecustomize.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    (project.results / "framecsv" / "S1C1.csv").unlink()
    return begin(project.folder, "--cores", "2", "--", "results/framecsv/S1C1.csv")


@contextmanager
def blocked(project, folder, monkeypatch):
    """Begin a job that runs as long as a file is there: Snakemake, the Slurm id, the file."""
    block = folder / "block"
    block.touch()
    slow = [f"while pathlib.Path({str(block)!r}).exists():", "    time.sleep(0.1)"]
    process = burdened(project, folder / "slow", monkeypatch, *slow)
    try:
        number, _ = wait_for_job(BURDENED)
        yield process, number, block
    finally:
        block.unlink(missing_ok=True)
        process.kill()
        process.wait()


def twice_as_much(screen):
    """The first attempt, where it was the second that came to its end, with twice of all."""
    first, second = (facts(number) for number in SUBMITTED.findall(screen))
    assert second["JobState"] == "COMPLETED"
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("1000M", "2000M")
    assert second["TimeLimit"] == "00:20:00"
    return first


def test_a_job_that_is_killed_for_memory_comes_back_with_more(
    cluster, local, tmp_path, monkeypatch
):
    project = local.copy(tmp_path / "project")
    heavy = [f"weight = b'x' * {1200 * 10**6}", f"time.sleep({4 * slurm.MEMORY_SECONDS})"]
    process = burdened(project, tmp_path / "heavy", monkeypatch, *heavy)
    first = twice_as_much(finish(process, project.folder))
    assert (first["JobState"], first["TimeLimit"]) == ("FAILED", "00:10:00")
    said = "".join(path.read_text() for path in project.results.glob("logs/slurm/**/*.log"))
    assert f"StepId={first['JobId']}.0 exceeded memory limit" in said, "as the documents promise"
    assert tables(project.results) == tables(local.results)


def test_a_job_that_is_killed_for_time_comes_back_with_more(cluster, local, tmp_path, monkeypatch):
    project = local.copy(tmp_path / "project")
    with blocked(project, tmp_path, monkeypatch) as (process, number, block):
        assert facts(number)["TimeLimit"] == "00:10:00"
        # The least there is: the ten minutes would be waited for.
        ask("scontrol", "update", f"JobId={number}", "TimeLimit=1")
        wait_until(lambda: facts(number)["JobState"] == "TIMEOUT", seconds=240)
        block.unlink()
        first = twice_as_much(finish(process, project.folder))
    assert first["JobState"] == "TIMEOUT"
    assert tables(project.results) == tables(local.results)


def test_ctrl_c_cancels_the_jobs_and_a_new_run_goes_on(cluster, local, tmp_path, monkeypatch):
    project = local.copy(tmp_path / "project")
    with blocked(project, tmp_path, monkeypatch) as (process, number, _):
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)
        wait_until(lambda: facts(number)["JobState"] == "CANCELLED")
    assert not (project.results / "framecsv" / "S1C1.csv").exists()
    finish(begin(project.folder, "--cores", "2"), project.folder)
    assert tables(project.results) == tables(local.results)


def documented(beginning):
    """The words of a command of docs/cluster.md."""
    text = (REPOSITORY / "docs" / "cluster.md").read_text()
    command = re.search(rf"^{beginning} (?:.*\\\n)*.*$", text, re.MULTILINE)[0]
    return shlex.split(command.replace("\\\n", " "))


def end_soon(number):
    """Let the time of a job be over in two to three minutes; Slurm counts whole ones."""
    used = ask("squeue", "-h", "-j", number, "-o", "%M").strip()
    *hours, minutes, _ = used.split(":")
    limit = 60 * int(hours[0] if hours else 0) + int(minutes) + 3
    ask("scontrol", "update", f"JobId={number}", f"TimeLimit={limit}")


def has_more_epochs(machine, than):
    return machine.epochs("cnn") > than


def end_now(number):
    """As the documents say it."""
    text = (REPOSITORY / "docs" / "cluster.md").read_text()
    ask(*re.search(r"`(scancel --batch [^`]*) JOB`", text)[1].split(), number)


def test_a_run_whose_time_is_over_or_that_is_ended_hands_over_what_it_has(cluster, site):
    """As the documents say it, but for numbers that this little cluster has.

    The time of the first job is shortened once an epoch is done, whatever the speed of the machine:
    Slurm, which looks every half a minute, then warns at once, and minutes are left. The second is
    ended after an epoch of its own, and the third comes to its end.
    """
    *submit, command = documented("sbatch")
    assert submit[-1] == "--wrap"
    assert any(word.startswith("--signal=B:INT@") for word in submit)
    little = ["--cpus-per-task=2", "--mem=4000", "--time=30", "--signal=B:INT@150", "--wait"]
    place = site.elsewhere()
    site.bucket.delete([place.key("check/leakage.csv")])
    slow = {"architecture": "cnn", "epochs": EPOCHS, "patience": EPOCHS, "batch_size": 1}
    screens, machines, done = [], [], [0]
    for name, end in (("one", end_soon), ("two", end_now), ("three", None)):
        machine = site.machine(name, place, models={"cnn": slow})
        machine.check_out()
        words = [*submit, command + TARGET, *little, "--output=screen"]
        environment = os.environ | seaweed.WRITER
        running = subprocess.Popen(words, cwd=machine.folder, env=environment)
        try:
            if end:
                number, _ = wait_for_job("wrap")
                wait_until(partial(has_more_epochs, machine, done[-1]), seconds=900)
                end(number)
            status = running.wait(timeout=1500)
        finally:
            running.kill()
            running.wait()
        screens.append((machine.folder / "screen").read_text())
        assert end or status == 0, screens[-1][-3000:]
        machines.append(machine)
        done.append(machine.epochs("cnn"))
    for screen, (before, after) in zip(screens[:2], pairwise(done[:3]), strict=True):
        assert before < after < EPOCHS, screen[-3000:]
        assert "stopping: SIGINT" in screen
        assert f"kept in {place.url}" in screen
    assert [jobs(screen) for screen in screens] == [
        {"check_leakage": 1, "train_model": 1},
        {"train_model": 1},
        {"train_model": 1, "evaluate_model": 1},
    ], "what was finished stays so"
    for machine, screen, before in zip(machines[1:], screens[1:], done[1:3], strict=True):
        assert "going on with models/cnn/training" in screen
        said = (machine.results / "logs" / "train_model" / "cnn.log").read_text()
        assert re.findall(r"^Epoch (\d+)/", said, re.MULTILINE)[0] == str(before + 1)


def test_a_cancelled_job_and_a_dead_node_cost_only_time(cluster, tmp_path):
    """In CI; the demo, which takes three times as long, in `make test-infra`."""
    here = make_project(tmp_path / "here")
    here.write_table([row for row in table() if row["camera"] == "C1"])
    project = here.copy(tmp_path / "project")
    here.run()
    run_in_spite_of_accidents(cluster, project.folder)
    assert tables(project.results) == tables(here.results)
    said = (project.results / "logs" / "train_model" / "cnn.log").read_text()
    assert "Slurm gave this job 1 GPU" in said, "which is none here, and is to be told"
