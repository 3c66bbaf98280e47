"""What can be told of a whole schema by looking for words in its text, before any of it is read.

Each answer may err on the side of care: "not plain", "negates" and "asks what was evaluated" only cost time. In JSON
text a quote inside a string is escaped, so a keyword between quotes with a colon after it is a key.
"""

from __future__ import annotations

import functools
import re
from typing import Any

__all__ = ["Traits"]

_FOREIGN = re.compile(r'"\$(?:ref|dynamicRef|recursiveRef)"\s*:\s*"(?!#["/])')
_IDENTIFIER = {"$id": re.compile(r'"\$id"\s*:\s*"'), "id": re.compile(r'"id"\s*:\s*"')}
_NEGATING = ('"not"', '"if"', '"oneOf"', '"contains"', '"dependen', '"unevaluated')


class Traits:
    """What is known of one document."""

    def __init__(self, document: Any, text: str, draft: int) -> None:
        self._document = document
        self._text = text
        self._identifier = "id" if draft == 4 else "$id"

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether no base URI matters: no `$id` below the root, no anchors, no foreign references."""
        text, document = self._text, self._document
        num_own = isinstance(document, dict) and isinstance(document.get(self._identifier), str)
        num_identifiers = len(_IDENTIFIER[self._identifier].findall(text))
        return num_identifiers <= num_own and _FOREIGN.search(text) is None

    @functools.cached_property
    def has_unevaluated(self) -> bool:
        """Whether some keyword may ask what others have evaluated. Other documents may say more than this one."""
        return not self.is_plain or '"unevaluated' in self._text

    @functools.cached_property
    def is_negating(self) -> bool:
        """Whether some schema may be negated."""
        return not self.is_plain or any(word in self._text for word in _NEGATING)
