"""The tokenizer's chat template, rendered so that text from users can never become control tokens.

The Jinja template is run with a marker in place of each text that came from outside; the output is then cut at the
markers into segments: trusted ones, written by the template, and the others. Only trusted segments may hold names of
control tokens. White space at the ends of a text stays outside its marker, so templates that trim still trim.
Some templates look into the texts (Qwen's drop what an assistant thought before): what comes out then differs from the
plain rendering, and the texts are shown to the template but for the names of control tokens in them.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guided.errors import VocabularyError

__all__ = ["ChatTemplate", "Segment"]

_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
_TEXT_KEYS = {"content", "text", "name", "tool_call_id", "reasoning_content", "thinking"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of a rendered chat; `is_trusted`: written by the template, names of control tokens count."""

    text: str
    is_trusted: bool


class ChatTemplate:
    """A chat template with the names its tokenizer gives to control tokens (`bos_token` and so on)."""

    def __init__(
        self, source: str, *, names: Mapping[str, str] | None = None, control_texts: Sequence[str] = ()
    ) -> None:
        self.source = source
        self._names = dict(names or {})
        self._control_texts = tuple(sorted((t for t in control_texts if t), key=len, reverse=True))
        self._delimiters: dict[str, tuple[str, str]] = {}

    def render(self, messages: Sequence[Mapping[str, Any]], add_generation_prompt: bool = True, **more: Any) -> str:
        """The plain text of a chat, as transformers renders it. For reading only: its control tokens are not safe."""
        from jinja2 import TemplateError as JinjaError

        try:
            return str(
                self._template.render(
                    messages=list(messages),
                    add_generation_prompt=add_generation_prompt,
                    **{"tools": None, **self._names, **more},
                )
            )
        except JinjaError as problem:
            raise VocabularyError(f"the tokenizer's chat template refused these messages: {problem}") from problem
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as problem:
            raise VocabularyError(f"the tokenizer's chat template failed on these messages: {problem!r}") from problem

    def segments(
        self, messages: Sequence[Mapping[str, Any]], add_generation_prompt: bool = True, **more: Any
    ) -> list[Segment]:
        """The rendered chat in segments; texts of messages and tools are never trusted.

        VocabularyError where the template makes something of them that cannot be followed.
        """
        tag = _free_tag([messages, more])
        clock = {"strftime_now": datetime.datetime.now().strftime}  # the same in all renderings
        plain = self.render(messages, add_generation_prompt, **more, **clock)
        marks = _Marks(self._control_texts, tag)
        named = {k: marks.hide_names(v) for k, v in more.items()}
        hidden = [marks.hide_message(m) for m in messages]
        pieces = marks.cut(self.render(hidden, add_generation_prompt, **named, **clock))
        if _joined(pieces) == plain:
            return pieces
        shown = [marks.hide_names(m) for m in messages]
        seen = marks.cut(self.render(shown, add_generation_prompt, **named, **clock))
        if _joined(seen) == plain and marks.control_names(seen) == marks.control_names(pieces):
            return seen
        if not any(mark in piece.text for piece in pieces if piece.is_trusted for mark in (_OPEN, _CLOSE)):
            return pieces  # it could not look into the texts, and they are all there
        raise VocabularyError(
            "the tokenizer's chat template changes these messages in a way that cannot be followed without trusting "
            "their text; change the texts, or render the prompt and pass it as text"
        )

    def role_delimiters(self, role: str) -> tuple[str, str]:
        """What stands before and after a message of `role`, both trusted text.

        VocabularyError where the template does not write each message by itself, so that it has no such pieces.
        """
        if role not in self._delimiters:
            self._delimiters[role] = self._find_delimiters(role)
        return self._delimiters[role]

    @functools.cached_property
    def prelude(self) -> str:
        """What stands before the first message: bos, and a system text that the template adds itself."""
        first, _ = self._around(["user"], generate=False)[0]
        before, _ = self.role_delimiters("user")
        return first[: len(first) - len(before)]

    def _find_delimiters(self, role: str) -> tuple[str, str]:
        after_user = self._around(["user"], generate=False)[0][1]
        between = self._around(["user", "assistant", "user"], generate=False)
        opening = self._tail(between[1][0], after_user, "user")
        after_assistant = self._around(["user", "assistant"], generate=False)[1][1]
        before_user = self._tail(between[2][0], after_assistant, "assistant")
        self._expect(self._around(["user"], generate=False)[0][0].endswith(before_user), "user")
        if role == "user":
            return before_user, after_user
        if role == "assistant":
            return opening, after_assistant
        if role == "system":
            parts = self._around(["system", "user"], generate=False)
            self._expect(parts[1][0].endswith(before_user), role)
            after = parts[1][0][: len(parts[1][0]) - len(before_user)] if before_user else parts[1][0]
            return self._without_bos(parts[0][0]), after
        parts = self._around(["user", "assistant", role], generate=False)
        return self._tail(parts[2][0], after_assistant, role), parts[2][1]

    def _around(self, roles: Sequence[str], generate: bool) -> list[tuple[str, str]]:
        """Template text before and after each message of a conversation of these roles."""
        marks = _Marks((), "r")
        messages = [marks.hide_message({"role": r, "content": f"message {i}"}) for i, r in enumerate(roles)]
        pieces = marks.cut(self.render(messages, generate))
        texts = [""]
        found = []
        for piece in pieces:
            if piece.is_trusted:
                texts[-1] += piece.text
            else:
                found.append(piece.text)
                texts.append("")
        self._expect(found == [f"message {i}" for i in range(len(roles))], roles[-1])
        return list(itertools.pairwise(texts))

    def _without_bos(self, text: str) -> str:
        bos = self._names.get("bos_token", "")
        return text.removeprefix(bos) if bos else text

    def _tail(self, text: str, head: str, role: str) -> str:
        self._expect(text.startswith(head), role)
        return text[len(head) :]

    def _expect(self, condition: bool, role: str) -> None:
        if not condition:
            raise VocabularyError(
                f"the tokenizer's chat template does not write {role!r} messages by themselves; "
                "use messages= with generate instead of role blocks"
            )

    @functools.cached_property
    def _template(self) -> Any:
        try:
            from jinja2 import TemplateError as JinjaError
        except ImportError as problem:
            raise VocabularyError("chat templates need jinja2: pip install jinja2") from problem
        try:
            return _environment().from_string(self.source)
        except JinjaError as problem:
            raise VocabularyError(f"the tokenizer's chat template does not parse: {problem}") from problem


