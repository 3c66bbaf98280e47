"""How words of the command line become values: `k=v` pairs and files of rows.

A value is read by the type that the template declares: text stays as it is typed, numbers are parsed, an array
is JSON or the same key several times. What cannot be read is a `UsageError`: exit code 2, nothing was run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

__all__ = ["UsageError", "parse_inputs", "parse_settings", "parse_value", "read_rows", "split_pairs"]

_WORDS = {"true": True, "false": False}


class UsageError(Exception):
    """The command was called in a way that cannot work."""


def split_pairs(option: str, words: Sequence[str]) -> dict[str, list[str]]:
    """Group `k=v` words by key, in order.

    >>> split_pairs("--input", ["id=e1", "tag=a", "tag=b=c"])
    {'id': ['e1'], 'tag': ['a', 'b=c']}
    """
    pairs: dict[str, list[str]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} takes name=value, not {word!r}")
        pairs.setdefault(key.strip(), []).append(value)
    return pairs


def parse_inputs(words: Sequence[str], schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The values of `--input` words, each by the JSON Schema of its declaration.

    >>> parse_inputs(["age=7", "tags=a", "tags=b"], {"age": {"type": "integer"}, "tags": {"type": "array"}})
    {'age': 7, 'tags': ['a', 'b']}
    """
    return {
        name: parse_value(name, texts, _schema(name, schemas)) for name, texts in split_pairs("--input", words).items()
    }


def _schema(name: str, schemas: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    if name not in schemas:
        declared = ", ".join(schemas) or "none"
        raise UsageError(f"the template has no input {name!r}; its inputs: {declared}")
    return schemas[name]


def parse_value(name: str, texts: Sequence[str], schema: Mapping[str, Any]) -> Any:
    """One value from the texts given for one input."""
    if schema.get("type") == "array":
        return _parse_array(name, texts, schema)
    if len(texts) > 1:
        raise UsageError(f"input {name!r} was given {len(texts)} times, but it is no array")
    return _parse_one(name, texts[0], schema)


def _parse_array(name: str, texts: Sequence[str], schema: Mapping[str, Any]) -> list[Any]:
    if len(texts) == 1 and texts[0].lstrip().startswith("["):
        value = _parse_json(name, texts[0], "array")
        return list(value)
    items = schema.get("items")
    return [_parse_one(name, text, items if isinstance(items, Mapping) else {"type": "string"}) for text in texts]


def _parse_one(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "string":
        return text
    if kind == "boolean":
        return _parse_word(name, text)
    if kind in ("integer", "number"):
        return _parse_number(name, text, str(kind))
    if kind in ("object", "array", "null"):
        return _parse_json(name, text, str(kind))
    try:  # an enum, anyOf or several types: JSON where it is JSON, else the text itself
        return json.loads(text)
    except ValueError:
        return text


def _parse_word(name: str, text: str) -> bool:
    if text not in _WORDS:
        raise UsageError(f"input {name!r} is a boolean: write true or false, not {text!r}")
    return _WORDS[text]


def _parse_number(name: str, text: str, kind: str) -> int | float:
    value = _parse_json(name, text, kind)
    if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else (int, float)):
        raise UsageError(f"input {name!r} is of type {kind}, and {text!r} is not")
    return value


def _parse_json(name: str, text: str, kind: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise UsageError(f"input {name!r} is of type {kind}, and {text!r} is not") from None


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """The values of `--set` words: defaults of holes, read as YAML scalars.

    >>> parse_settings(["token_healing=false", "max_tokens=20", "temperature=0.5"])
    {'token_healing': False, 'max_tokens': 20, 'temperature': 0.5}
    """
    settings: dict[str, Any] = {}
    for name, texts in split_pairs("--set", words).items():
        if len(texts) > 1:
            raise UsageError(f"--set {name} was given {len(texts)} times")
        settings[name] = _parse_setting(name, texts[0])
    return settings


def _parse_setting(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {name}={text}: this value cannot be read") from None


def read_rows(path: str) -> dict[str, Any] | list[dict[str, Any]]:
    """`--inputs`: one object of a .json file, or the list of rows of a .jsonl file or of a JSON array.

    `-` is standard input: one JSON document, or else one document per line.
    """
    name, text = ("<stdin>", _read_standard_input()) if path == "-" else (path, _read_text(path))
    if name.endswith(".jsonl"):
        return _read_lines(name, text)
    try:
        value = json.loads(text)
    except RecursionError:
        raise UsageError(f"{name}: the JSON is nested too deeply") from None
    except ValueError as error:
        if path == "-":
            return _read_lines(name, text)
        raise UsageError(_not_json(name, error)) from None
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return [_as_row(f"{name}: item {i}", row) for i, row in enumerate(value)]
    raise UsageError(f"{name}: expected a JSON object or an array of objects, not {type(value).__name__}")


def _read_lines(name: str, text: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(_as_row(f"{name}:{number}", json.loads(line)))
            except (ValueError, RecursionError) as error:
                raise UsageError(_not_json(f"{name}:{number}", error)) from None
    return rows


def _as_row(place: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{place}: a row is a JSON object of inputs, not {type(value).__name__}")
    return value


def _not_json(place: str, error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        where = "" if place.rpartition(":")[2].isdigit() else f":{error.lineno}"
        return f"{place}{where}:{error.colno}: not JSON: {error.msg}"
    return f"{place}: not JSON: {error}"


def _read_standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not UTF-8 text (byte {error.start})") from None


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
