"""From a parsed pattern to one native expression.

Parts without anchors and look-around are lowered from the inside out. The others from the end to the start, each with
what may follow it: a look-ahead is an intersection with all that follows, and what looks back one character selects by
the last character before. Where that is not finite (look-around in loops, wide look-behind), see `automaton`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from guided.constraints.expression_cache import shared_expression
from guided.constraints.regex.automaton import automaton_of
from guided.constraints.regex.continuations import Continuations, is_finite
from guided.constraints.regex.languages import Language, Languages
from guided.constraints.regex.nodes import Alternate, Chars, Concat, Group, Literal, Look, Program, Repeat, Words
from guided.constraints.regex.parse import Dialect, parse_pattern
from guided.constraints.regex.simplify import simplify, split_conditions
from guided.constraints.regex.tree import Tree, build_tree, postorder

if TYPE_CHECKING:
    from guided import _native

__all__ = ["lower_program", "pattern_expression"]


def lower_program(builder: _native.Builder, program: Program, *, search: bool = False) -> int:
    """The expression of the texts that `program` matches whole, or with `search` anywhere.

    Raises ConstraintTooComplex for look-around that needs too many states.
    """
    languages = Languages(builder)
    root = build_tree(program.ops)
    if not any(isinstance(op, Look) for op in program.ops):
        return languages.expression(_lower(builder, languages, root, search=search))
    conditions, rest = split_conditions(simplify(root), search=search)
    found = _lower(builder, languages, rest, search=search)
    for condition in conditions:
        found = languages.intersect(found, _lower(builder, languages, condition, search=True))
    return languages.expression(found)


def _lower(builder: _native.Builder, languages: Languages, root: Tree, *, search: bool) -> Language:
    order = postorder(root)
    plain = _plain_parts(languages, order)
    if root in plain:
        around = [languages.everything] if search else []
        return languages.concat([*around, plain[root], *around])
    if is_finite(order, plain):
        found = Continuations(languages, order, plain).run(root, search=search)
        if found is not None:
            return found
    states, accepting = automaton_of(root, search=search)
    return Language(builder.automaton(states, accepting), is_nullable=0 in accepting)


def _plain_parts(languages: Languages, order: list[Tree]) -> dict[Tree, Language]:
    """The language of every sub-tree that does not ask what stands around it."""
    plain: dict[Tree, Language] = {}
    for tree in order:
        if tree.is_empty_match or any(child not in plain for child in tree.children):
            continue
        parts = [plain[child] for child in tree.children]
        match tree.op:
            case Chars(ranges):
                plain[tree] = languages.chars(ranges)
            case Literal(text):
                plain[tree] = languages.literal(text)
            case Words(texts):
                plain[tree] = languages.words(texts)
            case Concat():
                plain[tree] = languages.concat(parts)
            case Alternate():
                plain[tree] = languages.union(parts)
            case Repeat(minimum, maximum):
                plain[tree] = languages.repeat(parts[0], minimum, maximum)
            case Group():
                plain[tree] = parts[0]
    return plain


def pattern_expression(builder: _native.Builder, pattern: str, dialect: Dialect, *, search: bool) -> int:
    """The expression of a pattern; InvalidRegex where it is none."""

    def build(scratch: _native.Builder) -> int:
        return lower_program(scratch, parse_pattern(pattern, dialect), search=search)

    return shared_expression(builder, f"pattern {dialect} {'found' if search else 'whole'} {pattern}", build)
