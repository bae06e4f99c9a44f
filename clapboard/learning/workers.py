"""One training on several nodes of a Slurm cluster: a worker on each, of which the first writes.

Every worker takes its share of every batch, and TensorFlow's MultiWorkerMirroredStrategy sums the
gradients between them. Only epochs that all have finished count, so that a training that was killed
goes on with any number of workers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clapboard.problems import InputError, Problem

OUTPUTS = ("model", "history", "curves", "summary")
STATES = ("training", "fine-tuning")

# Slurm gives a job no port of its own; two jobs on one node differ in the last digits of their ids.
FIRST_PORT, PORTS = 20_000, 10_000

STRAGGLER_SECONDS = 600
"""So long may a worker go on after another has ended."""

WARNING_SECONDS = 30
"""So much earlier than the job do the workers end, so that it can be said why."""


def train_on(nodes: int, **arguments: Any) -> None:
    """Train on this node, or on so many nodes of the job that this process belongs to.

    Args:
        nodes: of the job.
        arguments: of `clapboard.learning.training.train`.

    Raises:
        InputError: as `train`, on one node; the time of the job was over on several.
        subprocess.CalledProcessError: a worker failed; it has said why.
    """
    if nodes > 1:
        start(nodes, arguments)
        return
    from clapboard.learning.training import train

    train(**arguments)


def start(nodes: int, arguments: Mapping[str, Any]) -> None:
    """Start a worker on every node of the Slurm job and wait for all of them.

    Raises:
        InputError: they have not ended shortly before the time of the job is over, when Slurm would
            kill them without a word.
        subprocess.CalledProcessError: a worker failed; it has said why.
    """
    job = os.environ["SLURM_JOB_ID"]
    # The rule's threads are those of this node, of which the job may have fewer.
    granted = int(os.environ.get("SLURM_CPUS_ON_NODE", 1))
    threads = min(arguments.get("threads") or granted, granted)
    used = {**arguments, "threads": threads}
    work = {"workers": addresses(_nodes_of(job), int(job)), "arguments": used}
    folder = Path(arguments["model"]).parent
    folder.mkdir(parents=True, exist_ok=True)  # all nodes see it, unlike the one for temporaries
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".workers-", suffix=".json") as file:
        json.dump(work, file, default=str)
        file.flush()
        os.fsync(file.fileno())  # NFS may show other nodes an empty file until then
        tasks = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
        words = ["srun", "--overlap", "--kill-on-bad-exit=1", f"--wait={STRAGGLER_SECONDS}", *tasks]
        words += [f"--cpus-per-task={threads}", sys.executable, "-m", "clapboard.learning.workers"]
        try:
            subprocess.run(
                [*words, file.name],
                check=True,
                # The package beside the Snakefile, as for the script that calls this.
                env=_of_the_job() | {"PYTHONPATH": str(Path(__file__).parents[2])},
                timeout=_seconds_left(job),
            )
        except subprocess.TimeoutExpired:
            message = f"the workers on {nodes} nodes did not end in the time of the Slurm job"
            remedy = (
                "Run it again: it goes on after the last whole epoch. A longer time is set by "
                "set-resources: train_model: runtime (minutes)."
            )
            raise InputError([Problem("out-of-time", message, remedy)]) from None


def _seconds_left(job: str) -> float | None:
    """How long the workers may take, a little less than the job; None where its time has no end."""
    said = _said("squeue", "--noheader", f"--jobs={job}", "--format=%L").strip()
    days, _, clock = said.rpartition("-")  # [days-][[hours:]minutes:]seconds
    fields = clock.split(":")
    if not all(map(str.isdecimal, fields)):
        return None  # UNLIMITED
    units = zip((1, 60, 3600), reversed(fields), strict=False)
    left = 86_400 * int(days or 0) + sum(unit * int(field) for unit, field in units)
    return max(1.0, left - WARNING_SECONDS)


def _of_the_job() -> dict[str, str]:
    """The environment without what Slurm says of this step, which has one node of the job's."""
    of_slurm = ("SLURM_", "SRUN_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(of_slurm)}
    named = ("SLURM_JOB_ID", "SLURM_CONF")
    return kept | {name: os.environ[name] for name in named if name in os.environ}


def addresses(nodes: Sequence[str], job: int) -> list[str]:
    """Address and port of the worker on every node, by the order of the nodes.

    All workers of a job have its port: one that counted with the node would be that of the next job
    on the same node. Nodes that share an address, as those of a test do, have the ports after it.
    """
    first = FIRST_PORT + job % PORTS
    return [f"{node}:{first + nodes[:rank].count(node)}" for rank, node in enumerate(nodes)]


def _nodes_of(job: str) -> list[str]:
    """Network addresses of the nodes of a job, in the order in which Slurm numbers tasks."""
    compact = _said("squeue", "--noheader", f"--jobs={job}", "--format=%N").strip()
    names = _said("scontrol", "show", "hostnames", compact).split()
    found = []
    for name in names:
        fields = _said("scontrol", "--oneliner", "show", "node", name).split()
        found.append(next(field[9:] for field in fields if field.startswith("NodeAddr=")))
    return found


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def work_as(rank: int, workers: Sequence[str], arguments: Mapping[str, Any]) -> None:
    """Train as one of several workers; all but the first write where nobody looks.

    Args:
        rank: number of this worker, from 0.
        workers: address and port of each.
        arguments: of `clapboard.learning.training.train`.
    """
    task = {"type": "worker", "index": rank}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": list(workers)}, "task": task})
    from clapboard.learning.training import train  # TensorFlow reads TF_CONFIG as it is started

    if rank == 0:
        train(**arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        # All go on from the same epoch. The first worker ends none before all have begun.
        state = Path(arguments["model"]).parent
        for name in STATES:
            if (state / name).is_dir():
                shutil.copytree(state / name, Path(folder, name))
        hidden = {name: Path(folder, Path(arguments[name]).name) for name in OUTPUTS}
        train(**{**arguments, **hidden})


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    work_as(int(os.environ["SLURM_PROCID"]), given["workers"], given["arguments"])
