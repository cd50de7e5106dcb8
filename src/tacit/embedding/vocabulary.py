"""Words and how often they come; text as numbers, from memory or a file, chunk by chunk."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..errors import InputError
from ..kernels import words as kernel
from ..typing import Array, Doubles

PIECE = 16 << 20  # bytes of text that are coded together
UNIT = 8192  # words that a thread takes at once
CHUNK = 512  # units that are trained on in one call
HELD = 64 << 20  # words of text that are kept in memory as numbers; longer text is coded anew in every epoch
OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}

T = TypeVar("T")
_NONE = object()
Pieces = Callable[[], Iterator[bytes]]


class Vocabulary(NamedTuple):
    """Words, the most frequent first, and how often each came."""

    words: list[str]
    counts: Array  # int64 [V]


class Text(NamedTuple):
    """What is trained on: words and the numbers of the running text."""

    vocabulary: Vocabulary
    chunks: Callable[[], Iterator[Array]]  # int32, -1 where a sentence ends; the same again at every call
    size: int  # of all chunks


def keep_probabilities(counts: Array, subsample: float) -> Array | None:
    """min(1, (√(f/t) + 1) t/f) for the frequency f of a word and t = ``subsample``, times 2³²; None for all kept.

    Mikolov's program; his paper (eq. 5) has √(t/f).
    """
    if subsample == 0:
        return None
    f = counts / counts.sum() / subsample
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(f > 0, np.minimum(1.0, (np.sqrt(f) + 1) / f), 1.0)
    return np.asarray(np.minimum(p * 2**32, 2**32 - 1).astype(np.uint32))


def noise(counts: Array, exponent: float) -> kernel.Noise:
    """p(w) ∝ counts^exponent, what negatives are drawn from."""
    mass: Doubles = np.asarray(counts, np.float64)
    return kernel.Noise.of(np.where(mass > 0, mass, 0) ** exponent if exponent != 0 else np.ones(len(mass)))


def units(ids: Array) -> Array:
    """Where to cut a chunk for threads [u + 1]: at the first end of a sentence after 8192 words, or after 16384."""
    ends = np.flatnonzero(ids < 0) + 1
    cuts = [0]
    while cuts[-1] < len(ids):
        at = np.searchsorted(ends, cuts[-1] + UNIT)
        cut = int(ends[at]) if at < len(ends) else len(ids)
        cuts.append(min(cut, cuts[-1] + 2 * UNIT, len(ids)))
    return np.array(cuts, np.int64)


def read(X: object, min_count: int) -> Text:
    """The text in a file, or of sentences; a file longer than 64M words is coded anew for each epoch.

    Sentences are lines of the file, strings, or lists of words. Raises ``InputError`` where there is nothing to learn
    from, for bytes that are not UTF-8, and for what is neither text nor words.
    """
    pieces, listed, again = _pieces(X)
    dictionary = kernel.dictionary()
    coded: list[Array] = []
    total, ends, hold = 0, 0, True
    for data in pieces():
        ids = dictionary.feed(data, listed, True)
        total, ends = total + len(ids), ends + int(np.count_nonzero(ids < 0))
        hold = hold and not (again and total > HELD)
        coded = [*coded, ids] if hold else []
    words, counts = _decoded(dictionary.words()), dictionary.counts()
    if not words:
        raise InputError("there are no words to learn from")
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= min_count]
    if not len(order):
        raise InputError(
            f"no word comes min_count={min_count} times or more: the most frequent, {words[int(counts.argmax())]!r}, "
            f"comes {counts.max()} times; choose a smaller min_count"
        )
    kept = Vocabulary([words[i] for i in order], counts[order])
    if hold:
        place = np.full(len(counts) + 1, -2, np.int32)  # the last is that of -1
        place[order], place[-1] = np.arange(len(order)), -1
        ids = place[np.concatenate(coded)]
        ids = ids[ids != -2]
        return Text(kept, lambda: _chunks(ids), len(ids))
    known = kernel.dictionary()
    known.feed(b"".join(word.encode() + b"\xff" for word in kept.words), True, True)
    size = int(kept.counts.sum()) + ends
    return Text(kept, lambda: ahead(known.feed(data, listed, False) for data in pieces()), size)


def _chunks(ids: Array) -> Iterator[Array]:
    """Cut where units are."""
    cuts = units(ids)[:-1:CHUNK]
    return iter(np.split(ids, cuts[1:]))


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, the next one being made on a thread while one is used."""
    stream = iter(items)
    with ThreadPoolExecutor(1) as pool:
        coming: Future[Any] = pool.submit(next, stream, _NONE)
        while (item := coming.result()) is not _NONE:
            coming = pool.submit(next, stream, _NONE)
            yield item


def _decoded(words: bytes) -> list[str]:
    return [word.decode() for word in words.split(b"\xff")[:-1]]


def _pieces(X: object) -> tuple[Pieces, bool, bool]:
    """Bytes for a dictionary, whether they list words, and whether they can be had again."""
    if isinstance(X, str | PathLike):
        path = Path(X).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"no text file {str(X)!r}; sentences are given as a list")
        return lambda: _file(path), False, True
    if isinstance(X, bytes) or not isinstance(X, Iterable):
        raise InputError(f"text is the path of a file, or sentences: strings or lists of words; got {type(X).__name__}")
    sentences = iter(X)
    first = next(sentences, _NONE)
    if first is _NONE:
        raise InputError("there are no sentences to learn from")
    listed = not isinstance(first, str)
    return lambda: _sentences(first, sentences, listed), listed, False


def _file(path: Path) -> Iterator[bytes]:
    """A file in pieces that end where a line does, or, in a very long line, a word."""
    opened, rest, lines = OPENERS.get(path.suffix, open), b"", 0
    with opened(path, "rb") as file:
        while True:
            more = file.read(PIECE)
            data = rest + more
            cut = len(data)
            if more:
                cut = data.rfind(b"\n") + 1 or data.rfind(b" ") + 1
            piece, rest = data[:cut], data[cut:]
            _check_utf8(piece, f"{path}, line {{}}", lines)
            lines += piece.count(b"\n")
            if piece:
                yield piece
            if not more:
                return


def _check_utf8(data: bytes, where: str, lines: int) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = lines + data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{where.format(line)}: byte 0x{data[error.start]:02x} is not UTF-8; convert the text first"
        ) from None


def _sentences(first: object, rest: Iterator[object], listed: bool) -> Iterator[bytes]:
    """Sentences in pieces; all of them strings, or all of them lists of strings."""
    number, left = 0, _chain(first, rest)
    while batch := list(islice(left, 10_000)):
        for i, sentence in enumerate(batch):
            if listed == isinstance(sentence, str) or not isinstance(sentence, Iterable):
                raise InputError(f"sentence {number + i} is {type(sentence).__name__}, and the first one is not")
        number += len(batch)
        try:
            yield _listed(batch) if listed else "\n".join(s.replace("\n", " ") for s in batch).encode()  # type: ignore[attr-defined]
        except UnicodeEncodeError as error:
            raise InputError(f"a sentence holds half a character, {error.object[error.start]!r}") from None


def _chain(first: object, rest: Iterator[object]) -> Iterator[object]:
    yield first
    yield from rest


def _listed(batch: list[Any]) -> bytes:
    try:
        return b"\xfe".join(b"\xff".join(word.encode() for word in sentence) for sentence in batch)
    except AttributeError:
        wrong = next(w for s in batch for w in s if not isinstance(w, str))
        raise InputError(f"words are strings; got {wrong!r}") from None
