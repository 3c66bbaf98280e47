"""Formats that the core enforces, against jsonschema[format-nongpl]; every disagreement has its reason here."""

from __future__ import annotations

import json
import random
import re

import jsonschema
import pytest

from guided.constraints import JsonSchema
from guided.constraints.json_schema.formats import KNOWN_FORMATS, REFUSED_FORMATS
from guided.errors import UnsupportedSchema

from .conftest import BYTES

CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER
LONG = ".".join(["a" * 63] * 3)

# accepted, refused
EXAMPLES: dict[str, tuple[list[str], list[str]]] = {
    "hostname": (
        [
            *("www.example.com", "xn--4gbwdl.xn--wgbh1c", "host-name", "1host", "a", "7", "a--b", "A.b", "1.2.3"),
            *("1.2.3.4.a", "a" * 63 + ".com", f"{LONG}.{'b' * 61}"),
        ],
        [
            *("", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "_a", "a b", "\u00e9", "a\n", "1.2.3.4", "999.0.0.1"),
            *("a" * 64, f"{LONG}.{'b' * 62}"),
        ],
    ),
    "uri-template": (
        [
            *("", "http://example.com/dictionary/{term:1}/{term}", "{+a}{#a}{.a}{/a}{;a}{?a}{&a}", "{a*}", "{x,y}"),
            *("{a.b}", "{%41}", "{v:1000}", "a%41b", "a'b", "a\U0001f600b", "a\ue000b", "\U000f0000", "{=a}", "{,a}"),
        ],
        [
            *("{}", "{a", "a}b", "{a,,b}", "{a,}", "{,+a}", "{v:0}", "{v:01}", "{v:10000}", "a%", "a%4", "a%GG"),
            *("{a..b}", "{%}", "{%4}", "a b", "a\x7fb", "<", '"', "\\", "^", "`", "|", "{a b}", "{a=b}", "{a*:3}"),
            *("{+}", "{{a}}"),
        ],
    ),
}


@pytest.fixture(scope="module")
def fits():
    grammars = {name: JsonSchema({"type": "string", "format": name}).compile(BYTES) for name in EXAMPLES}

    def fits(name: str, text: str) -> bool:
        matcher = grammars[name].matcher()
        return matcher.accept_bytes(json.dumps(text).encode()) and matcher.is_accepting

    return fits


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name, fits):
    good, bad = EXAMPLES[name]
    assert [t for t in good if not fits(name, t)] == []
    assert [t for t in bad if fits(name, t)] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_negation_is_the_rest(name):
    matcher_of = JsonSchema({"type": "string", "not": {"format": name}}).compile(BYTES).matcher
    good, bad = EXAMPLES[name]
    for text in good + bad:
        matcher = matcher_of()
        is_accepted = matcher.accept_bytes(json.dumps(text).encode()) and matcher.is_accepting
        assert is_accepted == (text in bad), text


def _disagreement(name: str, text: str) -> str | None:
    """Why jsonschema's checker is wrong about a text, where it is."""
    if name == "hostname":
        if text.endswith("."):
            return "fqdn takes the absolute form of DNS, which RFC 1123 does not have"
        if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", text):
            return "RFC 1123, 2.1: never the dotted-decimal form"
        return None
    literals = re.sub(r"\{[^{}]*\}", ".", text)
    if re.search(r"%(?![0-9A-Fa-f]{2})|[^!#$%&-;=?-\[\]_a-z~\u00a0-\U0010ffff]", literals):
        return "uri_template does not look at literals"
    if re.search(r"\{[=,!@|]", text):
        return "uri_template does not know the operators that RFC 6570 reserves (op-reserve)"
    if re.search(r"[{,][,}]", text):
        return "uri_template skips variables without a name"
    if re.search(r"\.[,:*}]", text):
        return "uri_template lets names of variables end with a dot"
    if re.search(r"\{[^}]*%[0-9A-Fa-f]{2}", text):
        return "uri_template takes no escapes in names of variables"
    return None


PIECES = {
    "hostname": ["a", "Z", "9", "0", "-", ".", "xn--", "_", "é", "1.2", "a" * 31, "b" * 62, " "],
    "uri-template": [
        "{",
        "}",
        "{x}",
        "{+x,",
        "y*}",
        "a",
        "%41",
        "%",
        "'",
        " ",
        ":",
        "12",
        "0",
        ",",
        ".",
        "=",
        "é",
        "|",
    ],
}


@pytest.mark.parametrize("name", PIECES)
def test_random_texts_are_judged_as_by_jsonschema(name, fits):
    if name not in CHECKER.checkers:
        pytest.skip("jsonschema[format-nongpl] is not installed")
    rng = random.Random(4)
    texts = {"".join(rng.choices(PIECES[name], k=rng.randint(0, 7))) for _ in range(8000)}
    wrong, reasons = [], set()
    for text in texts:
        if fits(name, text) != CHECKER.conforms(text, name):
            reason = _disagreement(name, text)
            reasons.add(reason)
            wrong += [] if reason else [text]
    assert wrong == []
    assert len(reasons) == {"hostname": 2, "uri-template": 5}[name]  # every reason is met
    assert sum(fits(name, t) for t in texts) > 200


@pytest.mark.parametrize("name", REFUSED_FORMATS)
def test_what_cannot_be_exact_is_refused_with_its_reason(name):
    with pytest.raises(UnsupportedSchema, match=r"exactly \(.*annotate"):
        JsonSchema({"format": name}).compile(BYTES)
    JsonSchema({"format": name}, formats="annotate").compile(BYTES)


@pytest.mark.parametrize("name", sorted(KNOWN_FORMATS - REFUSED_FORMATS.keys()))
def test_every_other_format_compiles_and_its_shortest_value_is_valid(name):
    matcher = JsonSchema({"type": "string", "format": name}).compile(BYTES).matcher()
    value = json.loads(matcher.shortest_completion())
    assert CHECKER.conforms(value, name), value
