"""One run of the whole workflow per test session, copied by the tests that change something."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from project import Project, make_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Project:
    """A project with everything made; never to be changed."""
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (shared / "begun").is_dir():
            pytest.fail("the workflow did not run through; the first failure shows how")
        if not (shared / "finished").is_dir():
            project = make_project(shared / "begun")
            project.run()
            project.folder.rename(shared / "finished")
    return Project(shared / "finished")


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A finished project of the test's own."""
    return finished.copy(tmp_path / "project")
