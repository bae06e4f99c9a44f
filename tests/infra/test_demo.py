"""The demo on one machine, through a Slurm that loses jobs, and from a bucket: the same tables."""

import subprocess
import sys

import pytest
import slurm
import yaml
from comparing import tables
from lab import connect
from project import REPOSITORY, Project
from slurm import run_in_spite_of_accidents
from travelling import Machine, in_bucket

DEMO = REPOSITORY / "examples" / "demo"
RECORDINGS = 10


def film(folder):
    """The demo as `make film` leaves it."""
    subprocess.run(
        [sys.executable, DEMO / "film.py", folder], check=True, capture_output=True, timeout=600
    )
    return Project(folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The demo, made by one machine on its own disk."""
    demo = film(tmp_path_factory.mktemp("alone") / "demo")
    demo.run()
    made = tables(demo.results)
    procedures = [name for name in made if name.startswith("procedures/")]
    assert len({name.split("/")[1] for name in procedures}) == RECORDINGS
    rest = len(made) - len(procedures)
    assert rest == 3 * RECORDINGS + 7, "index, ranges, labels of each, and what is of all"
    return demo


@pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())
def test_through_slurm_a_cancelled_job_and_a_dead_node_cost_only_time(cluster, alone, tmp_path):
    demo = film(tmp_path / "demo")
    run_in_spite_of_accidents(cluster, demo.folder)
    assert tables(demo.results) == tables(alone.results)
    said = (demo.results / "logs" / "train_model" / "cnn.log").read_text()
    assert "Slurm gave this job 1 GPU" in said, "which is none here, and is to be told"


def test_with_everything_in_a_bucket(
    server, bucket_name, as_writer, alone, tmp_path, tmp_path_factory
):
    """The first checkout has nothing but the bucket; the second finds all that the first made."""
    rows = in_bucket(alone, connect(bucket_name, server.endpoint), "demo")
    settings = yaml.safe_load((DEMO / "config.yaml").read_text())
    sections = {name: settings[name] for name in ("annotations", "frames", "models")}
    first, second = (
        Machine(tmp_path / name, rows, server.endpoint, f"s3://{bucket_name}/demo/made", **sections)
        for name in ("first", "second")
    )
    first.snakemake()
    assert tables(first.results) == tables(alone.results)
    assert "Nothing to be done" in second.snakemake()
    assert tables(second.results) == tables(alone.results)
    assert not list(second.results.glob("**/*.tar"))
