"""WordEmbedding: vectors of words from the words around them."""

from __future__ import annotations

import difflib
import reprlib
import zlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..base import Estimator, check_choice, check_number
from ..checkpoint import Checkpoint, identity
from ..errors import ArgumentError, InputError
from ..kernels import words as kernel
from ..rng import generator
from ..typing import Array, Seed
from . import formats
from .nearest import nearest, unit
from .training import Schedule, Tables, train
from .vocabulary import keep_probabilities, noise, read


def grams(word: str, lengths: tuple[int, int], buckets: int) -> list[int]:
    """The buckets of a word's character n-grams, its ends marked (Bojanowski et al. 2017, section 3.2).

    >>> len(grams("where", (3, 3), 1000))  # <wh whe her ere re>
    5
    """
    marked = f"<{word}>"
    return [
        zlib.crc32(marked[i : i + n].encode()) % buckets
        for n in range(lengths[0], lengths[1] + 1)
        for i in range(len(marked) - n + 1)
    ]


class WordEmbedding(Estimator):
    """A vector for each word, such that words with similar neighbours in text have similar vectors.

    Skip-gram and CBOW with negative sampling: for a word w, each word c around it and ``negative`` words v drawn from
    p(v) ∝ counts^exponent,

        log σ(a_c · b_w) + Σ_v log σ(-a_c · b_v)                                  (Mikolov et al. 2013b, eq. 4)

    is climbed by stochastic steps; with ``model="cbow"`` the mean of the a_c takes the place of each of them. The
    vector of a word is its a. The negatives of a position are shared by its pairs (Ji et al. 2016). Frequent words
    are left out at random, and the width of the window is uniform in 1 ... ``window``, as in Mikolov's program.

    Parameters
    ----------
    n_components : numbers in a vector, d.
    model : "skip-gram" or "cbow".
    window : how many words to either side are a word's context, at most.
    negative : words drawn against each position.
    min_count : words that come less often are left out.
    subsample : t of the probability min(1, (√(f/t) + 1) t/f) to keep a word of frequency f; 0 keeps all.
    exponent : of the counts, in the distribution of the negatives.
    ngrams : (shortest, longest) of the character n-grams whose vectors, with that of the word itself, a word's is the
        mean of (Bojanowski et al. 2017); words that were never seen then have vectors too. None for none.
    buckets : vectors that n-grams share, by a hash.
    epochs : passes over the text.
    learning_rate, last_learning_rate : the length of a step, falling linearly from the one to the other.
    deterministic : train on one thread, for the same bits from the same seed; otherwise threads write without locks.
    random_state : the seed.

    Attributes
    ----------
    words_ : the vocabulary, the most frequent first [V].
    counts_ : how often each came in the text [V].
    vectors_ : float32 [V, d].
    contexts_ : the output vectors b [V, d].
    history_ : mean loss of a pair in each epoch.

    Examples
    --------
    >>> text = ["the cat drinks milk", "the dog drinks water", "a cat eats fish", "a dog eats meat"] * 50
    >>> model = WordEmbedding(8, min_count=1, subsample=0, deterministic=True, random_state=0).fit(text)
    >>> model.transform(["cat", "dog"]).shape, int(model.counts_[model.vocabulary_["cat"]])
    ((2, 8), 100)
    """

    def __init__(
        self,
        n_components: int = 100,
        *,
        model: str = "skip-gram",
        window: int = 5,
        negative: int = 5,
        min_count: int = 5,
        subsample: float = 1e-3,
        exponent: float = 0.75,
        ngrams: tuple[int, int] | None = None,
        buckets: int = 200_000,
        epochs: int = 5,
        learning_rate: float = 0.025,
        last_learning_rate: float = 1e-4,
        deterministic: bool = False,
        random_state: Seed = None,
    ) -> None:
        self.n_components = n_components
        self.model = model
        self.window = window
        self.negative = negative
        self.min_count = min_count
        self.subsample = subsample
        self.exponent = exponent
        self.ngrams = ngrams
        self.buckets = buckets
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.last_learning_rate = last_learning_rate
        self.deterministic = deterministic
        self.random_state = random_state

    def fit(self, X: Any, y: object = None, *, checkpoint: str | PathLike[str] | None = None) -> Self:
        """Learn from text: the path of a file, larger than memory if need be, or sentences.

        A file holds a sentence in each line, words between blanks, in UTF-8, plain or as .gz, .xz or .bz2. Sentences
        are strings, or lists of words. A folder ``checkpoint`` keeps the state: the same call goes on from there.

        Raises ``InputError`` where no word comes ``min_count`` times, for bytes that are not UTF-8 and for what is no
        text, ``ArgumentError`` for parameters out of range, ``FileNotFoundError``.
        """
        self._check()
        rng = generator(self.random_state)
        seed = int(rng.integers(2**63))
        text = read(X, self.min_count)
        words, counts = text.vocabulary
        rows = self._rows_of(words)
        tables = Tables.start(len(words) + (self.buckets if rows else 0), len(words), self.n_components, rng, rows)
        schedule = Schedule(
            self.window, self.negative, self.model == "cbow", self.epochs, self.learning_rate, self.last_learning_rate,
            seed, self.deterministic,
        )  # fmt: skip
        kept = None
        if checkpoint is not None:
            about = {**identity(self.get_params()), **identity({"words": words, "counts": counts, "size": text.size})}
            kept = Checkpoint(Path(checkpoint).expanduser(), "words", 0, about)
        keep = keep_probabilities(counts, self.subsample)
        self.history_ = train(
            tables, lambda epoch: text.chunks(), text.size, noise(counts, self.exponent), keep, schedule, kept
        )
        d, V = self.n_components, len(words)
        self._know(words, counts)
        self.vectors_ = np.ascontiguousarray(tables.inputs[:V, :d])
        self.contexts_: Array | None = np.ascontiguousarray(tables.outputs[:, :d])
        self.ngram_vectors_: Array | None = None
        if rows is not None:
            self.ngram_vectors_ = np.ascontiguousarray(tables.inputs[V:, :d])
            _add_grams(self.vectors_, self.ngram_vectors_, rows)
        return self

    def transform(self, X: Iterable[str]) -> Array:
        """The vectors of words [n, d]; with ``ngrams``, those of words that were never seen too.

        Raises ``InputError`` naming a word without one.
        """
        check_is_fitted(self)
        if isinstance(X, str | bytes) or not isinstance(X, Iterable):
            raise InputError(f"words are given as a list of strings; got {X!r}")
        words = list(X)
        out = np.empty((len(words), self.vectors_.shape[1]), np.float32)
        for i, word in enumerate(words):
            if not isinstance(word, str):
                raise InputError(f"words are strings; got {reprlib.repr(word)}")
            at = self.vocabulary_.get(word)
            out[i] = self._composed(word) if at is None else self.vectors_[at]
        return out

    def most_similar(self, word: str | Iterable[str] | Array, n: int = 10) -> list[tuple[str, float]]:
        """The n words with the largest cosines with a word, with the mean of several, or with a vector."""
        check_is_fitted(self)
        if isinstance(word, np.ndarray) and word.dtype.kind == "f":
            query, asked = np.asarray(word, np.float32), list[str]()
        else:
            asked = [word] if isinstance(word, str) else list(word)
            query = unit(self.transform(asked)).mean(axis=0)
        return self._nearest(query, asked, n)

    def analogy(self, a: str, b: str, c: str, n: int = 10) -> list[tuple[str, float]]:
        """The n words that are to ``c`` as ``b`` is to ``a``: the largest cosines with b - a + c, of unit vectors.

        Mikolov, Yih and Zweig 2013, eq. 1; the three words themselves are left out.
        """
        check_is_fitted(self)
        x = unit(self.transform([a, b, c]))
        return self._nearest(x[1] - x[0] + x[2], [a, b, c], n)

    def similarity(self, a: str, b: str) -> float:
        """The cosine of the vectors of two words."""
        check_is_fitted(self)
        x = unit(self.transform([a, b]))
        return float(x[0] @ x[1])

    @cached_property
    def vocabulary_(self) -> Mapping[str, int]:
        """Where each word stands in ``words_``."""
        return {word: i for i, word in enumerate(self.words_)}

    def to_word2vec(self, path: str | PathLike[str], *, binary: bool = False) -> None:
        """Write words and vectors in the format of Mikolov's program, which other tools read: text, or binary.

        Raises ``InputError`` for words with blanks in them, for which the format has no room.
        """
        check_is_fitted(self)
        formats.write(path, self.words_, self.vectors_, binary)

    @classmethod
    def from_word2vec(cls, path: str | PathLike[str]) -> Self:
        """A model of the words and vectors in a file of that format, text or binary; it tells no counts (all 0).

        Raises ``InputError`` for a file that ends too early or holds something else.
        """
        words, vectors = formats.read(path)
        model = cls(n_components=vectors.shape[1])
        model._know(words, np.zeros(len(words), np.int64))
        model.vectors_, model.contexts_, model.ngram_vectors_, model.history_ = vectors, None, None, []
        return model

    def get_feature_names_out(self, input_features: object = None) -> Array:
        """The names of the columns of ``transform``."""
        check_is_fitted(self)
        return np.array([f"wordembedding{i}" for i in range(self.vectors_.shape[1])], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "vectors_")

    def _learned(self) -> dict[str, Any]:
        return {k: v for k, v in super()._learned().items() if k != "vocabulary_"}

    def _know(self, words: list[str], counts: Array) -> None:
        self.__dict__.pop("vocabulary_", None)
        self.words_, self.counts_ = np.array(words, dtype=object), counts

    def _composed(self, word: str) -> Array:
        """The mean of the vectors of a new word's n-grams."""
        if (
            self.ngrams is not None
            and self.ngram_vectors_ is not None
            and (g := grams(word, self.ngrams, self.buckets))
        ):
            return np.asarray(self.ngram_vectors_[g].mean(axis=0))
        near = difflib.get_close_matches(word, self.words_[:20_000].tolist(), 1)
        raise InputError(f"{word!r} is not in the vocabulary" + (f"; did you mean {near[0]!r}?" if near else ""))

    def _nearest(self, query: Array, asked: list[str], n: int) -> list[tuple[str, float]]:
        known = [self.vocabulary_[w] for w in asked if w in self.vocabulary_]
        return [(str(self.words_[i]), cosine) for i, cosine in nearest(self.vectors_, query, known, n)]

    def _rows_of(self, words: list[str]) -> kernel.Rows | None:
        """A word's row is its own; with n-grams, it is followed by those of its buckets, which come after all words."""
        if self.ngrams is None:
            return None
        parts = [[i, *(len(words) + g for g in grams(w, self.ngrams, self.buckets))] for i, w in enumerate(words)]
        first = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return kernel.Rows(first, np.concatenate([np.array(p, np.int32) for p in parts]))

    def _check(self) -> None:
        for name, low in (("n_components", 1), ("window", 1), ("negative", 1), ("min_count", 1), ("buckets", 1)):
            check_number(self, name, integer=True, low=low, high=2**31 - 1)
        check_number(self, "epochs", integer=True, low=0)
        check_number(self, "subsample", low=0)
        check_number(self, "exponent")
        check_number(self, "learning_rate", low=0, open_low=True)
        check_number(self, "last_learning_rate", low=0)
        check_choice(self, "model", ("skip-gram", "cbow"))
        check_choice(self, "deterministic", (True, False))
        g = self.ngrams
        if g is not None and not (
            len(g) == 2 and all(isinstance(v, int | np.integer) for v in g) and 1 <= g[0] <= g[1]
        ):
            raise ArgumentError(f"ngrams is (shortest, longest), two integers from 1 up, or None; got {g!r}")


def _add_grams(vectors: Array, table: Array, rows: kernel.Rows) -> None:
    """The mean of the rows of each word, in place of the word's own."""
    V = len(vectors)
    for i in range(V):
        parts = rows.rows[rows.first[i] + 1 : rows.first[i + 1]] - V
        vectors[i] = (vectors[i] + table[parts].sum(axis=0)) / (len(parts) + 1)
