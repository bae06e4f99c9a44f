"""The workflow through a real Slurm with the profile that users take."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import slurm
from project import REPOSITORY, make_project

from clapboard.artifacts import digest_file, read_parquet

PROFILE = REPOSITORY / "profiles" / "slurm"
# The queue is looked at more often than the plugin does for jobs that take hours.
QUICK = ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]

# What is the same bit for bit however and wherever it is made.
DETERMINISTIC = ["index/*", "framecsv/*", "labels/*", "Data/labels.csv", "resized/*/*/*.jpg"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    reason = slurm.missing()
    if reason:
        pytest.skip(reason)
    with slurm.Cluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The project, made on this machine."""
    project = make_project(tmp_path_factory.mktemp("local") / "project")
    subprocess.run(
        command("--cores", "2"), cwd=project.folder, check=True, capture_output=True, timeout=1800
    )
    return project


def command(*arguments):
    snakefile = REPOSITORY / "Snakefile"
    return [sys.executable, "-m", "snakemake", "--snakefile", snakefile, *arguments]


def on_slurm(folder, *arguments):
    """Snakemake on the cluster, started and not waited for."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    log = (folder / "slurm.screen").open("wb")
    return subprocess.Popen(
        command("--profile", PROFILE, *QUICK, "--latency-wait", "5", *arguments),
        cwd=folder,
        env=environment,
        stdout=log,
        stderr=log,
    )


def finish(process, folder, seconds=1500):
    """Wait for the end of a run; its screen."""
    try:
        status = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        status = "time out"
    screen = (folder / "slurm.screen").read_text()
    assert status == 0, screen[-5000:]
    return screen


def wait_for_job(rule, seconds=600):
    """The Slurm id of a running job of a rule."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        listed = subprocess.run(
            ["squeue", "-h", "-t", "R", "-o", "%i %N %k"],
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout
        for line in listed.splitlines():
            if rule in line:
                number, node = line.split()[:2]
                return number, node
        time.sleep(0.3)
    raise AssertionError(f"no running job of {rule}:\n{listed}")


def digests(project):
    results = project.results
    return {
        str(path.relative_to(results)): digest_file(path)
        for pattern in DETERMINISTIC
        for path in results.glob(pattern)
        if path.suffix != ".json"
    }


def test_same_results_as_on_one_machine(cluster, local, tmp_path):
    project = make_project(tmp_path / "project")
    screen = finish(on_slurm(project.folder), project.folder)
    assert digests(project) == digests(local)
    columns = ["path", "split", "label", "class_index", "frame", "digest"]
    tables = [
        read_parquet(made.results / "Data" / "manifest.parquet", columns)[0]
        for made in (project, local)
    ]
    assert tables[0].equals(tables[1])
    assert (project.results / "models" / "cnn" / "metrics.json").is_file()
    submitted = len(re.findall(r"submitted with SLURM jobid", screen))
    recordings = 6
    assert submitted < 3 * recordings + 12 + 6 + 5, "short jobs are to be grouped"


def test_a_cancelled_job_and_a_dead_node_cost_only_time(cluster, local, tmp_path):
    project = make_project(tmp_path / "project")
    process = on_slurm(project.folder, "dataset")
    try:
        number, _ = wait_for_job("recording")
        subprocess.run(["scancel", number], check=True, timeout=30)
        _, node = wait_for_job("extract_frames")
        cluster.kill_node(node)
        time.sleep(20)
        cluster.start(node, "slurmd", "-D", "-N", node)
        finish(process, project.folder)
    finally:
        process.kill()
        process.wait()
    assert digests(project) == digests(local)
