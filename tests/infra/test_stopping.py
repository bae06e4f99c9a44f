"""A server that a test has started is stopped by its process id: it is gone, and nothing else."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import seaweed
import sshd
from slurm import Cluster, descendants


@contextlib.contextmanager
def an_sshd(folder):
    """A server; its process, and what ends it."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(sshd.Server(folder))
        yield server.process.pid, stack.close


@contextlib.contextmanager
def a_seaweed(folder):
    server = seaweed.Server(folder).start()
    try:
        yield server.process.pid, server.kill
    finally:
        server.kill()


@contextlib.contextmanager
def a_daemon(folder):
    """One of a cluster, which needs no Slurm: a program with one that it has started."""
    folder.mkdir()
    cluster = Cluster(folder)
    cluster.start("n1", "sh", "-c", "sleep 600 & wait")
    process = cluster.daemons["n1"].pid

    def stop():
        if cluster.daemons:
            cluster.stop("n1", signal.SIGKILL)

    try:
        yield process, stop
    finally:
        stop()


SERVERS = [
    pytest.param(an_sshd, marks=pytest.mark.skipif(bool(sshd.missing()), reason=sshd.missing())),
    pytest.param(
        a_seaweed,
        marks=pytest.mark.skipif(
            not seaweed.available(), reason="no .infra/bin/weed: run `make test-infra`"
        ),
    ),
    a_daemon,
]


def alive(processes):
    """Those that run; a process that has ended and is not waited for is a zombie."""
    found = set()
    for process in processes:
        with contextlib.suppress(OSError):
            state = Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "ZX":
                found.add(process)
    return found


@pytest.mark.parametrize("start", SERVERS)
def test_what_is_stopped_is_that_server_and_no_other(tmp_path, start):
    """Another of the same program, and a program of somebody else, go on."""
    words = [sys.executable, "-c", "input()"]
    with (
        start(tmp_path / "other") as (other, _),
        subprocess.Popen(words, stdin=subprocess.PIPE) as stranger,
    ):
        with start(tmp_path / "one") as (one, stop):
            ours = {one, *descendants(one)}
            theirs = {other, *descendants(other), stranger.pid, os.getpid()}
            assert not ours & theirs
            assert alive(ours | theirs) == ours | theirs
            stop()
            deadline = time.monotonic() + 10
            while alive(ours) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert alive(ours | theirs) == theirs
        stranger.communicate(b"\n")
        processes = {other, *descendants(other)}
    assert alive(processes) == set(), "and in the end they are gone too"
