"""The official JSON Schema test suite through token masks: `docs/suite-verdicts.md` is what this prints.

`python -m tests.oracles.official_suite SUITE` prints the page, `--write` puts it into docs/. SUITE is a checkout of
json-schema-org/JSON-Schema-Test-Suite, by default `../shared/data/json-schema-test-suite`. Every instance is written by
`json.dumps`, cut into tokens, and each token looked up in the mask before it is accepted. Formats are annotations,
as the required tests want; keys may come in any order. A few seconds on one core.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import guided
from tests.oracles.vocabularies import one_byte

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT.parent / "shared" / "data" / "json-schema-test-suite"
PAGE = ROOT / "docs" / "suite-verdicts.md"
DRAFTS = {"draft2020-12": "2020-12", "draft7": "7"}  # folder -> name of the draft
_REMOTES = "http://localhost:1234/"
_KINDS = ("right", "too loose", "too tight", "refused")


@dataclass(frozen=True)
class Verdict:
    """What became of one test; `reason` says why it is not right."""

    keyword: str  # the file's name
    test: str
    kind: str
    reason: str = ""


class Suite:
    """The tests of one draft, with the remote schemas that they refer to."""

    def __init__(self, folder: Path, draft_folder: str) -> None:
        from referencing import Registry, Resource
        from referencing.jsonschema import DRAFT7, DRAFT202012

        self._tests = folder / "tests" / draft_folder
        self._draft = DRAFTS[draft_folder]
        by_default = {"7": DRAFT7, "2020-12": DRAFT202012}[self._draft]
        remotes = folder / "remotes"
        self._registry: Any = Registry().with_resources(
            (_REMOTES + path.relative_to(remotes).as_posix(), Resource.from_contents(_read(path), by_default))
            for path in sorted(remotes.rglob("*.json"))
        )
        self._vocab = one_byte()
        self._ids = {data: i for i, data in enumerate(self._vocab.tokens) if data is not None}
        self._longest = max(map(len, self._ids))
        self._mask = np.zeros((self._vocab.size + 31) // 32, np.int32)

    def verdicts(self) -> Iterator[Verdict]:
        """One for each required test, file by file."""
        for path in sorted(self._tests.glob("*.json")):
            for group in _read(path):
                yield from self._of_group(path.stem, group)

    def _of_group(self, keyword: str, group: dict[str, Any]) -> Iterator[Verdict]:
        names = [f"{group['description']}: {test['description']}" for test in group["tests"]]
        try:
            compiled = guided.JsonSchema(
                group["schema"], order="any", draft=self._draft, registry=self._registry, formats="annotate"
            ).compile(self._vocab)
        except guided.UnsatisfiableConstraint as error:  # right where nothing is valid
            for name, test in zip(names, group["tests"], strict=True):
                yield Verdict(keyword, name, "too tight" if test["valid"] else "right", _first_line(error))
            return
        except guided.GuidedError as error:
            yield from (Verdict(keyword, name, "refused", _first_line(error)) for name in names)
            return
        for name, test in zip(names, group["tests"], strict=True):
            is_through = self._lets_through(compiled.matcher(), json.dumps(test["data"], ensure_ascii=False))
            wrong = "too loose" if is_through else "too tight"
            yield Verdict(keyword, name, "right" if is_through == test["valid"] else wrong)

    def _lets_through(self, matcher: guided.Matcher, text: str) -> bool:
        for token in self._cut(text.encode()):
            if not self._is_allowed(matcher, token):
                return False
            assert matcher.accept_token(token), "the mask allows what the matcher refuses"
        return self._is_allowed(matcher, min(self._vocab.eos_ids))

    def _cut(self, data: bytes) -> Iterator[int]:
        """The longest token at each place."""
        at = 0
        while at < len(data):
            end = next(end for end in range(min(len(data), at + self._longest), at, -1) if data[at:end] in self._ids)
            yield self._ids[data[at:end]]
            at = end

    def _is_allowed(self, matcher: guided.Matcher, token: int) -> bool:
        matcher.fill_mask(self._mask)
        return bool(int(self._mask[token >> 5]) >> (token & 31) & 1)


def page(suite: Path = SUITE) -> str:
    """The text of docs/suite-verdicts.md."""
    parts = [
        "# Verdicts on the official test suite",
        "Written by `python -m tests.oracles.official_suite --write`; do not edit.\n"
        "`tests/matcher/test_official_suite.py` compares it with what the masks do now. Right: a valid instance\n"
        "is let through to an allowed end, an invalid one is stopped. Too loose: an invalid one is let through.\n"
        "Too tight: a valid one is stopped. Refused: the schema is not compiled, with a typed error.",
    ]
    for folder, draft in DRAFTS.items():
        parts.append(section(draft, list(Suite(suite, folder).verdicts())))
    return "\n\n".join(parts) + "\n"


def section(draft: str, verdicts: list[Verdict]) -> str:
    """The verdicts on one draft: a table by file, then each test that is not right."""
    counts: dict[str, Counter[str]] = {}
    for one in verdicts:
        counts.setdefault(one.keyword, Counter())[one.kind] += 1
    total = Counter(one.kind for one in verdicts)
    rows = [f"| {name} | {_numbers(count)} |" for name, count in [*counts.items(), ("**all**", total)]]
    head = [f"| file | {' | '.join(_KINDS)} |", "|---|" + "---|" * len(_KINDS)]
    wrong = [one for one in verdicts if one.kind != "right"]
    listed = "\n".join(f"- `{w.keyword}`, {w.test}: {w.kind}{w.reason and '. ' + w.reason}" for w in wrong)
    return "\n\n".join([f"## Draft {draft}", "\n".join([*head, *rows]), listed or "Every test is right."])


def _numbers(count: Counter[str]) -> str:
    return " | ".join(str(count[kind] or "") for kind in _KINDS)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("suite", nargs="?", type=Path, default=SUITE)
    parser.add_argument("--write", action="store_true", help="into docs/ instead of to the screen")
    arguments = parser.parse_args()
    text = page(arguments.suite)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
