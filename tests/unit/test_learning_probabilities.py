"""Answers read part by part say the same as those held whole."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clapboard import artifacts
from clapboard.learning.fusion import Camera, Together, fused
from clapboard.learning.probabilities import Part, Stored, certainty
from clapboard.learning.protocol import Answers

CLASSES = 3
sizes = st.integers(1, 40)


def stored(path, seed, frames, group):
    """A file of random answers in row groups of a size, and the answers."""
    shares = np.random.default_rng(seed).dirichlet(np.full(CLASSES, 0.4), frames)
    shares = shares.astype(np.float32)
    table = pa.table({"probabilities": pa.array(list(shares))}).replace_schema_metadata(
        {artifacts.METADATA_KEY: json.dumps({"classes": ["A", "B", "C"]}).encode()}
    )
    pq.write_table(table, path, row_group_size=group)
    return shares


@given(st.integers(0, 999), sizes, sizes, sizes, st.data())
def test_parts_across_row_groups(tmp_path_factory, seed, frames, group, together, data):
    path = tmp_path_factory.mktemp("stored") / "p.parquet"
    known = stored(path, seed, frames, group)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, frames), st.integers(0, frames))))
    parts = list(Part(Stored(path), range(start, stop), together))
    assert all(len(part) <= together for part in parts)
    found = np.concatenate([np.empty((0, CLASSES), np.float32), *parts])
    assert np.array_equal(found, known[start:stop])


def test_certainty_of_many_parts(tmp_path):
    path = tmp_path / "p.parquet"
    known = stored(path, 1, 40_000, 7_001)
    timeline = np.random.default_rng(2).integers(0, CLASSES, len(known))
    sure = certainty(Stored(path), timeline, range(len(timeline)))
    share = known[np.arange(len(known)), timeline].mean(dtype=np.float64)
    assert sure.share == pytest.approx(share)
    assert sure.changed == pytest.approx((known.argmax(axis=1) != timeline).mean())
    entropy = -(known * np.log(np.maximum(known, 1e-12))).sum(axis=1)
    assert sure.entropy == pytest.approx(entropy.mean(dtype=np.float64))
    assert sure.frames.tolist() == np.bincount(timeline, minlength=CLASSES).tolist()


@given(
    st.lists(st.tuples(sizes, sizes, st.integers(-30, 30)), min_size=2, max_size=4),
    st.integers(1, 40),
)
def test_cameras_averaged_in_parts(tmp_path_factory, cameras, together):
    folder = tmp_path_factory.mktemp("cameras")
    tables, shares, found = [], [], []
    for number, (frames, group, late) in enumerate(cameras):
        name = f"S1C{(4, 3, 9, 1)[number]}"
        clock = (np.arange(frames) + late) * 0.04 + 0.01 * number
        shares.append(stored(folder / name, number, frames, group))
        found.append(Camera(name, clock, 0.0, Stored(folder / name)))
        tables.append(pd.DataFrame({"recording": name, "seconds": clock}))
    rows = pd.concat(tables, ignore_index=True).assign(subject="", session="")
    nothing = np.zeros(len(rows), np.int64)
    answers = Answers(rows, nothing, nothing, np.concatenate(shares), CLASSES)
    claps, scales = (dict.fromkeys(rows["recording"], value) for value in (0.0, 1.0))
    whole = fused(answers, claps, scales).probabilities
    own = cameras[0][0]
    parts = list(Part(Together(found[0], found[1:]), range(own), together))
    assert np.array_equal(np.concatenate(parts), whole[:own])
