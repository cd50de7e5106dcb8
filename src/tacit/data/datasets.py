"""Real tables that come inside tacit's dependencies, reachable everywhere as ``sample:NAME``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from .schema import nearest_name

# scikit-learn's come without their labels: groups that a model finds can be compared with what somebody labelled
_SCIKIT_LEARN = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
_PLOTLY = ("carshare", "election", "experiment", "gapminder", "medals", "stocks", "tips", "wind")


def samples() -> list[str]:
    """The names after ``sample:``.

    >>> "wine" in samples() and "gapminder" in samples()
    True
    """
    return sorted((*_SCIKIT_LEARN, *_PLOTLY))


def sample(name: str) -> Any:
    """The table ``sample:name``, a ``pyarrow.Table``."""
    if name in _SCIKIT_LEARN:
        return _scikit_learn(name)
    if name in _PLOTLY:
        return _plotly(name)
    hint = nearest_name(name, samples())
    raise InputError(f"there is no sample {name!r}{hint or '.'} The samples are {', '.join(samples())}")


def _scikit_learn(name: str) -> Any:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    columns = dict(zip(map(str, bunch.feature_names), bunch.data.T, strict=True))
    if name == "diabetes":
        columns["progression"] = bunch.target  # a measurement, not a label
    if name == "linnerud":
        columns |= dict(zip(map(str, bunch.target_names), bunch.target.T, strict=True))
    return pa.table({key: np.ascontiguousarray(column) for key, column in columns.items()})


def _plotly(name: str) -> Any:
    from .readers import read_path

    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise InputError(f"sample:{name} lies inside plotly, which is not installed")
    frame = read_path(Path(spec.origin).parent / "package_data" / "datasets" / f"{name}.csv.gz").frame
    return frame.drop_columns(["centroid_lon", "centroid_lat"]) if name == "gapminder" else frame  # as plotly gives it
