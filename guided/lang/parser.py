"""From source text to a `TemplateFile`: the front matter, then the body."""

from __future__ import annotations

import re

from guided.lang.body import BodyParser
from guided.lang.declarations import TemplateFile
from guided.lang.frontmatter import read_front_matter
from guided.lang.lexer import tokenize
from guided.lang.statements import STATEMENTS
from guided.lang.stream import TokenStream
from guided.source import Source

__all__ = ["parse"]


def parse(source: Source) -> TemplateFile:
    """Read a template; raises `TemplateSyntaxError` at the first thing that is wrong.

    Line ends become `\\n`, as in Jinja, so the file's `source` may differ from the one given.
    """
    if "\r" in source.text:
        source = Source(re.sub(r"\r\n?", "\n", source.text), source.name)
    front, start = read_front_matter(source)
    parser = BodyParser(TokenStream(source, tokenize(source, start)), STATEMENTS)
    return TemplateFile(source, front, parser.template())
