"""What an operation on a bucket is going to do, and what that costs, before it does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Action = Literal["copy", "resize", "upload", "download"]

KEYS_A_PAGE = 1000

PLANNINGS = 2
"""One to show the plan and one of the job; Snakemake may ask for it once or twice more."""

# US dollars, S3 Standard in us-east-1: per request of a class, and per byte out to the internet.
DOLLARS_A_REQUEST = {"LIST": 5e-6, "COPY": 5e-6, "PUT": 5e-6, "GET": 4e-7, "DELETE": 0.0}
DOLLARS_A_BYTE_OUT = 0.09 / 1e9

REQUESTS: Mapping[Action, tuple[str, ...]] = {
    "copy": ("COPY",),
    "resize": ("GET", "PUT"),
    "upload": ("PUT",),
    "download": ("GET",),
}


@dataclass(frozen=True)
class Transfer:
    """One object to be made.

    Attributes:
        source: key, or local path of an upload.
        target: key, or local path of a download.
        bytes: size of the source.
        etag: entity tag of the source; empty for a local file.
        replaced: entity tag of what is there and not right; empty when nothing is.
    """

    source: str
    target: str
    bytes: int
    etag: str = ""
    replaced: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything that one operation will do.

    Attributes:
        action: what is done to every object.
        source: where from, as shown to the user.
        target: where to.
        todo: the objects to be made.
        kept: objects that are right already.
        listings: LIST requests that it took to find this out.
        stale: keys below the target that do not belong there any more.
        remove_stale: whether the configuration consents to their removal.
        in_place: entity tags of the objects that are right already, by their path below the
            target; empty where a stopped run does not have to be told apart.
    """

    action: Action
    source: str
    target: str
    todo: tuple[Transfer, ...]
    kept: int
    listings: int
    stale: tuple[str, ...] = field(default=())
    remove_stale: bool = False
    in_place: Mapping[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Bytes that are read from the sources."""
        return sum(transfer.bytes for transfer in self.todo)

    @property
    def largest(self) -> int:
        """Bytes of the largest source."""
        return max((transfer.bytes for transfer in self.todo), default=0)

    @property
    def removed(self) -> tuple[str, ...]:
        """The stale keys that will be removed."""
        return self.stale if self.remove_stale else ()

    def requests(self) -> dict[str, int]:
        """Requests by class: of the work, and what listing before and after it takes at least."""
        counts = dict.fromkeys(REQUESTS[self.action], len(self.todo))
        counts["LIST"] = PLANNINGS * self.listings
        if self.action != "download":
            # The check lists what was made, what was in place, and a note or receipt.
            counts["LIST"] += 1 + (self.kept + len(self.todo)) // KEYS_A_PAGE
        if self.removed:
            counts["DELETE"] = -(-len(self.removed) // KEYS_A_PAGE)
        return counts

    def dollars(self) -> float:
        """Estimated price: requests, and bytes out of AWS for a download.

        Prices: the S3 price list for us-east-1, Standard class; data that stays in the region is
        free.
        """
        price = sum(DOLLARS_A_REQUEST[kind] * count for kind, count in self.requests().items())
        return price + (self.bytes * DOLLARS_A_BYTE_OUT if self.action == "download" else 0)

    def __str__(self) -> str:
        """The plan for people: one fact a line."""
        counts = {kind: f"{count:,} {kind}" for kind, count in self.requests().items()}
        counts["LIST"] = f"at least {counts['LIST']}"
        requests = ", ".join(counts.values())
        lines = [
            f"{self.action} {self.source} -> {self.target}",
            f"  to do     {len(self.todo):,} objects, {self.bytes:,} bytes",
            f"  in place  {self.kept:,} objects",
            f"  requests  {requests}",
            f"  price     about {self.dollars():.4f} US dollars",
        ]
        if self.stale:
            fate = (
                "will be removed"
                if self.remove_stale
                else "stay: set s3.remove_stale to have them removed"
            )
            lines.append(f"  stale     {len(self.stale):,} objects {fate}")
        return "\n".join(lines)
