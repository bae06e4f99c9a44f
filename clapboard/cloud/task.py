"""`clapboard cloud`: the task file for SkyPilot, which rents the machine and runs Clapboard there.

The file holds no secret: on the node, credentials come from the role of the instance, and
`.sky.yaml` in the repository keeps SkyPilot from copying those of the laptop.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from clapboard import artifacts
from clapboard.cloud.launching import NAME, WAIT_FOR, launch, launch_words
from clapboard.cloud.needs import Needs, needs_of, price_of_bytes
from clapboard.cloud.node import node_words
from clapboard.cloud.unsent import tell_unsent
from clapboard.planning.plan import make_plan
from clapboard.problems import Problem, refuse
from clapboard.sessions.project import add_config_argument, read_project
from clapboard.sessions.recordings import Recording
from clapboard.settings.config import CONFIG_FILE, Config

TASK_FILE = "train.sky.yaml"
MEMORY_GB = 16
LAST_MINUTES = 24 * 60
"""So long does a machine that goes with its disk try to hand over what it has made."""

HEAD = """\
# Written by `clapboard cloud` from the configuration; change the section `cloud` there.
# docs/ec2.md: what it costs, how to watch it, how to stop it.
# Launch: {launch}
"""

# The root disk has the size that was planned, and stays when the machine is stopped. A blank disk
# beside it is an instance store, of any size, which does not.
SETUP = "DATA_DISK=none bash cloud/setup.sh\n"


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Write the task file, and say what was asked for and how to launch it."""
    project = read_project(arguments.configfile)
    refuse(project.problems)
    needs = count_needs(project.config, project.recordings, say, arguments.targets)
    artifacts.write_text(
        arguments.output, task_text(project.config, needs, arguments.targets, arguments.configfile)
    )
    tell_unsent(project, say)
    say(f"disk   {needs.disk} GB")
    say(f"gpu    {', or '.join(f'{count} x {name}' for name, count in needs.gpus.items())}")
    say(f"cores  at least {needs.cores}")
    if project.config.cloud.keep_disk:
        # SkyPilot compares GPU and kind of disk, neither size nor cores.
        say(
            "A machine that was kept has its first disk and cores, whatever is asked for now; "
            f"`.sky/bin/sky down {NAME}` before the launch gives another."
        )
    if not arguments.launch:
        say(f"launch {shlex.join(launch_words(project.config, arguments.output))}")
        return 0
    return launch(project.config, arguments.output, say)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard cloud`."""
    add_config_argument(parser)
    parser.add_argument("-o", "--output", default=TASK_FILE, help="default: %(default)s")
    parser.add_argument(
        "--launch", action="store_true", help="also launch it: SkyPilot shows the price and asks"
    )
    parser.add_argument("targets", nargs="*", help="what snakemake is to make; default: all")


def count_needs(
    config: Config,
    recordings: Sequence[Recording],
    say: Callable[[str], None],
    targets: Sequence[str] = (),
) -> Needs:
    """What the run needs, by the plan or by the size of the videos.

    The plan counts the dataset alone. Pictures of what `predict` looks at are taken for as large as
    its videos.

    Args:
        config: the configuration.
        recordings: the table; videos that are in S3 only are counted by the size of their objects.
        say: shown to the user.
        targets: of snakemake; `videos` and `predict` make videos that nothing else makes.

    Raises:
        InputError: there is nothing to count, or no GPU has the memory that a model needs.
    """
    size, predicted, here = 0, 0, True
    for recording in recordings:
        if recording.kind == "video":
            origins = recording.origins or [None] * len(recording.chapters)
            for file, origin in zip(recording.chapters, origins, strict=True):
                chapter = origin.bytes if origin else Path(file).stat().st_size
                size += chapter
                predicted += chapter if recording.split == "Predict" else 0
                here = here and Path(file).exists()
    predicted = predicted if "predict" in targets else 0
    joined = size if "videos" in targets else predicted * (config.prediction.overlay != "off")
    if config.prediction.overlay == "full":
        joined += predicted * len(config.prediction.models or config.models)
    if not here:
        room = "the disk has room for pictures as large as the videos; cloud.disk sets another"
        taken = "cores are for decoding all of it" if config.cloud.disk else room
        say(f"videos are in S3 only ({size / 1e9:.1f} GB), so no frame was counted: {taken}")
        return needs_of(config, price_of_bytes(size, config.frames.size), size, joined)
    plan = make_plan(config, recordings, len(os.sched_getaffinity(0)))
    price = plan.price + price_of_bytes(predicted, config.frames.size)
    nothing = plan.table.empty and not predicted
    return needs_of(config, None if nothing else price, size, joined)


def task_text(
    config: Config, needs: Needs, targets: Sequence[str] = (), config_file: str = CONFIG_FILE
) -> str:
    """The task file.

    Args:
        config: the configuration.
        needs: what the machine must have.
        targets: what snakemake is to make; none is all.
        config_file: where the configuration is.

    Raises:
        InputError: the settings contradict each other.
    """
    refuse(_clashes(config))
    text = yaml.dump(
        task(config, needs, _command(config, targets, config_file)),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=100,
    )
    return HEAD.format(launch=shlex.join(launch_words(config, TASK_FILE))) + text


def _command(config: Config, targets: Sequence[str], config_file: str) -> list[str]:
    """What the machine runs.

    SkyPilot removes a machine soon after its job, however that has ended. So where the disk goes
    too, the job does not end as long as the bucket takes nothing and somebody may put that right.
    """
    if config.cloud.keep_disk:
        return node_words(config_file, targets)
    return node_words(config_file, targets, LAST_MINUTES)


def task(config: Config, needs: Needs, command: Sequence[str]) -> dict[str, Any]:
    """The task as SkyPilot's schema has it; `command` is what the machine is for."""
    cloud = config.cloud
    resources: dict[str, Any] = {
        "infra": f"aws/{cloud.region}" if cloud.region else "aws",
        "accelerators": dict(needs.gpus),
        "cpus": f"{needs.cores}+",
        "memory": f"{max(MEMORY_GB, 4 * needs.cores)}+",
        "disk_size": needs.disk,
        "disk_tier": "medium",
        "use_spot": cloud.spot,
        "autostop": {
            "idle_minutes": cloud.idle_minutes,
            "down": not cloud.keep_disk,
            "wait_for": WAIT_FOR,
        },
    }
    if cloud.image:
        resources["image_id"] = cloud.image
    return {
        "name": NAME,
        "resources": resources,
        "workdir": ".",
        "setup": SETUP,
        "run": f"exec {shlex.join(command)}\n",
    }


def _clashes(config: Config) -> list[Problem]:
    """What is wrong between the settings."""
    cloud, problems = config.cloud, list[Problem]()
    if cloud.keep_disk and cloud.spot:
        problems.append(
            Problem(
                "spot-with-disk",
                "a spot machine cannot be stopped, only removed with its disk",
                "Set cloud.spot or cloud.keep_disk to false.",
                column="cloud.keep_disk",
            )
        )
    if cloud.image and not cloud.region:
        problems.append(
            Problem(
                "image-without-region",
                "an image belongs to one region",
                "Name the region: cloud.region.",
                column="cloud.image",
                value=cloud.image,
            )
        )
    if not config.s3.results:
        problems.append(
            Problem(
                "results-nowhere",
                "the results would be on the rented machine alone, and go with it",
                "Name a place for them in a bucket: s3.results.",
                column="s3.results",
            )
        )
    return problems


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
