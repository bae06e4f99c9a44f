"""Starting workers on the nodes of a Slurm job; the workers themselves: tests/infra."""

import os
import time

import pytest

from clapboard.learning import workers
from clapboard.problems import InputError

# What a cluster says of job 7 on two nodes; `srun` does what the test wants.
PROGRAMS = {
    "squeue": 'case "$*" in *%L*) echo {left};; *) echo n1,n2;; esac',
    "scontrol": 'case "$*" in *hostnames*) printf "n1\\nn2\\n";; *) echo NodeAddr=10.0.0.1;; esac',
    "srun": "{srun}",
}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    def make(left, srun):
        for name, text in PROGRAMS.items():
            program = tmp_path / "bin" / name
            program.parent.mkdir(exist_ok=True)
            filled = text.replace("{left}", left).replace("{srun}", srun)
            program.write_text(f"#!/bin/sh\n{filled}\n")
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setenv("SLURM_JOB_ID", "7")
        return {"model": str(tmp_path / "model.keras")}

    return make


@pytest.mark.parametrize("left", ["0:31", "31", "0:00:31"])
def test_workers_that_hang_end_before_the_job_does_and_it_is_said(cluster, left):
    arguments = cluster(left, "exec sleep 60")
    begun = time.monotonic()
    with pytest.raises(InputError, match="train_model: runtime"):
        workers.start(2, arguments)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("left", ["UNLIMITED", "1:00", "2:00:00", "1-00:00:00"])
def test_workers_that_end_in_time_are_waited_for(cluster, tmp_path, left):
    workers.start(2, cluster(left, f"sleep 2; touch {tmp_path}/done"))
    assert (tmp_path / "done").exists()


def test_the_work_is_on_the_server_of_the_files_before_a_worker_reads_it(
    cluster, tmp_path, monkeypatch
):
    """NFS keeps what is written on this node until it is synced or closed."""
    synced, sync = [], os.fsync

    def noting(descriptor):
        synced.append((tmp_path / "begun").exists() or os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    last = 'for file in "$@"; do :; done'
    workers.start(2, cluster("1:00", f"touch {tmp_path}/begun; {last}; wc -c <$file >{tmp_path}/n"))
    assert synced == [int((tmp_path / "n").read_text())]


@pytest.mark.parametrize("other", [["n1", "n2"], ["n2", "n3"], ["n2", "n1"]])
def test_two_jobs_never_want_one_port_of_a_node(other):
    one = workers.addresses(["n1", "n2"], 41)
    assert one == ["n1:20041", "n2:20041"]
    assert set(one).isdisjoint(workers.addresses(other, 42))


def test_workers_on_one_address_have_ports_of_their_own():
    assert workers.addresses(["n1", "n2", "n1"], 41) == ["n1:20041", "n2:20041", "n1:20042"]
