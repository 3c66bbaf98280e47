import io
import json
import sys

import pytest

from guided.cli.values import UsageError, parse_inputs, parse_settings, parse_value, read_rows

STRING = {"type": "string"}
WORDS = {"type": "array", "items": {"type": "string"}}
NUMBERS = {"type": "array", "items": {"type": "integer"}}


@pytest.mark.parametrize(
    ("texts", "schema", "value"),
    [
        pytest.param(["12"], STRING, "12", id="a string stays as it is typed"),
        pytest.param(["[1]"], STRING, "[1]", id="also where it looks like JSON"),
        pytest.param([""], STRING, "", id="empty string"),
        pytest.param(["-12"], {"type": "integer"}, -12, id="integer"),
        pytest.param(["1.5e1"], {"type": "number"}, 15.0, id="number"),
        pytest.param(["3"], {"type": "number"}, 3, id="a whole number"),
        pytest.param(["true"], {"type": "boolean"}, True, id="boolean"),
        pytest.param(['["a", "b,c"]'], WORDS, ["a", "b,c"], id="array as JSON"),
        pytest.param(["a", "b"], WORDS, ["a", "b"], id="array by repeating"),
        pytest.param(["a"], WORDS, ["a"], id="array of one"),
        pytest.param(["1", "2"], NUMBERS, [1, 2], id="items by their type"),
        pytest.param(['{"a": 1}'], {"type": "object"}, {"a": 1}, id="object"),
        pytest.param(["null"], {"type": "null"}, None, id="null"),
        pytest.param(["7"], {"enum": [7, "x"]}, 7, id="no single type: JSON where it is JSON"),
        pytest.param(["x"], {"enum": [7, "x"]}, "x", id="no single type: else text"),
    ],
)
def test_a_value_is_read_by_its_declared_type(texts, schema, value):
    read = parse_value("k", texts, schema)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("texts", "schema", "part"),
    [
        (["x"], {"type": "integer"}, "'k' is of type integer"),
        (["1.5"], {"type": "integer"}, "'1.5' is not"),
        (["true"], {"type": "integer"}, "'true' is not"),
        (["NaN"], {"type": "number"}, "'NaN' is not"),
        (["yes"], {"type": "boolean"}, "write true or false"),
        (["{"], {"type": "object"}, "of type object"),
        (["[1,"], NUMBERS, "of type array"),
        (["1", "x"], NUMBERS, "of type integer"),
        (["a", "b"], STRING, "given 2 times"),
        (["[" * 100_000], WORDS, "of type array"),
    ],
)
def test_a_value_of_another_type_is_refused(texts, schema, part):
    with pytest.raises(UsageError, match=part):
        parse_value("k", texts, schema)


def test_an_unknown_input_names_the_known_ones():
    with pytest.raises(UsageError, match="no input 'agee'; its inputs: age, name"):
        parse_inputs(["agee=1"], {"age": {"type": "integer"}, "name": STRING})


@pytest.mark.parametrize("word", ["age", "=7", "", " =7"])
def test_a_pair_needs_a_name_and_an_equals_sign(word):
    with pytest.raises(UsageError, match="takes name=value"):
        parse_inputs([word], {"age": {"type": "integer"}})


def test_settings_are_scalars():
    assert parse_settings(["a=1", "b=off the wall", "c=true"]) == {"a": 1, "b": "off the wall", "c": True}
    with pytest.raises(UsageError, match="given 2 times"):
        parse_settings(["a=1", "a=2"])
    with pytest.raises(UsageError, match="cannot be read"):
        parse_settings(["a=["])


def test_one_object_or_many_rows(tmp_path):
    one, many, lines = tmp_path / "one.json", tmp_path / "many.json", tmp_path / "rows.jsonl"
    one.write_text('{"a": 1}')
    many.write_text('[{"a": 1}, {"a": 2}]')
    lines.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert read_rows(str(one)) == {"a": 1}
    assert read_rows(str(many)) == read_rows(str(lines)) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(("text", "rows"), [('{"a": 1}', {"a": 1}), ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}])])
def test_standard_input_is_one_document_or_lines(text, rows, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert read_rows("-") == rows


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("rows.jsonl", b'{"a": 1}\n{"a": ]', r"rows\.jsonl:2:7: not JSON"),
        ("rows.jsonl", b"[1]", r"rows\.jsonl:1: a row is a JSON object"),
        ("one.json", b'{\n "a": ]', r"one\.json:2:7: not JSON"),
        ("one.json", b"3", "expected a JSON object or an array of objects, not int"),
        ("many.json", b'[{"a": 1}, 2]', "item 1: a row is a JSON object"),
        ("one.json", b"\xff", r"not UTF-8 text \(byte 0\)"),
        ("one.json", b"[" * 200_000, "nested too deeply"),
        ("rows.jsonl", b"[" * 200_000, r"rows.jsonl:1: not JSON"),
    ],
)
def test_a_broken_file_of_rows_names_the_place(tmp_path, name, content, part):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError, match=part):
        read_rows(str(path))


def test_a_missing_file_or_a_directory_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_rows(str(tmp_path / "none.json"))
    with pytest.raises(UsageError):
        read_rows(str(tmp_path))


def test_rows_survive_a_round_trip_through_lines(tmp_path):
    rows = [{"text": "a\u2028b"}, {"text": "c"}]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    assert read_rows(str(path)) == rows
