"""Settings of all tests."""

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow ones: one of them at the end would leave the other worker idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
