"""Floor 8: a template as applications hold it, and what a run of it gave."""

from guided.template.files import write_whole
from guided.template.loading import load
from guided.template.template import Template
from guided.template.template_result import TemplateResult
from guided.template.trace import Trace

__all__ = ["Template", "TemplateResult", "Trace", "load", "write_whole"]
