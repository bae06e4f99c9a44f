"""Pictures fetched by row: the right ones in the right order, decoded once if they are kept."""

from __future__ import annotations

import resource

import keras
import numpy as np
import pytest
import simplejpeg

from clapboard.learning.data import ordered_batches, training_batches
from clapboard.learning.kept import MEBIBYTE, kept_within
from clapboard.learning.sources import Pictures
from clapboard.problems import InputError

ROWS, SIDE = 12, 16


@pytest.fixture
def pictures(tmp_path):
    """Pictures whose grey level is ten times their row."""
    files = [tmp_path / f"{row}.jpg" for row in range(ROWS)]
    for row, file in enumerate(files):
        level = np.full((SIDE, SIDE, 3), 10 * row, np.uint8)
        file.write_bytes(simplejpeg.encode_jpeg(level, quality=95))
    return Pictures([str(file) for file in files], threads=3)


def rows_of(data):
    return np.rint(data.mean(axis=(1, 2, 3)) / 10).astype(int).tolist()


@pytest.mark.parametrize("megabytes", [0, 1])
def test_rows_come_in_the_order_asked_for(pictures, tmp_path, megabytes):
    source, _ = kept_within(pictures, ROWS, megabytes * MEBIBYTE, tmp_path)
    for rows in ([3, 0, 11], [5, 3, 3, 5, 1], [1, 3, 0], list(range(ROWS)), [7]):
        assert rows_of(source.fetch(np.array(rows))) == rows


def test_what_is_kept_is_not_read_again(pictures, tmp_path):
    source, _ = kept_within(pictures, ROWS, MEBIBYTE, tmp_path)
    source.fetch(np.array([2, 4]))
    for file in tmp_path.iterdir():
        file.unlink()
    assert rows_of(source.fetch(np.array([4, 2, 4]))) == [4, 2, 4]
    with pytest.raises(InputError, match="cannot be read"):
        source.fetch(np.array([4, 5]))
    assert "cannot be read" in str(source.error)


def test_two_sets_share_the_room_for_kept_pictures(pictures, tmp_path):
    whole = ROWS * SIDE * SIDE * 3
    first, left = kept_within(pictures, ROWS, 1.5 * whole, tmp_path)
    assert (first is pictures, left) == (False, 0.5 * whole)
    assert kept_within(pictures, ROWS, left, tmp_path) == (pictures, left)
    second, none = kept_within(pictures, ROWS // 2, left, tmp_path)
    assert (second is pictures, none) == (False, 0)


def test_picture_of_another_size_is_refused(pictures, tmp_path):
    for side in (SIDE // 2, SIDE * 2):
        other = np.zeros((side, side, 3), np.uint8)
        (tmp_path / "9.jpg").write_bytes(simplejpeg.encode_jpeg(other))
        with pytest.raises(InputError, match=r"9\.jpg"):
            pictures.fetch(np.arange(ROWS))


def test_full_disk_is_an_error_and_no_crash(pictures, tmp_path):
    source, _ = kept_within(pictures, ROWS, MEBIBYTE, tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIDE * SIDE * 3 * 4, limits[1]))
    try:
        assert rows_of(source.fetch(np.array([1, 0]))) == [1, 0]
        with pytest.raises(InputError, match="cannot be kept"):
            source.fetch(np.array([8]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cache_mb" in str(source.error)


@pytest.mark.parametrize("items", [[[0, 1], [2, 3], [9, 8]], [[4, 5], [6, -1]], [3, 1, 11]])
def test_batches_hold_items_with_their_targets(pictures, items):
    items, targets = np.array(items), np.arange(ROWS) + 100
    batches = list(ordered_batches(pictures, items, targets, 2).as_numpy_iterator())
    if items.ndim > 1:
        known = np.concatenate([known for (_, known), _ in batches])
        assert known.tolist() == (items >= 0).tolist()
        batches = [(data, target) for (data, _), target in batches]
    shown = np.concatenate([data for data, _ in batches])
    assert shown.shape == (*items.shape, SIDE, SIDE, 3)
    levels = np.rint(shown.mean(axis=(-3, -2, -1)) / 10).astype(int)
    assert levels.tolist() == np.where(items < 0, 0, items).tolist()
    target = np.concatenate([target for _, target in batches])
    assert target.tolist() == np.where(items < 0, -1, items + 100).tolist()


def test_every_epoch_has_every_item_once_in_an_order_of_its_own(pictures):
    def targets(epochs, first_epoch=0):
        numbers = np.arange(ROWS)
        batches = training_batches(pictures, numbers, numbers, 5, 1, first_epoch).take(3 * epochs)
        taken = np.concatenate([target for _, target in batches.as_numpy_iterator()])
        return taken.reshape(epochs, ROWS).tolist()

    first, second = targets(2)
    assert sorted(first) == sorted(second) == list(range(ROWS))
    assert first != second
    assert targets(1, first_epoch=1) == [second]


@pytest.mark.parametrize("items", [[3, 1, 11, 5, 4], [[0, 1], [2, 3], [9, 8]], [[4, 5], [6, -1]]])
def test_epochs_of_kept_pictures_are_like_all_others(pictures, tmp_path, items):
    items, targets = np.array(items), np.arange(ROWS) + 100
    kept, _ = kept_within(pictures, ROWS, MEBIBYTE, tmp_path)
    epochs = 4 * -(-len(items) // 2)
    plain, fast = (
        list(training_batches(source, items, targets, 2, 1).take(epochs).as_numpy_iterator())
        for source in (pictures, kept)
    )
    for batch, other in zip(fast, plain, strict=True):
        for found, expected in zip(
            keras.tree.flatten(batch), keras.tree.flatten(other), strict=True
        ):
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected)
