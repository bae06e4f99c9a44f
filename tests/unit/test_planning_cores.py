"""How jobs of equal length share a machine."""

import pytest

from clapboard.planning.cores import cores_of_each


@pytest.mark.parametrize(
    ("jobs", "cores", "each"),
    [
        (0, 8, 1),
        (1, 1, 1),
        (1, 2, 2),
        (1, 8, 8),
        (2, 2, 1),
        (7, 2, 2),
        (14, 2, 1),
        (4, 8, 2),
        (70, 8, 1),
        (17, 8, 8),
        (1, 64, 64),
    ],
)
def test_the_last_job_ends_soonest(jobs, cores, each):
    assert cores_of_each(jobs, cores) == each
