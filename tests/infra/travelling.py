"""The little project of the workflow's tests with everything in a bucket, for many machines."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections import Counter

from filming import film_recording
from project import (
    ACTS,
    CHAPTERS,
    REPOSITORY,
    Project,
    camera,
    table,
    write_sheet,
)

from clapboard.s3.location import Location

CHECKED_OUT = ["Snakefile", "workflow", "profiles", ".venv"]
CLAPBOARD = "import sys; from clapboard.cli import main; sys.exit(main())"
STORAGE = {"dataset": {"storage": "shards"}}


def in_bucket(project, bucket, prefix):
    """Upload videos and sheets of a project; the rows of its table then name the bucket."""
    material = [*project.folder.glob("videos/**/*.MP4"), *project.folder.glob("sheets/*")]
    for path in sorted(material):
        key = f"{prefix}/{path.relative_to(project.folder).as_posix()}"
        bucket.control.upload_file(str(path), bucket.name, key)
    place = f"s3://{bucket.name}/{prefix}"
    moved = {
        "annotations": lambda value: f"{place}/{value}",
        "videos": lambda value: f"{place}/{value}/",
    }
    with (project.folder / "config" / "recordings.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [{name: moved.get(name, str)(value) for name, value in row.items()} for row in rows]


class Machine:
    """A checkout of its own: configuration, table, and nothing else."""

    def __init__(self, folder, rows, endpoint, results, **sections):
        (folder / "config").mkdir(parents=True)
        self.project = Project(folder)
        self.folder, self.results = folder, folder / "results"
        self.project.write_table(rows)
        s3 = {"endpoint": endpoint, "encryption": "none", "results": results}
        s3 |= sections.pop("s3", {})
        self.project.configure(s3=s3, **{**STORAGE, **sections})

    def snakemake(self, *arguments, check=True):
        """Call snakemake as a user would; the screen."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile"]
        answer = subprocess.run(
            [*command, "--cores", "2", *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        screen = answer.stdout + answer.stderr
        assert not check or answer.returncode == 0, screen[-6000:]
        return screen

    def clapboard(self, *arguments, status=0):
        """Call the command `clapboard`, which ends as expected; what it says."""
        answer = subprocess.run(
            [sys.executable, "-c", CLAPBOARD, *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert answer.returncode == status, answer.stderr
        return answer.stderr if status else answer.stdout

    @property
    def screen(self):
        """What was said by a command that was begun in the background, so far."""
        return (self.folder / "screen").read_text()

    def check_out(self):
        """Let the commands of the documents, which name files of the repository, run here."""
        for name in CHECKED_OUT:
            (self.folder / name).symlink_to(REPOSITORY / name)

    def epochs(self, model):
        """How many epochs an unfinished training of a model has."""
        state = self.results / "models" / model / "training" / "state.json"
        return len(json.loads(state.read_text())["history"]) if state.exists() else 0

    def forget(self):
        """Empty the machine but for what is in the repository."""
        for name in ("results", ".snakemake"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


def jobs(screen):
    """How many jobs of each rule a run began."""
    return Counter(re.findall(r"^(?:local)?rule (\w+):", screen, re.MULTILINE))


class Site:
    """A bucket with raw material, and one machine that has made and handed over everything."""

    def __init__(self, folder, server, bucket, local):
        self.folder, self.server, self.bucket, self.local = folder, server, bucket, local
        self.prefix = f"site-{uuid.uuid4().hex[:6]}"
        self.rows = in_bucket(local, bucket, self.prefix)
        self.place = Location(bucket.name, f"{self.prefix}/results/")
        self.first = self.machine("first")
        self.planned = self.first.snakemake("--dry-run")
        self.fetched_by_plan = list(self.first.results.glob("sources/*/*/videos/*/*"))
        self.made = self.first.snakemake()

    def machine(self, name, place=None, **sections):
        """A new empty machine with the repository, configuration and table only.

        Args:
            name: of its folder.
            place: of its results in the bucket; None: that of the site.
            sections: of its configuration.
        """
        folder = self.folder / f"{name}-{uuid.uuid4().hex[:4]}"
        results = (place or self.place).url
        return Machine(folder, self.rows, self.server.endpoint, results, **sections)

    def elsewhere(self):
        """A place in the bucket that has all that the site's has, for tests that add to it."""
        place = Location(self.bucket.name, f"{self.prefix}-{uuid.uuid4().hex[:6]}/results/")
        for found in self.bucket.objects(self.place.prefix):
            self.bucket.control.copy_object(
                Bucket=self.bucket.name,
                CopySource={"Bucket": self.bucket.name, "Key": found.key},
                Key=place.key(self.place.name(found.key)),
            )
        return place

    def key(self, name):
        return self.place.key(name)


class Little:
    """A short recording of each subject with a sheet, on every machine; results in a bucket.

    One machine has made its dataset and handed it over.
    """

    def __init__(self, folder, server, bucket):
        self.folder, self.server, self.bucket = folder, server, bucket
        self.place = Location(bucket.name, f"little-{uuid.uuid4().hex[:6]}/results/")
        rows = [{**row, **self._material(row)} for row in table()]
        self.rows = [row for row in rows if row["camera"] == "C1"]
        self.one_more = [*self.rows, rows[-1]]
        self.first = self.machine("first")
        self.first.snakemake("dataset")

    def _material(self, row):
        """Film a recording and write its sheet; where they are."""
        name = row["subject"] + row["camera"]
        sheet, videos = self.folder / f"{name}.csv", self.folder / "videos" / name
        write_sheet(sheet, ACTS)
        videos.mkdir(parents=True)
        film_recording(videos, camera(name), [sum(CHAPTERS)])
        return {"annotations": str(sheet), "videos": str(videos)}

    def machine(self, name, rows=None, **sections):
        """A new machine with the repository, configuration, table, videos and sheets only."""
        folder = self.folder / f"{name}-{uuid.uuid4().hex[:4]}"
        endpoint, place = self.server.endpoint, self.place.url
        sections = {"video": {"damaged": "skip"}, **sections}
        return Machine(folder, rows or self.rows, endpoint, place, **sections)
