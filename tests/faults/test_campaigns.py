"""A few cases of every fault campaign, always the same ones; `make faults` tries all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import campaign

SOME = [
    (name, case)
    for name in campaign.names()
    for case in campaign.sample(name, campaign.find(name).IN_TESTS)
]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The work folder, once a campaign has made in it what its cases share."""
    work, ready = tmp_path_factory.mktemp("faults"), set[str]()

    def prepare(name: str) -> Path:
        if name not in ready:
            campaign.prepare(name, work)
            ready.add(name)
        return work

    return prepare


@pytest.mark.parametrize(("name", "case"), SOME, ids=lambda value: getattr(value, "name", value))
def test_promises_are_kept(name, case, prepared):
    outcome = campaign.attempt(name, case, prepared(name))
    assert not outcome["error"], outcome["error"]


@pytest.mark.parametrize("name", campaign.names())
def test_a_campaign_is_the_same_every_time(name):
    assert campaign.sample(name, 3) == campaign.sample(name, 3)
