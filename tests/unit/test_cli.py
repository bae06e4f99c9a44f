from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from clapboard.cli import COMMANDS, main

PROGRAM = Path(sys.executable).with_name("clapboard")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as done:
        main([command, "--help"])
    assert done.value.code == 0
    assert COMMANDS[command][1] in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["scam"], ["scan"], ["scan", "x", "--no-such-option"]])
def test_a_wrong_command_line_ends_with_status_2(words, capsys):
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 2
    assert "usage: clapboard" in capsys.readouterr().err


def test_wrong_input_gives_a_message_and_no_traceback(tmp_path):
    done = subprocess.run(
        [PROGRAM, "scan", "nowhere"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nowhere: there is no such folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_that_cannot_be_written_gives_a_message(tmp_path, capsys):
    (tmp_path / "S1").mkdir()
    (tmp_path / "S1/a.mp4").write_text("")
    (tmp_path / "file").write_text("")
    assert main(["scan", str(tmp_path), "-o", str(tmp_path / "file" / "table.tsv")]) == 1
    assert f"{tmp_path}/file: File exists" in capsys.readouterr().err


def test_a_wrong_configuration_is_told_whole_and_nothing_is_written(tmp_path):
    config = {"frame": {}, "frames": {"fit": "strech"}, "models": {"a/b": {"architecture": "cnn"}}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    words = [PROGRAM, "check", "--configfile", "config.yaml", "-o", "report.csv"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    for key in ("frame:", "frames.fit:", "models.a/b:"):
        assert f"config.yaml, {key}" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
