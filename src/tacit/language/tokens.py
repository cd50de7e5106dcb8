"""Texts as numbers: one for each character, or for each of the strings of bytes that pairs are merged into."""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Protocol

import numpy as np

from ..errors import InputError
from ..typing import Array

END = 0  # before a text and after it
UNICODE = 0x110000 - 0x800  # code points that are characters: all but the surrogates
WORD = re.compile(r" ?\w{1,24}| ?[^\w\s]{1,24}|\s{1,24}")  # no token reaches over the edge of one
WORDS = 50_000  # the commonest, from which pairs are learned
KNOWN = 500_000  # words whose tokens are remembered


class Tokens(Protocol):
    """A reversible way from texts to numbers 1 .. size - 1; 0 is the end of a text."""

    @property
    def size(self) -> int: ...

    def encode(self, text: str) -> Array:
        """The tokens of a text [t], in int32."""

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some tokens."""

    def surprise(self, ids: Array) -> float:
        """Nats that a text costs beyond its tokens: where one token stands for several characters."""


# Characters.


@dataclass(frozen=True)
class Characters:
    """One token a character of ``alphabet``, in its order from 2; token 1 is any other character.

    Which other one is taken to be uniform over Unicode, so that probabilities of texts still sum to 1.

    >>> some = Characters.learn(["abca"])
    >>> some.encode("cab!").tolist(), some.decode([4, 2, 3])
    ([4, 2, 3, 1], 'cab')
    """

    alphabet: str

    @classmethod
    def learn(cls, texts: Iterable[str]) -> Characters:
        """The characters that there are."""
        return cls("".join(sorted(set().union(*map(set, texts)))))

    @property
    def size(self) -> int:
        """The end, any other character, the alphabet."""
        return len(self.alphabet) + 2

    def encode(self, text: str) -> Array:
        """The place of each character in the alphabet."""
        known = np.frombuffer(utf(self.alphabet, "utf-32-le"), np.uint32)
        asked = np.frombuffer(utf(text, "utf-32-le"), np.uint32)
        at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        out: Array = np.where(known[at] == asked, at + 2, 1).astype(np.int32)
        return out

    def decode(self, ids: Iterable[int]) -> str:
        """Any other character is U+FFFD."""
        return "".join("\ufffd" if i == 1 else self.alphabet[i - 2] for i in ids if i != END)

    def surprise(self, ids: Array) -> float:
        """log of how many others there are, for each."""
        return float((ids == 1).sum() * np.log(UNICODE - len(self.alphabet)))


# Byte pairs.


@dataclass(frozen=True, eq=False)
class BytePairs:
    """Bytes of UTF-8, and what the commonest pairs of tokens were merged into, time and again (Sennrich et al. 2016).

    Token 1 + b is byte b; token 257 + i is the pair ``merges[i]`` put together. Every text can be written.

    >>> pairs = BytePairs.learn(["low lower lowest"], 260)
    >>> [pairs.decode([i]) for i in pairs.encode("slow")], pairs.decode(pairs.encode("näher"))
    (['s', 'low'], 'näher')
    """

    merges: Array  # [m, 2]

    @cached_property
    def _strings(self) -> list[bytes]:
        """What each token stands for."""
        strings = [b"", *(bytes([b]) for b in range(256))]
        for a, b in self.merges.tolist():
            strings.append(strings[a] + strings[b])
        return strings

    @cached_property
    def _ranks(self) -> dict[tuple[int, int], int]:
        """The token of each pair; those learned first have the least."""
        return {(a, b): 257 + i for i, (a, b) in enumerate(self.merges.tolist())}

    @cached_property
    def _known(self) -> dict[str, list[int]]:
        """Words that were met before."""
        return {}

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> BytePairs:
        """``size`` tokens with the end and the bytes, or fewer where no pair is left that stands there twice."""
        words = Counter(chain.from_iterable(map(WORD.findall, texts)))
        return cls(np.array(list(merges(dict(words.most_common(WORDS)), size - 257)), dtype=np.int32).reshape(-1, 2))

    @property
    def size(self) -> int:
        """The end, the bytes, the merges."""
        return 257 + len(self.merges)

    def encode(self, text: str) -> Array:
        """Word for word; in each, pairs are merged in the order in which they were learned."""
        utf(text)
        known = self._known
        words = WORD.findall(text)
        for word in words:
            if word not in known:
                known[word] = self._word(word)
        out = np.fromiter(chain.from_iterable(map(known.__getitem__, words)), dtype=np.int32)
        if len(known) > KNOWN:
            known.clear()
        return out

    def _word(self, word: str) -> list[int]:
        ids = [1 + b for b in word.encode()]
        while len(ids) > 1:
            best = min(pairwise(ids), key=lambda pair: self._ranks.get(pair, self.size))
            new = self._ranks.get(best)
            if new is None:
                break
            ids = merged(ids, best, new)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self._strings[i] for i in ids).decode(errors="replace")

    def surprise(self, ids: Array) -> float:
        """None: the bytes are all there."""
        return 0.0


def merges(words: Mapping[str, int], most: int) -> Iterator[tuple[int, int]]:
    """The commonest pair of neighbours in all words, merged, and again; of equal ones the first in order.

    Only words that hold the pair are looked at, so that a merge costs as much as it changes.
    """
    texts = [[1 + b for b in word.encode()] for word in words]
    weights = list(words.values())
    count: Counter[tuple[int, int]] = Counter()
    where: dict[tuple[int, int], set[int]] = defaultdict(set)
    for w, ids in enumerate(texts):
        for pair in pairwise(ids):
            count[pair] += weights[w]
            where[pair].add(w)
    heap = [(-c, pair) for pair, c in count.items()]
    heapq.heapify(heap)
    new = 257
    while heap and new < 257 + most:
        c, pair = heapq.heappop(heap)
        if -c != count[pair]:
            continue  # it has changed since, and stands there again with its new count
        if -c < 2:
            return
        yield pair
        touched: set[tuple[int, int]] = set()
        for w in where.pop(pair):
            for old in pairwise(texts[w]):
                count[old] -= weights[w]
                touched.add(old)
            texts[w] = merged(texts[w], pair, new)
            for now in pairwise(texts[w]):
                count[now] += weights[w]
                where[now].add(w)
                touched.add(now)
        for old in touched:
            if count[old] > 0:
                heapq.heappush(heap, (-count[old], old))
        new += 1


def merged(ids: Sequence[int], pair: tuple[int, int], new: int) -> list[int]:
    """The tokens with each ``pair``, from the left, made ``new``.

    >>> merged([1, 1, 1, 2], (1, 1), 9)
    [9, 1, 2]
    """
    out: list[int] = []
    i = 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def utf(text: str, form: str = "utf-8") -> bytes:
    """The text in bytes; half a surrogate pair has no place in a text."""
    try:
        return text.encode(form)
    except UnicodeEncodeError as error:
        raise InputError(
            f"a text holds U+{ord(text[error.start]):04X} at character {error.start}, which is half of a surrogate "
            "pair and no character: read it with errors='replace', or leave it out"
        ) from None
