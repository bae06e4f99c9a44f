"""The plan as text: tables for reading, and the price."""

from __future__ import annotations

import pandas as pd

from clapboard.planning.price import Price
from clapboard.sessions.recordings import SPLITS

MEASURES = ("rows", "seconds", "frames")


def as_text(table: pd.DataFrame, cost: Price, threads: int, video_bytes: int = 0) -> str:
    """Class x split and class x subject as tables, and the price.

    Args:
        table: columns `label`, `split`, `subject` and `MEASURES`.
        cost: of the frames.
        threads: cores among which the work is shared.
        video_bytes: bytes of the joined videos; 0 when there will be none.
    """
    by_split = table.pivot_table(
        index="label",
        columns="split",
        values=list(MEASURES),
        aggfunc="sum",
        fill_value=0,
        margins=True,
        margins_name="all",
    )
    splits = [name for name in (*SPLITS, "all") if name in by_split["frames"]]
    wanted = [(kind, split) for split in splits for kind in MEASURES]
    by_split = by_split[wanted].swaplevel(axis=1).round().astype(int)
    tables = [by_split.to_string(), *(_by_subject(table, measure) for measure in MEASURES)]
    return "\n\n".join([*tables, _price_text(cost, threads, video_bytes)])


def _by_subject(table: pd.DataFrame, measure: str) -> str:
    """Class x subject of one measure, under its name."""
    counts = table.pivot_table(
        index="label", columns="subject", values=measure, aggfunc="sum", fill_value=0
    )
    return f"{measure} by subject\n{counts.round().astype(int).to_string()}"


def _price_text(cost: Price, threads: int, video_bytes: int) -> str:
    """The price, a line each."""
    hours = cost.core_seconds / threads / 3600
    videos = f"  (and {_short(video_bytes / 1e9)} of joined videos)" if video_bytes else ""
    return "\n".join(
        [
            f"frames           {cost.frames:>14,}  ({cost.decoded:,} decoded for them)",
            f"files            {cost.files:>14,}  (and as many links in Data/)",
            f"gigabytes        {_short(cost.bytes / 1e9):>14}{videos}",
            f"hours            {_short(hours):>14}  (extraction on {threads} cores, by a "
            "measurement now)",
            f"S3 requests      {cost.requests:>14,}  (pictures one by one; as one archive a "
            f"recording {cost.shard_requests:,})",
        ]
    )


def _short(number: float) -> str:
    """A number with two decimals, or two significant digits when that would be little."""
    return f"{number:,.2f}" if number >= 1 or not number else f"{number:.2g}"
