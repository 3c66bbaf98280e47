"""From the arguments of a hole to what is decoded: the constraint, the options, and what the text becomes.

Arguments are expressions; they are evaluated when the hole opens. Constraints of one hole intersect. Plans whose
arguments are constant are checked when the template is compiled, so that what nothing can satisfy is refused there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guided.constraints import AnyText, Constraint, Grammar, Regex
from guided.constraints.constraint import Expression
from guided.errors import ConstraintError, GuidedError, InvalidGrammar, InvalidRegex, TemplateError
from guided.lang import nodes
from guided.lang.constants import is_constant
from guided.lang.evaluate import evaluate
from guided.lang.problems import runtime_error
from guided.lang.values import Undefined, to_text
from guided.program.hole_types import hole_type
from guided.program.where import static_where
from guided.source import Source, Span

__all__ = ["HoleArgumentProblem", "HoleOptions", "HolePlan", "Option", "make_options", "plan_hole", "static_plan"]

DEFAULT_MAX_TOKENS = 1000
"""Where neither the hole, nor the template, nor the caller sets one: holes always end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleOptions:
    """How a hole is decoded; the same names as the arguments of a hole, so that defaults can be laid over them."""

    max_tokens: int | None = DEFAULT_MAX_TOKENS
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int | str, float] | None = None
    min_tokens: int = 0
    n: int = 1
    stop: tuple[str, ...] = ()
    token_healing: bool = True
    canonical: bool = False
    normalize: str | None = None

    def over(self, given: Mapping[str, Any]) -> HoleOptions:
        """With the values of `given` that are options."""
        known = {name: value for name, value in given.items() if name in self.__dataclass_fields__}
        if "stop" in known:
            known["stop"] = _texts(known["stop"])
        return replace(self, **known)

    def checked(self) -> HoleOptions:
        """The same, if its parts go together."""
        if self.max_tokens is not None and self.min_tokens > self.max_tokens:
            raise HoleArgumentProblem(
                "min_tokens", f"min_tokens={self.min_tokens} is more than max_tokens={self.max_tokens}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a select: what is written, and the value that it stands for."""

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class HolePlan:
    """A hole, ready to be decoded. `options` is empty for a `gen`."""

    name: str
    constraint: Constraint
    convert: Callable[[str], Any]
    decoding: HoleOptions
    options: tuple[Option, ...] = ()
    stop_regex: Constraint | None = None
    keep_stop: bool = False
    where: tuple[nodes.Expr, ...] = ()
    append: str | None = None
    wants_distribution: bool = False


def plan_hole(node: nodes.Hole, scope: Mapping[str, Any], source: Source, defaults: HoleOptions) -> HolePlan:
    """Evaluate the arguments of a hole; errors are TemplateRuntimeErrors at the argument."""
    given: dict[str, Any] = {}
    spans: dict[str, Span] = {}
    for argument in node.arguments:
        spans[argument.name] = argument.value.span
        if argument.name in ("where", "type"):
            continue
        value = evaluate(argument.value, scope, source)
        if isinstance(value, Undefined):
            raise runtime_error(source, argument.value.span, value.reason)
        given[argument.name] = value
    try:
        return _plan(node, given, defaults)
    except TemplateError:
        raise
    except HoleArgumentProblem as problem:
        raise runtime_error(
            source, spans.get(problem.argument, node.span), str(problem), help=problem.help
        ) from problem
    except GuidedError as error:
        span = next((spans[n] for n in ("regex", "json", "grammar", "stop_regex", "options") if n in spans), node.span)
        raise runtime_error(source, span, str(error)) from error


def static_plan(
    node: nodes.Hole, defs: Mapping[str, Any], source: Source, defaults: HoleOptions | None = None
) -> HolePlan | None:
    """The plan of a hole whose arguments are the same in every run; None for the others."""
    if not all(is_constant(a.value) for a in node.arguments if a.name not in ("where", "type")):
        return None
    return plan_hole(node, {"defs": defs}, source, defaults or HoleOptions())


class HoleArgumentProblem(GuidedError):
    """A value that an argument of a hole cannot have; who knows where it stands tells it with the place."""

    def __init__(self, argument: str, message: str, help: str = "") -> None:
        super().__init__(message)
        self.argument = argument
        self.help = help


def _plan(node: nodes.Hole, given: Mapping[str, Any], defaults: HoleOptions) -> HolePlan:
    decoding = defaults.over(given).checked()
    if node.kind == "select":
        options = make_options(given.get("options"))
        values = {option.text: option.value for option in options}
        return HolePlan(
            node.name,
            AnyText(),
            lambda text: values[text],
            decoding,
            options,
            wants_distribution=bool(given.get("dist", False)),
        )
    constraint, convert = _constraint(node, given)
    constraint, where = _with_where(node, constraint)
    pattern = given.get("stop_regex")
    return HolePlan(
        node.name,
        constraint,
        convert,
        decoding,
        stop_regex=Regex(pattern) if pattern is not None else None,
        keep_stop=bool(given.get("keep_stop", False)),
        where=where,
        append=given.get("append"),
    )


def _constraint(node: nodes.Hole, given: Mapping[str, Any]) -> tuple[Constraint, Callable[[str], Any]]:
    """The intersection of all that the hole asks for, and how its text becomes a value."""
    parts: list[tuple[str, Constraint]] = []
    convert: Callable[[str], Any] = str
    if "regex" in given:
        parts.append(("regex", _regex(given["regex"])))
    if "json" in given:
        schema = _json_schema(given["json"])
        parts.append(("json", schema))
        convert = schema.parse
    if "grammar" in given:
        parts.append(("grammar", _grammar(given["grammar"])))
    if node.type_name is not None:
        kind = hole_type(node.type_name)
        convert = kind.convert
        if node.type_name != "string":
            parts.append(("type", kind.constraint))
    if not parts:
        return AnyText(), convert
    name, whole = parts[0]
    for other, part in parts[1:]:
        try:
            whole = whole & part
        except ConstraintError:
            message = f"'{name}' and '{other}' cannot be combined in one hole"
            raise HoleArgumentProblem(other, message, "leave one of them out") from None
    return whole, convert


def _with_where(node: nodes.Hole, constraint: Constraint) -> tuple[Constraint, tuple[nodes.Expr, ...]]:
    """The constraint with the static items of `where` in it, and the items that are checked at the end of the hole."""
    where = node.argument("where")
    items = where.items if isinstance(where, nodes.ListExpr) else ()
    if not isinstance(constraint, Expression):
        return constraint, items
    static, rest = static_where(items)
    for part in static:
        constraint = constraint & part if constraint != AnyText() else part
    return constraint, rest


def _regex(pattern: Any) -> Constraint:
    if not isinstance(pattern, str):
        raise HoleArgumentProblem("regex", f"a regex is a text, not {type(pattern).__name__}")
    try:
        return Regex(pattern)
    except InvalidRegex as error:
        raise HoleArgumentProblem("regex", str(error)) from error


def _grammar(text: Any) -> Constraint:
    if not isinstance(text, str):
        raise HoleArgumentProblem("grammar", f"a grammar is a text, not {type(text).__name__}")
    try:
        return Grammar(text)
    except InvalidGrammar as error:
        raise HoleArgumentProblem("grammar", str(error)) from error


def _json_schema(schema: Any) -> Constraint:
    from guided.constraints import JsonSchema

    return JsonSchema(schema)


def make_options(value: Any) -> tuple[Option, ...]:
    """The options of a select: a list of values or a mapping, whose keys they are."""
    if isinstance(value, str) or not isinstance(value, Sequence | Mapping):
        raise HoleArgumentProblem("options", "the options of a select are a list", 'write select("x", ["a", "b"])')
    options = tuple(Option(_option_text(item), item) for item in value)
    if not options:
        raise HoleArgumentProblem("options", "this select has no options", "give at least one")
    texts = [option.text for option in options]
    for text in texts:
        _check_unicode("options", text)
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise HoleArgumentProblem("options", f"the option {twice!r} is given twice")
    if "" in texts:
        raise HoleArgumentProblem("options", "an option is an empty text")
    return options


def _option_text(item: Any) -> str:
    if isinstance(item, bytes | bytearray):
        raise HoleArgumentProblem("options", f"an option is a text, not {item!r}", "decode it first")
    if isinstance(item, bool | None):
        return json.dumps(item)
    return item.name if hasattr(item, "to_openai") else to_text(item)


def _texts(value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Sequence) else None
    if texts is None or not all(isinstance(text, str) and text for text in texts):
        raise HoleArgumentProblem("stop", "'stop' is a text or a list of texts that are not empty")
    for text in texts:
        _check_unicode("stop", text)
    return texts


def _check_unicode(argument: str, text: str) -> None:
    """Refuse half of a surrogate pair: it has no bytes, so no token can spell it."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise HoleArgumentProblem(argument, f"{text!r} is not valid Unicode: it has half of a surrogate pair")