class _Marks:
    """Texts hidden behind markers; a marker is a number between two private-use characters."""

    def __init__(self, control_texts: Sequence[str], tag: str) -> None:
        self._hidden: list[str] = []
        self._tag = tag
        self._names = re.compile("|".join(map(re.escape, control_texts))) if control_texts else None

    def hide_message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The message with its texts hidden whole, and names of control tokens hidden anywhere else in it."""
        return {str(k): self._hide_value(v, k in _TEXT_KEYS) for k, v in message.items()}

    def hide_names(self, value: Any) -> Any:
        """A value of any shape with the names of control tokens hidden."""
        return self._hide_value(value, whole=False)

    def cut(self, rendered: str) -> list[Segment]:
        """The rendered text in segments, hidden texts put back."""
        pieces = re.split(f"{_OPEN}{self._tag}([0-9]+){_CLOSE}", rendered)
        segments = []
        for i, piece in enumerate(pieces):
            text = self._hidden[int(piece)] if i % 2 else piece
            if text:
                segments.append(Segment(text, is_trusted=i % 2 == 0))
        return segments

    def control_names(self, segments: Sequence[Segment]) -> list[str]:
        """The names of control tokens that the trusted segments hold, in order."""
        trusted = "\0".join(segment.text for segment in segments if segment.is_trusted)
        return self._names.findall(trusted) if self._names else []

    def _hide_value(self, value: Any, whole: bool) -> Any:
        if isinstance(value, str):
            return self._hide_text(value) if whole else self._hide_control(value)
        if isinstance(value, Mapping):
            return {
                self._hide_control(str(k)): self._hide_value(v, whole and k in _TEXT_KEYS) for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._hide_value(v, whole) for v in value]
        return value

    def _hide_text(self, text: str) -> str:
        core = text.strip()
        if not core:
            return text
        start = text.index(core)
        return text[:start] + self._mark(core) + text[start + len(core) :]

    def _hide_control(self, text: str) -> str:
        return self._names.sub(lambda m: self._mark(m[0]), text) if self._names else text

    def _mark(self, text: str) -> str:
        self._hidden.append(text)
        return f"{_OPEN}{self._tag}{len(self._hidden) - 1}{_CLOSE}"


def _joined(segments: Sequence[Segment]) -> str:
    return "".join(segment.text for segment in segments)


def _free_tag(value: Any) -> str:
    """A marker tag that no text of `value` holds."""
    everything = repr(value)
    if _OPEN not in everything and "\\ue0f0" not in everything:
        return "t"
    return next(t for i in itertools.count() if (t := f"t{i}x") not in everything)


@functools.cache
def _environment() -> Any:
    """Jinja as transformers sets it up for chat templates: sandboxed, blocks trimmed, `tojson` unescaped."""
    from jinja2 import nodes
    from jinja2.exceptions import TemplateError as JinjaError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks what a trainer learns; for rendering it is nothing."""

        tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body).set_lineno(line)

    def raise_exception(message: str) -> None:
        raise JinjaError(message)

    def tojson(
        value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return environment
