"""A small project to run the workflow on: three subjects, two cameras, two chapters each.

Every frame carries its number, so that what a file shows can be read from the file.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import yaml

from tests.filming import Camera, film_recording
from tests.workflow import calling

REPOSITORY = Path(__file__).parents[2]

SPLITS = {"S1": "Training", "S2": "Validation", "S3": "Test"}
CLAPS = {"C1": Fraction(1, 2), "C2": Fraction(7, 10)}
CHAPTERS = [75, 60]
CAMERA = Camera(rate=Fraction(30000, 1001), b_frames=2, sound=True, sound_longer=Fraction(1, 20))

# Seconds after the clap. 0.301 + 0.7 = 1.001 is exactly when frame 31 of C2 is shown, and
# 3.503 + 0.7 = 4.203 lies between two frames.
ACTS = [
    ("BAGGING", Fraction(301, 1000), Fraction(1602, 1000)),
    ("CHEST-TUBE PREP", Fraction(1602, 1000), Fraction(3503, 1000)),
]

CONFIG = {
    "frames": {"size": 40},
    "models": {"cnn": {"architecture": "cnn", "epochs": 1, "batch_size": 32}},
}


# Starting snakemake takes seconds, forking a process that has already imported it takes none.
# There is one such server in a process, for all tests: what is named last counts. It must not know
# the package under test, of which tests edit copies.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["snakemake.cli", "av", "pyarrow.parquet"])
TIME_LIMIT = 900


@dataclass(frozen=True)
class Outcome:
    """How a call of snakemake ended: what was on the screen, and the exit status."""

    screen: str
    status: int | None


@dataclass(frozen=True)
class Project:
    """A working directory of the workflow.

    Attributes:
        folder: the directory.
        repository: where the Snakefile is.
    """

    folder: Path
    repository: Path = REPOSITORY

    @property
    def results(self) -> Path:
        """Everything that is made."""
        return self.folder / "results"

    def sheet(self, subject: str) -> Path:
        """The annotations of a subject."""
        return self.folder / "sheets" / f"{subject}.csv"

    def chapters(self, recording: str) -> list[Path]:
        """The videos of a recording, in order."""
        return sorted((self.folder / "videos" / recording).iterdir())

    def snakemake(self, *arguments: str, check: bool = True) -> Outcome:
        """Call snakemake here as a user would, from the working directory of the project."""
        handle, name = tempfile.mkstemp(prefix="screen-")  # other tests look at the same project
        os.close(handle)
        screen = Path(name)
        call = SERVER.Process(
            target=calling.snakemake, args=(self.repository, self.folder, screen, arguments)
        )
        call.start()
        call.join(TIME_LIMIT)
        if call.is_alive():
            call.kill()
            raise AssertionError(f"still running: {screen.read_text()}")
        outcome = Outcome(screen.read_text(), call.exitcode)
        screen.unlink()
        if check and outcome.status:
            raise AssertionError(outcome.screen)
        return outcome

    def run(self, *arguments: str) -> str:
        """Make everything there is to make, or the targets named; the screen."""
        return self.snakemake("--cores", "2", *arguments).screen

    def pending(self, *arguments: str) -> Counter[str]:
        """What a dry-run would do: `rule` or `rule recording[ chapter]` of each job, targets not.

        Jobs that only collect targets are left out.
        """
        screen = self.snakemake("--dry-run", *arguments).screen
        jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)+)", screen, re.MULTILINE)
        made = [(rule, body) for rule, body in jobs if "    output: " in body]
        assert made or "Nothing to be done" in screen, screen
        return Counter(" ".join([rule, *_wildcards(body)]) for rule, body in made)

    def configure(self, **sections: object) -> None:
        """Write the configuration, `CONFIG` with some sections replaced."""
        text = yaml.safe_dump({**CONFIG, **sections})
        (self.folder / "config" / "config.yaml").write_text(text, encoding="utf-8")

    def write_table(self, rows: list[dict[str, str]]) -> None:
        """Write the table of recordings."""
        with (self.folder / "config" / "recordings.tsv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def copy(self, folder: Path) -> Project:
        """The same project elsewhere, time stamps, links and provenance included."""
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        return replace(self, folder=folder)


def _wildcards(body: str) -> list[str]:
    """The values of a job's wildcards."""
    found = re.search(r"^ {4}wildcards: (.+)$", body, re.MULTILINE)
    return re.findall(r"\w+=([^,\s]+)", found[1]) if found else []


def table() -> list[dict[str, str]]:
    """The rows of the table of recordings."""
    return [
        {
            "subject": subject,
            "camera": camera,
            "split": split,
            "annotations": f"sheets/{subject}.csv",
            "videos": f"videos/{subject}{camera}",
            "clap": f"{float(clap)}",
        }
        for subject, split in SPLITS.items()
        for camera, clap in CLAPS.items()
    ]


def write_sheet(path: Path, acts: list[tuple[str, Fraction, Fraction]]) -> None:
    """Write a sheet in wall-clock time, as a lab does."""
    clap = datetime(2019, 4, 4, 23, 59, 59, 740439)
    rows = [("CLAP", Fraction(0), Fraction(0)), *acts]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["ignore", "PROCEDURE", "Original_Start_Time", "Original_Stop_Time"])
        for label, *times in rows:
            shown = [clap + timedelta(microseconds=int(time * 1_000_000)) for time in times]
            writer.writerow([label, label, *(f"{time:%Y-%m-%d %H:%M:%S:%f}" for time in shown)])


def camera(recording: str) -> Camera:
    """The camera of a recording: no two have a picture in common, which would be leakage."""
    number = [row["subject"] + row["camera"] for row in table()].index(recording)
    return replace(CAMERA, size=(96 + 8 * number, 72 + 6 * number))


def make_project(folder: Path, chapters: Sequence[int] = CHAPTERS) -> Project:
    """Film and write everything; `chapters` are the numbers of frames."""
    for name in ("config", "sheets", "videos"):
        (folder / name).mkdir(parents=True)
    project = Project(folder)
    project.configure()
    project.write_table(table())
    for row in table():
        place = folder / row["videos"]
        place.mkdir()
        film_recording(place, camera(place.name), chapters)
    for subject in SPLITS:
        write_sheet(project.sheet(subject), ACTS)
    return project
