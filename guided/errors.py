"""What can go wrong, as types.

    GuidedError
    ├── ConstraintError
    │   ├── InvalidSchema(pointer, reason)
    │   ├── UnsupportedSchema(pointer, keyword, reason)
    │   ├── InvalidRegex(pattern, position, reason)
    │   ├── InvalidGrammar(diagnostic)       has a place in the grammar: line, column, reason
    │   ├── UnsatisfiableConstraint(reason, witness)
    │   └── ConstraintTooComplex(what, limit, name, pointer)
    ├── VocabularyError
    ├── TemplateError                  has a place in a file: see `Diagnostic`
    │   ├── TemplateSyntaxError
    │   └── TemplateRuntimeError
    ├── InputError                     a template's input is missing, unknown or of the wrong type
    ├── ModelError
    │   ├── ModelLoadError
    │   └── GenerationError
    │       ├── BudgetTooSmall
    │       ├── CacheFull
    │       ├── Cancelled
    │       └── DeadlineExceeded(seconds)
    └── ToolError

Every message says what is wrong, where, and what to do. Floor 0: imports nothing of ours but `source`.
"""

from __future__ import annotations

from collections.abc import Callable

from guided.source import Diagnostic

__all__ = [
    "BudgetTooSmall",
    "CacheFull",
    "Cancelled",
    "ConstraintError",
    "ConstraintTooComplex",
    "DeadlineExceeded",
    "GenerationError",
    "GuidedError",
    "InputError",
    "InvalidGrammar",
    "InvalidRegex",
    "InvalidSchema",
    "ModelError",
    "ModelLoadError",
    "TemplateError",
    "TemplateRuntimeError",
    "TemplateSyntaxError",
    "ToolError",
    "UnsatisfiableConstraint",
    "UnsupportedSchema",
    "VocabularyError",
]


class GuidedError(Exception):
    """Any error that this library raises on purpose. It can be sent between processes, whatever it was made with."""

    def __reduce__(self) -> tuple[Callable[..., GuidedError], tuple[object, ...]]:
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(kind: type[GuidedError], args: tuple[object, ...], state: dict[str, object]) -> GuidedError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class ConstraintError(GuidedError):
    """A constraint that cannot be used as it is."""


class InvalidSchema(ConstraintError):
    """The schema breaks its own standard; `pointer` is a JSON pointer into it."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"invalid schema at {pointer or '/'}: {reason}")
        self.pointer = pointer
        self.reason = reason


class UnsupportedSchema(ConstraintError):
    """The schema is fine, but `keyword` at `pointer` cannot be enforced exactly yet."""

    def __init__(self, pointer: str, keyword: str, reason: str) -> None:
        super().__init__(f"unsupported schema at {pointer or '/'}: {keyword}: {reason}")
        self.pointer = pointer
        self.keyword = keyword
        self.reason = reason


class InvalidRegex(ConstraintError):
    """The pattern does not parse, or asks for what cannot be done exactly; `position` counts characters from 0."""

    def __init__(self, pattern: str, position: int, reason: str) -> None:
        start = max(0, position - 40)
        excerpt = pattern[start : position + 30]
        caret = " " * (position - start) + "^"
        super().__init__(f"invalid regex at position {position}: {reason}\n    {excerpt}\n    {caret}")
        self.pattern = pattern
        self.position = position
        self.reason = reason


class InvalidGrammar(ConstraintError):
    """The grammar text does not parse; `line` and `column` count from 1."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(f"invalid grammar: {diagnostic}")
        self.diagnostic = diagnostic
        self.line, self.column = diagnostic.source.position(diagnostic.span.start)
        self.reason = diagnostic.message


class UnsatisfiableConstraint(ConstraintError):
    """No text satisfies the constraint; `witness` names the parts that clash."""

    def __init__(self, reason: str, witness: str | None = None) -> None:
        super().__init__(f"nothing can satisfy this constraint: {reason}" + (f" ({witness})" if witness else ""))
        self.reason = reason
        self.witness = witness


class ConstraintTooComplex(ConstraintError):
    """Compiling or matching needs more work than is allowed.

    `name` is the field of `guided.Limits` that sets the limit, or None where it is a fixed bound; `pointer` is a JSON
    pointer to the schema that asks for the work, if it is one.
    """

    def __init__(self, what: str, limit: int, name: str | None = None, pointer: str | None = None) -> None:
        place = "" if pointer is None else f" at {pointer or '/'}"
        way_out = "" if name is None else f", or raise guided.Limits({name}=...)"
        super().__init__(f"constraint too complex{place}: {what} (limit {limit}); simplify it{way_out}")
        self.what = what
        self.limit = limit
        self.name = name
        self.pointer = pointer


class VocabularyError(GuidedError):
    """A tokenizer that cannot be read as bytes, or whose text does not round-trip."""


class TemplateError(GuidedError):
    """An error with a place in a template; `diagnostic` draws the line and the caret."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(f"{type(self).__name__}: {diagnostic}")
        self.diagnostic = diagnostic

    def __str__(self) -> str:
        return str(self.args[0])


class TemplateSyntaxError(TemplateError):
    """The template cannot be compiled."""


class TemplateRuntimeError(TemplateError):
    """The template is fine, but running it failed at a place."""


class InputError(GuidedError):
    """An input of a template is missing, unknown or of the wrong type."""


class ModelError(GuidedError):
    """Something about a model or its backend."""


class ModelLoadError(ModelError):
    """The model cannot be loaded: no such place, wrong files, missing library."""


class GenerationError(ModelError):
    """A generation that could not go on; other rows are not disturbed."""


class BudgetTooSmall(GenerationError):
    """`max_tokens` is below the shortest text that the constraint allows: refused before generating."""

    def __init__(self, max_tokens: int, needed: int) -> None:
        super().__init__(
            f"max_tokens={max_tokens} is too small: the shortest text that fits the constraint needs {needed} tokens"
        )
        self.max_tokens = max_tokens
        self.needed = needed


class CacheFull(GenerationError):
    """The keys and values of what runs at once do not fit in `cache_bytes`."""


class Cancelled(GenerationError):
    """Whoever asked for it wants it no more, or the model was closed while it ran."""


class DeadlineExceeded(GenerationError):
    """It was not done after the `seconds` that its caller gave it; the text so far is kept."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not done after timeout={seconds:g} seconds; give it more time, or ask for fewer tokens")
        self.seconds = seconds


class ToolError(GuidedError):
    """A tool refused or failed; an agent sees it as an observation."""
