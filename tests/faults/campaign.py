"""The frame of the fault campaigns: what breaks the product on purpose, and counts what happens.

A campaign is a module beside this one. Its docstring's first line is its title, and it has

    CASES: int                                  how many cases the whole campaign has
    IN_TESTS: int                               how many of them the test suite tries
    def cases(chance: random.Random, count: int) -> list[Case]
                                                `count` cases, all of them drawn from `chance`
    def attempt(case: Case, folder: Path) -> list[str] | None
                                                break something in the empty `folder`; raise
                                                `Failed` (or fail an assertion) if the product
                                                does not keep what docs/reliability.md promises;
                                                what it returns is kept as `seen` in the ledger

and may have

    def quick(case: Case) -> bool               whether the test suite can afford a case
    def impossible() -> str                     why it cannot be run here; empty when it can
    def prepare(work: Path) -> None             called once before the first case of a run to make
                                                what is dear and common to all cases;
                                                `shared(folder)` gives that place to `attempt`

`Case.name` is unique in the campaign, `Case.kind` groups cases in the table, `Case.values` is
anything that JSON can hold. Cases are independent: any subset, in any order, on any day.

    python -m tests.faults                      every campaign, whole
    python -m tests.faults crash --cases 20     a random sample of one, for a first look
    python -m tests.faults crash --again        cases that failed last time once more

Finished cases are lines of `WORK/CAMPAIGN.jsonl`, so that a campaign that was stopped goes on. The
figures go between `<!-- CAMPAIGN -->` and `<!-- /CAMPAIGN -->` in docs/reliability.md, where
"fixed" counts the campaign's rows of found.csv: failures that became a change and a test of their
own. The test suite tries `IN_TESTS` cases of each (test_campaigns.py). What may crash or hang goes
into a process of its own with a time limit; a case that takes its process down ends the campaign.
"""

from __future__ import annotations

import csv
import importlib
import json
import multiprocessing
import random
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from tqdm import tqdm

from benchmarks.measure import publish, table

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "reliability.md"
FOUND = HERE / "found.csv"
SEED = 1


class Failed(AssertionError):
    """The product did not keep a promise."""


@dataclass(frozen=True)
class Case:
    """One thing to go wrong.

    Attributes:
        name: unique in its campaign.
        kind: what cases are counted by.
        values: what `attempt` has to know.
    """

    name: str
    kind: str
    values: dict[str, Any] = field(default_factory=dict)


class Campaign(Protocol):
    """What every campaign's module has."""

    __name__: str
    __doc__: str
    CASES: int
    IN_TESTS: int

    def cases(self, chance: random.Random, count: int) -> list[Case]: ...

    def attempt(self, case: Case, folder: Path) -> list[str] | None: ...


def names() -> list[str]:
    """The campaigns there are."""
    modules = (path.stem for path in sorted(HERE.glob("*.py")))
    return [name for name in modules if hasattr(find(name), "CASES")]


def find(name: str) -> Campaign:
    """A campaign by name."""
    return cast(Campaign, importlib.import_module(f"tests.faults.{name}"))


def sample(name: str, count: int, seed: int = SEED) -> list[Case]:
    """Some cases of a whole campaign, chosen by the seed; all of them if it has no more."""
    campaign = find(name)
    whole = campaign.cases(random.Random(f"{name} {SEED}"), campaign.CASES)
    if len({case.name for case in whole}) < len(whole):
        raise ValueError(f"{name}: two cases have the same name")
    return random.Random(seed).sample(whole, count) if count < len(whole) else whole


def in_tests(name: str) -> list[Case]:
    """The cases that the test suite tries: of as many kinds as possible."""
    campaign = find(name)
    quick = getattr(campaign, "quick", lambda case: True)
    affordable = [case for case in sample(name, campaign.CASES) if quick(case)]
    of_kind = Counter[str]()
    turns = []
    for case in affordable:
        turns.append(of_kind[case.kind])
        of_kind[case.kind] += 1
    order = sorted(range(len(affordable)), key=turns.__getitem__)
    return [affordable[place] for place in order[: campaign.IN_TESTS]]


