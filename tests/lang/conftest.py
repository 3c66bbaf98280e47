"""`--update` rewrites the golden files."""

from __future__ import annotations

import contextlib

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    with contextlib.suppress(ValueError):  # another folder's conftest may have it too
        parser.addoption("--update", action="store_true", help="write golden files anew")
