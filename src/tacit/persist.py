"""Saving and loading: one safetensors file, whose header holds one JSON tree.

No pickle: a file can name only estimators and records of tacit, which are looked up in tacit's own tables and never
imported from the file. Arrays are referenced from the tree and guarded by SHA-256 (safetensors does not notice a
flipped bit), the tree likewise. A class or callable of the user's is stored by name, and ``load`` asks for it.

====================  ==================================================================
in the tree           in Python
====================  ==================================================================
null, true, 1, "a"    themselves; a finite float too
[...]                 list
{"float": "nan"}      a float that JSON has no word for
{"array": "a0"}       ndarray, by reference
{"tensor": "a0"}      torch tensor, by reference
{"strings": [...]}    object ndarray of str
{"scalar": ...}       NumPy scalar
{"tuple": [...]}      tuple
{"dict": [[k, v]]}    dict
{"record": ...}       NamedTuple, dataclass, enum or other record of tacit's (``RECORDS``)
{"estimator": ...}    an estimator: parameters and what ``fit`` learned
{"rng": ...}          numpy Generator or RandomState
{"given": ...}        what only the user can give back
====================  ==================================================================
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ModelFileError, TacitWarning

FORMAT = 1

RECORDS = {  # name in the file -> module of tacit that defines it
    "ColumnSchema": "data.schema",
    "Game": "adversarial.game",
    "Kind": "data.schema",
    "Columns": "energy.columns",
    "BytePairs": "language.tokens",
    "Characters": "language.tokens",
    "Order": "language.ngram",
    "Layout": "neural.inputs",
    "LogPartition": "energy.likelihood",
    "Schema": "data.schema",
    "MixtureParams": "mixture.mixture",
    "Pass": "em.engine",
    "Training": "train.loop",
    "CellLayout": "mixture.families.layout",
    "Plan": "mixture.families.layout",
    "Product": "mixture.families.product",
    "Normal": "mixture.families.normal",
    "NormalParams": "mixture.families.normal",
    "Gamma": "mixture.families.gamma",
    "GammaParams": "mixture.families.gamma",
    "Correlated": "mixture.families.correlated",
    "CorrelatedParams": "mixture.families.correlated",
    "Categorical": "mixture.families.categorical",
    "CategoricalParams": "mixture.families.categorical",
    "Counts": "mixture.families.counts",
    "CountsParams": "mixture.families.counts",
    "CodedLayout": "mixture.families.coded",
    "Number": "mixture.families.coded",
    "Bins": "mixture.families.binned",
    "Shape": "mixture.families.binned",
    "Tree": "mixture.families.tree",
    "TreeParams": "mixture.families.tree",
    "TreeSums": "mixture.families.tree",
    "Ellipse": "mixture.trimmed",
    "MixtureStats": "mixture.mixture",
    "GaussianSums": "kernels.parts",
    "CategoricalSums": "kernels.parts",
    "GammaSums": "mixture.families.gamma",
    "VonMises": "mixture.families.von_mises",
    "VonMisesParams": "mixture.families.von_mises",
    "AngleSums": "mixture.families.von_mises",
    "ExpectedSums": "decomposition.observed",
    "Online": "em.online",
}


class _Writer:
    """Turns a value into the JSON tree and a dictionary of arrays."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.sha256: dict[str, str] = {}
        self.given: list[str] = []

    def encode(self, value: Any, where: str) -> Any:
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, float) and type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return self._tensor(value, where)
        if isinstance(value, np.generic):
            return {"scalar": value.dtype.str, "value": self.encode(value.item(), where)}
        if isinstance(value, np.dtype):
            return {"dtype": value.str}
        if isinstance(value, np.random.Generator | np.random.RandomState):
            return self._rng(value, where)
        if isinstance(value, Enum) and type(value).__name__ in RECORDS:
            return {"record": type(value).__name__, "value": value.value}
        if isinstance(value, tuple) and not hasattr(value, "_fields"):
            return {"tuple": [self.encode(v, f"{where}[{i}]") for i, v in enumerate(value)]}
        if isinstance(value, list):
            return [self.encode(v, f"{where}[{i}]") for i, v in enumerate(value)]
        if isinstance(value, dict):
            pairs = [[self.encode(k, where), self.encode(v, f"{where}[{k!r}]")] for k, v in value.items()]
            return {"dict": pairs}
        fields = _fields(value)
        if fields is not None and type(value).__name__ in RECORDS:
            tree = {k: self.encode(v, f"{where}.{k}") for k, v in fields.items()}
            return {"record": type(value).__name__, "fields": tree}
        if _is_estimator(value):
            return self._estimator(value, where)
        if isinstance(value, type) or callable(value) or hasattr(value, "fit"):
            self.given.append(where)
            return {"given": where, "was": getattr(value, "__qualname__", type(value).__qualname__)}
        raise ModelFileError(f"{where} cannot be saved: a {type(value).__qualname__} has no form in a model file")

    def _array(self, a: np.ndarray[Any, Any], where: str) -> Any:
        if a.dtype.kind in "OU":
            if not all(isinstance(v, str) for v in a.flat):
                raise ModelFileError(f"{where} cannot be saved: an array of Python objects other than strings")
            return {"strings": [str(v) for v in a.flat], "shape": list(a.shape), "object": a.dtype.kind == "O"}
        if a.dtype.kind not in "bfiu":
            raise ModelFileError(f"{where} cannot be saved: an array of dtype {a.dtype}")
        name = f"a{len(self.arrays)}"
        # C order first: safetensors writes the memory as it lies
        flat = np.ascontiguousarray(a, dtype=a.dtype.newbyteorder("<")).reshape(a.shape)
        self.arrays[name], self.sha256[name] = flat, _digest(flat.tobytes())
        return {"array": name}

    def _tensor(self, t: Any, where: str) -> Any:
        if "bfloat16" in str(t.dtype):
            raise ModelFileError(f"{where} cannot be saved: a tensor of dtype {t.dtype}")
        return {"tensor": self._array(t.detach().cpu().numpy(), where)["array"]}

    def _rng(self, rng: np.random.Generator | np.random.RandomState, where: str) -> Any:
        legacy = isinstance(rng, np.random.RandomState)
        state = rng.get_state(legacy=False) if isinstance(rng, np.random.RandomState) else rng.bit_generator.state
        return {"rng": self.encode(state, where), "legacy": legacy}

    def _estimator(self, estimator: Any, where: str) -> Any:
        parameters = estimator.get_params(deep=False)
        learned = estimator._learned()
        name, at = type(estimator).__name__, f"{where}." if where else ""
        return {
            "estimator": name,
            "of": "tacit" if _public(name) is type(estimator) else "user",
            "parameters": {k: self.encode(v, f"{at}{k}") for k, v in parameters.items()},
            "learned": {k: self.encode(v, f"{at}{k}") for k, v in learned.items()},
        }


