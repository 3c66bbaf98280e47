"""`guided doctor`: what is installed, what is not and why, and whether the shipped model generates.

Each check is one line: `ok`, `--` for what is optional and not there, `FAILED` for what must work and does not.
"""

from __future__ import annotations

import importlib
import platform
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

import guided
from guided.vocab.saved_tables import cache_folder

__all__ = ["Finding", "examine", "findings"]

_SIGNS = {"ok": "ok    ", "absent": "--    ", "failed": "FAILED"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    state: Literal["ok", "absent", "failed"]
    detail: str


def examine() -> int:
    """Print every finding as soon as it is known; the exit code is 1 if one failed."""
    failed = False
    for finding in findings():
        print(f"{_SIGNS[finding.state]}  {finding.subject:<22} {finding.detail}", flush=True)
        failed = failed or finding.state == "failed"
    return 1 if failed else 0


def findings() -> Iterator[Finding]:
    """All checks, in the order in which one depends on the other."""
    version = platform.python_version()
    yield Finding("python", "ok" if sys.version_info >= (3, 11) else "failed", f"{version} ({sys.executable})")
    yield Finding("platform", "ok", f"{platform.system()} {platform.machine()}")
    yield Finding("guided", "ok", guided.__version__)
    yield _native_core()
    yield _saved_tables()
    for entry in sorted(entry_points(group="guided.backends"), key=lambda e: e.name):
        yield _backend(entry)
    yield from _shipped_model()


def _native_core() -> Finding:
    try:
        module = importlib.import_module("guided._native")
    except ImportError as error:
        return Finding("native core", "failed", f"{error}; reinstall with: pip install .")
    return Finding("native core", "ok", str(module.__file__))


def _saved_tables() -> Finding:
    subject, folder = "vocabulary tables", cache_folder()
    if folder is None:
        return Finding(subject, "absent", "not kept on disk: GUIDED_CACHE_DIR says off, or there is no home folder")
    sizes = [path.stat().st_size for path in folder.glob("*.tables")]
    return Finding(subject, "ok", f"{len(sizes)} kept, {sum(sizes) / 1e6:.0f} MB, in {folder}")


def _backend(entry: EntryPoint) -> Finding:
    """Fine if its libraries are there and it can be imported; without its libraries it is merely absent."""
    subject = f"backend {entry.name}"
    versions = {name: _version(name) for name in _libraries(entry)}
    missing = [name for name, version in versions.items() if version is None]
    try:
        if not missing:
            entry.load()
    except ModuleNotFoundError as error:
        missing = [error.name or str(error)]
    except Exception as error:  # a backend is anybody's code: whatever it raises is the answer
        return Finding(subject, "failed", f"{type(error).__name__}: {error}")
    if missing:
        return Finding(subject, "absent", f"needs {' and '.join(missing)}: pip install 'guided[{entry.name}]'")
    return Finding(subject, "ok", ", ".join(f"{name} {version}" for name, version in versions.items()) or entry.value)


def _libraries(entry: EntryPoint) -> list[str]:
    """What the extra of the backend's name installs."""
    needs = entry.dist.requires or [] if entry.dist is not None else []
    wanted = re.compile(rf"""([\w.-]+).*;.*extra == ["']{re.escape(entry.name)}["']""")
    return [found[1] for need in needs if (found := wanted.match(need))]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _shipped_model() -> Iterator[Finding]:
    try:
        started = time.perf_counter()
        model = guided.load_model()
    except (guided.GuidedError, ImportError) as error:
        yield Finding("shipped model", "failed", str(error))
        return
    with model:
        yield Finding("shipped model", "ok", f"{model.vocab.size} tokens, loaded in {_seconds(started)}")
        yield _self_test(model)


def _self_test(model: guided.Model) -> Finding:
    """A constrained generation of about a second: the mask, the engine and the matcher work together."""
    started = time.perf_counter()
    try:
        result = model.generate("Age: ", constraint=guided.Regex("[1-9][0-9]?"), max_tokens=8)
        value = int(result.text)
    except (guided.GuidedError, ValueError) as error:
        return Finding("self-test", "failed", f"{type(error).__name__}: {error}")
    return Finding("self-test", "ok", f"'Age: ' -> {value}, in {_seconds(started)}")


def _seconds(since: float) -> str:
    return f"{time.perf_counter() - since:.2f} s"
