"""Tools: schemas from functions and models, the check of arguments, calls that go wrong."""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import enum
import json
import time
from dataclasses import dataclass
from typing import Annotated, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field

from guided.errors import InvalidSchema, ToolError
from guided.tools import Tool, calculator, lookup, render, text_search, tool


class Unit(enum.Enum):
    METRE = "m"
    FOOT = "ft"


class Place(BaseModel):
    """Where to go."""

    city: str
    zip: str | None = None


@tool
def search(query: str, k: int = 3) -> list[str]:
    """Search the handbook.

    Args:
        query: what to look for
        k: how many passages
    """
    return [query] * k


def with_schema(**properties) -> Tool:
    return Tool("t", "", {"properties": properties, "required": list(properties)}, lambda **arguments: arguments)


def test_the_schema_comes_from_hints_defaults_and_docstring():
    assert search.name == "search"
    assert search.description == "Search the handbook."
    assert search.parameters == {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "what to look for"},
            "k": {"type": "integer", "default": 3, "description": "how many passages"},
        },
        "required": ["query"],
        "additionalProperties": False,
    }
    assert search(query="x") == ["x"] * 3
    assert search({"query": "y", "k": 1}) == ["y"]


def test_values_arrive_in_the_types_of_the_function():
    seen = []

    @tool
    def book(
        day: datetime.date,
        unit: Unit,
        place: Place,
        nights: Annotated[int, Field(ge=1)],
        *,
        kind: Literal["a", "b"] = "a",
    ):
        "Book a room."
        seen.extend([day, unit, place, nights, kind])

    book({"day": "2024-02-29", "unit": "ft", "place": {"city": "Oslo"}, "nights": 2})
    assert seen == [datetime.date(2024, 2, 29), Unit.FOOT, Place(city="Oslo"), 2, "a"]
    assert book.text_signature == (
        'book(day: string, unit: "m" | "ft", place: object, nights: integer, kind: "a" | "b" = "a") - Book a room.'
    )
    with pytest.raises(ToolError, match="/nights"):
        book({"day": "2024-02-29", "unit": "ft", "place": {"city": "Oslo"}, "nights": 0})


def test_parameters_may_have_awkward_names():
    @tool
    def awkward(schema: str, json: int, _hidden: bool, model_config: str, copy: str = "c"):
        return [schema, json, _hidden, model_config, copy]

    assert list(awkward.parameters["properties"]) == ["schema", "json", "_hidden", "model_config", "copy"]
    assert awkward(schema="s", json=1, _hidden=True, model_config="m") == ["s", 1, True, "m", "c"]


def test_positional_only_parameters_and_their_defaults():
    @tool
    def power(base: int, exponent: int = 2, /, *, scale: int = 1) -> int:
        return base**exponent * scale

    assert power(base=3) == 9
    assert power(base=3, scale=2) == 18
    assert power({"base": 2, "exponent": 5}) == 32


def test_methods_and_callable_objects_are_tools_too():
    @dataclass
    class Shelf:
        books: list[str]

        def find(self, word: str) -> list[str]:
            "Find a book."
            return [b for b in self.books if word in b]

        def __call__(self, index: int) -> str:
            return self.books[index]

    shelf = Shelf(["red", "reed"])
    assert tool(shelf.find)(word="ee") == ["reed"]
    assert tool(name="pick")(shelf)(index=0) == "red"


@pytest.mark.parametrize(
    ("define", "reason"),
    [
        (lambda: tool(lambda *args: 0), r"takes \*args"),
        (lambda: tool(name="f")(lambda **kwargs: 0), r"takes \*\*kwargs"),
        (lambda: tool(name="f")(lambda x: 0), "'x' has no type hint"),
        (lambda: tool(search), "is a tool already"),
        (lambda: Tool("a b", "", {}, print), "cannot be the name"),
        (lambda: Tool("", "", {}, print), "cannot be the name"),
        (lambda: Tool("f(", "", {}, print), "cannot be the name"),
        (lambda: Tool("f", "", {"type": "array"}, print), "must have type 'object'"),
        (lambda: Tool("f", "", {}, None), "must be callable"),
        (lambda: Tool("f", "", {}, print, timeout=0), "positive number of seconds"),
        (lambda: Tool.from_openai({"type": "function"}, print), "not an OpenAI tool declaration"),
        (lambda: text_search("no/such/folder"), "is not a folder"),
    ],
)
def test_what_cannot_be_a_tool_is_refused(define, reason):
    with pytest.raises(ToolError, match=reason):
        define()


