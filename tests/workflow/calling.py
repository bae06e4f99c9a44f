"""The command snakemake in a forked process; imports nothing of the package under test."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7PLANTED",
    "AWS_SECRET_ACCESS_KEY": "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",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzPLANTEDTOKEN",
}
"""In the environment of every run, for test_secrets.py to look for."""


def snakemake(repository: Path, folder: Path, screen: Path, arguments: Sequence[str]) -> None:
    """Run the Snakefile of `repository` in `folder`, what it prints into the file `screen`."""
    from snakemake.cli import main

    os.chdir(folder)
    os.environ.update(SECRETS, PYTHONPATH=str(repository))
    sys.path.insert(0, str(repository))
    with screen.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    main(["--snakefile", str(repository / "Snakefile"), *arguments])
