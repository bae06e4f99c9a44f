"""Obstacles: no rights, no source, a file that vanishes meanwhile, no memory, a second run.

The run must end with a message that names the file or the setting, or do its work all the same;
once the cause is gone, a plain call must end with what an undisturbed run has made.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults import demo, full_disk
from tests.faults.campaign import Case, Failed
from tests.faults.full_disk import mount
from tests.faults.limits import Limits

CASES = 36
IN_TESTS = 1

KINDS = {
    "sources": "sources mounted read-only: no obstacle",
    "read_only": "results folder mounted read-only",
    "forbidden": "results folder of another user",
    "unreadable": "a chapter, sheet or table without the right to read it",
    "source_gone": "a chapter or sheet vanishes in mid-run",
    "artifact_gone": "an artifact vanishes in mid-run",
    "memory": "out of memory in training",
    "second": "a second run in the same folder at the same time",
    "elsewhere": "in another place, time zone and language, on one core: no obstacle",
}
SOMEBODY = 65534
MEGABYTE = 2**20
# More than TensorFlow needs to begin, less than it needs to train.
MEMORY = range(260, 420)
# Of version 2 of control groups; version 1 has a folder for memory in it.
GROUPS = Path("/sys/fs/cgroup")
SWAP = "memory.swap.max"  # not there in a kernel without swap
# What Snakemake says of each job before it begins or when it has failed, whatever the reason.
OF_A_JOB = re.compile(r"^ {4}(?!affected files)\w[\w ]*:.*$", re.MULTILINE)


def cases(chance: random.Random, count: int) -> list[Case]:
    """All kinds in turn."""
    kinds = list(KINDS)
    return [
        Case(
            f"{number:02d}-{kind}",
            KINDS[kind],
            {
                "kind": kind,
                "stage": chance.randrange(demo.FRAMES_MADE),
                "seed": chance.randrange(2**32),
            },
        )
        for number, kind in zip(range(count), kinds * count, strict=False)
    ]


def quick(case: Case) -> bool:
    """Whether no model is trained and nothing has to be waited for."""
    return case.values["kind"] in ("forbidden", "unreadable") and case.values["stage"] == 0


def impossible() -> str:
    """Whether this user may become another one, mount a file system and limit memory."""
    if os.geteuid():
        return "only root can take rights away from itself"
    try:
        with memory_group(2**30):
            return full_disk.impossible()
    except OSError as error:
        return f"memory cannot be limited here ({error})"


def attempt(case: Case, folder: Path) -> None:
    """Put an obstacle in the way, call, take it away, call, compare."""
    kind, chance = case.values["kind"], random.Random(case.values["seed"])
    stage = demo.DATASET_MADE if kind == "memory" else case.values["stage"]
    project = folder / "project"
    demo.copy(demo.stage(folder, stage), project)
    undisturbed = demo.stage(folder, stage + 1)
    ways = {
        "sources": sources,
        "read_only": read_only,
        "forbidden": forbidden,
        "unreadable": unreadable,
        "memory": out_of_memory,
        "elsewhere": elsewhere,
    }
    delay = chance.random() * demo.seconds(folder, stage + 1)
    lost = list[str]()
    if kind in ways:
        ways[kind](project, demo.STAGES[stage], chance)
    elif kind == "second":
        second(project, demo.STAGES[stage], delay)
    else:
        gone = vanishing(project, demo.STAGES[stage], kind, delay, chance)
        # What nothing reads any more is made again only when it is asked for.
        lost += [gone] if kind == "artifact_gone" else []
    everything = [target for targets in demo.STAGES[: stage + 1] for target in targets]
    demo.start(project, *everything, *lost).finish()
    if found := demo.differences(project, undisturbed):
        raise Failed("\n".join(found))


def sources(project: Path, targets: tuple[str, ...], chance: random.Random) -> None:
    """Nobody can write where videos and sheets are, and nobody has to."""
    places = [project / name for name in demo.SOURCES]
    try:
        for place in places:
            mount("--bind", str(place), str(place))
            mount("-o", "remount,bind,ro", str(place))
        demo.start(project, *targets).finish()
    finally:
        for place in places:
            subprocess.run(["umount", "--lazy", place], check=False)


def read_only(project: Path, targets: tuple[str, ...], chance: random.Random) -> None:
    """The results folder cannot be written by anybody."""
    results = project / "results"
    results.mkdir(exist_ok=True)
    mount("--bind", str(results), str(results))
    try:
        mount("-o", "remount,bind,ro", str(results))
        said = demo.start(project, *targets).finish(well=False)
    finally:
        subprocess.run(["umount", "--lazy", results], check=True)
    _expect(said, "Read-only file system", "[results-not-writable]", "results")


def forbidden(project: Path, targets: tuple[str, ...], chance: random.Random) -> None:
    """The results folder belongs to somebody else."""
    results = project / "results"
    results.mkdir(exist_ok=True)
    _give(results, SOMEBODY)
    said = demo.start(project, *targets, limits=Limits(ordinary=True)).finish(well=False)
    _give(results, os.geteuid())
    _expect(said, "Permission denied", "[results-not-writable]", "results")


def unreadable(project: Path, targets: tuple[str, ...], chance: random.Random) -> None:
    """A source cannot be read; nothing may be made."""
    sources = [
        *project.glob("videos/*/*"),
        *project.glob("sheets/*"),
        *project.glob("config/*.tsv"),
    ]
    source = chance.choice(sorted(sources))
    before = demo.digests(project)
    source.chmod(0)
    said = demo.start(project, *targets, limits=Limits(ordinary=True)).finish(well=False)
    source.chmod(0o644)
    _expect(said, source.name)
    if "Permission denied" not in said and "may not be read" not in said:
        raise Failed(f"the reason is not said:\n{said}")
    made = [name for name in demo.digests(project) if name not in before]
    if set(made) - {"check/report.csv"}:
        raise Failed(f"made all the same: {made}")


def vanishing(
    project: Path, targets: tuple[str, ...], kind: str, delay: float, chance: random.Random
) -> str:
    """Move a source or an artifact away after `delay` seconds; its path in the project."""
    run = demo.start(project, *targets)
    run.wait(delay)
    files = [*project.glob("videos/*/*"), *project.glob("sheets/*")]
    if kind == "artifact_gone":
        while not (files := _artifacts(project)) and run.process.is_alive():
            time.sleep(0.01)
    gone = chance.choice(sorted(files))
    gone.rename(project / "gone")
    said = run.finish(well=False)
    # A folder that was listed after its only chapter had gone cannot say which one it was.
    emptied = f"(value '{gone.parent.relative_to(project)}')" in said and "[no-videos]" in said
    if run.process.exitcode and not emptied and gone.name not in OF_A_JOB.sub("", said):
        raise Failed(f"{gone} is not named:\n{said}")
    if kind == "source_gone":
        (project / "gone").rename(gone)
    return str(gone.relative_to(project))


def out_of_memory(project: Path, targets: tuple[str, ...], chance: random.Random) -> None:
    """A control group has too little for training."""
    with memory_group(chance.choice(MEMORY) * MEGABYTE) as group:
        said = demo.start(project, *targets, limits=Limits(group=group)).finish(well=False)
    _expect(said, "batch_size")


@contextmanager
def memory_group(most: int) -> Iterator[Path]:
    """A control group whose processes have no more than `most` bytes of memory together.

    Raises:
        OSError: there are no control groups here, or none may be made.
    """
    parent, limits = memory_limits(GROUPS, most)
    if parent == GROUPS:
        (GROUPS / "cgroup.subtree_control").write_text("+memory")
    group = parent / f"clapboard-{os.getpid()}"
    group.mkdir()
    try:
        for name, limit in limits.items():
            if name != SWAP or (group / name).exists():
                (group / name).write_text(limit)
        yield group
    finally:
        group.rmdir()


def memory_limits(groups: Path, most: int) -> tuple[Path, dict[str, str]]:
    """Below which group memory can be limited, and what to write into a new one there.

    Args:
        groups: where control groups are mounted, of version 1, 2 or both.
        most: bytes.

    Raises:
        OSError: no group there counts memory.
    """
    if (groups / "memory" / "memory.limit_in_bytes").exists():
        return groups / "memory", {"memory.limit_in_bytes": str(most)}
    if "memory" not in (groups / "cgroup.controllers").read_text().split():
        raise OSError(f"the control groups at {groups} do not count memory")
    return groups, {"memory.max": str(most), SWAP: "0"}


def elsewhere(project: Path, targets: tuple[str, ...], chance: random.Random) -> None:
    """What should not matter is otherwise."""
    zone = chance.choice(["Pacific/Kiritimati", "America/St_Johns", "UTC"])
    words = {"TZ": zone, "LC_ALL": chance.choice(["C", "tr_TR.UTF-8"]), "PYTHONHASHSEED": "random"}
    demo.call(project, "--cores", "1", "--", *targets, limits=Limits(environment=words)).finish()


def second(project: Path, targets: tuple[str, ...], delay: float) -> None:
    """Two runs at once: one does the work, the other is told so or finds it done."""
    runs = [demo.start(project, *targets)]
    runs[0].wait(delay)
    runs.append(demo.start(project, *targets))
    said = [run.finish(well=False) for run in runs]
    failed = [text for run, text in zip(runs, said, strict=True) if run.process.exitcode]
    if len(failed) > 1:
        raise Failed("neither has done the work:\n" + "\n".join(failed))
    for text in failed:
        _expect(text, "[results-in-use]", "Another run works in this folder")


def _artifacts(project: Path) -> list[Path]:
    """What has been made so far and Snakemake looks at; for the rest there is `damage`."""
    results, inner = project / "results", demo.OF_THE_RUN | {"resized", "procedures"}
    paths = [
        *results.rglob("*.csv"),
        *results.rglob("*.parquet"),
        *results.rglob("audit/**/S*.json"),
    ]
    known = [path for path in paths if not inner & set(path.relative_to(results).parts)]
    return [path for path in known if not path.name.startswith(".")]


def _expect(said: str, *words: str) -> None:
    for word in words:
        if word not in said:
            raise Failed(f"{word} is not said:\n{said}")


def _give(folder: Path, user: int) -> None:
    """Let a folder and all in it belong to a user."""
    subprocess.run(["chown", "-R", f"{user}:{user}", folder], check=True)
