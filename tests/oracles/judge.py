"""Whether a text is a valid instance of a schema, by nobody of ours: jsonschema, its format checker, Node for patterns.

What jsonschema does with floats it does here with exact numbers: the numbers of schema and instance are integers and
fractions. Its `re.search` is replaced by Node's `RegExp(pattern, "u")`, which is what a `pattern` means. All drafts get
the formats of 2020-12, as guided asserts them. Duplicate keys are a fault of the text.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import jsonschema
from jsonschema.validators import validator_for

_SERVER = """
const known = new Map();
function compiled(pattern) {
  for (const flags of ["u", ""]) try { return new RegExp(pattern, flags); } catch (e) {}
  return null;
}
require("readline").createInterface({input: process.stdin}).on("line", line => {
  const [pattern, text] = JSON.parse(line);
  if (!known.has(pattern)) known.set(pattern, compiled(pattern));
  const regex = known.get(pattern);
  process.stdout.write((regex === null ? "?" : regex.test(text) ? "1" : "0") + "\\n");
});
"""


class EcmaSearch:
    """`search` of ECMA-262, answered by one Node process; it stands in for the module `re` inside jsonschema."""

    def __init__(self) -> None:
        self._node: subprocess.Popen[str] | None = None
        self._known: dict[tuple[str, str], bool] = {}

    @staticmethod
    def is_available() -> bool:
        return shutil.which("node") is not None

    def search(self, pattern: str, text: str) -> bool:
        key = (pattern, text)
        if key not in self._known:
            if len(self._known) > 100_000:
                self._known.clear()
            self._known[key] = self._ask(pattern, text)
        return self._known[key]

    def close(self) -> None:
        """Ends the process; the next question starts another."""
        if self._node is not None:
            self._node.kill()
            self._node.communicate()
            self._node = None

    def _ask(self, pattern: str, text: str) -> bool:
        if self._node is None:
            self._node = subprocess.Popen(
                ["node", "-e", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="ascii"
            )
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps([pattern, text]) + "\n")
        self._node.stdin.flush()
        answer = self._node.stdout.readline().strip()
        if answer not in ("0", "1"):
            raise ValueError(f"Node does not take the pattern {pattern!r}")
        return answer == "1"


ECMA = EcmaSearch()


@contextlib.contextmanager
def ecma_patterns() -> Iterator[None]:
    """Inside, jsonschema asks Node what a pattern matches."""
    with (
        patch.object(jsonschema._keywords, "re", ECMA),
        patch.object(jsonschema._utils, "re", ECMA),
        patch.object(jsonschema._legacy_keywords, "re", ECMA),
    ):
        yield


def exactly(number: str) -> int | Fraction:
    """6e632 is an integer, and no float."""
    value = Fraction(number)
    return value.numerator if value.denominator == 1 else value


def exact_schema(value: Any) -> Any:
    """A schema with exact numbers: a float counts by its shortest spelling."""
    if isinstance(value, float):
        return exactly(repr(value))
    if isinstance(value, dict):
        return {k: exact_schema(v) for k, v in value.items()}
    return [exact_schema(v) for v in value] if isinstance(value, list) else value


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [k for k, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a key twice in {keys}")
    return dict(pairs)


class Judge:
    """What independent checkers say about texts under one schema."""

    def __init__(self, schema: Any) -> None:
        kind = validator_for(schema, default=jsonschema.Draft202012Validator)
        # an integral float is an integer since draft 6
        self._is_old = kind in (jsonschema.Draft3Validator, jsonschema.Draft4Validator)
        self._validator = kind(exact_schema(schema), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)

    def fault(self, text: str | bytes) -> str | None:
        """Why the text is no valid instance; None where it is one."""
        try:
            read_float = Fraction if self._is_old else exactly
            value = json.loads(text, parse_float=read_float, object_pairs_hook=without_repeats)
        except ValueError as problem:
            return f"not JSON: {problem}"
        with ecma_patterns():
            error = next(iter(self._validator.iter_errors(value)), None)
        if error is None:
            return None
        return f"/{'/'.join(map(str, error.absolute_path))}: {error.validator}: {error.message[:300]}"
