"""Which artifacts pass between two machines, so that what is on a side belongs together."""

import pytest

from clapboard.s3.lineage import Passage, Side

MADE_FROM = {
    "labels": ["framecsv"],
    "resized": ["labels"],
    "shards": ["resized"],
    "model": ["labels", "shards"],
    "metrics": ["model"],
    "predictions": ["export"],
}
TRAVEL = {"framecsv", "labels", "shards", "model", "metrics", "predictions", "export/a", "export/b"}


def side(records=None, **times):
    """A side with artifacts of these times; a record says what it was made from, and its time."""
    known = {
        name: {"input": MADE_FROM.get(name, []), "endtime": time} for name, time in times.items()
    }
    known |= records or {}
    here = {name.replace("_", "/"): time for name, time in times.items()}
    return Side(
        {name: time for name, time in here.items() if name in TRAVEL},
        known.get,
        lambda record: (record or {}).get("input", []),
    )


def passage(giver, receiver, same=()):
    return Passage(giver, receiver, set(same))


def test_the_later_passes_and_the_earlier_does_not():
    found = passage(side(labels=3, framecsv=1), side(labels=4, framecsv=2))
    assert (found.passing, found.newer) == (set(), {"framecsv", "labels"})
    found = passage(side(labels=5, framecsv=3), side(labels=4, framecsv=2))
    assert (found.passing, found.held, found.stale) == ({"framecsv", "labels"}, set(), {})


def test_what_was_made_from_a_version_that_does_not_pass_is_held():
    """The later model of older labels, however many steps lie between, and all made from it."""
    mine = side(labels=1, resized=2, shards=3, model=9, metrics=10)
    found = passage(mine, side(labels=4, shards=2, model=6, metrics=7))
    assert found.newer == {"labels"}
    assert found.held == {"shards", "model", "metrics"}
    assert found.passing == set()
    assert found.stale == {}


def test_what_the_receiver_lacks_is_held_as_well():
    found = passage(side(labels=1, model=9, metrics=10), side(labels=4))
    assert found.held == {"model", "metrics"}


def test_what_is_replaced_takes_with_it_what_was_made_from_it():
    """Also a later version gives way to one that belongs to the new input."""
    mine = side(labels=5, model=6)
    found = passage(mine, side(labels=4, model=8, metrics=9))
    assert found.passing == {"labels", "model"}
    assert found.stale == {"metrics": 6}


def test_what_stays_though_its_input_is_replaced_is_told_with_the_time():
    found = passage(side(labels=5), side(labels=4, resized=4, shards=5, model=8, metrics=9))
    assert found.stale == {"shards": 5, "model": 5, "metrics": 5}


def test_between_two_machines_with_mixed_versions_neither_passes_nor_stays():
    mine = side(framecsv=1, labels=7, model=9, records={"model": {"input": ["labels", "framecsv"]}})
    theirs = side(
        framecsv=2,
        labels=3,
        model=8,
        records={"labels": {"input": []}, "model": {"input": ["labels"]}},
    )
    mine.record("labels")["input"] = []
    found = passage(mine, theirs)
    assert found.passing == {"labels"}
    assert found.newer == {"framecsv"}
    assert found.held == {"model"}
    assert found.stale == {"model": 7}


def test_what_is_the_same_is_good_for_both_whatever_it_was_made_from():
    mine = side(framecsv=1, labels=2, model=9)
    found = passage(mine, side(framecsv=5, labels=6, model=7), same=["labels"])
    assert found.passing == {"model"}
    assert found.newer == {"framecsv"}


@pytest.mark.parametrize("version", [3, 4])
def test_input_that_is_not_here_is_judged_by_its_record(version):
    """A shard that was not fetched, or has been deleted since."""
    shard = {"shards": {"input": MADE_FROM["shards"], "endtime": version}}
    found = passage(side(shard, model=9), side(shards=3), same=[])
    assert (found.passing, found.held) == (
        ({"model"}, set()) if version == 3 else (set(), {"model"})
    )
    found = passage(side(shards=3), side(shard, model=9))
    assert (found.passing, found.stale) == ({"shards"}, {} if version == 3 else {"model": 3})


def test_a_folder_that_is_one_result_is_input_by_its_files():
    found = passage(side(export_a=1, predictions=9), side(export_a=2, export_b=2))
    assert found.held == {"predictions"}


def test_records_that_name_one_another_end():
    circle = {"labels": {"input": ["model"]}, "model": {"input": ["labels"]}}
    assert passage(side(circle, labels=1, model=2), side(circle, labels=3, model=1)).passing <= {
        "labels",
        "model",
    }
