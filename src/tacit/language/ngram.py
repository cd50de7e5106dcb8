"""n-grams: p(w | the n - 1 tokens before), by counts from which a little is kept back for what has not been seen.

    p_k(w | h) = (c_k(hw) - D(c_k(hw))) / c_k(h) + γ_k(h) p_{k-1}(w | h without its first token),   p_0 = 1 / V,
    γ_k(h) = Σ_w D(c_k(hw)) / c_k(h)

is interpolated Kneser-Ney with three discounts (Chen and Goodman 1999, section 3): c_n counts occurrences; c_k for
k < n counts the different tokens that hw was seen to follow. Of a context that was not seen, p_k = p_{k-1}.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count as counting
from typing import NamedTuple, Self

import numpy as np

from ..base import check_number
from ..errors import ArgumentError
from ..typing import Array, Doubles
from .estimator import TextModel
from .texts import read_texts
from .tokens import END

CHUNK = 4_000_000  # tokens that are counted, or asked about, at once


class Order(NamedTuple):
    """What strings of k tokens say; a string is the number that it writes to the base V."""

    grams: Array  # [m], sorted
    share: Doubles  # [m], (c - D(c)) / c(h)
    contexts: Array  # [m'], sorted
    left: Doubles  # [m'], γ(h)


# From texts to counts.


def streams(texts: Iterable[Array], n: int) -> Iterator[tuple[Array, Array, Array]]:
    """Texts, each between n - 1 ends and one: tokens, the places that are foretold, where each text's begin there."""
    parts: list[Array] = []
    held = 0
    for ids in texts:
        parts.append(ids)
        held += len(ids) + n
        if held > CHUNK:
            yield _laid(parts, n)
            parts, held = [], 0
    if parts:
        yield _laid(parts, n)


def _laid(parts: Sequence[Array], n: int) -> tuple[Array, Array, Array]:
    before, after = np.full(n - 1, END, np.int32), np.full(1, END, np.int32)
    stream = np.concatenate([piece for ids in parts for piece in (before, ids, after)])
    told = np.array([len(ids) + 1 for ids in parts])
    begin = np.concatenate([[0], np.cumsum(told)[:-1]])
    places = np.arange(told.sum()) + np.repeat(np.arange(1, len(parts) + 1) * (n - 1), told)
    return stream, places, begin


def packed(stream: Array, places: Array, k: int, size: int) -> Array:
    """The k tokens up to each place as one number [places]."""
    out = np.zeros(len(places), np.int64)
    for j in range(k - 1, -1, -1):
        out *= size
        out += stream[places - j]
    return out


def counted(texts: Iterable[Array], n: int, size: int) -> tuple[Array, Array]:
    """The different n-grams, sorted, and how often each was seen."""
    grams, often = np.empty(0, np.int64), np.empty(0, np.int64)
    for stream, places, _ in streams(texts, n):
        found, times = np.unique(packed(stream, places, n, size), return_counts=True)
        both = np.concatenate([grams, found])
        grams, at = np.unique(both, return_inverse=True)
        often = np.bincount(at, np.concatenate([often, times])).astype(np.int64)
    return grams, often


# From counts to probabilities.


