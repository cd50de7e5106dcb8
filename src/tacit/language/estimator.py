"""What models of texts share: the door, the tokens, the questions; a final class says p(next token | those before)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..base import Estimator, check_choice, check_n_samples, check_number
from ..errors import ArgumentError, InputError
from ..rng import generator
from ..typing import Array, Doubles, Seed
from .texts import read_texts, text_tags
from .tokens import END, BytePairs, Characters, Tokens


@dataclass(eq=False, repr=False, kw_only=True)
class TextModel(Estimator):
    """An abstract p(text) = Π_i p(t_i | t_<i), over tokens t and an end: a probability on all finite texts."""

    tokens: str = "pairs"
    vocabulary: int = 2048
    random_state: Seed = None

    # The verbs.

    def score_samples(self, X: object) -> Doubles:
        """log p(text) of each text [n], in nats, its end with it: higher is more typical.

        Divided by -log 2 and the number of characters it is the text's bits a character.
        """
        check_is_fitted(self)
        return self._score(read_texts(X))[0]

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(self.score_samples(X).mean())

    def bits_per_character(self, X: object) -> float:
        """-Σ log₂ p(text) / Σ characters, ends being told but not counted: what an ideal coder would write."""
        check_is_fitted(self)
        texts = read_texts(X)
        n = sum(map(len, texts))
        if n == 0:
            raise InputError("X holds no character: bits a character are of none")
        return float(-self._score(texts)[0].sum() / np.log(2) / n)

    def perplexity(self, X: object, y: object = None) -> float:
        """exp(-Σ log p(text) / Σ tokens), ends among them: how many tokens seem possible at each place."""
        check_is_fitted(self)
        logs, tokens = self._score(read_texts(X))
        return float(np.exp(-logs.sum() / tokens))

    def sample(
        self,
        n_samples: int = 1,
        prompt: str = "",
        *,
        temperature: float = 1.0,
        top_p: float = 1.0,
        max_tokens: int = 200,
    ) -> list[str]:
        """``n_samples`` texts that begin with ``prompt``: token for token, to an end or ``max_tokens`` of them.

        Tokens are drawn from p^(1 / temperature), 0 taking the likeliest, among the fewest that have together the
        probability ``top_p`` (Holtzman et al. 2020). Characters of the prompt that were not in the texts of ``fit`` are
        read as one that is none of the others; such a one is never drawn. Raises ``ArgumentError`` for values out of
        range.
        """
        check_is_fitted(self)
        rng = generator(self.random_state)
        how = _Drawing(n_samples, temperature, top_p, max_tokens)
        how.check()
        (prompt,) = read_texts([prompt])
        start = np.concatenate([[END], self.tokens_.encode(prompt)]).astype(np.int32)
        ids = np.tile(start, (n_samples, 1))
        open_ = np.ones(n_samples, dtype=bool)
        for _ in range(max_tokens):
            p = self._next(ids)
            if isinstance(self.tokens_, Characters):
                p[:, 1] = 0.0
            new = np.where(open_, draw_tokens(p, how, rng), END)
            ids = np.concatenate([ids, new[:, None].astype(np.int32)], axis=1)
            open_ &= new != END
            if not open_.any():
                break
        return [prompt + self.tokens_.decode(row) for row in ids[:, len(start) :].tolist()]

    def __sklearn_tags__(self) -> Any:
        return text_tags(super().__sklearn_tags__())

    # What a final class says.

    @abstractmethod
    def _log_probs(self, texts: Sequence[Array]) -> Doubles:
        """log p of each text's tokens and its end [n]."""

    @abstractmethod
    def _next(self, ids: Array) -> Doubles:
        """p(next token | ids) [b, V] for ids [b, t], the first of which is an end."""

    # What they share.

    def _check(self) -> None:
        check_choice(self, "tokens", ["pairs", "characters"])
        check_number(self, "vocabulary", integer=True, low=257)

    def _learn_tokens(self, texts: Sequence[str]) -> None:
        if not any(texts):
            raise InputError("X holds no character: all texts are empty")
        chosen: Tokens = (
            BytePairs.learn(texts, int(self.vocabulary)) if self.tokens == "pairs" else Characters.learn(texts)
        )
        self.tokens_ = chosen

    def _score(self, texts: Sequence[str]) -> tuple[Doubles, int]:
        """log p of each text [n], and how many tokens they have, ends among them."""
        ids = [self.tokens_.encode(text) for text in texts]
        extra = np.array([self.tokens_.surprise(some) for some in ids])
        return self._log_probs(ids) - extra, sum(map(len, ids)) + len(ids)


@dataclass(frozen=True)
class _Drawing:
    """How tokens are drawn."""

    n_samples: int
    temperature: float
    top_p: float
    max_tokens: int

    def check(self) -> None:
        """The values."""
        check_n_samples(self.n_samples)
        if not 0 <= self.temperature < np.inf:
            raise ArgumentError(f"temperature must be a float in the range [0, inf). Got {self.temperature!r} instead.")
        if not 0 < self.top_p <= 1:
            raise ArgumentError(f"top_p must be a float in the range (0, 1]. Got {self.top_p!r} instead.")
        if self.max_tokens < 1:
            raise ArgumentError(f"max_tokens must be an int >= 1. Got {self.max_tokens!r} instead.")


def draw_tokens(p: Doubles, how: Any, rng: np.random.Generator) -> Array:
    """One token for each row of probabilities p [b, V], which need not sum to 1."""
    if how.temperature == 0:
        likeliest: Array = p.argmax(axis=1)
        return likeliest
    with np.errstate(divide="ignore"):
        logs = np.log(p) / how.temperature
    q = np.exp(logs - logs.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    order = np.argsort(-q, axis=1, kind="stable")
    ranked = np.take_along_axis(q, order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    ranked[before >= how.top_p] = 0.0  # the first is always kept
    cumulative = np.cumsum(ranked, axis=1)
    u = rng.random(len(p)) * cumulative[:, -1]
    at = np.minimum((cumulative <= u[:, None]).sum(axis=1), (ranked > 0).sum(axis=1) - 1)
    drawn: Array = np.take_along_axis(order, at[:, None], axis=1)[:, 0]
    return drawn
