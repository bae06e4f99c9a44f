"""A server that a test has started is stopped by its process id: it is gone, and nothing else."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import seaweed
import skypilot
import sshd
from slurm import MUNGED, Cluster, descendants


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


@contextlib.contextmanager
def a_moto(folder):
    with contextlib.ExitStack() as stack:
        sky = stack.enter_context(skypilot.Sky(folder))
        yield sky.moto.pid, stack.close


@contextlib.contextmanager
def a_munged(folder):
    """As a cluster starts it and stops it, but with files of its own, so that there can be two."""
    folder.mkdir()
    cluster = Cluster(folder)
    # Where its user may go, and nobody else may write.
    with tempfile.TemporaryDirectory(dir="/run") as name:
        own = Path(name)
        own.chmod(0o755)
        key = own / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        for path in (own, key):
            shutil.chown(path, "munge", "munge")
        files = {"socket": "socket", "pid-file": "pid", "seed-file": "seed", "key-file": "key"}
        options = [f"--{option}={own / file}" for option, file in files.items()]
        cluster.start("munged", *MUNGED, *options)

        def stop():
            if cluster.daemons:
                cluster.stop("munged")

        try:
            cluster.until("sh", "-c", f"munge -n -S {own / 'socket'}")
            yield cluster.daemons["munged"].pid, stop
        finally:
            stop()


def no_munged():
    """Why none can be started; empty if one can."""
    if os.geteuid() != 0:
        return "only root can start a munged as its user"
    return "" if shutil.which("munged") else "not installed: munged (apt-get install munge)"


SERVERS = [
    pytest.param(an_sshd, marks=pytest.mark.skipif(bool(sshd.missing()), reason=sshd.missing())),
    pytest.param(
        a_seaweed,
        marks=pytest.mark.skipif(
            not seaweed.available(), reason="no .infra/bin/weed: run `make test-infra`"
        ),
    ),
    a_daemon,
    pytest.param(
        a_moto, marks=pytest.mark.skipif(bool(skypilot.missing()), reason=skypilot.missing())
    ),
    pytest.param(a_munged, marks=pytest.mark.skipif(bool(no_munged()), reason=no_munged())),
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
            # Who was asked to end by mistake has had the time to do so.
            time.sleep(0.5)
            assert alive(ours | theirs) == theirs
        stranger.communicate(b"\n")
        processes = {other, *descendants(other)}
    assert alive(processes) == set(), "and in the end they are gone too"