class _Reader:
    """Turns the JSON tree back into values."""

    def __init__(self, arrays: dict[str, np.ndarray[Any, Any]], classes: Iterable[type], given: dict[str, Any]) -> None:
        self.arrays = arrays
        self.classes = {c.__name__: c for c in classes}
        self.given = given

    def decode(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.decode(v) for v in node]
        if not isinstance(node, dict):
            return node
        for kind, read in _READERS.items():
            if kind in node:
                return read(self, node)
        raise ModelFileError(f"the file holds something that this version cannot read: {sorted(node)}")

    def _rng(self, node: Any) -> Any:
        state = self.decode(node["rng"])
        if node["legacy"]:
            legacy = np.random.RandomState()
            legacy.set_state(state)
            return legacy
        bits = getattr(np.random, state["bit_generator"], None)
        if not (isinstance(bits, type) and issubclass(bits, np.random.BitGenerator)):
            raise ModelFileError(f"the file names an unknown random generator, {state['bit_generator']!r}")
        rng = np.random.Generator(bits())
        rng.bit_generator.state = state
        return rng

    def _record(self, node: Any) -> Any:
        name = node["record"]
        if name not in RECORDS:
            raise ModelFileError(f"the file holds a record that this version does not know: {name!r}")
        record = getattr(importlib.import_module(f"tacit.{RECORDS[name]}"), name)
        if "value" in node:
            return record(node["value"])
        return record(**{k: self.decode(v) for k, v in node["fields"].items()})

    def _estimator(self, node: Any) -> Any:
        name = node["estimator"]
        cls = _public(name) if node["of"] == "tacit" else self.classes.get(name)
        if cls is None and node["of"] == "tacit":
            raise ModelFileError(f"the file holds a {name}, which this version of tacit does not have")
        if cls is None:
            raise ModelFileError(f"the file holds a {name}, which is not tacit's: load(path, classes=[{name}])")
        estimator = cls(**{k: self.decode(v) for k, v in node["parameters"].items()})
        estimator._restore({k: self.decode(v) for k, v in node["learned"].items()})
        return estimator

    def _tensor(self, node: Any) -> Any:
        import torch

        return torch.from_numpy(self.arrays[node["tensor"]])

    def _given(self, node: Any) -> Any:
        where = node["given"]
        name = where.rpartition(".")[2]
        for key in (where, name):
            if key in self.given:
                return self.given[key]
        if node["was"] in self.classes:
            return self.classes[node["was"]]
        raise ModelFileError(
            f"{where} was saved by name only ({node['was']}): load(path, {name}=...) with the object itself"
        )


