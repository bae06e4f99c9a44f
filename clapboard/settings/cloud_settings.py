"""Section `cloud` of the configuration: a machine that is rented for a run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from clapboard.settings.config_types import AnyText, Count, Flag, Section, Text


class Cloud(Section):
    """A GPU machine on EC2 for one run (docs/ec2.md); only `clapboard cloud` uses it."""

    gpu: Annotated[Text, Field(pattern=r"^(auto|[A-Za-z0-9-]+(:[1-9][0-9]?)?)$")] = Field(
        default="auto",
        description="Kind and number of GPUs, `A10G:1`; `auto`: the cheapest on which the models "
        "fit.",
    )
    disk: Annotated[Count, Field(ge=100, le=16_000)] | None = Field(
        default=None,
        description="Gigabytes of the disk; null: what `clapboard plan` counts, and room.",
    )
    spot: Flag = Field(
        default=False,
        description="A machine at a third of the price that may be taken away; the run goes on "
        "on the next one. Needs `s3.results`.",
    )
    keep_disk: Flag = Field(
        default=False,
        description="Stop the machine after the run instead of removing it: its disk stays, and "
        "costs. Needs `spot: false`.",
    )
    idle_minutes: Annotated[Count, Field(le=1440)] = Field(
        default=10, description="Minutes without work after which the machine goes."
    )
    region: Annotated[AnyText, Field(pattern=r"^[a-z0-9-]*$")] = Field(
        default="", description="AWS region, that of the bucket; empty: the cheapest."
    )
    image: Annotated[AnyText, Field(pattern=r"^(ami-[0-9a-f]+)?$")] = Field(
        default="", description="Image (AMI) of the region; empty: SkyPilot's for GPUs."
    )
