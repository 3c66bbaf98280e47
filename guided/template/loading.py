"""A template from a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from guided.errors import InputError
from guided.template.template import Template
from guided.tools import Tool

__all__ = ["load"]


def load(
    path: str | os.PathLike[str],
    *,
    tools: Iterable[Tool | Callable[..., Any]] = (),
    allow_imports: Collection[str] = (),
) -> Template:
    """Read and compile a `.guided` file; `tools` and `allow_imports` as for `Template`.

    Raises `InputError` if there is no such file or it is not UTF-8 text, and `TemplateSyntaxError` with line,
    column and caret for what is wrong in it.
    """
    place = Path(path)
    try:
        data = place.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such template: {place}") from None
    except IsADirectoryError:
        raise InputError(f"{place} is a directory, not a template") from None
    except OSError as error:
        raise InputError(f"{place} cannot be read: {error.strerror}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{place}:{line}: not UTF-8 text (byte {error.start} is {data[error.start]:#04x})") from None
    return Template(text.replace("\r\n", "\n"), name=str(place), tools=tools, allow_imports=allow_imports)
