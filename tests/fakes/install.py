"""Put a fake in the place of a library, for one test."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

__all__ = ["install_exllama"]

PARTS = {
    "exllamav2": {
        "attn": ("ExLlamaV2Attention", "assert_paged_attn"),
        "device": ("set_device_streams",),
        "generator.dynamic": ("PAGED_PAGE_SIZE",),
    },
    "exllamav3": {"constants": ("PAGE_SIZE",)},
}


def install_exllama(monkeypatch: pytest.MonkeyPatch, name: str, page_size: int = 256) -> ModuleType:
    """`exllamav2` or `exllamav3` on a machine that seems to have CUDA."""
    from guided_backends.exllama import loading

    fake = importlib.import_module(f"tests.fakes.{name}")
    monkeypatch.setattr(loading, "_has_cuda", lambda: True)
    for constant in ("PAGED_PAGE_SIZE", "PAGE_SIZE"):
        if hasattr(fake, constant):
            monkeypatch.setattr(fake, constant, page_size)
    monkeypatch.setitem(sys.modules, name, fake)
    for part, names in PARTS[name].items():
        module = ModuleType(f"{name}.{part}")
        for each in names:
            setattr(module, each, getattr(fake, each))
        monkeypatch.setitem(sys.modules, f"{name}.{part}", module)
    return fake
