"""The workflow through a real Slurm with the profile that users take."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import seaweed
import slurm
from comparing import tables
from project import REPOSITORY, make_project
from travelling import jobs

PROFILE = REPOSITORY / "profiles" / "slurm"
# The queue is looked at more often than the plugin does for jobs that take hours.
QUICK = ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    reason = slurm.missing()
    if reason:
        pytest.skip(reason)
    with slurm.Cluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


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


def test_same_results_as_on_one_machine(cluster, local, tmp_path):
    project = make_project(tmp_path / "project")
    # As many threads as there: sums of another number of parts differ in the last digit.
    screen = finish(on_slurm(project.folder, "--cores", "2"), project.folder)
    assert tables(project.results) == tables(local.results)
    submitted = len(re.findall(r"submitted with SLURM jobid", screen))
    recordings = 6
    assert submitted < 3 * recordings + 12 + 6 + 5, "short jobs are to be grouped"


def test_two_nodes_train_one_model(cluster, local, tmp_path):
    project = local.copy(tmp_path / "project")
    (project.results / "models" / "cnn" / "model.keras").unlink()
    two = ["train_model:nodes=2", "train_model:tasks=2", "train_model:gpu=0"]
    only = ["--force", "--cores", "1", "--set-resources", *two, "--"]
    finish(on_slurm(project.folder, *only, "results/models/cnn/model.keras"), project.folder)
    said = (project.results / "logs" / "train_model" / "cnn.log").read_text()
    assert said.count(" val_loss: ") == 2, said  # the one epoch of each worker
    assert (project.results / "models" / "cnn" / "model.keras").is_file()


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
    made, wanted = tables(project.results), tables(local.results)
    assert made == {name: wanted[name] for name in made}
    assert "Data/manifest.parquet" in made
