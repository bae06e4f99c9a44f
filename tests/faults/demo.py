"""Recording sessions that are small enough to be worked on hundreds of times, and runs to break.

Three subjects, a camera each, a model of two epochs; and a second session with all that the first
has no rule for. The way to the result is cut into stages, each a call with a target that users
have, so that a case starts from the finished stage before.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.faults.limits import NONE, Limits
from tests.faults.limits import snakemake as limited
from tests.filming import film_recording
from tests.workflow import project
from tests.workflow.project import Project

SUBJECTS = ("S1C1", "S2C1", "S3C1")
FRAMES = 120
CNN = {
    "architecture": "cnn",
    "epochs": 2,
    "batch_size": 32,
    "filters": [4],
    "dense": 8,
    "augmentation": {"zoom": 0, "rotation": 0},
}
CONFIG = {"frames": {"size": 32}, "models": {"cnn": CNN}}
STAGES: Sequence[tuple[str, ...]] = (
    ("check",),
    ("results/framecsv/S1C1.csv",),
    ("results/framecsv/S2C1.csv",),
    ("framecsv",),
    ("results/resized/S1C1/01/manifest.parquet",),
    ("frames",),
    ("videos",),
    ("dataset",),
    ("results/models/cnn/model.keras",),
    (),
)
# Shares of the stages in the time of all.
SHARES = (0.06, 0.12, 0.12, 0.14, 0.06, 0.12, 0.08, 0.05, 0.15, 0.1)
FRAMES_MADE, DATASET_MADE = 6, 8
TIME_LIMIT = 1800
TO_STOP = 60.0  # a process that waits for the disk stops only when it has its answer

SOURCES = ("config", "sheets", "videos")


@dataclass(frozen=True)
class Session:
    """What is filmed and asked for.

    Attributes:
        name: of the folder in which its stages are kept.
        config: its settings.
        stages: the targets of each.
        unlabelled: whether a fourth subject has no sheet and is to be recognised.
    """

    name: str
    config: Mapping[str, Any]
    stages: Sequence[tuple[str, ...]]
    unlabelled: bool = False


FIRST = Session("first", CONFIG, STAGES)
# Shards instead of folders, damage listed instead of refused, everybody left out once, a model on
# features, a recording to recognise: what the first session has no rule for.
SECOND = Session(
    "second",
    {
        "frames": {"size": 32},
        "video": {"damaged": "skip"},
        "dataset": {"storage": "shards"},
        "models": {
            "cnn": {**CNN, "epochs": 1},
            "seen": {
                "architecture": "transfer",
                "backbone": "EfficientNetV2B0",
                "weights": "none",
                "epochs": 1,
            },
        },
        "evaluation": {"protocol": "loso", "fusion": True},
        "prediction": {"models": ["cnn"]},
    },
    (("dataset",), ("predict",), (), ("results/models/cnn/export",)),
    unlabelled=True,
)

# What may differ between two runs of the same input: what tells of the run itself.
OF_THE_RUN = {"logs", "benchmarks", ".lock", ".last_look.json", ".snakemake_timestamp"}


def film(folder: Path, session: Session = FIRST) -> Project:
    """Film a session and write its sheets and settings."""
    for name in ("config", "sheets", "videos"):
        (folder / name).mkdir(parents=True)
    demo = Project(folder)
    demo.configure(**session.config)
    rows = [row for row in project.table() if row["subject"] + row["camera"] in SUBJECTS]
    for row in rows:
        place = folder / row["videos"]
        place.mkdir()
        film_recording(place, project.camera(place.name), [FRAMES])
        project.write_sheet(demo.sheet(row["subject"]), project.ACTS)
    if session.unlabelled:
        place = folder / "videos" / "S4C1"
        place.mkdir()
        film_recording(place, project.CAMERA, [FRAMES])
        alone = {"subject": "S4", "split": "Predict", "annotations": "", "videos": "videos/S4C1"}
        rows.append({**rows[0], **alone})
    demo.write_table(rows)
    return demo


@dataclass
class Run:
    """A call of snakemake that goes on in the background."""

    process: project.SERVER.Process
    screen: Path

    @property
    def pid(self) -> int:
        """Of the process that is snakemake."""
        return self.process.pid

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self.screen.read_text(errors="replace")

    def wait(self, seconds: float = TIME_LIMIT) -> int | None:
        """Its exit status; None if it has not ended in that time."""
        self.process.join(seconds)
        return self.process.exitcode

    def finish(self, well: bool = True) -> str:
        """Wait for its end; what is on the screen.

        Raises:
            AssertionError: it takes too long or, when it is to end `well`, it failed.
        """
        status, text = self.wait(), self.text
        if status is None:
            kill([*descendants(self.pid), self.pid])
        assert status is not None and not (well and status), f"status {status}:\n{text}"
        self.screen.unlink()
        return text


def start(folder: Path, *targets: str, limits: Limits = NONE) -> Run:
    """Call snakemake plainly in a project's folder."""
    return call(folder, "--cores", "2", *(["--", *targets] if targets else []), limits=limits)


