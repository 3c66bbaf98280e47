"""Native tables of large vocabularies, kept on disk for the next process.

One file for each vocabulary, named by its fingerprint, in the user's cache folder; `GUIDED_CACHE_DIR` names another
folder, or is `off`. A file is mapped, not read, so processes share its memory. It is checked as a whole before it is
used; one that is damaged, foreign or of another version is made anew. Nothing that goes wrong here reaches the caller:
tables are built then.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guided import _native

__all__ = ["cache_folder", "native_tables"]

MIN_TOKENS = 16_384  # below, building takes about as long as opening a file
MAX_TOTAL_BYTES = 256 << 20  # of all files; 131,072 tokens take 16 MB
_ABANDONED_AFTER = 3600.0  # seconds: a file half written by a process that died
_SUFFIX = ".tables"

_log = logging.getLogger("guided.vocab")


def native_tables(tokens: Sequence[bytes | None], eos_ids: Sequence[int], fingerprint: str) -> _native.Vocabulary:
    """The tables of this vocabulary: those of an earlier process, or made now and kept for later ones."""
    from guided import _native

    folder = cache_folder() if len(tokens) >= MIN_TOKENS else None
    if folder is None:
        return _native.Vocabulary(tokens, eos_ids)
    path = folder / f"{fingerprint}-{_native.TABLES_FORMAT}{_SUFFIX}"
    key = bytes.fromhex(fingerprint)
    found = _opened(path, key, eos_ids)
    if found is not None and found.size == len(tokens):
        return found
    built = _native.Vocabulary(tokens, eos_ids)
    _keep(path, built.saved(key))
    return built


def cache_folder() -> Path | None:
    """Where the files lie, by the convention of the platform; None if switched off or if there is no such place."""
    chosen = os.environ.get("GUIDED_CACHE_DIR", "")
    if chosen.lower() == "off":
        return None
    if chosen:
        return Path(chosen) / "vocabularies"
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        home = os.path.expanduser("~/Library/Caches")
    else:
        home = os.environ.get("XDG_CACHE_HOME", "")
        home = home if os.path.isabs(home) else os.path.expanduser("~/.cache")
    return Path(home) / "guided" / "vocabularies" if os.path.isabs(home) else None


def _opened(path: Path, key: bytes, eos_ids: Sequence[int]) -> _native.Vocabulary | None:
    from guided import _native

    try:
        mapped = _mapped(path)
        found = _native.Vocabulary.from_saved(mapped, key, eos_ids)
    except FileNotFoundError:
        return None
    except OSError as problem:
        _log.debug("cannot read the tables in %s: %s", path, problem)
        return None
    except ValueError as problem:
        _log.warning("the tables in %s cannot be used (%s) and are made anew", path, problem)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the least recently used files go first
    _log.debug("tables of %d tokens from %s", found.size, path)
    return found


def _mapped(path: Path) -> mmap.mmap:
    """The file's memory. It must be this user's alone, as it must not change while it is mapped; ours never do."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        if sys.platform == "win32":
            return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError("another user may write it")
        populate = getattr(mmap, "MAP_POPULATE", 0)  # all pages at once, not a fault for each
        return mmap.mmap(handle, 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE | populate)
    finally:
        os.close(handle)


def _keep(path: Path, data: bytes) -> None:
    """Write atomically, then make room; a folder that cannot be written is left alone."""
    if not 0 < len(data) <= MAX_TOTAL_BYTES:
        return
    temporary = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=path.stem, suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
        _log.debug("tables written to %s", path)
        _make_room(path)
    except OSError as problem:
        _log.debug("cannot keep tables in %s: %s", path, problem)
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _make_room(newest: Path) -> None:
    """Drop what was used least recently until all files are within bounds, and what dying processes left."""
    now, files = time.time(), []
    for entry in os.scandir(newest.parent):
        with contextlib.suppress(OSError):  # another process may have dropped it
            status = entry.stat(follow_symlinks=False)
            if entry.name.endswith(".part") and now - status.st_mtime > _ABANDONED_AFTER:
                os.unlink(entry.path)
            elif entry.name.endswith(_SUFFIX) and entry.name != newest.name:
                files.append((status.st_mtime, status.st_size, entry.path))
    total = newest.stat().st_size + sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= MAX_TOTAL_BYTES:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
