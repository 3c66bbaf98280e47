"""Shared by every test: the `slow` marker, and where the data from elsewhere lies."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# ./check fast leaves out property tests too, and what loads torch or a large vocabulary.
SLOW_PARAMETERS = ("tekken", "sentencepiece", "transformers")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["GUIDED_CACHE_DIR"] = "off"  # the user's own cache is not ours to fill, nor to believe
    # the same examples on every machine: what a run finds must not hang on chance (tools/fuzz is for that)
    hypothesis.settings.register_profile("guided", derandomize=True)
    hypothesis.settings.load_profile("guided")
    config.addinivalue_line("markers", "budget_in_tokens: gives the cache room for an exact number of tokens")
    config.addinivalue_line("markers", "slow: takes over a second or two; ./check fast leaves it out")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        is_property = getattr(getattr(item, "function", None), "is_hypothesis_test", False)
        is_large = any(name in item.nodeid for name in SLOW_PARAMETERS)
        if is_property or is_large:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder `../shared/data` beside the checkout; a test that needs it is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not beside this checkout")
    return folder
