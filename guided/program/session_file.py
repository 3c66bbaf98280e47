"""A session as a file: the very tokens of its text, what was captured, and, where the engine can, keys and values.

A zip of `session.json` and arrays of keys and values. It is good for the vocabulary it was made with; keys and values
also for the model alone, which a probe of the weights names. What does not fit, or is damaged, is refused whole.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from guided.errors import InputError
from guided.lang.scope import Scope
from guided.program.state import Capture, Piece, RunState
from guided.runtime.hole import HoleToken
from guided.runtime.hole_text import TextState
from guided.vocab import Vocabulary

__all__ = ["Arrays", "read_session", "session_path", "write_session"]

VERSION = 1
MAX_BYTES = 1 << 36
Arrays = Mapping[str, npt.NDArray[Any]]


def write_session(path: Path, state: RunState, vocab: Vocabulary, decoding: Mapping[str, int], arrays: Arrays) -> None:
    """Write all of it, or nothing: through a file beside it."""
    document = {"guided_session": VERSION, "vocabulary": vocab.fingerprint, **decoding, **_plain_state(state)}
    parts = {"session.json": _json(document), **{f"{name}.npy": _npy(array) for name, array in arrays.items()}}
    digest = _digest(parts)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"the session cannot be saved in {path.parent}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
            archive.writestr("sha256", digest)
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise InputError(f"the session cannot be saved as {path}: {error.strerror}") from error
    except BaseException:
        os.unlink(temporary)
        raise


def session_path(given: object) -> Path:
    """The path that a caller gave; raises `InputError` for what is none."""
    if not isinstance(given, str | os.PathLike) or not str(given):
        raise InputError(f"a session is a file: give its path, not {given!r}")
    return Path(given)


def read_session(path: Path, vocab: Vocabulary) -> tuple[RunState, dict[str, int], Arrays]:
    """The state, the numbers beside it (seed, row, how many tokens the arrays are of), and the arrays of a file.

    Raises `InputError` for one that is damaged, or was saved with another vocabulary.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info for info in archive.infolist() if info.filename != "sha256"]
            if sum(info.file_size for info in names) > MAX_BYTES:
                raise ValueError("it is too large")
            parts = {info.filename: archive.read(info) for info in names}
            digest = archive.read("sha256")
        if digest != _digest(parts):
            raise ValueError("its check sum is wrong")
        document = json.loads(parts.pop("session.json"))
        if document["guided_session"] != VERSION:
            raise ValueError(f"its version is {document['guided_session']}, and {VERSION} can be read")
        arrays = {name[:-4]: np.load(io.BytesIO(data), allow_pickle=False) for name, data in parts.items()}
        fingerprint = document["vocabulary"]
        state = _state(document)
    except FileNotFoundError:
        raise InputError(f"no such session: {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path} is no session that can be read: {error}") from error
    if fingerprint != vocab.fingerprint:
        raise InputError(f"{path} was saved with another vocabulary: {fingerprint}, this one is {vocab.fingerprint}")
    return state, {name: int(document[name]) for name in ("seed", "row", "num_computed")}, arrays


def _plain_state(state: RunState) -> dict[str, Any]:
    text = state.text
    computed = [] if text.seq is None else [int(token) for token in text.seq.tokens]
    return {
        "tokens": [*computed, *map(int, text.pending)],
        "num_computed": len(computed),
        "tail": text.tail.decode("latin-1"),
        "tail_marks": list(text.tail_marks),
        "ahead": state.ahead.decode("latin-1"),
        "num_draws": state.num_draws,
        "pieces": [_plain_piece(piece) for piece in state.pieces],
        "captures": {name: _plain_capture(name, capture) for name, capture in state.captures.items()},
    }


def _plain_piece(piece: Piece) -> dict[str, Any]:
    tokens = [
        [token.id, token.data.decode("latin-1"), token.kind, token.logprob, token.log_allowed_mass, token.is_inside]
        for token in piece.tokens
    ]
    plain = {"text": piece.text, "by": piece.provenance, "hole": piece.hole, "hidden": piece.is_hidden}
    return {**plain, "tokens": tokens}


def _plain_capture(name: str, capture: Capture) -> dict[str, Any]:
    try:
        same = json.loads(json.dumps(capture.value)) == capture.value
    except (TypeError, ValueError):
        same = False
    if not same:
        kind = type(capture.value).__name__
        raise InputError(f"the value of {name!r} is a {kind}: a session is saved as JSON, capture plain values")
    return {
        "value": capture.value,
        "text": capture.text,
        "finish_reason": capture.finish_reason,
        "logprob": capture.logprob,
        "distribution": None if capture.distribution is None else dict(capture.distribution),
        "num_sampled": capture.num_sampled,
        "healing": capture.healing,
    }


def _state(document: Mapping[str, Any]) -> RunState:
    tokens = tuple(int(token) for token in document["tokens"])
    tail = document["tail"].encode("latin-1")
    text = TextState(pending=tokens, marks=bytes(len(tokens)), tail=tail, tail_marks=bytes(document["tail_marks"]))
    captures = {name: Capture(**capture) for name, capture in document["captures"].items()}
    return RunState(
        Scope.of({name: capture.value for name, capture in captures.items()}),
        text,
        ahead=document["ahead"].encode("latin-1"),
        pieces=tuple(_piece(piece) for piece in document["pieces"]),
        captures=captures,
        num_draws=int(document["num_draws"]),
    )


def _piece(plain: Mapping[str, Any]) -> Piece:
    tokens = tuple(
        HoleToken(id, data.encode("latin-1"), kind, logprob, mass, is_inside)
        for id, data, kind, logprob, mass, is_inside in plain["tokens"]
    )
    return Piece(plain["text"], plain["by"], plain["hole"], tokens, plain["hidden"])


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _npy(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _digest(parts: Mapping[str, bytes]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(f"{name}:{len(parts[name])}:".encode())
        digest.update(parts[name])
    return digest.hexdigest().encode()