_READERS: dict[str, Callable[[_Reader, Any], Any]] = {
    "float": lambda _, n: float(n["float"]),
    "array": lambda r, n: r.arrays[n["array"]],
    "tensor": _Reader._tensor,
    "strings": lambda _, n: np.array(n["strings"], dtype=object if n["object"] else str).reshape(n["shape"]),
    "scalar": lambda r, n: np.dtype(n["scalar"]).type(r.decode(n["value"])),
    "dtype": lambda _, n: np.dtype(n["dtype"]),
    "tuple": lambda r, n: tuple(r.decode(v) for v in n["tuple"]),
    "dict": lambda r, n: {r.decode(k): r.decode(v) for k, v in n["dict"]},
    "record": _Reader._record,
    "estimator": _Reader._estimator,
    "rng": _Reader._rng,
    "given": _Reader._given,
}


def _fields(value: Any) -> dict[str, Any] | None:
    names = getattr(value, "_fields", None)
    if names is not None and isinstance(value, tuple | float):
        return {name: getattr(value, name) for name in names}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return None


def _is_estimator(value: Any) -> bool:
    from .base import Estimator

    return isinstance(value, Estimator)


def _public(name: str) -> Any:
    import tacit

    return getattr(tacit, name) if name in tacit.__all__ else None


def _canonical(tree: Any) -> bytes:
    return json.dumps(tree, allow_nan=False).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write ``estimator`` to ``path``: to a temporary file beside it, flushed to the disk, then renamed over it.

    Raises ``ModelFileError`` naming the parameter that has no form in a model file; warns (``TacitWarning``) of those
    stored by name only.
    """
    writer = _Writer()
    tree = writer.encode(estimator, "")
    if writer.given:
        warnings.warn(
            f"saved by name only, to be given to load(): {', '.join(writer.given)}", TacitWarning, stacklevel=3
        )
    _write(tree, writer, path)


def save_state(state: Any, path: str | os.PathLike[str]) -> None:
    """Write a tree of containers, numbers, arrays and tensors, as ``save`` writes an estimator: a checkpoint."""
    writer = _Writer()
    tree = writer.encode(state, "state")
    if writer.given:
        raise ModelFileError(f"cannot be part of a checkpoint: {', '.join(writer.given)}")
    _write(tree, writer, path)


def load_state(path: str | os.PathLike[str]) -> Any:
    """What ``save_state`` wrote; the errors of ``load``."""
    return _read(path, (), {})


def _write(tree: Any, writer: _Writer, path: str | os.PathLike[str]) -> None:
    from safetensors.numpy import save as to_bytes

    from . import __version__

    model = {"tree": tree, "arrays": writer.sha256}
    content = {"format": FORMAT, "tacit": __version__, "sha256": _digest(_canonical(model)), "model": model}
    # one key: safetensors writes several in an order of its own
    header = {"tacit": json.dumps(content, allow_nan=False, ensure_ascii=False)}
    data = to_bytes(writer.arrays, header)
    target = Path(path)
    with whole(target) as temporary, open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to that takes its final name only when all went well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str], classes: Iterable[type] = (), **given: Any) -> Any:
    """Read what ``save`` wrote. ``classes`` are the user's own estimators that the file names; ``given`` the callables
    or foreign objects that were parameters, by parameter name.

    Raises ``ModelFileError`` for a damaged, truncated or newer file, a file of something else, or a missing class, and
    ``FileNotFoundError``.

    >>> import tempfile, numpy as np, tacit
    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tacit.KMeans(2, random_state=0).fit(X).save(f"{folder}/two.tacit")
    ...     tacit.load(f"{folder}/two.tacit").transform([[0.5], [10.5]]).min(axis=1)
    array([0., 0.])
    """
    return _read(path, classes, given)


def _read(path: str | os.PathLike[str], classes: Iterable[type], given: dict[str, Any]) -> Any:
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"no model file {os.fspath(path)!r}")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelFileError(f"{os.fspath(path)} is damaged, truncated or not a tacit model ({error})") from None
    try:
        content = json.loads(header["tacit"])
        written, digest, model = content["format"], content["sha256"], content["model"]
    except (KeyError, TypeError, json.JSONDecodeError):
        raise ModelFileError(
            f"{os.fspath(path)} is a safetensors file, but not a tacit model, or a damaged one"
        ) from None
    if written != FORMAT:
        raise ModelFileError(
            f"{os.fspath(path)} was written by tacit {content.get('tacit')} in format {written}; this version reads "
            f"format {FORMAT}: upgrade tacit"
        )
    if _digest(_canonical(model)) != digest:
        raise ModelFileError(f"{os.fspath(path)} is damaged: its description does not match its checksum")
    for name, expected in model["arrays"].items():
        if name not in arrays or _digest(arrays[name].tobytes()) != expected:
            raise ModelFileError(f"{os.fspath(path)} is damaged: array {name!r} does not match its checksum")
    return _Reader(arrays, classes, given).decode(model["tree"])
