"""Columns hold what Arrow itself would have made of the same values, and pandas stays out."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from clapboard.arrow import column, lists, numbers, rows, texts

JOBS = [
    "clapboard.pictures.frames",
    "clapboard.video.indexing",
    "clapboard.labels.framecsv",
    "clapboard.labels.labelling",
]


@pytest.mark.parametrize(
    "values",
    [
        np.array([3, -1, 2**40]),
        np.arange(20, dtype=np.int16)[::3],
        np.array([0.5, np.nan]),
        np.array([True, False, True] * 7),
        np.array([], np.int64),
    ],
    ids=str,
)
def test_column_is_what_arrow_makes(values):
    assert column(values).to_numpy(zero_copy_only=False).tobytes() == values.tobytes()
    assert column(values).type == pa.array(values).type


@pytest.mark.parametrize("values", [np.arange(40), np.arange(40) % 3 == 0], ids=["int", "bool"])
def test_numbers_are_those_of_the_rows_left(values):
    chunks = pa.chunked_array([pa.array(values)[3:21], pa.array(values)[:0], pa.array(values)[30:]])
    expected = np.concatenate([values[3:21], values[30:]])
    assert numbers(chunks).dtype == values.dtype
    assert numbers(chunks).tolist() == expected.tolist()
    assert numbers(chunks[:0]).tolist() == []
    assert numbers(chunks[19:20]).tolist() == expected[19:20].tolist()


def test_missing_numbers_are_refused():
    with pytest.raises(ValueError, match="1 values are missing"):
        numbers(pa.chunked_array([pa.array([1, None])]))


@pytest.mark.parametrize("values", [[], ["a", "", "Öl €"], [f"S1C2{n:06d}.jpg" for n in range(99)]])
def test_texts_are_what_arrow_makes(values):
    assert texts(values).equals(pa.array(values, pa.string()))


@pytest.mark.parametrize("shape", [(0, 3), (4, 3), (2, 1)])
def test_lists_are_what_arrow_makes_and_rows_what_they_were_made_of(shape):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    made = lists(values)
    assert made.equals(pa.array(list(values), pa.list_(pa.float32())))
    parts = pa.chunked_array([made[:1], made[1:]], made.type)
    assert rows(parts).tolist() == values.tolist()


@pytest.mark.parametrize("value", [[[1.0], [2.0, 3.0]], [[1.0], None], [[1.0], [None]]])
def test_lists_of_several_lengths_or_with_gaps_are_no_rows(value):
    with pytest.raises(ValueError, match=r"differ in length|missing"):
        rows(pa.chunked_array([pa.array(value, pa.list_(pa.float32()))]))


def test_short_jobs_import_neither_pandas_nor_tensorflow_nor_workbooks(tmp_path):
    """Each would cost a job of a short chapter more than its work."""
    program = f"""
import sys, numpy as np, pyarrow as pa
from clapboard.arrow import column, numbers, texts
from clapboard.artifacts import read_parquet, write_parquet
import {", ".join(JOBS)}
table = pa.table({{"a": column(np.arange(3)), "b": texts(["x", "y", "z"])}})
write_parquet("{tmp_path}/t.parquet", table)
read, _ = read_parquet("{tmp_path}/t.parquet")
assert (numbers(read["a"]).tolist(), read["b"].to_pylist()) == ([0, 1, 2], ["x", "y", "z"])
print([name for name in ("pandas", "tensorflow", "openpyxl", "scipy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]", done.stdout
