"""The command snakemake under limits; imports next to nothing, since every call does it anew."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.workflow import calling

NOBODY = 65534


@dataclass(frozen=True)
class Limits:
    """What a run may have.

    Attributes:
        environment: added to its environment.
        file_size: most bytes in a file; 0 for no limit.
        address_space: most bytes of memory that a process may ask for; 0 for no limit.
        group: control group whose limits hold.
        nobody: whether it is the user without rights.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    file_size: int = 0
    address_space: int = 0
    group: Path | None = None
    nobody: bool = False


NONE = Limits()


def snakemake(
    limits: Limits, repository: Path, folder: Path, screen: Path, arguments: Sequence[str]
) -> None:
    """As `calling.snakemake`, within limits."""
    os.environ.update(limits.environment)
    if limits.group:
        (limits.group / "cgroup.procs").write_text(str(os.getpid()))
    for kind, limit in (
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_AS, limits.address_space),
    ):
        if limit:
            resource.setrlimit(kind, (limit, limit))
    if limits.nobody:
        os.environ["HOME"] = os.environ["XDG_CACHE_HOME"] = str(folder)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    calling.snakemake(repository, folder, screen, arguments)
