"""The command snakemake in a forked process; imports nothing of the package under test."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def snakemake(repository: Path, folder: Path, screen: Path, arguments: Sequence[str]) -> None:
    """Run the Snakefile of `repository` in `folder`, what it prints into the file `screen`."""
    from snakemake.cli import main

    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(repository)
    sys.path.insert(0, str(repository))
    with screen.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    main(["--snakefile", str(repository / "Snakefile"), *arguments])
