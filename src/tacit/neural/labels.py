"""Labels between the door and the loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ..errors import InputError
from ..typing import Array


def read_labels(owner: object, y: Any) -> Array:
    """Labels y [n] of classes; ``InputError`` where there are none, and for gaps and numbers that are no classes."""
    if y is None:
        raise InputError(f"{type(owner).__name__} requires y to be passed, but the target y is None")
    found: Array = column_or_1d(y, warn=True)
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found))[0])
        raise InputError(f"Input y contains {'NaN' if np.isnan(found[row]) else 'infinity'}, in row {row}.")
    check_classification_targets(found)
    return found


def check_length(y: Array, n: int, what: str = "rows") -> None:
    """There must be a label for each of the n rows of X, or of what else these are."""
    if len(y) != n:
        raise InputError(f"y has {len(y)} labels, but X has {n} {what}")
