"""Killed with signal 9 at a random moment.

The job, Snakemake or both are killed; one plain call with the same target must then end with what
an undisturbed run has made, byte for byte, and no process of the killed run may live on. Orphans
are jobs that cannot notice the end of their run, since they are stopped: they wake up while the
next run is at the same work.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults import demo
from tests.faults.campaign import Case, Failed

# Of the first session; then moments of the second one's first stages: shards and prediction.
MOMENTS, MORE = 200, 24
CASES = MOMENTS + MORE
IN_TESTS = 3

# A third each; a quarter of the runs that lose only Snakemake leave a stopped job.
VICTIMS = ("job", "snakemake", "both") * 3 + ("job", "orphan", "both")
KINDS = {
    "job": "kill -9 of a job",
    "snakemake": "kill -9 of Snakemake, its jobs are left",
    "orphan": "the same, and a job wakes up beside the next run",
    "both": "kill -9 of both",
}
# Stages of the second session, by number; a prediction takes twice as long as the dataset.
SHARDS_AND_PREDICTION = (0, 1, 1)
# How long what belongs to a killed run may live on.
GRACE = 60.0
PAUSE = 0.01


def cases(chance: random.Random, count: int) -> list[Case]:
    """Moments drawn uniformly from the whole run, and from shards and prediction."""
    drawn = []
    for number in range(count):
        victim = VICTIMS[number % len(VICTIMS)]
        values = {"victim": victim, "moment": chance.random(), "seed": chance.randrange(2**32)}
        if number >= MOMENTS:
            values["stage"] = SHARDS_AND_PREDICTION[number % len(SHARDS_AND_PREDICTION)]
        drawn.append(Case(f"{number:03d}-{victim}", KINDS[victim], values))
    return drawn


def quick(case: Case) -> bool:
    """Whether no model is trained."""
    return "stage" not in case.values and place(case.values["moment"])[0] < demo.DATASET_MADE


def attempt(case: Case, folder: Path) -> None:
    """Kill once, call once, compare."""
    chance = random.Random(case.values["seed"])
    session, (stage, share) = demo.FIRST, place(case.values["moment"])
    if "stage" in case.values:
        session, stage, share = demo.SECOND, case.values["stage"], case.values["moment"]
    targets = session.stages[stage]
    before, project = demo.stage(folder, stage, session), folder / "project"
    delay = share * demo.seconds(folder, stage + 1, session)
    left = disturb(before, project, targets, case.values["victim"], delay, chance)
    try:
        again = demo.start(project, *targets)
        if case.values["victim"] == "orphan":
            time.sleep(chance.uniform(0, 4))
            demo.kill(left, signal.SIGCONT)
        again.finish()
        end = time.monotonic() + GRACE
        while demo.alive(left):
            if time.monotonic() > end:
                raise Failed(f"still there: {demo.alive(left)}")
            time.sleep(PAUSE)
    finally:
        demo.kill(left)
    if found := demo.differences(project, demo.stage(folder, stage + 1, session)):
        raise Failed("\n".join(found))


def place(moment: float) -> tuple[int, float]:
    """The stage in which a moment (0 to 1 of the whole run) lies, and where in it (0 to 1)."""
    for stage, share in enumerate(demo.SHARES):
        if moment < share:
            return stage, moment / share
        moment -= share
    raise ValueError(moment)


def disturb(
    before: Path,
    project: Path,
    targets: Sequence[str],
    victim: str,
    delay: float,
    chance: random.Random,
) -> list[int]:
    """Start a run from what was made `before` and kill after `delay` seconds; what is left.

    On a machine that is faster than it was the run may be over by then, or have no job at that
    moment, in which case it begins anew and the moment comes earlier.
    """
    for _ in range(20):
        demo.copy(before, project)
        run = demo.start(project, *targets)
        run.wait(delay)
        jobs = demo.descendants(run.pid)
        while victim in ("job", "orphan") and not jobs and run.process.is_alive():
            time.sleep(PAUSE)
            jobs = demo.descendants(run.pid)
        if run.process.is_alive():
            break
        run.finish()
        shutil.rmtree(project)
        delay *= chance.random()
    else:
        raise Failed("the run is always over before it can be killed")
    if victim == "job":
        demo.kill([chance.choice(jobs)])
        # A wrapper may be gone before the job that it has started.
        if run.wait(demo.TIME_LIMIT) is None:
            raise Failed(f"Snakemake goes on for ever after its job was killed:\n{run.text}")
    elif victim == "orphan":
        demo.kill(jobs, signal.SIGSTOP)
    if victim != "job":
        demo.kill([run.pid])
        if victim == "both":
            demo.kill(jobs)
        run.wait()
    return jobs
