"""Floor 1: tokens as bytes, and where they come from.

`Vocabulary` is what everything above holds; the other modules read tokenizers of each family into a `TokenTable`.
Nothing here knows a grammar, a model or torch.
"""

from guided.vocab.chat_template import ChatTemplate, Segment
from guided.vocab.vocabulary import Vocabulary

__all__ = ["ChatTemplate", "Segment", "Vocabulary"]
