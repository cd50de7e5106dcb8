"""The two formats of Mikolov's word2vec: a line "words columns", then each word and its vector, as text or float32."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..typing import Array

BLANKS = frozenset(" \t\n\r\v\f")


def write(path: str | PathLike[str], words: Sequence[str] | Array, vectors: Array, binary: bool) -> None:
    """Write words [V] and float32 vectors [V, d]; numbers as text are the shortest that give the same float32 back."""
    for word in words:
        if not word or not BLANKS.isdisjoint(word):
            raise InputError(f"{word!r} cannot be written: the format ends a word at a blank")
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(f"{len(words)} {vectors.shape[1]}\n".encode())
            for word, vector in zip(words, np.asarray(vectors, "<f4")):
                numbers = vector.tobytes() if binary else " ".join(map(str, vector)).encode()
                file.write(word.encode() + b" " + numbers + b"\n")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: str | PathLike[str]) -> tuple[list[str], Array]:
    """Words and float32 vectors of a file in either format.

    Raises ``InputError`` for a file that is not whole, ``FileNotFoundError``.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file {os.fspath(path)!r}")
    data = Path(path).read_bytes()
    head, _, body = data.partition(b"\n")
    try:
        n, d = map(int, head.split())
    except ValueError:
        raise InputError(f"{os.fspath(path)} does not begin with a line 'words columns'") from None
    if n < 0 or d < 1:
        raise InputError(f"{os.fspath(path)} begins with {n} words of {d} columns")
    try:
        return _text(body, n, d) if _is_text(body, d) else _binary(body, n, d)
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise InputError(f"{os.fspath(path)} is damaged, or does not hold {n} words of {d} columns: {error}") from None


def _is_text(body: bytes, d: int) -> bool:
    """Whether the first line is a word and d numbers."""
    fields = body.partition(b"\n")[0].split()
    try:
        return len(fields) == d + 1 and [float(f) for f in fields[1:]] != []
    except ValueError:
        return False


def _text(body: bytes, n: int, d: int) -> tuple[list[str], Array]:
    words, vectors = [], np.empty((n, d), np.float32)
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) != n:
        raise ValueError(f"there are {len(lines)} lines")
    for i, line in enumerate(lines):
        word, *numbers = line.split()
        if len(numbers) != d:
            raise ValueError(f"line {i + 2} has {len(numbers)} numbers")
        words.append(word.decode())
        vectors[i] = np.array(numbers, dtype=np.float32)
    return words, vectors


def _binary(body: bytes, n: int, d: int) -> tuple[list[str], Array]:
    words, vectors, at = [], np.empty((n, d), np.float32), 0
    for i in range(n):
        blank = body.index(b" ", at)
        words.append(body[at:blank].lstrip(b"\n").decode())  # some programs end a vector with a line end
        at = blank + 1 + 4 * d
        if at > len(body):
            raise ValueError(f"it ends in the vector of word {i + 1}")
        vectors[i] = np.frombuffer(body, "<f4", d, blank + 1)
    return words, vectors
