from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clapboard.artifacts import (
    TEMPORARY_PREFIX,
    digest,
    digest_file,
    read_json,
    read_parquet,
    replacing,
    write_bytes,
    write_csv,
    write_json,
    write_parquet,
    write_text,
)

texts = st.text(st.characters(codec="utf-8"))
calmly = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_under_its_name_only_when_it_is_whole(tmp_path):
    final = tmp_path / "new/folder/a.mp4"
    with replacing(final) as temporary:
        temporary.write_bytes(b"half")
        assert not final.exists()
        assert temporary.parent == final.parent and temporary.suffix == ".mp4"
        assert temporary.name.startswith(TEMPORARY_PREFIX)
    assert final.read_bytes() == b"half"
    assert names(final.parent) == ["a.mp4"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    final = tmp_path / "a.txt"
    final.write_text("old")
    with pytest.raises(error), replacing(final) as temporary:
        temporary.write_text("half")
        raise error
    assert final.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    final = tmp_path / "a.txt"
    final.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(final):
        pass
    assert final.read_text() == "old"


def test_a_killed_writer_leaves_the_old_file_and_a_name_that_nothing_reads(tmp_path):
    final = tmp_path / "a.txt"
    final.write_text("old")
    program = (
        "import os, signal, sys\n"
        "from clapboard.artifacts import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(final)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert final.read_text() == "old"
    (left,) = (path for path in tmp_path.iterdir() if path != final)
    assert left.name.startswith(TEMPORARY_PREFIX) and left.name.startswith(".")


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    final = tmp_path / "a.txt"
    program = (
        "import sys\n"
        "from clapboard.artifacts import write_text\n"
        "for turn in range(30):\n"
        "    write_text(sys.argv[1], sys.argv[2] * 100_000)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(final), letter]) for letter in "ab"
    ]
    while any(writer.poll() is None for writer in writers):
        if final.exists():
            text = final.read_text()
            assert text in ("a" * 100_000, "b" * 100_000)
    assert [writer.wait() for writer in writers] == [0, 0]
    assert names(tmp_path) == ["a.txt"]


@calmly
@given(st.binary(max_size=100))
def test_bytes_round_trip_and_a_file_has_the_digest_of_its_content(tmp_path, data):
    write_bytes(tmp_path / "a", data)
    assert (tmp_path / "a").read_bytes() == data
    assert digest_file(tmp_path / "a") == digest(data)


def test_digests_tell_contents_apart_and_are_the_published_function():
    assert digest(b"a") != digest(b"b")
    # b2sum -l 128 of an empty file.
    assert digest(b"") == "cae66941d9efbd404e4d88758ea67670"


def test_text_is_utf_8_whatever_the_locale(tmp_path, monkeypatch):
    write_text(tmp_path / "a.txt", "Prozedur ü\n")
    assert (tmp_path / "a.txt").read_bytes() == "Prozedur ü\n".encode()


@calmly
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner)
        ),
        max_leaves=8,
    )
)
def test_json_round_trips_with_its_order(tmp_path, value):
    write_json(tmp_path / "a.json", value)
    assert json.dumps(read_json(tmp_path / "a.json")) == json.dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": -float("inf")}, object()])
def test_what_json_does_not_have_is_refused_and_nothing_written(tmp_path, value):
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "a.json", value)
    assert names(tmp_path) == []


def test_csv_has_a_header_unix_line_ends_and_quotes(tmp_path):
    write_csv(tmp_path / "a.csv", ["label", "row"], [["CPR (BREATH)", 1], ['a,"b"\nc', None]])
    text = (tmp_path / "a.csv").read_bytes()
    assert text == b'label,row\nCPR (BREATH),1\n"a,""b""\nc",\n'


def test_parquet_round_trips_with_its_metadata(tmp_path):
    table = pa.table({"frame": pa.array([1, 2], pa.int64()), "label": ["A", "B"]})
    write_parquet(tmp_path / "a.parquet", table, {"rate": "30000/1001", "chapters": [1]})
    read, metadata = read_parquet(tmp_path / "a.parquet")
    assert read.to_pydict() == table.to_pydict()
    assert read.schema.field("frame").type == pa.int64()
    assert metadata == {"rate": "30000/1001", "chapters": [1]}
    some, _ = read_parquet(tmp_path / "a.parquet", ["label"])
    assert some.column_names == ["label"]


def test_parquet_without_metadata_has_none(tmp_path):
    write_parquet(tmp_path / "a.parquet", pa.table({"a": [1]}))
    assert read_parquet(tmp_path / "a.parquet")[1] == {}


def test_a_parquet_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        read_parquet(tmp_path / "a.parquet")
    assert caught.value.filename == str(tmp_path / "a.parquet")


def test_the_same_table_gives_the_same_bytes(tmp_path):
    table = pa.table({"frame": list(range(1000))})
    write_parquet(tmp_path / "a.parquet", table, {"x": 1})
    write_parquet(tmp_path / "b.parquet", table, {"x": 1})
    assert digest_file(tmp_path / "a.parquet") == digest_file(tmp_path / "b.parquet")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    Path(tmp_path, "file").write_text("")
    with pytest.raises(OSError):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_what_a_killed_writer_left_is_gone_after_the_next(tmp_path):
    program = (
        "import os, signal, sys\n"
        "from clapboard.artifacts import replacing, workshop\n"
        "with workshop(sys.argv[1]) as folder, replacing(sys.argv[1]) as temporary:\n"
        "    (folder / 'part').write_text('part')\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "a.mp4")]) as killed:
        # As long as nobody waits for it, it is in the list of processes.
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        assert len(names(tmp_path)) == 2
        write_text(tmp_path / "b.txt", "whole")
        assert names(tmp_path) == ["b.txt"]


def test_a_process_that_has_the_number_of_a_killed_one_keeps_nothing(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        began = temporary.name.split("-")[2]
        earlier = f"-{int(began) - 1}-"  # this process's pid, but of one that began before it
        left = tmp_path / temporary.name.replace(f"-{began}-", earlier)
        left.write_text("half")
        write_text(tmp_path / "b.txt", "whole")
        assert temporary.exists() and not left.exists()


def test_what_others_write_at_the_moment_stays(tmp_path):
    elsewhere = tmp_path / f"{TEMPORARY_PREFIX}4000000-9-ffff-b.txt"  # of another machine
    elsewhere.write_text("half")
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        write_text(tmp_path / "c.txt", "whole")
        assert temporary.exists() and elsewhere.exists()
    write_text(tmp_path / "b.txt", "again")
    assert names(tmp_path) == ["a.txt", "b.txt", "c.txt"]
