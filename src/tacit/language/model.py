"""The language model: a transformer over tokens, trained by the gradient loop."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch.nn import functional as F

from ..base import check_number
from ..errors import ArgumentError, InputError
from ..neural.fitting import Plan, make_plan, run_stage
from ..neural.network import Network
from ..train.device import find_device
from ..train.state import seeded
from ..typing import Array, Doubles
from .descent import filled, muon
from .estimator import TextModel
from .texts import read_texts
from .tokens import END
from .transformer import NextToken, Transformer, Windows, next_log_probs

LOGITS = 2**23  # numbers that are answered about at once


@dataclass(eq=False, repr=False, kw_only=True)
class LanguageModel(TextModel, Network):
    """p(text) = Π_i p(t_i | t_<i), each factor by a transformer that reads the last ``context`` tokens.

    Trained on -log p(t_i | t_<i) over windows of the texts, which are laid end to end (Radford et al. 2018), the
    matrices by Muon (Jordan et al. 2024), the embedding by AdamW, with a warm-up and a cosine.

    Parameters
    ----------
    tokens : {"pairs", "characters"}
        Bytes of UTF-8 and what their commonest pairs are merged into (Sennrich et al. 2016), or one token a character.
    vocabulary : int
        Number of tokens for "pairs", the end of a text and the 256 bytes among them.
    width, layers, heads : int
        Of the transformer: the numbers a token is held in, its layers, and the parts that attention is split into.
    context : int
        Tokens of a window: how far back the model sees.
    dropout : float
        Share of what the layers add that is left out in training.
    init : LanguageModel or None
        A fitted model whose tokens and weights to start from; width, layers, heads and tokens are then its own.
    epochs, batch_size, learning_rate, training, device, random_state
        As in ``Autoencoder``; a batch is of windows. ``Training(schedule="cosine")`` warms up over the first 2 %.

    Attributes
    ----------
    tokens_ : BytePairs or Characters
    network_ : nn.Module
    history_, n_iter_, stopped_ : list of dict, int, str
        The mean loss of each epoch in nats a token, the epochs, and why it ended.

    Raises ``InputError`` for what is no text or too little of it, ``TrainingError`` where the loss stops being a
    number.

    Examples
    --------
    >>> model = LanguageModel(tokens="characters", width=16, layers=1, heads=2, context=16, epochs=20, random_state=0)
    >>> model = model.fit(["abcd" * 20] * 5)
    >>> model.sample(prompt="ab", temperature=0, max_tokens=6), model.perplexity(["abcdabcd" * 5]) < 1.5
    (['abcdabcd'], True)
    """

    width: int = 256
    layers: int = 4
    heads: int = 4
    context: int = 256
    dropout: float = 0.0
    init: LanguageModel | None = None
    learning_rate: float = 0.01
    _modules = ("network_",)

    def fit(self, X: object, y: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from texts X, or from the file at the path X, which is one text; ``y`` is ignored.

        With ``checkpoint``, a folder, the state is written there as training goes on, and the same call later goes on
        from it with the same bits.
        """
        self._check()
        texts = read_texts(X)
        if self.init is None:
            self._learn_tokens(texts)
        else:
            self.tokens_ = self.init.tokens_
        stream = joined([self.tokens_.encode(text) for text in texts])
        device = find_device(self.device)
        plan = make_plan(self, checkpoint, device, size=self.tokens_.size, tokens=len(stream))
        plan = plan._replace(batch_size=self._batch_size(len(stream)))
        with seeded(plan.seed, device):
            self._make()
            self.network_.to(device)
            plan = plan._replace(training=filled(plan.training, muon(self.network_)))
            rows, held = self._rows_of(stream, device, plan)
            run = run_stage("train", NextToken(self.network_), rows, held, self.epochs, plan)
        self.history_, self.n_iter_, self.stopped_ = run.history, run.epochs, run.stopped
        return self

    def to_classifier(self, pretrained: bool = True, generative: bool = False, **parameters: Any) -> Any:
        """An unfitted ``TextClassifier``: this transformer and a softmax.

        With ``generative`` a ``GenerativeClassifier``: such a transformer for each class, and Bayes' rule.
        ``pretrained=False`` starts from transformers like this one with random weights; ``parameters`` are the
        classifier's.
        """
        from .classifier import TextClassifier
        from .generative import GenerativeClassifier

        return (GenerativeClassifier if generative else TextClassifier)(self, pretrained=pretrained, **parameters)

    # Answers.

    def _log_probs(self, texts: Sequence[Array]) -> Doubles:
        network, device = self.network_.eval(), self._device()
        out = np.zeros(len(texts))
        with torch.no_grad():
            for of, ids, first in windows(texts, int(self.context), LOGITS // self.tokens_.size):
                window = torch.from_numpy(ids).to(device).long()
                each = next_log_probs(network, window.clamp(min=0))
                at = torch.arange(each.shape[1], device=device)
                told = (window[:, 1:] >= 0) & (at >= torch.from_numpy(first).to(device)[:, None])
                np.add.at(out, of, (each * told).sum(1).cpu().numpy())
        return out

    def _next(self, ids: Array) -> Doubles:
        recent = torch.from_numpy(ids[:, -int(self.context) :]).to(self._device()).long()
        with torch.no_grad():
            states = self.network_.eval().states(recent)[:, -1]
            logits = F.linear(states, self.network_.embedding.weight)
        p: Doubles = torch.softmax(logits.double(), dim=-1).cpu().numpy()
        return p

    # Building.

    def _check(self) -> None:
        TextModel._check(self)
        Network._check(self)
        for name in ("width", "layers", "heads"):
            check_number(self, name, integer=True, low=1)
        check_number(self, "context", integer=True, low=2)
        check_number(self, "dropout", low=0, high=0.99)
        if self.width % (2 * self.heads):
            raise ArgumentError(f"width must be a multiple of 2 heads = {2 * self.heads}. Got {self.width!r} instead.")
        if self.init is not None and not hasattr(self.init, "network_"):
            raise ArgumentError("init must be a LanguageModel that is fitted")

    def _make(self) -> None:
        shape = (self.tokens_.size, int(self.width), int(self.layers), int(self.heads))
        if self.init is not None:
            shape = self.init.shape_[:4]
        self.shape_: tuple[int, int, int, int, float] = (*shape, float(self.dropout))
        self.network_: Transformer = self._untrained()[0]
        if self.init is not None:
            self.network_.load_state_dict(self.init.network_.state_dict())

    def _untrained(self) -> tuple[Transformer]:
        return (Transformer(*self.shape_),)

    def _rows_of(self, stream: Array, device: torch.device, plan: Plan) -> tuple[Windows, Windows | None]:
        """The windows that are learned from, and those held out at the end of the texts for early stopping."""
        context, n = int(self.context), len(stream)
        held = math.ceil(plan.training.validation_fraction * n) if plan.training.early_stopping else 0
        for part in [n - held] + [held] * plan.training.early_stopping:
            if part <= context:
                raise InputError(
                    f"X holds {n} tokens{f', {held} of them held out' if held else ''}: too few for windows of context "
                    f"= {context}; give more text, or a smaller context"
                )
        return Windows(stream[: n - held], context, device), Windows(
            stream[n - held :], context, device
        ) if held else None

    def _batch_size(self, tokens: int) -> int:
        """ "auto": 4,096 tokens, or a tenth of them."""
        if isinstance(self.batch_size, str):
            return max(1, min(4096, tokens // 10) // int(self.context))
        return int(self.batch_size)

    def _device(self) -> torch.device:
        return self.network_.embedding.weight.device


def joined(texts: Sequence[Array]) -> Array:
    """The tokens of all texts, an end before each and after the last."""
    end = np.full(1, END, np.int32)
    return np.concatenate([end, *(piece for ids in texts for piece in (ids, end))])


def windows(texts: Sequence[Array], context: int, most: int) -> Iterator[tuple[Array, Array, Array]]:
    """Windows of up to context + 1 tokens, and ``most`` together, in which each token of each text is foretold once.

    Gives the texts that they are of [b], their tokens [b, t + 1], -1 behind the last, and the first place [b] that is
    to be told there: in all windows of a text but the first, those in the later half, which have half a window before.
    """
    step = max(context // 2, 1)
    found: list[tuple[int, int, int, Array]] = []  # length, text, first, tokens
    for i, ids in enumerate(texts):
        whole = joined([ids])
        for start in range(0, max(len(whole) - 1 - (context - step), 1), step):
            part = whole[start : start + context + 1]
            found.append((len(part), i, 0 if start == 0 else context - step, part))
    found.sort(key=lambda w: w[0])  # like with like
    while found:
        rows = max(1, most // found[-1][0])
        some, found = found[-rows:], found[:-rows]
        ids = np.full((len(some), some[-1][0]), -1, np.int32)
        for row, (length, *_, part) in zip(ids, some, strict=True):
            row[:length] = part
        yield np.array([w[1] for w in some]), ids, np.array([w[2] for w in some])
