"""Declared inputs, hole defaults and tools: what a caller gives, and what it is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from guided.errors import InputError, TemplateRuntimeError, TemplateSyntaxError
from guided.lang import bind_defaults, bind_inputs, check, load_tools, parse, start_scope
from guided.lang.inputs import schema_of_type, type_of_schema
from guided.lang.plain_schema import is_plain, plain_problem
from guided.source import Source
from guided.tools import calculator, tool

FRONT = """---
guided: 1
inputs:
  topic: string
  count: {type: integer, minimum: 1, default: 3}
  words: {type: "string[]", minItems: 1, default: [a]}
  person: {type: object, properties: {age: {type: integer}}, required: [age], default: {age: 1}}
  flag: {type: boolean, default: true}
  note: {type: [string, "null"], default: null}
  level: {enum: [low, high], default: low, description: how loud}
  anything: {type: any, default: 1.5}
---
"""
INPUTS = parse(Source(FRONT)).front.inputs


def test_defaults_fill_what_is_not_given():
    bound = bind_inputs(INPUTS, {"topic": "cats", "count": 5})
    assert bound == {
        "topic": "cats",
        "count": 5,
        "words": ["a"],
        "person": {"age": 1},
        "flag": True,
        "note": None,
        "level": "low",
        "anything": 1.5,
    }
    assert list(bound) == list(INPUTS)


def test_declarations_say_their_types():
    types = {name: declaration.type for name, declaration in INPUTS.items()}
    assert types["words"] == "string[]"
    assert types["note"] == "string or null"
    assert types["level"] == "any"
    assert INPUTS["level"].description == "how loud"
    assert not INPUTS["topic"].has_default


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "input 'topic' is missing: it is declared as string and has no default; no input was given"),
        ({"count": 2}, "input 'topic' is missing: it is declared as string and has no default; given: count"),
        ({"topc": "x"}, "unknown input 'topc': did you mean 'topic'?"),
        ({"zzz": "x"}, "unknown input 'zzz': the inputs are topic, count, words"),
        ({"topic": 5}, "input 'topic' is declared as string, but 5 was given, which is an integer"),
        ({"topic": None}, "input 'topic' is declared as string, but None was given, which is null"),
        ({"topic": "x", "count": "3"}, "input 'count' is declared as integer, but '3' was given, which is a string"),
        ({"topic": "x", "count": True}, "input 'count' is declared as integer, but True was given, which is a boolean"),
        ({"topic": "x", "count": 2.5}, "input 'count' is declared as integer, but 2.5 was given, which is a number"),
        ({"topic": "x", "count": 0}, "input 'count' is declared as integer, but 0 is less than the minimum of 1"),
        ({"topic": "x", "words": "a"}, "input 'words' is declared as string[], but 'a' was given, which is a string"),
        ({"topic": "x", "words": ["a", 1]}, "input 'words' is declared as string[], but at index 1 1 was given"),
        ({"topic": "x", "words": []}, "input 'words' is declared as string[], but [] has fewer than 1 items"),
        ({"topic": "x", "person": {}}, "input 'person' is declared as object, but 'age' is missing in it"),
        (
            {"topic": "x", "person": {"age": "x"}},
            "input 'person' is declared as object, but at 'age' 'x' was given, which is a string",
        ),
        ({"topic": "x", "level": "mid"}, "input 'level' is declared as any, but 'mid' is not one of"),
        ({"topic": b"x"}, "input 'topic' is declared as string, but b'x' was given, which is a Python bytes"),
    ],
)
def test_what_is_wrong_is_named(given, message):
    with pytest.raises(InputError) as caught:
        bind_inputs(INPUTS, given)
    assert str(caught.value).startswith(message)


def test_tuples_are_arrays_and_whole_floats_are_integers():
    bound = bind_inputs(INPUTS, {"topic": "x", "words": ("a", "b"), "count": 4.0})
    assert bound["words"] == ("a", "b")


def test_a_template_without_inputs_says_so():
    with pytest.raises(InputError, match="this template declares no inputs"):
        bind_inputs({}, {"a": 1})


VALUES = [None, True, False, 0, 1, -1, 2.0, 2.5, "", "a", "abc", [], ["a"], [1, "a"], {}, {"age": 1}, {"age": "x"}]
PLAIN = [
    {"type": "integer"},
    {"type": ["string", "null"]},
    {"type": "number", "minimum": 0, "exclusiveMaximum": 2.5},
    {"type": "integer", "exclusiveMinimum": 0, "maximum": 1},
    {"type": "string", "minLength": 1, "maxLength": 2},
    {"type": "string", "pattern": "^a"},
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1},
    {"type": "object", "properties": {"age": {"type": "integer", "minimum": 1}}, "required": ["age"]},
    {"enum": [1, "a", None, {"age": 1}]},
    {"enum": [True, 2]},
    {},
]


@pytest.mark.parametrize("schema", PLAIN, ids=str)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_schemas_say_what_the_validator_says(schema, value):
    assert is_plain(schema)
    assert (plain_problem(schema, value) == "") == jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [
        *({"minLength": -1}, {"minLength": True}, {"type": "objekt"}, {"type": []}, {"pattern": "("}, {"items": True}),
        *({"required": "a"}, {"properties": {"a": 1}}, {"anyOf": []}, {"minimum": "1"}, {"items": {"not": {}}}, True),
    ],
    ids=str,
)
def test_what_is_not_plain_goes_to_the_validator(schema):
    assert not is_plain(schema)


def test_a_validator_is_loaded_only_where_it_is_needed():
    code = (
        "import sys; from pathlib import Path; from guided.lang import bind_inputs, check, parse\n"
        "from guided.source import Source\n"
        "for path in Path('templates').glob('*.guided'):\n"
        "    file = parse(Source(path.read_text(encoding='utf-8')))\n"
        "    check(file), bind_inputs(file.front.inputs, {})\n"
        "assert 'jsonschema' not in sys.modules and 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[2])


@pytest.mark.parametrize("text", ["string", "integer", "number", "boolean", "object", "string[]", "integer[][]"])
def test_short_types_round_trip(text):
    schema = schema_of_type(text)
    assert schema is not None
    assert type_of_schema(schema) == text


def test_hole_defaults_are_overridden_by_name_and_type():
    front = parse(Source("---\ndefaults: {temperature: 0.5, max_tokens: 9}\n---\n")).front
    assert bind_defaults(front, {}) == {"temperature": 0.5, "max_tokens": 9}
    assert bind_defaults(front, {"token_healing": False, "max_tokens": 3}) == {
        "temperature": 0.5,
        "max_tokens": 3,
        "token_healing": False,
    }
    with pytest.raises(InputError, match="there is no default 'temprature' for holes: did you mean 'temperature'"):
        bind_defaults(front, {"temprature": 1})
    with pytest.raises(InputError, match="'max_tokens' is an integer, not 'many'"):
        bind_defaults(front, {"max_tokens": "many"})


def test_tools_are_found_given_or_refused():
    file = parse(Source("---\ntools: [calculator]\n---\n"))
    assert load_tools(file) == {"calculator": calculator}

    @tool
    def calculator_of_mine(expression: str) -> str:
        "Mine."
        return expression

    assert load_tools(file, {"calculator": calculator_of_mine})["calculator"] is calculator_of_mine
    file = parse(Source("---\ntools: [calculatr]\n---\n"))
    with pytest.raises(TemplateRuntimeError, match="did you mean 'calculator'"):
        load_tools(file)
    file = parse(Source("---\ntools: {dump: 'json:dumps'}\n---\n"))
    with pytest.raises(TemplateRuntimeError, match="in the module 'json', which may not be imported"):
        load_tools(file)


def test_a_module_is_imported_only_when_it_is_allowed(tmp_path, monkeypatch):
    (tmp_path / "mytools_for_test.py").write_text(
        'def twice(word: str) -> str:\n    "Say it twice."\n    return word * 2\n', encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    file = parse(Source("---\ntools: {twice: 'mytools_for_test:twice', gone: 'mytools_for_test:gone'}\n---\n"))
    check(file)
    with pytest.raises(TemplateRuntimeError, match="'mytools_for_test:gone' is not there"):
        load_tools(file, allow={"mytools_for_test"})
    loaded = load_tools(file, {"gone": calculator}, allow={"mytools_for_test"})
    assert loaded["twice"](word="ab") == "abab"
    scope = start_scope(file, {"a": 1}, loaded)
    assert scope["tools"]["twice"].name == "twice"
    assert scope["a"] == 1


def test_yaml_is_that_of_version_1_2():
    front = parse(
        Source(
            "---\ninputs:\n  a: {type: any, default: no}\n  b: {type: any, default: 0o17}\n"
            "  c: {type: any, default: 2024-01-02}\n  d: {type: any, default: ~}\n  e: {type: any, default: 1e3}\n"
            "  f: {type: any, default: 012}\n  g: {type: any, default: '7'}\n"
            "  h: {type: any, default: [1.5, true, Null]}\n"
            "  i: {type: any, default: 1:30}\n---\n"
        )
    ).front
    found = {name: declaration.default for name, declaration in front.inputs.items()}
    assert found == {
        "a": "no",
        "b": 15,
        "c": "2024-01-02",
        "d": None,
        "e": 1000.0,
        "f": 12,
        "g": "7",
        "h": [1.5, True, None],
        "i": "1:30",
    }


def test_keys_keep_their_place():
    source = Source("---\nguided: 1\ninputs:\n  first: string\n  second: {type: integer}\n---\n")
    inputs = parse(source).front.inputs
    assert source.position(inputs["second"].span.start) == (5, 3)


def test_a_character_that_yaml_refuses():
    with pytest.raises(TemplateSyntaxError, match="a character that YAML does not allow"):
        parse(Source("---\ndescription: a\x00b\n---\n"))


def test_the_body_starts_after_the_front_matter():
    file = parse(Source("---\r\nguided: 1\r\n---\r\n\r\nHi\r\n"))
    assert [node.value for node in file.body] == ["\nHi\n"]
    assert parse(Source("--- a dash\n")).body[0].value == "--- a dash\n"
    assert parse(Source("---\n---\nx")).body[0].value == "x"
