"""What a full or broken disk is to the user, and that the words arrive."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from clapboard import disk

JOB = """
import resource, sys
from clapboard import artifacts, logs

with logs.job(sys.argv[1]):
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
    artifacts.write_bytes(sys.argv[2], bytes(10_000))
"""


def job(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", JOB, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO])
def test_every_way_in_which_libraries_tell_of_it_is_understood(code):
    plain = OSError(code, os.strerror(code), "a.parquet")
    told = RuntimeError(f"Can't write data (error message = '{os.strerror(code)}')")
    wrapped = ValueError("cannot save")
    wrapped.__cause__ = plain
    for error in (plain, told, wrapped):
        assert os.strerror(code) in disk.explain(error).message
    assert disk.explain(wrapped).file == "a.parquet"


def test_other_errors_are_not_taken_for_it():
    assert disk.explain(FileNotFoundError(errno.ENOENT, "No such file", "a")) is None
    assert disk.explain(ValueError("bad")) is None


def test_a_job_that_reaches_a_limit_ends_with_one_message(tmp_path):
    done = job(tmp_path / "job.log", tmp_path / "a.bin", 5_000)
    log = (tmp_path / "job.log").read_text()
    assert done.returncode == 1 and "Traceback" not in log
    assert "error: " in log and "ulimit -f" in log and "[disk]" in log
    assert [path.name for path in tmp_path.iterdir()] == ["job.log"]


def test_the_message_is_on_the_screen_when_the_log_has_no_room_either(tmp_path):
    done = job(tmp_path / "job.log", tmp_path / "a.bin", 0)
    assert (tmp_path / "job.log").read_text() == ""
    assert done.returncode == 1 and "ulimit -f" in done.stderr and "[disk]" in done.stderr
