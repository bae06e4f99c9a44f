"""`clapboard check`: every problem of table, sheets and videos, before any work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from clapboard.checks.inputs import check_inputs, save_report
from clapboard.problems import errors, report
from clapboard.sessions.project import add_config_argument, known_at_start, read_project
from clapboard.settings.backbones import pretrained
from clapboard.settings.model_checks import interrupted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard check`."""
    add_config_argument(parser)
    parser.add_argument("-o", "--output", help="also write the problems to this CSV file")


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Print all problems; 1 when one of them is an error."""
    project = read_project(arguments.configfile)
    config, recordings = project.config, project.recordings
    problems = [
        *project.problems,
        *known_at_start(config, recordings, project.problems),
        *check_inputs(
            config.section("annotations"),
            recordings,
            threads=len(os.sched_getaffinity(0)),
            models=pretrained(config.models) if config.models else None,
            protocol=config.evaluation.protocol,
            ffmpeg=config.video.ffmpeg,
            fusion=config.evaluation.fusion,
            overlays=bool(config.models) and config.prediction.overlay != "off",
            thinned=interrupted(config.models, config.section("frames")),
            incomplete=bool(errors(project.problems)),
        ),
    ]
    if arguments.output:
        save_report(problems, arguments.output)
    say(report(problems) if problems else "no problem in the input")
    return 1 if errors(problems) else 0
