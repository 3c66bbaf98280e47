"""What stands beside a tokenizer: bos, eos and chat template.

In a folder these are `tokenizer_config.json`, `generation_config.json`, `config.json` and `chat_template.jinja`;
on a transformers tokenizer they are attributes. Both end as a `TokenizerSettings`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guided.errors import VocabularyError

__all__ = ["TokenizerSettings", "first_control_id", "read_json", "settings_beside", "settings_of_object"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerSettings:
    """Names and ids that a tokenizer's configuration gives; None where it says nothing."""

    eos_names: tuple[str, ...] = ()
    eos_ids: frozenset[int] = frozenset()
    bos_name: str | None = None
    bos_id: int | None = None
    add_bos: bool | None = None
    names: Mapping[str, str] = field(default_factory=dict)  # "bos_token" -> its text, for chat templates
    chat_template: str | None = None


def read_json(path: Path) -> Any:
    """The JSON document at `path`; VocabularyError names the file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise VocabularyError(f"cannot read {path.name} as JSON: {problem}") from problem


def settings_beside(folder: Path) -> TokenizerSettings:
    """Settings from the files of a model folder; any of them may be missing."""
    config = _object(folder / "tokenizer_config.json")
    names = {k: text for k, v in config.items() if k.endswith("_token") and (text := _token_text(v)) is not None}
    for key, value in _object(folder / "special_tokens_map.json").items():
        if (text := _token_text(value)) is not None:
            names.setdefault(key, text)
    generation = _ids(_object(folder / "generation_config.json").get("eos_token_id"))
    model = _ids(_object(folder / "config.json").get("eos_token_id"))
    template = _chosen_template(config.get("chat_template"))
    jinja_file = folder / "chat_template.jinja"
    if jinja_file.is_file():
        template = jinja_file.read_text(encoding="utf-8")
    add_bos = config.get("add_bos_token")
    return TokenizerSettings(
        eos_names=(names["eos_token"],) if "eos_token" in names else (),
        eos_ids=generation or (frozenset() if "eos_token" in names else model),
        bos_name=names.get("bos_token"),
        add_bos=add_bos if isinstance(add_bos, bool) else None,
        names=names,
        chat_template=template,
    )


def settings_of_object(tokenizer: Any) -> TokenizerSettings:
    """Settings of a transformers tokenizer; a model folder it came from may add end ids."""
    names = {
        key: str(value)
        for key in ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token")
        if (value := getattr(tokenizer, key, None)) is not None
    }
    eos = _ids(getattr(tokenizer, "eos_token_id", None))
    origin = getattr(tokenizer, "name_or_path", None)
    if isinstance(origin, str) and origin and Path(origin).is_dir():
        eos |= _ids(_object(Path(origin) / "generation_config.json").get("eos_token_id"))
    add_bos = getattr(tokenizer, "add_bos_token", None)
    return TokenizerSettings(
        eos_ids=eos,
        bos_id=getattr(tokenizer, "bos_token_id", None),
        add_bos=add_bos if isinstance(add_bos, bool) else None,
        names=names,
        chat_template=_chosen_template(getattr(tokenizer, "chat_template", None)),
    )


def first_control_id(spec: Mapping[str, Any]) -> int | None:
    """The control id that a `tokenizer.json`'s post-processor puts before a text, if any."""
    pending = [spec.get("post_processor")]
    while pending:
        step = pending.pop()
        if not isinstance(step, dict):
            continue
        pending.extend(step.get("processors") or ())
        if step.get("type") == "TemplateProcessing":
            first = (step.get("single") or [{}])[0].get("SpecialToken")
            if first:
                ids = step.get("special_tokens", {}).get(first["id"], {}).get("ids") or [None]
                return None if ids[0] is None else int(ids[0])
    return None


def _object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    document = read_json(path)
    if not isinstance(document, dict):
        raise VocabularyError(f"{path.name} must hold a JSON object")
    return document


def _token_text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _ids(value: Any) -> frozenset[int]:
    values = value if isinstance(value, list | tuple) else [value]
    return frozenset(v for v in values if isinstance(v, int) and not isinstance(v, bool))


def _chosen_template(value: Any) -> str | None:
    """A template, or the one named "default" of several."""
    if isinstance(value, list):
        value = {v["name"]: v["template"] for v in value if isinstance(v, dict) and "name" in v and "template" in v}
    if isinstance(value, dict):
        value = value.get("default") or next(iter(value.values()), None)
    return value if isinstance(value, str) else None