def call(folder: Path, *arguments: str, limits: Limits = NONE) -> Run:
    """Call snakemake with arguments."""
    # Beside the folder, whose disk may be full.
    handle, name = tempfile.mkstemp(prefix="screen-", dir=folder.parent)
    os.close(handle)
    words = (limits, project.REPOSITORY, folder, Path(name), arguments)
    process = project.SERVER.Process(target=limited, args=words)
    process.start()
    return Run(process, Path(name))


def copy(source: Path, folder: Path) -> None:
    """A project elsewhere; time stamps, links and provenance included."""
    subprocess.run(["cp", "-a", "-T", "--", source, folder], check=True)


def stage(folder: Path, number: int, session: Session = FIRST) -> Path:
    """A session after so many stages; 0 is only filmed. Made when it is not there, never changed.

    Args:
        folder: of a case; what it shares with all other cases of all campaigns lies beside it.
        number: of stages.
        session: which one.
    """
    stages = folder.parents[1] / "stages" / session.name
    stages.mkdir(parents=True, exist_ok=True)
    made = stages / str(number)
    before = stage(folder, number - 1, session) if number else None
    with (stages / f"{number}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            return made
        making = stages / f"making-{number}"
        shutil.rmtree(making, ignore_errors=True)
        begin = time.monotonic()
        if before is None:
            film(making, session)
        else:
            copy(before, making)
            start(making, *session.stages[number - 1]).finish()
        (making / "seconds").write_text(f"{time.monotonic() - begin}")
        making.rename(made)
    return made


def seconds(folder: Path, number: int, session: Session = FIRST) -> float:
    """How long the stage took by which a session after so many stages was made."""
    return float((stage(folder, number, session) / "seconds").read_text())


def digests(folder: Path) -> dict[str, str]:
    """Digest of everything that a project has made, by path below its results, and of its sources.

    Of a model, the date in its archive does not count, nor the addresses in memory that Keras notes
    as `shared_object_id`; of the ledger of a store, the times of the files, which it has to tell
    whether somebody touched them; of a SavedModel, in which TensorFlow notes identifiers that it
    draws anew, nothing but the sizes of its files.
    """
    results = folder / "results"
    made = {
        path.relative_to(results).as_posix(): _digest(path)
        for path in sorted(results.rglob("*"))
        if path.is_file() and not OF_THE_RUN & set(path.relative_to(results).parts)
    }
    sources = [path for name in SOURCES for path in (folder / name).rglob("*") if path.is_file()]
    return made | {f"../{path.relative_to(folder)}": _digest(path) for path in sorted(sources)}


def _digest(path: Path) -> str:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            names = sorted(set(archive.namelist()) - {"metadata.json"})
            content = b"".join(archive.read(name) for name in names)
        content = re.sub(rb'"shared_object_id": \d+', b"", content)
    elif "saved_model" in path.parts:
        content = b"" if path.name == "fingerprint.pb" else b"%d" % path.stat().st_size
    elif path.name == "ledger.parquet":
        table = pq.read_table(path, use_threads=False)
        content = repr((table.schema.metadata, table.drop_columns("mtime_ns").to_pylist())).encode()
    else:
        content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()


def differences(folder: Path, undisturbed: Path) -> list[str]:
    """What a project has made otherwise than another one: missing, too much, different."""
    made, wanted = digests(folder), digests(undisturbed)
    found = [f"missing: {name}" for name in wanted if name not in made]
    found += [f"too much: {name}" for name in made if name not in wanted]
    return found + [f"different: {name}" for name in made if made[name] != wanted.get(name)]


def descendants(pid: int) -> list[int]:
    """All processes that a process has started and those have started, deepest last."""
    parents = dict(_parents())
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _parents() -> Iterator[tuple[int, int]]:
    """Every process that has not ended, and its parent."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            yield int(status.parent.name), int(parent)


def alive(pids: Sequence[int]) -> list[int]:
    """Those processes that have not ended."""
    there = {pid for pid, _ in _parents()}
    return [pid for pid in pids if pid in there]


def stopped(pids: Sequence[int]) -> dict[int, str]:
    """Those processes that could be stopped, since they still ran, and their command lines."""
    kill(pids, signal.SIGSTOP)
    found = {}
    for pid in pids:
        end = time.monotonic() + TO_STOP
        while (state := _state(pid)) not in ("", "Z", "X", "T"):
            if time.monotonic() > end:
                raise RuntimeError(f"process {pid} is asked to stop and remains in state {state}")
            time.sleep(0.001)
        if state == "T":
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            found[pid] = b" ".join(words).decode(errors="replace").strip()
    return found


def _state(pid: int) -> str:
    """The letter by which the kernel tells what a process does; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def kill(pids: Sequence[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to processes; some may have ended."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
