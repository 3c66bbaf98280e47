"""Tensors from safetensors files, as float32, checked.

The format is eight bytes of header length, a JSON header (name -> dtype, shape, offsets) and the data. It is read
here directly because numpy has no bfloat16, and because a broken file should say what is broken. Tensors are cut
from a memory map, so a model costs its float32 size and no more.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from guided.errors import ModelLoadError
from guided_backends.builtin.config import read_json

__all__ = ["Weights"]

Floats = npt.NDArray[np.float32]

DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "F64": np.dtype("<f8"),
}
AGAIN = "the file is corrupt or was cut short: download or export it again"


class Weights:
    """The tensors of a model directory, from one file or from the shards that an index names."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files = {path: _SafetensorsFile(path) for path in _files_of(directory)}

    def tensor(self, name: str, shape: tuple[int, ...]) -> Floats:
        """float32 of exactly this shape; raises `ModelLoadError` if it is missing or differs."""
        for file in self._files.values():
            if name in file.entries:
                return file.tensor(name, shape)
        raise ModelLoadError(
            f"{self._directory}: no tensor {name!r} in {', '.join(path.name for path in self._files)}; "
            "the weights do not belong to this config.json"
        )


def _files_of(directory: Path) -> list[Path]:
    single, index = directory / "model.safetensors", directory / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        raise ModelLoadError(
            f"{directory} has no model.safetensors (and no model.safetensors.index.json): "
            "export the weights with save_pretrained(..., safe_serialization=True)"
        )
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise ModelLoadError(f"{index} has no weight_map; {AGAIN}")
    paths = [directory / name for name in sorted(set(shards.values()))]
    for path in paths:
        if not path.is_file():
            raise ModelLoadError(f"{index} names {path.name}, which is missing: download it into {directory}")
    return paths


class _SafetensorsFile:
    """One file: its header, and its data as a memory map."""

    def __init__(self, path: Path) -> None:
        self._path = path
        size = path.stat().st_size
        if size < 8:
            raise ModelLoadError(f"{path} has {size} bytes, too few for a safetensors file; {AGAIN}")
        self._bytes = np.memmap(path, np.uint8, mode="r")
        self._start = 8 + int.from_bytes(self._bytes[:8].tobytes(), "little")
        if self._start > size:
            raise ModelLoadError(f"{path}: the header should end at byte {self._start} of {size}; {AGAIN}")
        self.entries = self._header()
        end = self._start + max((entry["data_offsets"][1] for entry in self.entries.values()), default=0)
        if end > size:
            raise ModelLoadError(f"{path}: the data should end at byte {end} of {size}; {AGAIN}")

    def tensor(self, name: str, shape: tuple[int, ...]) -> Floats:
        entry = self.entries[name]
        if tuple(entry["shape"]) != shape:
            raise ModelLoadError(
                f"{self._path}: tensor {name!r} has shape {tuple(entry['shape'])}, config.json asks for {shape}; "
                "the two files do not belong together"
            )
        kind = entry["dtype"]
        if kind not in DTYPES:
            raise ModelLoadError(
                f"{self._path}: tensor {name!r} is {kind}; the builtin backend reads {', '.join(DTYPES)}"
            )
        first, stop = entry["data_offsets"]
        raw = self._bytes[self._start + first : self._start + stop]
        if len(raw) != math.prod(shape) * DTYPES[kind].itemsize:
            raise ModelLoadError(
                f"{self._path}: tensor {name!r} has {len(raw)} bytes, wrong for {kind} {shape}; {AGAIN}"
            )
        values = np.frombuffer(raw.tobytes(), DTYPES[kind])
        if kind == "BF16":  # the upper half of a float32
            values = (values.astype(np.uint32) << 16).view(np.float32)
        return np.asarray(values, np.float32).reshape(shape)

    def _header(self) -> Mapping[str, Any]:
        try:
            header = json.loads(self._bytes[8 : self._start].tobytes())
            header.pop("__metadata__", None)
            for entry in header.values():
                first, stop = entry["data_offsets"]
                if not 0 <= first <= stop or not isinstance(entry["dtype"], str):
                    raise ValueError(f"offsets {first} to {stop}")
                tuple(int(n) for n in entry["shape"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelLoadError(f"{self._path}: the header cannot be read ({error}); {AGAIN}") from error
        return dict(header)