def test_a_type_without_a_schema_is_refused():
    class Opaque:
        pass

    def opaque(x: Opaque):
        return x

    opaque.__annotations__ = {"x": Opaque}
    with pytest.raises(ToolError, match="no schema for its types"):
        tool(opaque)


def test_a_schema_that_breaks_its_standard_is_named():
    with pytest.raises(InvalidSchema, match="/properties/n/type"):
        with_schema(n={"type": "integr"}).check({"n": 1})


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "'query' is a required property"),
        ({"query": 1}, "at /query: 1 is not of type 'string'"),
        ({"query": "a", "depth": 1}, "'depth' was unexpected"),
        ('{"query": "a"', "are not JSON"),
        ("[]", "must be an object"),
        ({"query": {1, 2}}, "are not JSON values"),
        ({"query": float("nan")}, "are not JSON values"),
    ],
)
def test_arguments_that_do_not_fit_are_explained(arguments, reason):
    with pytest.raises(ToolError, match=reason):
        search.run(arguments)


@pytest.mark.parametrize(
    ("schema", "text", "fits"),
    [
        ({"type": "number", "multipleOf": 0.01}, "19.99", True),
        ({"type": "number", "multipleOf": 0.01}, "19.995", False),
        ({"type": "integer"}, "1e400", True),
        ({"type": "integer"}, "1.0", True),
        ({"type": "integer"}, "1.5", False),
        ({"type": "number", "exclusiveMaximum": 0.3}, "0.29999999999999999999", True),
        ({"type": "number", "exclusiveMaximum": 0.3}, "0.3", False),
        ({"type": "number", "exclusiveMinimum": 0}, "1e-999", True),
        ({"const": 1.0}, "1", True),
    ],
)
def test_numbers_are_compared_as_they_are_spelled(schema, text, fits):
    checked = with_schema(n=schema)
    if fits:
        checked.check(f'{{"n": {text}}}')
    else:
        with pytest.raises(ToolError):
            checked.check(f'{{"n": {text}}}')


def test_a_remote_reference_is_not_fetched():
    with pytest.raises(InvalidSchema, match="is not in the schema"):
        with_schema(n={"$ref": "http://localhost:9/never"}).check({"n": 1})


def test_a_tool_from_a_pydantic_model():
    go = Tool.from_model(Place, lambda place: f"going to {place.city}", name="travel.go")
    assert go.text_signature == "travel.go(city: string, zip?: string | null) - Where to go."
    assert go(city="Oslo") == "going to Oslo"


def test_openai_declarations_go_both_ways():
    declared = search.to_openai()
    jsonschema.Draft202012Validator.check_schema(declared["function"]["parameters"])
    again = Tool.from_openai(json.loads(json.dumps(declared)), lambda **arguments: arguments)
    assert (again.name, again.description, again.parameters) == (search.name, search.description, search.parameters)
    assert again(query="q") == {"query": "q"}
    bare = Tool.from_openai({"name": "now"}, lambda: "noon")
    assert bare() == "noon"
    assert bare.text_signature == "now()"


def test_the_shipped_tools_look_as_the_shipped_model_was_trained_on_them():
    assert calculator.text_signature == "calculator(expression: string) - Evaluate an arithmetic expression."
    assert lookup({}).text_signature == "lookup(key: string) - Look up a fact by its key."


