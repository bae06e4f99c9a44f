"""Run fault campaigns: `python -m tests.faults [CAMPAIGN ...]` (see tests/faults/campaign.py)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """1 when a case of a campaign failed."""
    from tests.faults import campaign  # not in each of the processes that campaigns start

    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("campaigns", nargs="*", help=f"of {', '.join(campaign.names())}; all")
    parser.add_argument("--cases", type=int, default=sys.maxsize, help="no more than so many")
    parser.add_argument("--seed", type=int, default=campaign.SEED, help="of the choice of cases")
    parser.add_argument("--jobs", type=int, default=1, help="cases side by side")
    parser.add_argument("--again", action="store_true", help="repeat cases that have failed")
    parser.add_argument("--work", type=Path, default=Path("faults"), help="folder to work in")
    arguments = parser.parse_args()
    well = True
    for name in arguments.campaigns or campaign.names():
        chosen = campaign.sample(name, arguments.cases, arguments.seed)
        work = arguments.work.absolute()
        well &= campaign.run(name, chosen, work, arguments.jobs, arguments.again)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
