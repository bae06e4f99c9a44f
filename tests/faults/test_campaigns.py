"""A few cases of every fault campaign, always the same ones; `make faults` tries all."""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import campaign, full_disk, obstacles

ROOT = Path(__file__).parents[2]
SOME = [(name, case) for name in campaign.names() for case in campaign.in_tests(name)]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str], Path]:
    """The work folder of all workers, once a campaign has made in it what its cases share."""
    base = tmp_path_factory.getbasetemp()
    work, ready = (base if worker_id == "master" else base.parent) / "faults", set[str]()
    work.mkdir(exist_ok=True)

    def prepare(name: str) -> Path:
        with (work / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if name not in ready:
                campaign.prepare(name, work)
                ready.add(name)
        return work

    return prepare


@pytest.mark.parametrize(("name", "case"), SOME, ids=lambda value: getattr(value, "name", value))
def test_promises_are_kept(name, case, prepared):
    if reason := campaign.impossible(name):
        pytest.skip(reason)
    outcome = campaign.attempt(name, case, prepared(name))
    assert not outcome["error"], outcome["error"]


@pytest.mark.parametrize("name", campaign.names())
def test_a_campaign_is_the_same_every_time(name):
    assert campaign.sample(name, 3) == campaign.sample(name, 3)


def test_campaigns_are_there_on_the_command_line():
    command = [sys.executable, "-m", "tests.faults", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in campaign.names())


def test_the_disk_gets_full_at_every_rule_but_those_that_the_document_names():
    named = re.compile(r"^(?:rule|use rule \w+ as) (\w+)", re.MULTILINE)
    files = (ROOT / "workflow" / "rules").glob("*.smk")
    rules = {name for file in files for name in named.findall(file.read_text(encoding="utf-8"))}
    assert rules == {*full_disk.RULES, *full_disk.LEFT_OUT}
    section = campaign.DOCUMENT.read_text(encoding="utf-8").partition("### full_disk")[2]
    assert all(f"`{rule}`" in section.partition("<!--")[0] for rule in full_disk.LEFT_OUT)


@pytest.mark.parametrize(
    ("files", "parent", "limits"),
    [
        ({"memory/memory.limit_in_bytes": ""}, "memory", {"memory.limit_in_bytes": "4096"}),
        # Both versions: the kernel lends each controller to one of them.
        (
            {"memory/memory.limit_in_bytes": "", "cgroup.controllers": "hugetlb\n"},
            "memory",
            {"memory.limit_in_bytes": "4096"},
        ),
        (
            {"cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n"},
            "",
            {"memory.max": "4096", "memory.swap.max": "0"},
        ),
    ],
    ids=["version 1", "both", "version 2"],
)
def test_memory_is_limited_where_control_groups_count_it(tmp_path, files, parent, limits):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert obstacles.memory_limits(tmp_path, 4096) == (tmp_path / parent, limits)


@pytest.mark.parametrize("content", ["hugetlb\n", "\n", None])
def test_no_control_group_that_counts_memory_is_said(tmp_path, content):
    if content:
        (tmp_path / "cgroup.controllers").write_text(content)
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        obstacles.memory_limits(tmp_path, 4096)
