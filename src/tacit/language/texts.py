"""The door for texts."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import InputError
from .tokens import utf


def read_texts(X: Any) -> list[str]:
    """X as texts: an iterable of them (list, array, column of a table), or the path of a file that is one text.

    A text of bytes is read as UTF-8. Raises ``InputError`` that names the text, or the line of the file, that is none.

    >>> read_texts(["to be", b"or not"])
    ['to be', 'or not']
    """
    if isinstance(X, str | PathLike):
        return [_file(Path(X))]
    if isinstance(X, bytes) or not isinstance(X, Iterable):
        raise InputError(f"X must be texts, such as ['to be', 'or not'], or the path of a file; it is {_kind(X)}")
    shape = getattr(X, "shape", (0,))
    if len(shape) != 1:
        raise InputError(f"X must be texts in one dimension; its shape is {tuple(shape)}")
    texts = [_text(text, i) for i, text in enumerate(X.to_pylist() if hasattr(X, "to_pylist") else X)]
    if not texts:
        raise InputError("X holds no text: Found array with 0 sample(s) while a minimum of 1 is required.")
    return texts


def text_tags(tags: Any) -> Any:
    """scikit-learn's tags of an estimator whose X is texts."""
    tags.input_tags.two_d_array = False
    tags.input_tags.one_d_array = True
    tags.input_tags.string = True
    return tags


def _file(path: Path) -> str:
    try:
        return _decoded(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise InputError(f"there is no file {str(path)!r}; texts are given in a list: [text]") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        words = getattr(error, "strerror", None) or error
        raise InputError(f"{str(path)[:80]!r} cannot be read ({words}); texts are given in a list: [text]") from None


def _text(text: Any, i: int) -> str:
    if isinstance(text, bytes):
        return _decoded(bytes(text), f"X[{i}]")
    if not isinstance(text, str):
        raise InputError(f"X[{i}] is {_kind(text)}, not a text" + ": leave it out, or make it ''" * (text is None))
    try:
        utf(text)
    except InputError as error:
        raise InputError(f"X[{i}]: {error}") from None
    return str(text)


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{where} is not UTF-8: byte 0x{data[error.start]:02x} at {error.start} (line {line}). If it is in another "
            "encoding, decode it first: data.decode('latin-1')"
        ) from None


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
