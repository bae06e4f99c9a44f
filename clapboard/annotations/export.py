"""`clapboard export`: a sheet or a model's predictions in the form of another program."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from clapboard.annotations.placing import first_clap, from_clap, in_recording, of_recording
from clapboard.annotations.predictions import predicted_sheet
from clapboard.annotations.reading import read_sheet
from clapboard.annotations.sheet import Sheet
from clapboard.annotations.writing import FORMS, write_sheet
from clapboard.clock import parse_wall_clock
from clapboard.labels.framecsv import placement
from clapboard.problems import InputError, Problem, refuse, report
from clapboard.sessions.project import Project, add_config_argument, read_project
from clapboard.sessions.recordings import Recording
from clapboard.video.index import RecordingIndex


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard export`."""
    parser.add_argument("recording", help="id of a recording, as S1C2")
    parser.add_argument("output", help="file to write; its suffix says the form")
    parser.add_argument("--to", choices=FORMS, help="the form, when the suffix does not say it")
    parser.add_argument(
        "--predictions", metavar="FILE", help="a model's predictions.parquet instead of the sheet"
    )
    parser.add_argument(
        "--zero", metavar="TIME", help="date and time of the clap, when no lab sheet says it"
    )
    add_config_argument(parser)


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Write the file and print what it could not hold.

    Raises:
        InputError: the recording is unknown or not indexed yet, its sheet has errors, the
            predictions are about others, or nothing says the time of the clap.
    """
    project = read_project(arguments.configfile)
    settings = project.config.section("annotations")
    form = arguments.to or form_of(arguments.output)
    recording, index = _indexed(project, arguments.recording)
    heard = Path(project.config.results) / "audit" / "sync" / f"{recording.id}.json"
    clap, scale = placement(index, recording.clap, heard if heard.is_file() else None)
    written, problems = Sheet("", "video"), list[Problem]()
    if recording.annotations:
        written, problems = read_sheet(recording.annotations, settings, recording.chapters)
        written = of_recording(written, recording.chapters, recording.subject, recording.clap)
    seen = first_clap(written) if written.origin == "video" else None
    clap = clap if seen is None else seen
    if arguments.predictions:
        sheet = predicted_sheet(arguments.predictions, index)
    else:
        refuse(problems)
        sheet = in_recording(written, clap, index, scale)
    if form == "lab":
        zero = parse_wall_clock(arguments.zero) if arguments.zero else written.zero
        if zero is None:
            raise _no_zero(recording)
        sheet = from_clap(sheet, clap, zero, scale)
    found = write_sheet(sheet, arguments.output, form, settings)
    say(f"{len(sheet.annotations)} annotations of {recording.id} in {arguments.output} ({form})")
    if found:
        say(report(found))
    return 0


def form_of(path: str) -> str:
    """The form that the suffix of a file stands for.

    Raises:
        InputError: no form has this suffix.
    """
    suffix = Path(path).suffix.lower()
    name = (
        "csv"
        if suffix == ".csv"
        else next((name for name, form in FORMS.items() if form.suffix == suffix), None)
    )
    if name is None:
        remedy = f"Say the form with --to: {', '.join(FORMS)}."
        raise InputError([Problem("unknown-form", "no form has this suffix", remedy, path)])
    return name


def _indexed(project: Project, name: str) -> tuple[Recording, RecordingIndex]:
    """A recording of the project and its index.

    Raises:
        InputError: there is no such recording, or no index of it yet.
    """
    recording = next((each for each in project.recordings if each.id == name), None)
    if recording is None:
        remedy = f"Use one of: {', '.join(each.id for each in project.recordings)}."
        problem = Problem("unknown-recording", "there is no such recording", remedy, value=name)
        raise InputError([problem])
    file = Path(project.config.results) / "index" / f"{name}.parquet"
    if not file.is_file():
        remedy = "Make it with: snakemake --cores 1 framecsv"
        raise InputError([Problem("no-index", "there is no index yet", remedy, str(file))])
    return recording, RecordingIndex.read(file)


def _no_zero(recording: Recording) -> InputError:
    """The error when a lab sheet is wanted and no wall clock is known."""
    message = "nothing says at which time of day the clap was"
    return InputError(
        [Problem("no-wall-clock", message, "Give it with --zero.", recording.annotations)]
    )
