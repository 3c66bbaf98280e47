"""Floor 8: the model that applications hold, and what it gives back."""

from guided.model.loading import from_transformers, load_model
from guided.model.model import Model
from guided.model.options import GenerateOptions
from guided.model.result import Result

__all__ = ["GenerateOptions", "Model", "Result", "from_transformers", "load_model"]
