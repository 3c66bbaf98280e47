"""Tables on disk say what built ones say; whatever is wrong with a file or its folder, tables are built instead."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import guided
from guided import _native
from guided.vocab import saved_tables
from tests.oracles.vocabularies import one_byte

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string", "pattern": "^b"}, "é": {"items": {"type": "number"}}},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(saved_tables, "MIN_TOKENS", 0)
    return tmp_path / "vocabularies"


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def masks(vocab):
    """Masks and forced bytes along random texts of a schema and a pattern."""
    seen = []
    for constraint in (guided.JsonSchema(SCHEMA, order="any"), guided.Regex('[ab"]{2,9}|"a"+')):
        for seed in range(4):
            rng, matcher = random.Random(seed), constraint.compile(vocab).matcher()
            for _ in range(25):
                allowed = matcher.allowed_tokens()
                seen.append((matcher.mask_view().tobytes(), matcher.forced_bytes()))
                if not matcher.accept_token(int(rng.choice(allowed))) or matcher.is_terminated:
                    break
    return seen


class Untold(guided.Vocabulary):
    """The same tokens under another name, so that grammars compiled for others are not taken for its own."""

    fingerprint = ""

    @classmethod
    def named(cls, name):
        vocab = cls(one_byte().tokens, one_byte().eos_ids)
        vocab.fingerprint = hashlib.sha256(name.encode()).hexdigest()
        return vocab


@pytest.fixture(scope="module")
def expected():
    return masks(Untold.named("built"))


@pytest.fixture
def named(tmp_path):
    """Vocabularies that no other test has compiled for."""
    return lambda name: Untold.named(f"{name} of {tmp_path}")


def test_masks_from_a_file_are_those_of_built_tables(folder, named, expected, caplog):
    caplog.set_level(logging.DEBUG, "guided.vocab")
    named("x").native  # noqa: B018
    assert "tables written" in caplog.text
    caplog.clear()
    opened = named("x")
    assert masks(opened) == expected
    assert "tables of" in caplog.text
    assert "written" not in caplog.text
    key = bytes.fromhex(opened.fingerprint)
    assert opened.native.saved(key) == only_file(folder).read_bytes()


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


DAMAGES = {
    "empty": lambda data: b"",
    "cut within the header": lambda data: data[:50],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "cut by a byte": lambda data: data[:-1],
    "too long": lambda data: data + bytes(8),
    "another kind of file": lambda data: b"PK\3\4" + data[4:],
    "another version": lambda data: data[:16] + b"\xff\0\0\0" + data[20:],
    "a damaged checksum": lambda data: _flipped(data, 8),
    "a damaged token": lambda data: _flipped(data, 2000),
    "a damaged end": lambda data: _flipped(data, len(data) - 1),
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_made_anew(folder, named, expected, damage, caplog):
    named("x").native  # noqa: B018
    path = only_file(folder)
    good = path.read_bytes()
    path.write_bytes(damage(good))
    assert masks(named("x")) == expected
    assert only_file(folder).read_bytes() == good
    assert "made anew" in caplog.text


def test_a_file_of_another_vocabulary_is_made_anew(folder, named, expected):
    named("x").native  # noqa: B018
    path = only_file(folder)
    good = path.read_bytes()
    other = guided.Vocabulary([*reversed(one_byte().tokens)], {0})
    path.write_bytes(other.native.saved(bytes.fromhex(other.fingerprint)))
    assert masks(named("x")) == expected
    assert path.read_bytes() == good


def _folder_in_place(path):
    path.unlink()
    path.mkdir()


def _pipe_in_place(path):
    path.unlink()
    os.mkfifo(path)


def _link_in_place(path):
    path.rename(path.parent / "elsewhere")
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("change", [_folder_in_place, _pipe_in_place, _link_in_place, lambda path: path.chmod(0o666)])
def test_what_is_no_file_of_ours_is_not_opened(folder, named, expected, change, caplog):
    caplog.set_level(logging.DEBUG, "guided.vocab")
    named("x").native  # noqa: B018
    change(only_file(folder))
    caplog.clear()
    assert masks(named("x")) == expected
    assert "cannot read the tables" in caplog.text


def test_a_folder_that_cannot_be_made_changes_nothing(folder, named, expected):
    folder.write_text("a file stands where the folder should be")
    assert masks(named("x")) == expected


@pytest.mark.parametrize("call", ["mkdir", "replace", "write"])
def test_a_disk_that_refuses_changes_nothing(folder, named, expected, monkeypatch, call):
    def refuse(*args, **kwargs):
        raise OSError(28, "No space left on device")

    if call == "mkdir":
        monkeypatch.setattr(Path, "mkdir", refuse)
    else:
        monkeypatch.setattr(os, {"replace": "replace", "write": "fdopen"}[call], refuse)
    assert masks(named("x")) == expected
    assert not folder.exists() or list(folder.iterdir()) == []


def test_the_least_recently_used_go_first(folder, named, monkeypatch):
    vocabs = [named(str(i)) for i in range(4)]
    size = len(vocabs[0].native.saved(bytes(32)))
    monkeypatch.setattr(saved_tables, "MAX_TOTAL_BYTES", int(3.5 * size))

    def path_of(vocab):
        return next(folder.glob(f"{vocab.fingerprint}*"), None)

    for i in (1, 2):
        vocabs[i].native  # noqa: B018
    for vocab, when in zip(vocabs[:3], (300, 100, 200), strict=True):
        os.utime(path_of(vocab), (when, when))
    vocabs[3].native  # noqa: B018
    assert [path_of(vocab) is not None for vocab in vocabs] == [True, False, True, True]
    monkeypatch.setattr(saved_tables, "MAX_TOTAL_BYTES", size - 1)
    assert named("too large to keep").native.size == vocabs[0].size
    assert len(list(folder.iterdir())) == 3


def test_using_a_file_makes_it_recent(folder, named):
    named("x").native  # noqa: B018
    path = only_file(folder)
    os.utime(path, (5, 5))
    named("x").native  # noqa: B018
    assert path.stat().st_mtime > 1e9


def test_what_a_dying_process_left_is_dropped(folder, named):
    folder.mkdir(parents=True)
    left, fresh = folder / "abc.part", folder / "def.part"
    left.write_bytes(b"x")
    os.utime(left, (5, 5))
    fresh.write_bytes(b"x")
    named("x").native  # noqa: B018
    assert not left.exists()
    assert fresh.exists()


def test_small_vocabularies_and_the_switch_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_CACHE_DIR", str(tmp_path / "cache"))
    one_byte().native  # noqa: B018
    monkeypatch.setattr(saved_tables, "MIN_TOKENS", 0)
    monkeypatch.setenv("GUIDED_CACHE_DIR", "off")
    one_byte().native  # noqa: B018
    assert list(tmp_path.iterdir()) == []
    assert saved_tables.cache_folder() is None


def test_the_folder_follows_the_platform(monkeypatch):
    monkeypatch.delenv("GUIDED_CACHE_DIR")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/cache")
    assert saved_tables.cache_folder() == Path("/some/cache/guided/vocabularies")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative, so not to be used")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert saved_tables.cache_folder() == Path("/home/somebody/.cache/guided/vocabularies")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert saved_tables.cache_folder() == Path("/home/somebody/Library/Caches/guided/vocabularies")


_PROCESS = """
import hashlib, logging, sys
logging.basicConfig(level=logging.DEBUG, format="%(message)s", stream=sys.stderr)
import guided
tokens = [bytes([b]) for b in range(256)] + [b"%d " % i for i in range(20_000)] + [None]
vocab = guided.Vocabulary(tokens, {len(tokens) - 1})
matcher = guided.JsonSchema({"type": "array", "items": {"type": "string"}}).compile(vocab).matcher()
assert matcher.accept_bytes(b'["1')
print(hashlib.sha256(matcher.mask_view().tobytes()).hexdigest())
"""


def test_processes_at_once_agree_and_leave_one_file(tmp_path):
    def start():
        environment = {**os.environ, "GUIDED_CACHE_DIR": str(tmp_path)}
        return subprocess.Popen(
            [sys.executable, "-c", _PROCESS], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    outcomes = [process.communicate() for process in [start() for _ in range(4)]]
    later = start().communicate()
    assert "tables of 20257 tokens from" in later[1]
    assert len({out for out, _ in [*outcomes, later]}) == 1
    assert len(outcomes[0][0]) == 65
    assert only_file(tmp_path / "vocabularies").suffix == ".tables"


def test_a_change_of_the_tables_needs_a_new_number():
    """Files of the same number are believed: where this fails, raise kTablesFormat in native/core/tables.hpp."""
    vocab = one_byte()
    digest = hashlib.sha256(vocab.native.saved(bytes(32))).hexdigest()
    assert (_native.TABLES_FORMAT, digest[:16]) == (2, "77e2bdbd2775c666")
