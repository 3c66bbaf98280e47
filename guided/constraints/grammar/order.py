"""Rules in the order in which they can be understood: rules that call each other together, after all that they call."""

from __future__ import annotations

from guided.constraints.grammar.rules import Rules

__all__ = ["groups_of_rules"]


def groups_of_rules(rules: Rules, start: str) -> list[list[str]]:
    """The strongly connected components of what `start` can reach, callees first (Tarjan, 1972, without recursion).

    >>> from guided.constraints.grammar.reader import read_grammar
    >>> groups_of_rules(read_grammar('root ::= a "." | c\\na ::= b\\nb ::= a | c\\nc ::= "c"', "root"), "root")
    [['c'], ['a', 'b'], ['root']]
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_names: list[str] = []
    is_open: set[str] = set()
    groups: list[list[str]] = []
    pending = [(start, iter(rules[start].names))]
    while pending:
        name, callees = pending[-1]
        if name not in index:
            index[name] = low[name] = len(index)
            open_names.append(name)
            is_open.add(name)
        callee = next(callees, None)
        if callee is not None:
            if callee not in index:
                pending.append((callee, iter(rules[callee].names)))
            elif callee in is_open:
                low[name] = min(low[name], index[callee])
            continue
        pending.pop()
        if pending:
            caller = pending[-1][0]
            low[caller] = min(low[caller], low[name])
        if low[name] == index[name]:
            group = [open_names.pop()]
            while group[-1] != name:
                group.append(open_names.pop())
            is_open.difference_update(group)
            groups.append(group[::-1])
    return groups
