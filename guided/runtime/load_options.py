"""Options of `load_model`, checked alike by all backends: a wrong one is named before anything is loaded."""

from __future__ import annotations

from guided.errors import ModelLoadError

__all__ = ["check_counts", "check_optional_counts", "check_switches"]


def check_counts(**given: object) -> None:
    """Raise `ModelLoadError` for what is no integer of at least 1.

    >>> check_counts(cache_bytes=1 << 20)
    >>> check_counts(cache_bytes="1GB")
    Traceback (most recent call last):
    guided.errors.ModelLoadError: cache_bytes='1GB': pass an integer of at least 1, or leave it out
    """
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ModelLoadError(f"{name}={value!r}: pass an integer of at least 1, or leave it out")


def check_optional_counts(**given: object) -> None:
    """The same, for options that may be None."""
    check_counts(**{name: value for name, value in given.items() if value is not None})


def check_switches(**given: object) -> None:
    """Raise `ModelLoadError` for what is neither True nor False."""
    for name, value in given.items():
        if not isinstance(value, bool):
            raise ModelLoadError(f"{name}={value!r}: pass True or False, or leave it out")