def kneser_ney(grams: Array, often: Array, n: int, size: int) -> list[Order]:
    """The orders 1 to n by the counts of n-grams."""
    orders = []
    for k in range(n, 0, -1):
        kept = discounts(often)[np.minimum(often, 3)]
        contexts, first = np.unique(grams // size, return_index=True)
        total = np.add.reduceat(often, first)
        each = np.repeat(total, np.diff([*first, len(grams)]))
        orders.append(Order(grams, (often - kept) / each, contexts, np.add.reduceat(kept, first) / total))
        grams, often = np.unique(grams % size ** (k - 1), return_counts=True)
    return orders[::-1]


def discounts(often: Array) -> Doubles:
    """D of counts 0, 1, 2 and more (Chen and Goodman 1999, equation 26); 1/2 where there are too few to tell.

    D_i = i - (i + 1) Y n_{i+1} / n_i with Y = n_1 / (n_1 + 2 n_2), n_i being how many were seen i times.
    """
    n1, n2, n3, n4 = np.bincount(np.minimum(often, 5), minlength=5)[1:5].tolist()
    if not (n1 and n2 and n3):
        return np.array([0.0, 0.5, 0.5, 0.5])
    y = n1 / (n1 + 2 * n2)
    found = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    return np.array([0.0, *np.clip(found, 0.05, [0.95, 1.95, 2.95])])


def probabilities(orders: Sequence[Order], stream: Array, places: Array, size: int) -> Doubles:
    """p(token | those before) at each place."""
    p = np.full(len(places), 1 / size)
    for k, order in enumerate(orders, start=1):
        gram = packed(stream, places, k, size)
        at, there = find(order.contexts, gram // size)
        p = np.where(there, order.left[at] * p, p)
        at, there = find(order.grams, gram)
        p += np.where(there, order.share[at], 0.0)
    return p


def following(orders: Sequence[Order], context: Sequence[int], size: int) -> Doubles:
    """p(every token | context) [V]."""
    p = np.full(size, 1 / size)
    h = 0
    for k, order in enumerate(orders, start=1):
        h += context[-(k - 1)] * size ** (k - 2) if k > 1 else 0
        at, there = find(order.contexts, np.array([h]))
        if not there[0]:
            continue  # nor is a longer context there
        p *= order.left[at[0]]
        lo, hi = np.searchsorted(order.grams, [h * size, (h + 1) * size])
        p[order.grams[lo:hi] - h * size] += order.share[lo:hi]
    return p


def find(where: Array, what: Array) -> tuple[Array, Array]:
    """The place of each, and whether it is there."""
    at = np.minimum(np.searchsorted(where, what), len(where) - 1)
    return at, where[at] == what


# The estimator.


@dataclass(eq=False, repr=False, kw_only=True)
class NGramModel(TextModel):
    """p(text) = Π_i p(t_i | the n - 1 tokens before), by interpolated Kneser-Ney: the baseline of language models.

    One pass over the texts and no training; every context's probabilities sum to 1 exactly, those never seen included.

    Parameters
    ----------
    n : int
        Tokens of the longest strings that are counted.
    tokens : {"characters", "pairs"}
        One token a character, or bytes of UTF-8 and what their commonest pairs are merged into (Sennrich et al. 2016).
    vocabulary : int
        Number of tokens for "pairs", the end of a text and the 256 bytes among them.
    random_state : int, Generator, RandomState or None
        Of ``sample``.

    Attributes
    ----------
    tokens_ : Characters or BytePairs
    orders_ : list of Order
        What strings of 1 to n tokens say.

    Raises ``InputError`` for what is no text, ``ArgumentError`` where n tokens of such a vocabulary do not fit an
    integer of 63 bits.

    Examples
    --------
    >>> model = NGramModel(3).fit(["abracadabra"] * 3)
    >>> round(model.bits_per_character(["abracadabra"]), 2), model.sample(prompt="ab", temperature=0)
    (0.3, ['abra'])
    """

    n: int = field(default=5, kw_only=False)
    tokens: str = "characters"

    def fit(self, X: object, y: object = None) -> Self:
        """Count in texts X, or in the file at the path X, which is one text; ``y`` is ignored."""
        self._check()
        texts = read_texts(X)
        self._learn_tokens(texts)
        size, n = self.tokens_.size, int(self.n)
        if size**n >= 2**63:
            raise ArgumentError(
                f"n = {n} tokens of a vocabulary of {size} do not fit 63 bits: make n at most "
                f"{next(k for k in counting(1) if size ** (k + 1) >= 2**63)}, or vocabulary smaller"
            )
        grams, often = counted(map(self.tokens_.encode, texts), n, size)
        self.orders_ = kneser_ney(grams, often, n, size)
        return self

    def _check(self) -> None:
        super()._check()
        check_number(self, "n", integer=True, low=1)

    def _log_probs(self, texts: Sequence[Array]) -> Doubles:
        size, parts = self.tokens_.size, []
        for stream, places, begin in streams(texts, int(self.n)):
            logs = np.log(probabilities(self.orders_, stream, places, size))
            parts.append(np.add.reduceat(logs, begin))
        return np.concatenate(parts)

    def _next(self, ids: Array) -> Doubles:
        before = [END] * len(self.orders_)  # as many as a short context may lack
        return np.array([following(self.orders_, before + row, self.tokens_.size) for row in ids.tolist()])
