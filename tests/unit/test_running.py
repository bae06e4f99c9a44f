"""One run at a time in a folder, and no job that outlives its run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clapboard import running
from clapboard.problems import InputError

HOLDER = """
import sys, time
from clapboard import running
running.hold(sys.argv[1])
print("held", flush=True)
time.sleep(600)
"""

# A process that starts a job; the job says who it is and that it has begun, then works on.
LEADER = """
import subprocess, sys, time
from clapboard import running
running.lead_jobs()
subprocess.Popen([sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
time.sleep(600)
"""
JOB = """
import os, subprocess, sys, time
from pathlib import Path
from clapboard import logs
with logs.job(sys.argv[1]):
    tool = subprocess.Popen(["sleep", "600"])
    script = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, process_group=0
    )
    inner = int(script.stdout.readline())
    Path(sys.argv[2]).write_text(f"{os.getpid()} {tool.pid} {inner}")
    time.sleep(600)
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python programs that end with the test."""
    started = []

    def begin(program: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_folder_has_one_run_and_the_other_is_told_whose_it_is(tmp_path, start):
    holder = start(HOLDER, tmp_path / "results")
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=f"process {holder.pid} on ") as error:
        running.hold(tmp_path / "results")
    assert error.value.problems[0].check == "results-in-use"


def test_a_killed_run_leaves_no_lock(tmp_path, start):
    holder = start(HOLDER, tmp_path)
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait()
    assert start(HOLDER, tmp_path).stdout.readline() == "held\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(InputError, match="Nothing can be written here") as error:
        running.hold(tmp_path / "results")
    assert error.value.problems[0].file == str(tmp_path / "results")


def test_a_job_and_its_tools_end_with_the_run(tmp_path, start):
    log, said = tmp_path / "logs" / "job.log", tmp_path / "said"
    leader = start(LEADER, JOB, log, said)
    wait_for(lambda: said.is_file() and said.read_text())
    processes = [*map(int, said.read_text().split())]
    assert all(map(alive, processes))
    leader.kill()
    leader.wait()
    wait_for(lambda: not any(map(alive, processes)))


LATE = """
import os, subprocess, sys
from clapboard import logs, running
running.lead_jobs()
ended = subprocess.Popen(["true"])
ended.wait()
os.environ[running.RUN] = os.environ[running.RUN].replace(str(os.getpid()), str(ended.pid), 1)
os.environ[running.RUN] += sys.argv[2]
with logs.job(sys.argv[1]):
    print("at work")
"""


@pytest.mark.parametrize(
    ("elsewhere", "status"), [("", -signal.SIGKILL), (" of another container", 0)]
)
def test_a_job_that_begins_after_its_run_was_killed_does_nothing(tmp_path, elsewhere, status):
    log = tmp_path / "job.log"
    done = subprocess.run([sys.executable, "-c", LATE, str(log), elsewhere], check=False)
    assert done.returncode == status
    assert log.read_text() == ("" if status else "at work\n")


def test_the_same_job_of_another_run_waits_and_the_log_stays_whole(tmp_path, start):
    log, first, second = tmp_path / "logs" / "a.log", tmp_path / "first", tmp_path / "second"
    start(JOB, log, first)
    wait_for(first.is_file)
    before = "what the first has said"
    log.write_text(before)
    other = subprocess.Popen(
        [sys.executable, "-c", JOB, str(log), str(second)], stderr=subprocess.PIPE, text=True
    )
    assert "a: waiting for the end of the same job" in other.stderr.readline()
    assert not second.exists() and log.read_text() == before
    for pid in first.read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: second.is_file() and second.read_text())
    for pid in second.read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    other.communicate()
