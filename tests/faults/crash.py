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
IN_TESTS = 4  # one of every kind

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


def attempt(case: Case, folder: Path) -> list[str]:
    """Kill once, call once, compare; the command lines of what was hit while it ran."""
    chance = random.Random(case.values["seed"])
    session, (stage, share) = demo.FIRST, place(case.values["moment"])
    if "stage" in case.values:
        session, stage, share = demo.SECOND, case.values["stage"], case.values["moment"]
    targets = session.stages[stage]
    before, project = demo.stage(folder, stage, session), folder / "project"
    delay = share * demo.seconds(folder, stage + 1, session)
    left, hit = disturb(before, project, targets, case.values["victim"], delay, chance)
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
    return hit


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
) -> tuple[list[int], list[str]]:
    """Start a run from what was made `before` and kill after `delay` seconds.

    On a machine that is faster than it was the run may be over by then, or have no job at that
    moment, in which case it begins anew and the moment comes earlier.

    Returns:
        What is left of the run, and the command lines of what was hit while it ran.
    """
    for _ in range(20):
        demo.copy(before, project)
        run = demo.start(project, *targets)
        run.wait(delay)
        while run.process.is_alive():
            jobs = demo.descendants(run.pid)
            if hit := strike(run, jobs, victim, chance):
                return jobs, hit
            time.sleep(PAUSE)
        run.finish()
        shutil.rmtree(project)
        delay *= chance.random()
    raise Failed("the run is always over before it can be killed")


def strike(run: demo.Run, jobs: list[int], victim: str, chance: random.Random) -> list[str]:
    """Kill (an orphan: stop) what is asked for.

    Every victim is stopped first: what the kernel shows as stopped ran, and cannot end by itself.

    Returns:
        The command lines of what was hit; nothing when there was nothing to hit, or too late.
    """
    if victim == "job":
        struck = demo.stopped([chance.choice(jobs)] if jobs else [])
        demo.kill(list(struck))
        # A wrapper may be gone before the job that it has started.
        if struck and run.wait(demo.TIME_LIMIT) is None:
            raise Failed(f"Snakemake goes on for ever after its job was killed:\n{run.text}")
        return list(struck.values())
    of_jobs = demo.stopped(jobs if victim in ("orphan", "both") else [])
    struck = demo.stopped([run.pid]) if of_jobs or victim != "orphan" else {}
    if not struck:
        demo.kill(list(of_jobs), signal.SIGCONT)
        return []
    demo.kill(list(struck))
    if victim == "both":
        demo.kill(list(of_jobs))
    if (status := run.wait()) != -signal.SIGKILL:
        raise Failed(f"Snakemake was killed, but ended with {status}:\n{run.text}")
    return [*struck.values(), *of_jobs.values()]
