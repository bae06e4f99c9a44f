"""What a job prints: all of it in its log, the last line on the screen every so often."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from tqdm import tqdm
from clapboard import logs
from clapboard.problems import InputError, Problem

logs.SECONDS_BETWEEN_LINES = float(sys.argv[2])
with logs.job(sys.argv[1]):
    for _ in tqdm(range(3), desc="frames", mininterval=0):
        print("a line")
    os.write(2, b"from a library\\n")
    raise InputError([Problem("bad", "is bad", "Mend it.")])
"""


def run(tmp_path: Path, seconds: float) -> tuple[str, str, int]:
    log = tmp_path / "logs" / "extract_frames" / "S1C1.log"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(log), str(seconds)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    return log.read_text(), done.stderr, done.returncode


def test_everything_goes_to_the_log_and_nothing_to_the_screen_at_first(tmp_path):
    log, screen, status = run(tmp_path, 60)
    assert log.count("a line") == 3
    assert "frames: 100%" in log and "from a library" in log and "is bad" in log
    assert screen == "" and status == 1


def test_long_work_is_shown_with_its_name(tmp_path):
    _, screen, _ = run(tmp_path, 0)
    lines = screen.splitlines()
    assert "extract_frames/S1C1: a line" in lines
    assert any(line.startswith("extract_frames/S1C1: frames: 100%") for line in lines)
    assert "from a library" not in screen


def test_what_to_lower_is_in_the_log_of_a_job_that_is_killed(tmp_path):
    program = (
        "import os, signal, sys\n"
        "from clapboard import logs\n"
        "with logs.job(sys.argv[1], 'batch_size (32)'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    log = tmp_path / "train.log"
    done = subprocess.run([sys.executable, "-c", program, str(log)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert "Memory ran out: lower batch_size (32)." in log.read_text()


@pytest.mark.parametrize(
    "error", ["InputError([Problem('bad', 'is bad', 'Mend it.')])", "KeyError()"]
)
def test_a_job_that_fails_ends_even_if_one_of_its_threads_waits_for_ever(tmp_path, error):
    program = (
        "import sys, threading\n"
        "from clapboard import logs\n"
        "from clapboard.problems import InputError, Problem\n"
        "with logs.job(sys.argv[1]):\n"
        "    threading.Thread(target=threading.Event().wait).start()\n"
        f"    raise {error}\n"
    )
    log = tmp_path / "train.log"
    command = [sys.executable, "-c", program, str(log)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 1
    assert ("is bad" in log.read_text()) != ("Traceback" in log.read_text())
