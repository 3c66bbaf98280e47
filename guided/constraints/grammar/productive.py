"""Which rules have a text at all.

Every instruction of every body is a clause: a sequence needs all its operands, a choice one, a part that may be left
out none. What is needed is counted down as texts are found, so the work is linear in the size of the grammar.
"""

from __future__ import annotations

from guided.constraints.grammar.rules import Ref, Rules
from guided.constraints.regex.nodes import Alternate, Chars, Concat, Literal, Repeat

__all__ = ["productive_rules"]


def productive_rules(rules: Rules) -> set[str]:
    """The names of the rules that some text fits.

    >>> from guided.constraints.grammar.reader import read_grammar
    >>> sorted(productive_rules(read_grammar('root ::= "(" root ")" | a\\na ::= a "x" | [x] b?\\nb ::= b', "root")))
    ['a', 'root']
    """
    missing: list[int] = []  # of each clause how many operands have no text yet
    users: list[list[int]] = []  # of each clause the clauses that it is an operand of
    callers: dict[str, list[int]] = {name: [] for name in rules}
    roots: dict[int, str] = {}
    ready: list[int] = []
    for rule in rules.values():
        stack: list[int] = []
        for op in rule.body:
            clause = len(missing)
            needed, num_operands = 1, 0
            match op:
                case Chars(ranges):
                    needed = 0 if ranges else 1
                case Literal():
                    needed = 0
                case Ref(name):
                    callers[name].append(clause)
                case Concat(count):
                    needed = num_operands = count
                case Alternate(count):
                    num_operands = count
                case Repeat(minimum):
                    needed, num_operands = min(minimum, 1), 1
            for operand in stack[len(stack) - num_operands :]:
                users[operand].append(clause)
            del stack[len(stack) - num_operands :]
            missing.append(needed)
            users.append([])
            stack.append(clause)
            if needed == 0:
                ready.append(clause)
        roots[stack[0]] = rule.name
    found: set[str] = set()
    while ready:
        clause = ready.pop()
        followers = users[clause]
        if clause in roots:
            found.add(roots[clause])
            followers = [*followers, *callers[roots[clause]]]
        for follower in followers:
            missing[follower] -= 1
            if missing[follower] == 0:
                ready.append(follower)
    return found
