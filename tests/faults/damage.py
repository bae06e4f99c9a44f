"""A picture deleted, changed, cut off, or exchanged for another.

`clapboard verify` must name the file and the command that puts it right, and after that command
everything is as it was.
"""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.faults import demo
from tests.faults.campaign import Case, Failed
from tests.workflow.project import REPOSITORY

CASES = 35
IN_TESTS = 0  # tests/unit/test_verify.py

KINDS = {
    "deleted": "a picture deleted from the store",
    "changed": "one byte of a picture changed, its date kept",
    "truncated": "a picture cut off",
    "swapped": "two pictures exchanged",
    "unlinked": "a picture deleted from `Data/`",
    "replaced": "a picture in `Data/` replaced by another",
    "misplaced": "a picture in `Data/` moved to another class",
}
PROMPT = "to put it right:\n"


def cases(chance: random.Random, count: int) -> list[Case]:
    """Every kind in turn, on random pictures."""
    kinds = list(KINDS)
    return [
        Case(f"{number:03d}-{kind}", KINDS[kind], {"kind": kind, "seed": chance.randrange(2**32)})
        for number, kind in zip(range(count), kinds * count, strict=False)
    ]


def attempt(case: Case, folder: Path) -> None:
    """Damage, verify, do what it says, compare."""
    undisturbed, project = demo.stage(folder, demo.DATASET_MADE), folder / "project"
    demo.copy(undisturbed, project)
    results, kind = project / "results", case.values["kind"]
    place = "resized/*/01" if kind in ("deleted", "changed", "truncated", "swapped") else "Data/*/*"
    damaged = harm(kind, sorted(results.glob(f"{place}/*.jpg")), case.values["seed"])
    said = verify(project, 1)
    for file in damaged:
        if file.relative_to(project).as_posix() not in said:
            raise Failed(f"{file} is not named:\n{said}")
    for line in said.rpartition(PROMPT)[2].splitlines():
        program, *arguments = shlex.split(line)
        if program == "clapboard":
            verify(project, 1, *arguments[1:])
        else:
            demo.call(project, *arguments).finish()
    verify(project, 0)
    if found := demo.differences(project, undisturbed):
        raise Failed("\n".join(found))


def harm(kind: str, pictures: list[Path], seed: int) -> list[Path]:
    """Damage a picture; the files that are wrong now."""
    chance = random.Random(seed)
    first = chance.choice(pictures)
    near = [picture for picture in pictures if picture.parent == first.parent and picture != first]
    second = chance.choice(near)
    status, content = first.stat(), bytearray(first.read_bytes())
    if kind in ("deleted", "unlinked"):
        first.unlink()
    elif kind == "changed":
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        first.write_bytes(content)
        os.utime(first, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif kind == "truncated":
        os.truncate(first, chance.randrange(len(content)))
    elif kind == "swapped":
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)
        return [first, second]
    elif kind == "replaced":
        first.unlink()
        shutil.copyfile(second, first)
    else:
        others = {picture.parent for picture in pictures} - {first.parent}
        moved = chance.choice(sorted(others)) / first.name
        first.rename(moved)
        return [first, moved]
    return [first]


def verify(project: Path, expected: int, *arguments: str) -> str:
    """Call `clapboard verify`; what it says."""
    command = [Path(sys.executable).with_name("clapboard"), "verify", *arguments]
    done = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != expected:
        raise Failed(f"verify: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout
