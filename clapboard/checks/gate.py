"""The gate before all work: nothing is made while the input has an error.

Snakemake cannot say "before every other job" in a graph: a job that waited for the check, even by
`ancient`, would hide from the plan what has to be made again. So the main process looks at the
input before it starts the first job, whatever the target, the executor and ``--keep-going`` say;
the rule `check_inputs` then writes the report as every other artifact is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clapboard import artifacts, running
from clapboard.checks.inputs import check_inputs, save_report, write_report
from clapboard.problems import InputError, Problem, errors, refuse, report
from clapboard.sessions.recordings import Recording

REPORT = "report.csv"
ACCEPTED = "accepted.json"
LAST_LOOK = ".last_look.json"
"""Hidden, so that it stays on its machine (`clapboard.s3.inventory`) and vouches for no other."""


def look(
    folder: str | os.PathLike[str],
    recordings: Sequence[Recording],
    settings: Mapping[str, Any],
    known_by: Mapping[str, Any],
    threads: int,
) -> list[Problem]:
    """Every problem of the input, found anew only when the input is not that of the last look.

    Args:
        folder: where the report is, and what the last look that found no error has seen.
        recordings: the table of recordings.
        settings: arguments of `check_inputs` that come from the configuration.
        known_by: all that the outcome depends on: digests of sources and code.
        threads: how many recordings to look at side by side.
    """
    key = _key(settings, known_by)
    problems = _remembered(folder, key)
    if problems is None:
        problems = check_inputs(**settings, recordings=recordings, threads=threads)
        if not errors(problems):
            seen = {"key": key, "problems": list(map(asdict, problems))}
            with suppress(OSError):  # costs another look; the job that writes says what is wrong
                artifacts.write_json(Path(folder, LAST_LOOK), seen)
    return problems


def hold_results(results: str | os.PathLike[str]) -> None:
    """Keep the results folder to this run, or end it because another has it or it is read-only."""
    try:
        running.hold(results)
    except InputError as error:
        sys.exit(str(error))


def open_gate(
    folder: str | os.PathLike[str],
    recordings: Sequence[Recording],
    settings: Mapping[str, Any],
    known_by: Mapping[str, Any],
    threads: int,
) -> None:
    """Let a run begin, or end it with every problem on the screen and in ``report.csv``.

    Takes the arguments of `look`. Warnings are shown once, when they are found.
    """
    if _remembered(folder, _key(settings, known_by)) is not None:
        return
    problems = look(folder, recordings, settings, known_by, threads)
    if errors(problems):
        with suppress(OSError):  # the screen has it all
            # Without it the rule makes the report anew when the input has been put right.
            Path(folder, ACCEPTED).unlink(missing_ok=True)
            save_report(problems, Path(folder, REPORT))
        sys.exit(report(problems))
    if problems:
        sys.stderr.write(report(problems) + "\n")


def _key(settings: Mapping[str, Any], known_by: Mapping[str, Any]) -> str:
    """Digest of all that the outcome of a check depends on."""
    identity = json.dumps([settings, known_by], sort_keys=True, default=str)
    return hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()


def _remembered(folder: str | os.PathLike[str], key: str) -> list[Problem] | None:
    """The warnings of the last look without an error, if it was at the same input."""
    last = Path(folder, LAST_LOOK)
    seen = artifacts.read_json(last) if last.is_file() else {}
    if seen.get("key") != key:
        return None
    return [Problem(**problem) for problem in seen["problems"]]


def accept(
    problems: Sequence[Problem],
    report_file: str | os.PathLike[str],
    accepted: str | os.PathLike[str],
) -> None:
    """Write the report, and `accepted` if it holds no error.

    Raises:
        InputError: it does; carries all problems.
    """
    write_report(problems, report_file)
    refuse(problems)
    artifacts.write_json(accepted, {"errors": 0, "warnings": len(problems)})