def test_a_failing_tool_says_what_and_where_without_our_frames():
    def divide(a: int) -> float:
        return a / 0

    with pytest.raises(ToolError) as caught:
        tool(divide)(a=1)
    assert str(caught.value).startswith("tool 'divide' failed: ZeroDivisionError: ")
    assert "(in divide, test_tool.py:" in str(caught.value)
    assert "call.py" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_slow_tool_is_given_up():
    nap = tool(timeout=0.05, name="nap")(lambda: time.sleep(2))
    started = time.perf_counter()
    with pytest.raises(ToolError, match=r"longer than 0\.05 s"):
        nap()
    assert time.perf_counter() - started < 1


def test_the_callers_timeout_only_shortens():
    nap = tool(timeout=10, name="nap")(lambda: time.sleep(2))
    with pytest.raises(ToolError, match=r"longer than 0\.05 s"):
        nap.run({}, timeout=0.05)


def test_coroutines_are_awaited_in_and_out_of_a_loop():
    @tool
    async def fetch(n: int) -> int:
        await asyncio.sleep(0)
        return n + 1

    async def inside() -> int:
        return fetch(n=2)

    assert fetch(n=1) == 2
    assert asyncio.run(inside()) == 3


def test_context_variables_reach_the_call():
    user = contextvars.ContextVar("user", default="nobody")
    user.set("ada")
    who = Tool("who", "", {}, lambda: user.get(), timeout=1)
    assert who() == "ada"


def test_keyboard_interrupts_are_not_swallowed():
    def stop():
        raise KeyboardInterrupt

    for timeout in (None, 1):
        with pytest.raises(KeyboardInterrupt):
            Tool("stop", "", {}, stop, timeout=timeout)()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as is\n", "as is\n"),
        (None, "null"),
        (3, "3"),
        ({"a": [1, "é"]}, '{"a": [1, "é"]}'),
        (Place(city="Oslo"), '{"city": "Oslo", "zip": null}'),
        (datetime.date(2024, 2, 29), '"2024-02-29"'),
        (Unit.FOOT, '"ft"'),
    ],
)
def test_results_as_text(value, text):
    assert render("t", value) == text


def test_a_result_that_is_no_text_is_refused():
    with pytest.raises(ToolError, match="neither text nor JSON"):
        render("t", object())


def test_lookup_finds_exact_then_folded_then_suggests():
    facts = lookup({"Oslo": 1, "oslo": 2, "Bergen": 3})
    assert facts(key="oslo") == 2
    assert facts(key=" BERGEN ") == 3
    with pytest.raises(ToolError, match="did you mean 'Bergen'"):
        facts(key="Bergn")


@pytest.fixture
def handbook(tmp_path):
    (tmp_path / "a.md").write_text(
        "# Leave\n\nParental leave is 20 weeks.\n\nSick leave needs a note.\n", encoding="utf-8"
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("Expenses are paid within 30 days.\n", encoding="utf-8")
    (tmp_path / "c.md").write_bytes(b"\xff\xfe leave")
    outside = tmp_path.parent / "secret.txt"
    outside.write_text("parental secret", encoding="utf-8")
    (tmp_path / "link.txt").symlink_to(outside)
    return tmp_path


def test_text_search_finds_the_passage_and_its_line(handbook):
    find = text_search(handbook)
    assert find(query="parental leave", k=1) == [{"file": "a.md", "line": 3, "text": "Parental leave is 20 weeks."}]
    assert find(query="EXPENSES")[0]["file"] == "sub/b.txt"
    assert find(query="nothing here matches xyz") == []
    assert all("secret" not in hit["text"] for hit in find(query="secret parental", k=20))
    with pytest.raises(ToolError, match="no words"):
        find(query="?!")


def test_text_search_sees_files_that_change(handbook):
    find = text_search(handbook)
    assert find(query="bicycles") == []
    (handbook / "sub" / "b.txt").write_text("Bicycles stand in the yard, all of them.\n", encoding="utf-8")
    assert [hit["line"] for hit in find(query="bicycles")] == [1]
