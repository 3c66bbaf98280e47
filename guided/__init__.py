"""Guided generation: templates and constraints compiled to exact token masks, inside a local inference engine.

The public names are in `__all__` and loaded on first use, so `import guided` is quick and loads no inference library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guided.agents import Budget, ReactAgent
    from guided.constraints import (
        AnyText,
        Choice,
        Constraint,
        Grammar,
        JsonSchema,
        Limits,
        Regex,
        Repeat,
        Seq,
    )
    from guided.constraints.types import constraint
    from guided.errors import (
        BudgetTooSmall,
        CacheFull,
        Cancelled,
        ConstraintError,
        ConstraintTooComplex,
        DeadlineExceeded,
        GenerationError,
        GuidedError,
        InputError,
        InvalidGrammar,
        InvalidRegex,
        InvalidSchema,
        ModelError,
        ModelLoadError,
        TemplateError,
        TemplateRuntimeError,
        TemplateSyntaxError,
        ToolError,
        UnsatisfiableConstraint,
        UnsupportedSchema,
        VocabularyError,
    )
    from guided.matcher import CompiledGrammar, Matcher, fill_masks
    from guided.model import Model, Result, from_transformers, load_model
    from guided.template import Template, TemplateResult, load
    from guided.tools import Tool, tool
    from guided.vocab import Vocabulary

__version__ = "0.1.0"

_HOMES = {
    "agents": ("Budget", "ReactAgent"),
    "constraints": (
        "AnyText",
        "Choice",
        "Constraint",
        "Grammar",
        "JsonSchema",
        "Limits",
        "Regex",
        "Repeat",
        "Seq",
        "constraint",
    ),
    "errors": (
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
    ),
    "matcher": ("CompiledGrammar", "Matcher", "fill_masks"),
    "model": ("Model", "Result", "from_transformers", "load_model"),
    "template": ("Template", "TemplateResult", "load"),
    "tools": ("Tool", "tool"),
    "vocab": ("Vocabulary",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AnyText",
    "Budget",
    "BudgetTooSmall",
    "CacheFull",
    "Cancelled",
    "Choice",
    "CompiledGrammar",
    "Constraint",
    "ConstraintError",
    "ConstraintTooComplex",
    "DeadlineExceeded",
    "GenerationError",
    "Grammar",
    "GuidedError",
    "InputError",
    "InvalidGrammar",
    "InvalidRegex",
    "InvalidSchema",
    "JsonSchema",
    "Limits",
    "Matcher",
    "Model",
    "ModelError",
    "ModelLoadError",
    "ReactAgent",
    "Regex",
    "Repeat",
    "Result",
    "Seq",
    "Template",
    "TemplateError",
    "TemplateResult",
    "TemplateRuntimeError",
    "TemplateSyntaxError",
    "Tool",
    "ToolError",
    "UnsatisfiableConstraint",
    "UnsupportedSchema",
    "Vocabulary",
    "VocabularyError",
    "__version__",
    "constraint",
    "fill_masks",
    "from_transformers",
    "load",
    "load_model",
    "tool",
]


def __getattr__(name: str) -> Any:
    home = "_native" if name == "_native" else _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'guided' has no attribute {name!r}")
    try:
        module = importlib.import_module(f"guided.{home}")
    except ModuleNotFoundError as error:
        if error.name != "guided._native":
            raise
        raise ImportError(
            f"the compiled core of guided is missing: {__path__[0]} holds sources only. "
            "Run `pip install -e .` there, or `pip install .` and start Python outside of that folder"
        ) from error
    value = module if name == "_native" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
