"""What planning costs: `snakemake -n` with nothing to do, for growing numbers of recordings.

    python -m benchmarks workflow [--folder FOLDER] [--batches N] [RECORDINGSxCHAPTERS ...]
    python -m benchmarks workflow --unrecorded --batches 10 500x20 2500x20 10000x20

Chapters are videos of one second, artifacts are empty, and `snakemake --touch` makes Snakemake
believe in them. For thousands of recordings that would take hours: with ``--unrecorded``, Snakemake
knows no parameters to compare, and chapters are empty too. Reported are seconds of wall time and of
CPU beyond the start of Snakemake itself (`snakemake --version`), and the peak memory; first for a
file, which is little but reading the project. ``--batches`` plans the first of so many batches of
the frames as well.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import publish, table
from tests.filming import Camera, film

REPOSITORY = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
SIZES = ["14x20", "50x20", "500x20"]
MODEL = 14  # recordings, a subject for each place in SPLITS
MADE = (1.7e9, 1.7e9)  # access and change of every artifact: none is older than what it is made of
REPEATS = 3
LONG = 60  # seconds after which nothing is repeated

TABLE = "subject\tcamera\tsplit\tannotations\tvideos\tclap\n"
SPLITS = ["Training"] * 5 + ["Validation", "Test"]
SHEET = """TASK,PROCEDURE,Original_Start_Time,Original_Stop_Time
CLAP,CLAP,2019-04-04 09:00:00:000000,2019-04-04 09:00:00:100000
IV,IV,2019-04-04 09:00:01:000000,2019-04-04 09:00:02:000000
SWAB,SWAB,2019-04-04 09:00:02:000000,2019-04-04 09:00:03:000000
"""


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


def lay_out(folder: Path, recordings: int, chapters: int, recorded: bool = True) -> None:
    """A project with two cameras a subject in which everything seems to be made."""
    for name in ("config", "sheets"):
        (folder / name).mkdir(parents=True)
    (folder / "config/config.yaml").write_text("models: {cnn: {architecture: cnn}}\n")
    clip = b""
    if recorded:
        film(folder / "clip.mp4", Camera(size=(64, 64), codec="mpeg4"), 30)
        clip = (folder / "clip.mp4").read_bytes()
    with (folder / "config/recordings.tsv").open("w") as table:
        table.write(TABLE)
        for number in range(recordings):
            subject, camera = f"S{number // 2 + 1}", f"C{number % 2 + 1}"
            sheet, videos = f"sheets/{subject}.csv", folder / f"videos/{subject}{camera}"
            split = SPLITS[number // 2 % len(SPLITS)]
            table.write(f"{subject}\t{camera}\t{split}\t{sheet}\t{videos}\t0\n")
            (folder / sheet).write_text(SHEET)
            videos.mkdir(parents=True)
            for chapter in range(1, chapters + 1):
                mark = f"{number}-{chapter}".encode()  # no two chapters are the same file
                box = (8 + len(mark)).to_bytes(4, "big") + b"free" + mark
                (videos / f"GH{chapter:02d}0001.MP4").write_bytes(clip + box)
    for name in artifacts(folder, recordings, chapters):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix:
            file.touch()
        else:
            file.mkdir(exist_ok=True)
        os.utime(file, MADE)


def artifacts(folder: Path, recordings: int, chapters: int) -> Iterator[str]:
    """What Snakemake says that it would make; of a large project, by the model of a small one."""
    if recordings > MODEL:
        with tempfile.TemporaryDirectory() as model:
            lay_out(Path(model), MODEL, chapters)
            yield from _enlarged(list(artifacts(Path(model), MODEL, chapters)), recordings)
        return
    for line in call(folder, "--summary").screen.splitlines():
        if line.startswith("results/"):
            yield line.split("\t")[0]


def _enlarged(names: list[str], recordings: int) -> Iterator[str]:
    """The names that concern no recording, and those of the first one for each recording."""
    for name in names:
        if not re.search(r"S\d+C\d", name):
            yield name
        elif "S1C1" in name:
            for number in range(recordings):
                yield name.replace("S1C1", f"S{number // 2 + 1}C{number % 2 + 1}")


def believe(project: Path, chapters: int) -> None:
    """Make Snakemake record all stores, as if it had made them; at once it would take hours."""
    stores = sorted(project.glob("results/resized/*/*/manifest.parquet"))
    names = [str(store.relative_to(project)) for store in stores]
    size = MODEL * chapters
    for start in range(0, len(names), size):
        part = names[start : start + size]
        call(project, "--touch", "--forceall", "--cores", "all", "--", *part)


def measured(name: str, project: Path, *arguments: str) -> list[object]:
    """The row of a project: what a dry run takes that finds nothing to do."""
    costs, starts = list[Cost](), list[Cost]()
    while len(costs) < REPEATS and sum(cost.wall for cost in costs) < LONG:
        starts.append(call(project, "--version"))
        costs.append(call(project, "--dry-run", *arguments))
        assert "Nothing to be done" in costs[-1].screen, costs[-1].screen[-2000:]
    wall, start_wall = min(c.wall for c in costs), min(c.wall for c in starts)
    cpu, start_cpu = min(c.cpu for c in costs), min(c.cpu for c in starts)
    memory = f"{max(c.memory for c in costs):.0f}"
    return [name, wall, wall - start_wall, cpu, cpu - start_cpu, memory]


def main() -> None:
    """Measure the sizes asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where to lay out; kept (default: temporary)")
    parser.add_argument("--batches", type=int, help="also plan one of so many batches")
    parser.add_argument("--unrecorded", action="store_true", help="as for thousands of recordings")
    parser.add_argument("sizes", nargs="*", default=SIZES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        rows, recorded = [], not options.unrecorded
        for size in options.sizes:
            project = folder / size
            recordings, chapters = map(int, size.split("x"))
            if not project.exists():
                lay_out(project, recordings, chapters, recorded)
                if recorded:
                    believe(project, chapters)
            if recorded:
                call(project, "--touch", "--cores", "all")
            rows.append(measured(f"{size}, one file", project, "results/index/S1C1.parquet"))
            if options.batches:
                batch = f"frames=1/{options.batches}"
                name = f"{size}, a batch of {options.batches}"
                rows.append(measured(name, project, "--batch", batch, "--", "frames"))
            rows.append(measured(size, project))
        columns = ["recordings x chapters", "wall s", "above start", "CPU s", "above start", "MB"]
        topic = "workflow-unrecorded" if options.unrecorded else "workflow"
        publish(topic, f"The least of up to {REPEATS} runs.\n\n" + table(columns, rows))


if __name__ == "__main__":
    main()
