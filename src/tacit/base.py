"""The base of every estimator: scikit-learn's contract, validation at the door, one file to save."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from os import PathLike
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_n_features, validate_data

from .data.source import Source, as_source
from .errors import ArgumentError


class Estimator(BaseEstimator):  # type: ignore[misc]
    """scikit-learn's BaseEstimator, with tacit's door for data and tacit's file format."""

    def _rows(
        self,
        X: object,
        *,
        reset: bool,
        weight: object = None,
        known: object = None,
        gaps: bool = False,
        sparse: bool = False,
    ) -> Source:
        """The rows of X as a source, checked against ``fit`` (names and number of columns) unless ``reset``."""
        source = as_source(X, weight=weight, known=known, gaps=gaps, sparse=sparse, estimator=self)
        if type(X) is np.ndarray and not hasattr(self, "feature_names_in_"):  # no names to ask table libraries about
            _check_n_features(self, X, reset=reset)
        else:
            validate_data(self, _heading(X, source), reset=reset, skip_check_array=True)
        return source

    def __sklearn_clone__(self) -> Self:
        """An unfitted twin; a fitted model in ``init`` is where it starts, not a part to be fitted again."""
        twin: Self = super().__sklearn_clone__()
        start = getattr(self, "init", None)
        if hasattr(start, "fit"):
            twin.init = start
        return twin

    def save(self, path: str | PathLike[str]) -> None:
        """Write the estimator to one safetensors file; ``tacit.load(path)`` gives it back."""
        from .persist import save

        save(self, path)

    def _learned(self) -> dict[str, Any]:
        """What ``fit`` learned, in a form that ``save`` can write: answers for rows that are elsewhere stay there."""
        parameters = self.get_params(deep=False)
        return {k: v for k, v in vars(self).items() if k not in parameters and not hasattr(v, "__dask_graph__")}

    def _restore(self, learned: dict[str, Any]) -> None:
        """Take up what ``_learned`` gave."""
        self.__dict__.update(learned)


def _heading(X: object, source: Source) -> object:
    """What scikit-learn looks at for names and width: X itself, or an empty table where X is elsewhere."""
    if source.here and not isinstance(X, str | PathLike | Source):
        return X
    if source.columns is None:
        return np.empty((0, source.shape[1]))
    import pyarrow as pa

    return pa.table({name: pa.array([], pa.float64()) for name in source.columns})


def check_number(
    owner: object,
    name: str,
    *,
    integer: bool = False,
    low: float = -np.inf,
    high: float = np.inf,
    open_low: bool = False,
    choices: Iterable[object] = (),
) -> None:
    """``owner.name`` must be a number in a range, or one of a few other values; scikit-learn's phrase otherwise."""
    value = getattr(owner, name)
    others = list(choices)
    if any(value is c or (isinstance(value, str) and value == c) for c in others):
        return
    kind = Integral if integer else Real
    if isinstance(value, kind) and not isinstance(value, bool | np.bool_):
        number: Any = value
        if (low < number if open_low else low <= number) and number <= high:
            return
    span = f"{'(' if open_low or low == -np.inf else '['}{low:g}, {high:g}{')' if high == np.inf else ']'}"
    extra = "".join(f" or {c!r}" for c in others)
    raise ArgumentError(
        f"The {name!r} parameter of {type(owner).__name__} must be {'an int' if integer else 'a float'} "
        f"in the range {span}{extra}. Got {value!r} instead."
    )


def check_choice(owner: object, name: str, choices: Iterable[object]) -> None:
    """``owner.name`` must be one of a few values; scikit-learn's phrase otherwise."""
    value, allowed = getattr(owner, name), list(choices)
    if not any(value is c or (isinstance(value, str) and value == c) for c in allowed):
        raise ArgumentError(
            f"The {name!r} parameter of {type(owner).__name__} must be one of "
            f"{', '.join(map(repr, allowed))}. Got {value!r} instead."
        )


def check_n_samples(n: int) -> None:
    """At least one sample must be asked for; scikit-learn's phrase otherwise."""
    if n < 1:
        raise ArgumentError(f"Invalid value for 'n_samples': {n}. The sampling requires at least one sample.")
