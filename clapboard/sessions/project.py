"""Configuration and table of recordings, as commands outside of Snakemake read them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml

from clapboard.problems import InputError, Problem, errors
from clapboard.sessions.cameras import predicted_without_clap
from clapboard.sessions.recordings import Recording, Remote, examine_recordings
from clapboard.sessions.splits import split_problems
from clapboard.settings.backbones import NO_FILE, pretrained
from clapboard.settings.config import CONFIG_FILE, Config, load
from clapboard.settings.model_checks import held_out, setting_problems


@dataclass(frozen=True)
class Project:
    """What a run would work on.

    Attributes:
        config: the configuration.
        recordings: the usable rows of the table.
        problems: everything wrong with the table.
    """

    config: Config
    recordings: list[Recording]
    problems: list[Problem]


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """The option that says which configuration to read."""
    parser.add_argument("--configfile", default=CONFIG_FILE, help="default: %(default)s")


def read_config(config_file: str) -> Config:
    """The configuration alone.

    Raises:
        InputError: it is wrong.
    """
    return load(_read_yaml(config_file), config_file)


def read_project(config_file: str) -> Project:
    """The configuration and the recordings that it names.

    Raises:
        InputError: the configuration is wrong; what is wrong with the table is in the result.
    """
    config = read_config(config_file)
    return Project(config, *examine(config))


def examine(config: Config, fresh: bool = True) -> tuple[list[Recording], list[Problem]]:
    """The usable recordings and what is wrong with their table, places in S3 included.

    Args:
        config: the configuration.
        fresh: ask the bucket what is there; else what was there when it was asked last.
    """
    with ExitStack() as stack:

        def in_s3() -> Remote:
            from clapboard.s3.sources import Sources  # takes a second; most tables name no bucket

            sources = Sources(config.section("s3"), _copies(config), fresh)
            return stack.enter_context(sources)

        return examine_recordings(config.recordings, in_s3)


def local_inputs(config: Config, recordings: Sequence[Recording]) -> set[str]:
    """Sheets, videos, folders of recordings and weights of backbones that a run here reads.

    But not what any machine fetches from S3 itself.

    Args:
        config: the configuration.
        recordings: the usable rows of the table.
    """
    inputs = {one.annotations for one in recordings if one.annotations}
    inputs = {sheet for sheet in inputs if not Path(sheet).is_relative_to(_copies(config))}
    for one in recordings:
        origins = zip_longest(one.chapters, one.origins)
        inputs.update(file for file, origin in origins if origin is None)
    chosen = (model["weights"] for model in pretrained(config.models).values())
    return inputs | {weights for weights in chosen if weights not in NO_FILE}


def known_at_start(
    config: Config, recordings: Sequence[Recording], table_problems: Sequence[Problem]
) -> list[Problem]:
    """Why models cannot be made with these settings of these recordings, before a file is read.

    Args:
        config: the configuration.
        recordings: the usable rows of the table.
        table_problems: what is wrong with the table. When it has errors, nothing is said about who
            is in which split.
    """
    background = config.annotations.background
    problems = setting_problems(config.models, config.frames.size, background)
    if not errors(table_problems):
        protocol, table = config.evaluation.protocol, config.recordings
        judging = held_out(config.models)
        problems += split_problems(recordings, bool(config.models), protocol, table, judging)
        if config.models and config.prediction.fusion:
            problems += predicted_without_clap(recordings, table)
    return problems


def _copies(config: Config) -> str:
    """Where copies of what is in S3 are."""
    return f"{config.results}/sources"


def _read_yaml(path: str) -> Mapping[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: the file cannot be read or holds something else.
    """
    remedy = "Run in the folder of the project, or name the file with --configfile."
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        message = f"The configuration cannot be read ({error.strerror})"
        raise InputError([Problem("missing-config", message, remedy, path)]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = f"The configuration is not YAML: {error}"
        raise InputError([Problem("bad-config", message, "Correct the file.", path)]) from error
    if not isinstance(raw or {}, dict):
        message = "The configuration is not a mapping of keys to values"
        raise InputError([Problem("bad-config", message, "Correct the file.", path)])
    return raw or {}
