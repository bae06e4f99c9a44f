"""``python -m benchmarks.s3``: objects a second against other clients, on a real server here.

SeaweedFS from PyPI answers on loopback, so there is no network in these figures: they compare what
the clients themselves cost. ``--delay`` holds every answer back, as a distance does. Needs
`envs/sync.sh infra`.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import csv
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "infra"))

import seaweed  # noqa: E402
from lab import Lab, connect  # noqa: E402

from clapboard.s3.bucket import Bucket  # noqa: E402
from clapboard.s3.downloading import download, plan_download  # noqa: E402
from clapboard.s3.labelling import find_labelled, label, plan_labels  # noqa: E402
from clapboard.s3.location import Location  # noqa: E402
from clapboard.s3.uploading import local_frames, plan_upload, upload  # noqa: E402

TOOLS = ROOT / ".infra" / "bin"
BYTES = 10_000
CLASSES = 28
WORK = {
    "upload": ["clapboard_up", "s5cmd_up", "aws_up"],
    "download": ["clapboard_down", "s5cmd_down", "aws_down"],
    "label": ["clapboard_label", "s5cmd_label", "serial_label", "original_label"],
}


def call(*words: str | Path) -> None:
    """Run another client, quietly."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Bench:
    """A server, a folder of frames, and the ways to move them."""

    def __init__(self, folder: Path, bucket: Bucket, endpoint: str, count: int) -> None:
        self.folder, self.bucket, self.endpoint, self.count = folder, bucket, endpoint, count
        self.frames = folder / "frames" / "S1C2"
        self.frames.mkdir(parents=True)
        for frame in range(1, count + 1):
            (self.frames / f"S1C2{frame:06d}.jpg").write_bytes(os.urandom(BYTES))
        self.sheets = folder / "sheets"
        self.sheets.mkdir()
        for number in range(CLASSES):
            with (self.sheets / f"P{number}.csv").open("w", newline="") as file:
                csv.writer(file).writerows(
                    [[number, start, start + 30] for start in range(0, 900, 60)]
                )
        self.lab = Lab(bucket, folder, "bench", {"S1": "Training"}, frames=0)
        self.lab.index("S1C2", count)
        self.lab.label("S1C2", {n: f"P{n % CLASSES}" for n in range(1, count + 1)})
        self.rounds = itertools.count(1)

    def place(self, name: str) -> Location:
        """A prefix that nobody has used before."""
        return Location(self.bucket.name, f"{name}{next(self.rounds)}/")

    def connected(self, connections: int) -> Bench:
        """The same with another number of requests at the same time."""
        twin = copy.copy(self)
        twin.bucket = connect(self.bucket.name, self.endpoint, connections=connections)
        return twin

    def clapboard_up(self) -> None:
        """Our upload."""
        files, target = local_frames({"S1C2": [self.frames]}), self.place("up")
        upload(self.bucket, files, target, plan_upload(self.bucket, files, target, False))

    def aws_up(self) -> None:
        """The AWS command line."""
        call(TOOLS / "aws", "--endpoint-url", self.endpoint, "s3", "sync", self.frames,
             f"{self.place('aws').url}S1C2/")  # fmt: skip

    def s5cmd_up(self) -> None:
        """The fast one."""
        call(TOOLS / "s5cmd", "--endpoint-url", self.endpoint, "cp", f"{self.frames}/",
             f"{self.place('s5').url}S1C2/")  # fmt: skip

    def clapboard_down(self) -> None:
        """Our download."""
        target = self.folder / f"down{time.monotonic_ns()}"
        download(self.bucket, plan_download(self.bucket, self.lab.frames, ["S1C2"], target))

    def aws_down(self) -> None:
        """The AWS command line."""
        target = self.folder / f"down{time.monotonic_ns()}"
        call(
            TOOLS / "aws",
            "--endpoint-url",
            self.endpoint,
            "s3",
            "sync",
            self.lab.frames.url,
            target,
        )

    def s5cmd_down(self) -> None:
        """The fast one."""
        target = self.folder / f"down{time.monotonic_ns()}"
        target.mkdir()
        call(
            TOOLS / "s5cmd",
            "--endpoint-url",
            self.endpoint,
            "cp",
            f"{self.lab.frames.url}*",
            target,
        )

    def clapboard_label(self) -> None:
        """Our labelling: plan, server-side copies, check and receipt."""
        lab, data = self.lab, self.place("Data")
        labelled = find_labelled(
            self.bucket, lab.frames, data, lab.recordings, lab.labels, lab.indexes, "refuse"
        )
        label(self.bucket, labelled, plan_labels(self.bucket, labelled, False))

    def s5cmd_label(self) -> None:
        """Server-side copies by s5cmd, whose list is given to it."""
        place = self.place("s5data").url
        lines = [
            f"cp {self.lab.frames.url}S1C2/S1C2{n:06d}.jpg {place}P{n % CLASSES}/S1C2{n:06d}.jpg"
            for n in range(1, self.count + 1)
        ]
        (self.folder / "copies.txt").write_text("\n".join(lines) + "\n")
        call(TOOLS / "s5cmd", "--endpoint-url", self.endpoint, "run", self.folder / "copies.txt")

    def serial_label(self) -> None:
        """One copy request after another, nothing else."""
        self._serial(read_sheets=False)

    def original_label(self) -> None:
        """The original's loop: every sheet read again for every frame, then one copy request."""
        self._serial(read_sheets=True)

    def _serial(self, read_sheets: bool) -> None:
        prefix = self.place("serial").prefix
        share = max(1, self.count // 10)
        for frame in range(1, share + 1):
            if read_sheets:
                for sheet in self.sheets.iterdir():
                    with sheet.open(newline="") as file:
                        any(float(row[1]) <= frame / 30 < float(row[2]) for row in csv.reader(file))
            source = {
                "Bucket": self.bucket.name,
                "Key": self.lab.frames.key(f"S1C2/S1C2{frame:06d}.jpg"),
            }
            self.bucket.control.copy_object(
                Bucket=self.bucket.name, Key=f"{prefix}{frame:06d}.jpg", CopySource=source
            )


def measure(work: Callable[[], None], objects: int) -> float:
    """Objects a second of one run."""
    start = time.perf_counter()
    work()
    return objects / (time.perf_counter() - start)


@contextlib.contextmanager
def distant(endpoint: str, delay: float) -> Iterator[str]:
    """The endpoint whose answers come so many seconds later; the same one for 0."""
    if not delay:
        yield endpoint
        return
    command = [sys.executable, "-m", "benchmarks.distant", endpoint.rsplit(":", 1)[1], str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as relay:
        assert relay.stdout
        yield f"http://127.0.0.1:{int(relay.stdout.readline())}"


def main() -> None:
    """Measure all, interleaved in rounds, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay", type=float, default=0.0, help="of every answer, seconds")
    parser.add_argument(
        "--connections", type=int, nargs="+", default=[256], help="of Clapboard; each is measured"
    )
    parser.add_argument("--work", nargs="+", default=list(WORK), choices=WORK)
    arguments = parser.parse_args()
    os.environ |= seaweed.WRITER | {"AWS_DEFAULT_REGION": "us-east-1"}
    with tempfile.TemporaryDirectory() as folder:
        server = seaweed.Server(Path(folder) / "server").start()
        try:
            with distant(server.endpoint, arguments.delay) as endpoint:
                bucket = connect("bench", endpoint, connections=arguments.connections[0])
                bucket.control.create_bucket(Bucket="bench")
                bench = Bench(Path(folder), bucket, endpoint, arguments.objects)
                files = local_frames({"S1C2": [bench.frames]})
                frames = bench.lab.frames
                upload(bucket, files, frames, plan_upload(bucket, files, frames, False))
                for work in arguments.work:
                    ours, *others = WORK[work]
                    ways = {
                        f"{ours}@{count}": getattr(bench.connected(count), ours)
                        for count in arguments.connections
                    } | {name: getattr(bench, name) for name in others}
                    report(work, ways, arguments.objects, arguments.rounds)
        finally:
            server.stop()


def report(work: str, ways: dict[str, Callable[[], None]], objects: int, rounds: int) -> None:
    """Run every way in every round; a line each with its median and that of the first over it."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            serial = name in ("serial_label", "original_label")
            rates[name].append(measure(way, max(1, objects // 10) if serial else objects))
    first, *_ = rates.values()
    for name, measured in rates.items():
        ratios = [one / other for one, other in zip(first, measured, strict=True)]
        print(
            f"{work:9} {name:20} {statistics.median(measured):8.0f} objects/s "
            f"({min(measured):.0f} to {max(measured):.0f})  "
            f"first / this: {statistics.median(ratios):.2f}"
        )


if __name__ == "__main__":
    main()
