"""What planning costs: `snakemake -n` with nothing to do, for growing numbers of recordings.

usage: python -m benchmarks.workflow [--folder FOLDER] [RECORDINGSxCHAPTERS ...]

No video is needed: chapters are files of a few bytes, artifacts are empty, and `snakemake --touch`
makes Snakemake believe in them. Printed are seconds of wall time and of CPU beyond the start of
Snakemake itself (`snakemake --version`), and the peak memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
SIZES = ["14x20", "50x20", "500x20"]
REPEATS = 3

TABLE = "subject\tcamera\tsplit\tannotations\tvideos\tclap\n"
SPLITS = ["Training"] * 5 + ["Validation", "Test"]
MODEL = ["model.keras", "history.csv", "curves.png", "summary.txt"]
MODEL += ["predictions.parquet", "metrics.json", "confusion.png"]


@dataclass(frozen=True)
class Cost:
    """What a call took.

    Attributes:
        wall: seconds.
        cpu: seconds of user and system time.
        memory: peak resident MB.
        screen: what it printed.
    """

    wall: float
    cpu: float
    memory: float
    screen: str


def call(folder: Path, *arguments: str) -> Cost:
    """Run snakemake in `folder`."""
    start = time.perf_counter()
    command = [SNAKEMAKE, "--snakefile", REPOSITORY / "Snakefile", *arguments]
    with tempfile.TemporaryFile() as screen:
        process = subprocess.Popen(command, cwd=folder, stdout=screen, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        screen.seek(0)
        text = screen.read().decode()
    if status:
        raise RuntimeError(text[-5000:])
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text)


def lay_out(folder: Path, recordings: int, chapters: int) -> None:
    """A project with two cameras a subject in which everything seems to be made."""
    config, results = folder / "config", folder / "results"
    config.mkdir(parents=True)
    (config / "config.yaml").write_text("models: {cnn: {architecture: cnn}}\n")
    (folder / "sheets").mkdir()
    with (config / "recordings.tsv").open("w") as table:
        table.write(TABLE)
        for number in range(recordings):
            subject, camera = f"S{number // 2 + 1}", f"C{number % 2 + 1}"
            sheet, videos = f"sheets/{subject}.csv", f"videos/{subject}{camera}"
            split = SPLITS[number // 2 % len(SPLITS)]
            table.write(f"{subject}\t{camera}\t{split}\t{sheet}\t{videos}\t0\n")
            (folder / sheet).write_text(sheet)
            fill(folder / videos, [f"GH{n:02d}0001.MP4" for n in range(1, chapters + 1)], videos)
            name = f"{subject}{camera}"
            of_recording = {"index": "parquet", "audit": "json", "framecsv": "csv"}
            of_recording |= {"labels": "parquet", "video": "mp4"}
            for kind, suffix in of_recording.items():
                fill(results / kind, [f"{name}.{suffix}"])
            (results / "procedures" / name).mkdir(parents=True)
            for n in range(1, chapters + 1):
                fill(results / "resized" / name / f"{n:02d}", ["manifest.parquet"])
    fill(results / "Data", ["labels.csv", "manifest.parquet"])
    fill(results / "models" / "cnn", MODEL)
    fill(results / "check", ["report.csv", "accepted.json"])


def fill(folder: Path, names: Sequence[str], content: str = "") -> None:
    """Files in a folder, the path of each in its content."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(f"{content}/{name}" if content else "")


def main() -> None:
    """Measure the sizes asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where to lay out; kept (default: temporary)")
    parser.add_argument("sizes", nargs="*", default=SIZES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        print("size\twall_s\tabove_start_s\tcpu_s\tcpu_above_start_s\tmemory_MB")
        for size in options.sizes:
            project = folder / size
            if not project.exists():
                lay_out(project, *map(int, size.split("x")))
                call(project, "--touch", "--forceall", "--cores", "1")
            costs, starts = [], []
            for _ in range(REPEATS):
                starts.append(call(project, "--version"))
                costs.append(call(project, "--dry-run"))
                assert "Nothing to be done" in costs[-1].screen, costs[-1].screen[-2000:]
            wall, start_wall = min(c.wall for c in costs), min(c.wall for c in starts)
            cpu, start_cpu = min(c.cpu for c in costs), min(c.cpu for c in starts)
            print(
                f"{size}\t{wall:.2f}\t{wall - start_wall:.2f}\t{cpu:.2f}\t{cpu - start_cpu:.2f}"
                f"\t{max(c.memory for c in costs):.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
