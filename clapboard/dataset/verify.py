"""`clapboard verify`: prove that the pictures on disk are what the manifests say.

Snakemake looks at manifests, never into folders. This looks at every picture: in the frame store
by size, digest and decoding, in ``Data/`` by being the very file of the store, in a shard by the
digest of the whole. Nothing is changed
unless asked to; then damaged pictures are removed, so that the named command makes them again.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from clapboard import running
from clapboard.checks.inputs import save_report
from clapboard.dataset.proof_links import linked_recordings, prove_classes, prove_links
from clapboard.dataset.proof_shards import prove_shard
from clapboard.dataset.tree import LEDGER
from clapboard.pictures.proof import Finding, command, prove_folder
from clapboard.problems import errors
from clapboard.sessions.project import add_config_argument, read_project

SHOWN = 20
"""Findings printed; all of them go into the report."""


@dataclass(frozen=True)
class Verdict:
    """What has been looked at and what is wrong.

    Attributes:
        pictures: number of pictures in stores and shards.
        links: number of recordings in ``Data/``.
        findings: everything that is wrong.
    """

    pictures: int
    linked: int
    findings: tuple[Finding, ...]


def verify(results: Path, quick: bool = False, threads: int = 1) -> Verdict:
    """Look at every picture below a results folder, one recording after the other.

    Args:
        results: the folder.
        quick: look at sizes only; pictures are not read.
        threads: chapters to look at side by side.
    """
    data, stores = results / "Data", defaultdict[str, list[Path]](list)
    for store in ("resized", "frames"):
        for folder in sorted(results.glob(f"{store}/*/*")):
            if folder.is_dir():
                stores[folder.parent.name].append(folder)
    shards = sorted(results.glob("shards/*.parquet"))
    # With shards there is a manifest of the dataset, and no tree that it could be true of.
    in_folders = not shards or (data / LEDGER).exists()
    linked, findings = linked_recordings(data) if in_folders else ([], [])
    pictures = 0
    with ThreadPoolExecutor(threads) as pool:
        for count, found in pool.map(partial(prove_shard, quick=quick), shards):
            pictures += count
            findings += found
        for recording in tqdm(sorted({*stores, *linked}), desc="verify", unit="recording"):
            targets = [data / "manifest.parquet"] if recording in linked else []
            prove = partial(prove_folder, targets=targets, quick=quick)
            proofs = list(pool.map(prove, stores[recording]))
            findings += [finding for proof in proofs for finding in proof.findings]
            pictures += sum(len(proof.records) for proof in proofs)
            if recording in linked:
                resized = [proof for proof in proofs if proof.folder.parts[-3] == "resized"]
                labels = results / "labels" / f"{recording}.parquet"
                findings += prove_links(data, recording, resized, labels, quick)
    if linked:
        findings += prove_classes(data, linked)
    return Verdict(pictures, len(linked), tuple(findings))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard verify`."""
    add_config_argument(parser)
    parser.add_argument("--results", help="results folder; default: the one of the configuration")
    parser.add_argument("--quick", action="store_true", help="compare sizes only, read no picture")
    parser.add_argument(
        "--repair", action="store_true", help="remove the pictures that are damaged"
    )
    parser.add_argument("-o", "--output", help="also write all findings to this CSV file")


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Print what is wrong and the command that puts it right; 1 when something is."""
    results = arguments.results or read_project(arguments.configfile).config.results
    if arguments.repair:
        running.hold(results)
    threads = len(os.sched_getaffinity(0))
    verdict = verify(Path(results), arguments.quick, threads)
    problems = [finding.problem for finding in verdict.findings]
    if arguments.output:
        save_report(problems, arguments.output)
    for problem in problems[:SHOWN]:
        say(str(problem))
    if len(problems) > SHOWN:
        say(f"... and {len(problems) - SHOWN} more; --output FILE lists all")
    say(f"{verdict.pictures} pictures and {verdict.linked} linked recordings looked at")
    if arguments.repair:
        damaged = [finding.file for finding in verdict.findings if finding.damaged]
        for file in damaged:
            file.unlink(missing_ok=True)
        say(f"{len(damaged)} damaged pictures removed")
    targets = {target for finding in verdict.findings for target in finding.targets}
    if targets:
        first = any(finding.damaged for finding in verdict.findings) and not arguments.repair
        say("to put it right:")
        for line in [*(["clapboard verify --repair"] if first else []), command(targets)]:
            say(f"  {line}")
    return 1 if errors(problems) else 0
