"""Saving and loading: one safetensors file whose header is one JSON tree."""

from __future__ import annotations

from os import PathLike


def save(estimator: object, path: str | PathLike[str]) -> None:
    """Write ``estimator`` to ``path``."""
    raise NotImplementedError


def load(path: str | PathLike[str]) -> object:
    """Read what ``save`` wrote."""
    raise NotImplementedError
