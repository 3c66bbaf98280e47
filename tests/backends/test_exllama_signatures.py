"""The fakes of exllama have the signatures of the real packages, where those are installed.

They are read, not imported: an import would compile CUDA code. To run this without a GPU, put the unpacked wheels of
exllamav2 0.3.2 and exllamav3 1.6.5 on PYTHONPATH.
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

FAKES = Path(__file__).resolve().parents[1] / "fakes"
REAL = {
    "exllamav2": {
        "PagedParams.__init__": "attn_params.py",
        "ExLlamaV2Cache.__init__": "cache.py",
        "ExLlamaV2Cache.copy_states": "cache.py",  # of its base class
        "ExLlamaV2Config.__init__": "config.py",
        "ExLlamaV2.__init__": "model.py",
        "ExLlamaV2.load_autosplit": "model.py",
        "ExLlamaV2.forward_chunk": "model.py",
        "ExLlamaV2.unload": "model.py",
    },
    "exllamav3": {
        "Config.from_directory": "model/config.py",
        "CacheLayer_fp16.copy_page": "cache/fp16.py",
        "CacheLayer_quant.__init__": "cache/quant.py",
        "Cache.__init__": "cache/cache.py",
        "Cache.detach_from_model": "cache/cache.py",
        "Cache.copy_page": "cache/cache.py",
        "Model.from_config": "model/model.py",
        "Model.get_recurrent_layers": "model/model.py",
        "Model.load": "model/model.py",
        "Model.prefill": "model/model.py",
        "Model.forward": "model/model.py",
        "Model.unload": "model/model.py",
    },
}
CONSTANTS = {"exllamav2": ("PAGED_PAGE_SIZE", "generator/dynamic.py"), "exllamav3": ("PAGE_SIZE", "constants.py")}


def parameters(source: Path, name: str) -> list[tuple[str, bool]]:
    """Names of the parameters of a method, and whether each has a default."""
    kind, method = name.split(".")
    tree = ast.parse(source.read_text(encoding="utf-8"))
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for owner in (kind, f"{kind}Base"):
        for item in classes[owner].body if owner in classes else ():
            if isinstance(item, ast.FunctionDef) and item.name == method:
                plain = item.args.posonlyargs + item.args.args
                first = len(plain) - len(item.args.defaults)
                return [(argument.arg, i >= first) for i, argument in enumerate(plain)]
    raise AssertionError(f"{source} has no {name}")


def installed(package):
    """The folder of the real package, read but never imported: that needs a CUDA device."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    return Path(spec.origin).parent


@pytest.mark.parametrize(("package", "name"), [(p, n) for p, names in REAL.items() for n in names])
def test_the_fake_has_the_real_signature(package, name):
    real = installed(package) / REAL[package][name]
    assert parameters(FAKES / f"{package}.py", name) == parameters(real, name)


def test_the_streams_are_set_where_they_are_looked_for():
    tree = ast.parse((installed("exllamav2") / "device.py").read_text(encoding="utf-8"))
    (function,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "set_device_streams"]
    assert not function.args.args


@pytest.mark.parametrize("package", CONSTANTS)
def test_the_page_size_is_where_it_is_looked_for(package):
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    name, file = CONSTANTS[package]
    tree = ast.parse((Path(spec.origin).parent / file).read_text(encoding="utf-8"))
    values = [node.value.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == name]
    assert values == [256]
