"""Nothing that is printed or written holds a secret of the environment."""

from __future__ import annotations

import os
import subprocess
import sys

from project import REPOSITORY, TIME_LIMIT, Project

from tests.workflow.calling import SECRETS
from tests.workflow.planted import holders


def test_no_secret_in_logs_reports_and_results(project: Project):
    (project.results / "index" / "S1C1.parquet").unlink()
    chapter = project.chapters("S2C1")[0]
    data = bytearray(chapter.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    chapter.write_bytes(data)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    targets = ["results/index/S1C1.parquet", "results/resized/S2C1/01/manifest.parquet"]
    done = subprocess.run(
        [*command, "--cores", "2", "--keep-going", "--show-failed-logs", "--", *targets],
        cwd=project.folder,
        env={**os.environ, **SECRETS, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )
    said = done.stdout + done.stderr
    assert done.returncode, said
    assert "cannot be decoded" in said, said
    assert (project.results / "index" / "S1C1.parquet").exists()
    assert not any(secret in said for secret in SECRETS.values())
    assert not holders(project.folder, SECRETS.values())


def test_no_secret_in_anything_that_a_whole_run_makes_nor_in_its_report(project: Project):
    project.snakemake("--cores", "2", "--report", "report.html")
    assert (project.folder / "report.html").exists()
    assert not holders(project.folder, SECRETS.values())


def test_the_scanner_finds_a_secret(tmp_path):
    (tmp_path / "log").write_text(f"key {SECRETS['AWS_ACCESS_KEY_ID']} end")
    assert holders(tmp_path, SECRETS.values())