def impossible(name: str) -> str:
    """Why a campaign cannot be run on this machine; empty when it can."""
    return getattr(find(name), "impossible", str)()


def shared(folder: Path) -> Path:
    """The place of what `prepare` has made, from the folder of a case."""
    return folder.parent / "shared"


def prepare(name: str, work: Path) -> None:
    """Let a campaign make what its cases share, below `work`."""
    place = work / name / "shared"
    if hasattr(find(name), "prepare"):
        place.mkdir(parents=True, exist_ok=True)
        find(name).prepare(place)


def attempt(name: str, case: Case, work: Path) -> dict[str, Any]:
    """Run one case in a folder of its own below `work`, which is removed unless it failed."""
    (work / name).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{case.name}-", dir=work / name))
    start, error, seen = time.monotonic(), "", None
    try:
        seen = find(name).attempt(case, folder)
    except Exception:
        error = traceback.format_exc()
    else:
        shutil.rmtree(folder)
    seconds = round(time.monotonic() - start, 1)
    return {**asdict(case), "error": error, "seen": seen, "seconds": seconds}


def run(name: str, chosen: Sequence[Case], work: Path, jobs: int = 1, again: bool = False) -> bool:
    """Run the chosen cases of a campaign that are not finished and publish the figures of all.

    Args:
        name: of the campaign.
        chosen: its cases.
        work: folder for the cases and for what is known of those that are finished.
        jobs: cases side by side.
        again: whether cases that have failed are run once more.

    Returns:
        Whether all finished cases have passed.
    """
    if reason := impossible(name):
        print(f"{name} is left out: {reason}")
        return True
    work.mkdir(parents=True, exist_ok=True)
    ledger = work / f"{name}.jsonl"
    known = {done["name"]: done for done in _finished(ledger)}
    ledger.write_text("".join(map(_line, known.values())), encoding="utf-8")
    missing = [
        case for case in chosen if case.name not in known or (again and known[case.name]["error"])
    ]
    if missing:
        prepare(name, work)
    fresh = multiprocessing.get_context("spawn")  # with no server of processes of this one
    with ProcessPoolExecutor(jobs, fresh) as pool, ledger.open("a", encoding="utf-8") as file:
        attempts = [pool.submit(attempt, name, case, work) for case in missing]
        for done in tqdm(as_completed(attempts), name, len(attempts), unit="case"):
            outcome = done.result()
            known[outcome["name"]] = outcome
            file.write(_line(outcome))
            file.flush()
            if outcome["error"]:
                tqdm.write(f"{outcome['name']}: {outcome['error']}")
    publish(name, figures(name, known.values()), DOCUMENT)
    return not any(outcome["error"] for outcome in known.values())


def figures(name: str, outcomes: Iterable[dict[str, Any]]) -> str:
    """The table of a campaign: tried, passed, failed by kind; what was fixed, what is missing."""
    tried, passed = Counter[str](), Counter[str]()
    for outcome in outcomes:
        tried[outcome["kind"]] += 1
        passed[outcome["kind"]] += not outcome["error"]
    kinds = sorted(tried.items())
    rows = [[kind, count, passed[kind], count - passed[kind], ""] for kind, count in kinds]
    whole, well = tried.total(), passed.total()
    rows.append(["**all**", whole, well, whole - well, len(found(name))])
    text = table(["what goes wrong", "tried", "passed", "failed", "fixed"], rows)
    if missing := find(name).CASES - whole:
        text += f"\n\n{missing} cases of the whole campaign are still to be tried."
    return text


def found(name: str) -> list[dict[str, str]]:
    """What a campaign has found and what became of it."""
    with FOUND.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["campaign"] == name]


def _line(outcome: dict[str, Any]) -> str:
    return json.dumps(outcome) + "\n"


def _finished(ledger: Path) -> list[dict[str, Any]]:
    """The outcomes in a ledger; its last line may be cut off by a kill."""
    lines = ledger.read_text(encoding="utf-8").splitlines(keepends=True) if ledger.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]
