"""What Clapboard leaves in a bucket for its next run, when it has come to harm there."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lab import connect

from clapboard.problems import InputError
from clapboard.s3 import pulling, pushing
from clapboard.s3.inventory import read_manifest
from clapboard.s3.location import Location
from clapboard.s3.plan import Plan
from clapboard.s3.receipt import BEGUN, NAME, Made, Receipt, begin, read_receipt, write_receipt


@pytest.fixture
def bucket(server, bucket_name, as_writer):
    return connect(bucket_name, server.endpoint)


@pytest.fixture
def place(bucket, request):
    return Location(bucket.name, f"{request.node.name}/")


def parquet(**columns):
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


HARM = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "cut at its beginning": lambda data: data[10:],
    "garbled inside": lambda data: data[:4] + bytes(len(data) // 2 - 4) + data[len(data) // 2 :],
    "no table": lambda data: b"manifest of something else\n" * 9,
    "another table": lambda data: parquet(path=["x"], etag=["y"]),
    "another table of these columns": lambda data: parquet(
        path=["x"], bytes=[1], source_etag=["y"], etag=["y"]
    ),
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("name", [NAME, BEGUN])
def test_what_is_harmed_is_told_of_and_written_anew_when_it_is_deleted(bucket, place, name, harm):
    etags = {f"{number}.jpg": f"{number:032x}" for number in range(1000)}
    if name == NAME:
        tags = list(etags.values())
        columns = {"path": list(etags), "bytes": range(1000), "source_etag": tags, "etag": tags}
        table = pa.table(columns)
        write_receipt(bucket, place, Receipt.of(table, {}))
    else:
        begin(bucket, place, Plan("copy", "", place.url, (), 0, 0), etags)
    Made(bucket, place)
    bucket.write(place.key(name), HARM[harm](bucket.read(place.key(name))))
    with pytest.raises(InputError, match="Delete it") as raised:
        Made(bucket, place)
    assert [problem.file for problem in raised.value.problems] == [f"{place.url}{name}"]
    bucket.delete([place.key(name)])
    Made(bucket, place)


@pytest.mark.parametrize("harm", [harm for harm in HARM if "these columns" not in harm])
def test_a_harmed_manifest_of_results_is_told_of(bucket, place, tmp_path, harm, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "check").mkdir(parents=True)
    (tmp_path / "results" / "check" / "report.csv").write_text("x")
    pushing.push(bucket, place, tmp_path / "results")
    bucket.write(place.key(NAME), HARM[harm](bucket.read(place.key(NAME))))
    for work in (pushing.push, pulling.pull):
        with pytest.raises(InputError, match="Delete it") as raised:
            work(bucket, place, tmp_path / "results")
        assert [problem.file for problem in raised.value.problems] == [f"{place.url}{NAME}"]
    bucket.delete([place.key(NAME)])
    assert pushing.push(bucket, place, tmp_path / "results").moved == ("check/report.csv",)
    assert list(read_manifest(bucket, place)[0]) == ["check/report.csv"]
    assert read_receipt(bucket, place).facts["objects"] == 2
