"""From the rules of a grammar to native nodes: expressions where a rule is regular, native rules where it is not.

Regular neighbours become one expression, so that an automaton settles where one ends and the next begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from guided.constraints.grammar.linear import solve_linear
from guided.constraints.grammar.order import groups_of_rules
from guided.constraints.grammar.productive import productive_rules
from guided.constraints.grammar.rules import Op, Ref, Rules
from guided.constraints.limits import Limits
from guided.constraints.regex.nodes import Alternate, Chars, Concat, Literal, Repeat
from guided.errors import ConstraintTooComplex, UnsatisfiableConstraint

if TYPE_CHECKING:
    from guided import _native

__all__ = ["lower_grammar"]


@dataclass(frozen=True, slots=True)
class _Symbol:
    """Part of an alternative: an expression, or a grammar node."""

    id: int
    is_expression: bool


_Sequence: TypeAlias = tuple[_Symbol, ...]
_Choice: TypeAlias = list[_Sequence]  # at most one alternative is an expression alone, or nothing at all


def lower_grammar(builder: _native.Builder, rules: Rules, start: str, limits: Limits) -> int:
    """The grammar node of the rule `start`."""
    size = sum(len(rule.body) for rule in rules.values())
    if size > limits.max_schema_nodes:
        raise ConstraintTooComplex("parts of a grammar (max_schema_nodes)", limits.max_schema_nodes)
    productive = productive_rules(rules)
    if start not in productive:
        endless = [name for name in rules if name not in productive]
        reason = f"no text of the grammar's rule '{start}' ever ends"
        raise UnsatisfiableConstraint(reason, f"rules without an end: {', '.join(endless[:8])}")
    return _Lowering(builder, rules).run(start)


class _Lowering:
    def __init__(self, builder: _native.Builder, rules: Rules) -> None:
        self._builder = builder
        self._rules = rules
        self._expressions: dict[str, int] = {}  # of regular rules
        self._nodes: dict[str, int] = {}  # of the others
        self._lexemes: dict[int, int] = {}

    def run(self, start: str) -> int:
        groups = groups_of_rules(self._rules, start)
        for group in groups:
            members = set(group)
            is_closed = all(
                name in self._expressions or name in members for rule in group for name in self._rules[rule].names
            )
            solved = solve_linear(self._builder, self._rules, group, self._expressions) if is_closed else None
            if solved is not None:
                self._expressions |= solved
                continue
            for name in group:
                self._nodes[name] = self._builder.rule()
            for name in group:
                self._define(self._nodes[name], self._lower(self._rules[name].body))
        if start in self._nodes:
            return self._nodes[start]
        return self._builder.lexeme(self._expressions[start])

    def _lower(self, body: Sequence[Op]) -> _Choice:
        stack: list[_Choice] = []
        for op in body:
            match op:
                case Chars(ranges):
                    stack.append([self._expression(self._builder.chars(ranges))] if ranges else [])
                case Literal(text):
                    stack.append([self._expression(self._builder.literal(text))] if text else [()])
                case Ref(name) if name in self._nodes:
                    stack.append([(_Symbol(self._nodes[name], is_expression=False),)])
                case Ref(name):
                    stack.append([self._expression(self._expressions[name])])
                case Concat(count):
                    stack[-count:] = [self._concat(stack[-count:])]
                case Alternate(count):
                    stack[-count:] = [self._alternate(stack[-count:])]
                case Repeat(minimum, maximum):
                    stack[-1] = self._repeat(stack[-1], minimum, maximum)
        return stack[0]

    def _expression(self, expression: int) -> _Sequence:
        return (_Symbol(expression, is_expression=True),)

    def _concat(self, parts: Sequence[_Choice]) -> _Choice:
        symbols: list[_Symbol] = []
        run: list[int] = []  # expressions side by side
        for part in parts:
            if not part:
                return []
            for symbol in part[0] if len(part) == 1 else (self._symbol(part),):
                if symbol.is_expression:
                    run.append(symbol.id)
                    continue
                symbols += self._joined(run)
                symbols.append(symbol)
                run = []
        return [(*symbols, *self._joined(run))]

    def _joined(self, run: list[int]) -> _Sequence:
        if not run:
            return ()
        return self._expression(run[0] if len(run) == 1 else self._builder.concat(run))

    def _alternate(self, parts: Sequence[_Choice]) -> _Choice:
        sequences = [sequence for part in parts for sequence in part]
        regular = [self._regular(sequence) for sequence in sequences]
        expressions = list(dict.fromkeys(e for e in regular if e is not None))
        others = [sequence for sequence, e in zip(sequences, regular, strict=True) if e is None]
        if not expressions:
            return others
        only = expressions[0] if len(expressions) == 1 else self._builder.alternate(expressions)
        return [*others, self._expression(only)]

    def _regular(self, sequence: _Sequence) -> int | None:
        """The expression that the sequence is, if it is one."""
        if not sequence:
            return self._builder.epsilon()
        return sequence[0].id if len(sequence) == 1 and sequence[0].is_expression else None

    def _repeat(self, part: _Choice, minimum: int, maximum: int | None) -> _Choice:
        if (minimum, maximum) == (1, 1):
            return part
        if maximum == 0 or (not part and minimum == 0):
            return [()]
        if not part:
            return []
        regular = self._regular(part[0]) if len(part) == 1 else None
        if regular is not None:
            return [self._expression(self._builder.repeat(regular, minimum, maximum))]
        if (minimum, maximum) == (0, 1):
            return self._alternate([part, [()]])
        node = self._builder.repetition(self._symbol(part).id, minimum, maximum, None)
        return [(_Symbol(node, is_expression=False),)]

    def _symbol(self, choice: _Choice) -> _Symbol:
        """One symbol for a choice: its own if it is one, else that of a rule without a name."""
        if len(choice) == 1 and len(choice[0]) == 1:
            return choice[0][0]
        node = self._builder.rule()
        self._define(node, choice)
        return _Symbol(node, is_expression=False)

    def _define(self, node: int, choice: _Choice) -> None:
        self._builder.define_rule(node, [[self._node(symbol) for symbol in sequence] for sequence in choice])

    def _node(self, symbol: _Symbol) -> int:
        if not symbol.is_expression:
            return symbol.id
        if symbol.id not in self._lexemes:
            self._lexemes[symbol.id] = self._builder.lexeme(symbol.id)
        return self._lexemes[symbol.id]
