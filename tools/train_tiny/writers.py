"""Two ways to let a model complete prompts: plain greedy decoding in torch, and guided with a constraint.

Both give the text that follows each prompt, cut after as many lines as the right answer has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tools.train_tiny.examples import Example


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, what is right after it, and the document that both are from."""

    prompt: str
    right: str
    example: Example


class Writer(Protocol):
    """Completes questions."""

    def write(self, questions: list[Question]) -> list[str]: ...


def cut(text: str, right: str) -> str:
    """As many lines of `text` as `right` has, up to the end token."""
    lines = text.split("<|end|>")[0].split("\n")
    return "\n".join(lines[: right.rstrip("\n").count("\n") + 1])


class PlainWriter:
    """Greedy decoding with transformers, without constraint and without token healing."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()

    def write(self, questions: list[Question]) -> list[str]:
        """Batches of 16, as many new tokens as the longest right answer needs and a few more."""
        return [text for i in range(0, len(questions), 16) for text in self._write_batch(questions[i : i + 16])]

    def _write_batch(self, questions: list[Question]) -> list[str]:
        tokens = self.tokenizer([q.prompt for q in questions], return_tensors="pt", padding=True)
        tokens.pop("token_type_ids", None)
        longest = max(len(self.tokenizer(q.right)["input_ids"]) for q in questions)
        made = self.model.generate(**tokens, max_new_tokens=longest + 8, do_sample=False)
        texts = self.tokenizer.batch_decode(made[:, tokens["input_ids"].shape[1] :], skip_special_tokens=False)
        return [cut(t, q.right) for t, q in zip(texts, questions, strict=True)]


class GuidedWriter:
    """guided's public API with the constraint that fits the task, temperature 0."""

    def __init__(self, folder: Path) -> None:
        import guided

        self.guided: Any = guided
        self.model = guided.load_model(str(folder))

    def write(self, questions: list[Question]) -> list[str]:
        """One call per question; constraints are compiled once per kind."""
        out = []
        for q in questions:
            prompt = q.prompt + (" " if q.right.startswith(" ") else "")
            result = self.model.generate(prompt, constraint=self.constraint(q), max_tokens=200, temperature=0.0)
            out.append(result.text)
        return out

    def constraint(self, q: Question) -> Any:
        """Choice for labels, JsonSchema for objects, Regex for tool calls and links."""
        answer, task = q.example.answer, q.example.task
        if "options" in answer:
            return self.guided.Choice(answer["options"])
        if task == "copy":
            return self.guided.JsonSchema(schema_of(answer["fields"]["items"]), whitespace="dumps")
        if "fields" in answer:
            return self.guided.JsonSchema(schema_of(answer["fields"]), whitespace="dumps")
        return self.guided.Regex(pattern_of(task, answer))


def schema_of(value: Any) -> dict[str, Any]:
    """A JSON Schema that fixes keys and types but no value."""
    if isinstance(value, dict):
        return {
            "type": "object",
            "properties": {k: schema_of(v) for k, v in value.items()},
            "required": list(value),
            "additionalProperties": False,
        }
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0]), "minItems": 1, "maxItems": 8}
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return {"type": names[type(value)]}


def pattern_of(task: str, answer: dict[str, Any]) -> str:
    """The language of a reply where no schema says it."""
    if task == "links":
        return r"[!-~ ]{4,120}\n"
    tools = "|".join(map(re.escape, answer["tools"]))
    call = rf'Action: ({tools})\(\{{"[a-z]+": "[^"\\\x00-\x1f]{{1,60}}"\}}\)'
    return rf"Thought: [^\x00-\x1f]{{1,90}}\n({call}|Answer: [^\x00-\x1f]{{1,60}})\n"
