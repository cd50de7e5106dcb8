"""A classifier on a language model: softmax of what the transformer knows of a text, all layers fine-tuned."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn import functional as F

from ..base import check_choice, check_number
from ..errors import ArgumentError, InputError
from ..neural.fitting import make_plan, run_stage
from ..neural.labels import check_length, read_labels
from ..neural.network import Network
from ..train.device import find_device
from ..train.rows import deal, permuted
from ..train.state import seeded
from ..typing import Array, Doubles
from .descent import adamw, filled
from .model import LanguageModel
from .texts import read_texts, text_tags
from .tokens import END
from .transformer import Transformer


class Pieces(NamedTuple):
    """Texts cut into pieces of up to T tokens: those of a batch, and what is learned of it."""

    x: Tensor  # [p, T], -1 behind the last token
    of: Tensor  # [p], the text of each, from 0
    y: Tensor  # [texts]


class Pooled(nn.Module):
    """h: the mean over the tokens of a text of the transformer's states; logits V h + c."""

    def __init__(self, network: Transformer, classes: int) -> None:
        super().__init__()
        self.network = network
        self.head = nn.Linear(network.embedding.embedding_dim, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def features(self, x: Tensor, of: Tensor, n: int) -> Tensor:
        """h [n, w]."""
        there = x >= 0
        states = self.network.states(x.clamp(min=0).long()).float() * there[..., None]
        total = states.new_zeros(n, states.shape[-1]).index_add(0, of, states.sum(1))
        length = states.new_zeros(n).index_add(0, of, there.sum(1).float())
        return total / length[:, None]

    def forward(self, batch: Pieces) -> dict[str, Tensor]:
        logits = self.head(self.features(batch.x, batch.of, len(batch.y))).float()
        right = (logits.argmax(1) == batch.y).float().mean()
        return {"loss": F.cross_entropy(logits, batch.y), "accuracy": right}


class Cut:
    """Texts in pieces of ``context`` tokens, each text begun by an end; batches are of texts."""

    def __init__(self, texts: Sequence[Array], y: Array, context: int, device: torch.device) -> None:
        pieces = [piece for ids in texts for piece in cut(ids, context)]
        x = np.full((len(pieces), max(map(len, pieces))), -1, np.int32)
        for row, piece in zip(x, pieces, strict=True):
            row[: len(piece)] = piece
        many = np.array([len(cut(ids, context)) for ids in texts])
        self.x, self.y = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
        self.begin = np.concatenate([[0], np.cumsum(many)])
        self.n = len(texts)

    def take(self, at: Array) -> Pieces:
        """The pieces of the texts ``at``."""
        spans = [np.arange(self.begin[i], self.begin[i + 1]) for i in at]
        of = torch.from_numpy(np.repeat(np.arange(len(at)), [len(s) for s in spans]))
        x = self.x[torch.from_numpy(np.concatenate(spans)).to(self.x.device)]
        longest = int((x >= 0).sum(1).max())
        return Pieces(x[:, :longest], of.to(self.x.device), self.y[torch.from_numpy(np.asarray(at)).to(self.x.device)])

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[Pieces]:
        """As ``Source.batches``."""
        return map(self.take, deal(permuted(np.arange(self.n), seed, epoch), size, start, rank, world))


def cut(ids: Array, context: int) -> list[Array]:
    """An end and the tokens, in pieces of ``context``."""
    whole = np.concatenate([[END], ids]).astype(np.int32)
    return [whole[lo : lo + context] for lo in range(0, len(whole), context)]


def pieces(ids: Sequence[Array], context: int, device: torch.device, size: int = 8) -> Iterator[Pieces]:
    """The pieces of texts, of ``size`` texts at a time, in order."""
    rows = Cut(ids, np.zeros(len(ids), np.int64), context, device)
    return (rows.take(np.arange(i, min(i + size, len(ids)))) for i in range(0, len(ids), size))


@dataclass(eq=False, repr=False, kw_only=True)
class OnTexts(ClassifierMixin, Network):  # type: ignore[misc]
    """An abstract classifier of texts that starts from a language model."""

    init: LanguageModel = field(kw_only=False)
    pretrained: bool = True
    epochs: int | str = 4
    batch_size: int | str = 8
    learning_rate: float = 3e-4
    _modules = ("network_",)

    def predict(self, X: object) -> Array:
        """The most probable class of each text [n]."""
        at: Array = self.predict_proba(X).argmax(axis=1)
        labels: Array = self.classes_[at]
        return labels

    @abstractmethod
    def predict_proba(self, X: object) -> Doubles:
        """p(y | text) [n, C]."""

    def _read(self, X: object, y: Any) -> tuple[list[Array], Array]:
        """The tokens of each text, and y as class numbers [n]."""
        self._check()
        texts, y = read_texts(X), read_labels(self, y)
        check_length(y, len(texts), "texts")
        self.classes_, at = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y holds one class, {self.classes_.tolist()[0]!r}: there is nothing to tell apart")
        self.tokens_, self.shape_ = self.init.tokens_, self.init.shape_
        return [self.tokens_.encode(text) for text in texts], at.astype(np.int64)

    def _cut(self, X: object) -> Iterator[Pieces]:
        """The pieces of texts, a few at a time."""
        ids = [self.tokens_.encode(text) for text in read_texts(X)]
        return pieces(ids, self._context(), next(self.network_.parameters()).device)

    def _context(self) -> int:
        return int(self.init.context)

    def _check(self) -> None:
        check_number(self, "epochs", integer=True, low=0)
        check_number(self, "batch_size", integer=True, low=1)
        check_number(self, "learning_rate", low=0, open_low=True)
        check_choice(self, "pretrained", [True, False])
        if not isinstance(self.init, LanguageModel) or not hasattr(self.init, "network_"):
            raise ArgumentError(f"init must be a fitted LanguageModel. Got {self.init!r} instead.")

    def __sklearn_tags__(self) -> Any:
        return text_tags(super().__sklearn_tags__())


@dataclass(eq=False, repr=False, kw_only=True)
class TextClassifier(OnTexts):
    """p(y | text) = softmax(V h + c), h the mean of the states of a transformer over the text, all trained together.

    V and c start as the logistic regression on the states before any training (Kumar et al. 2022), so that what was
    learned without labels is not unlearned in the first steps. A text longer than ``context`` is read in pieces.

    Parameters
    ----------
    init : LanguageModel
        Fitted: whose tokens and transformer to start from.
    pretrained : bool
        False starts from random weights, whatever ``init`` has learned.
    penalty : float
        ½ penalty |V|² per class is added to the loss of that first regression, on standardised states.
    epochs, batch_size, learning_rate, training, device, random_state
        As in ``Autoencoder``; ``epochs=0`` keeps the transformer as it is. ``Training(schedule="cosine")`` warms up.

    Attributes
    ----------
    classes_ : array [C]
    network_ : nn.Module
        The transformer as fine-tuned, and ``head``, V and c.
    tokens_ : BytePairs or Characters
    history_, n_iter_, stopped_ : list of dict, int, str

    Raises ``InputError`` for what is no text and for labels that do not fit, ``ArgumentError`` for an ``init`` that is
    not fitted.

    >>> from tacit import LanguageModel
    >>> good, bad = ["so good, so very good"] * 6, ["bad, bad, really bad"] * 6
    >>> small = LanguageModel(tokens="characters", width=16, layers=1, heads=2, context=16, epochs=1, random_state=0)
    >>> model = small.fit(good + bad).to_classifier(epochs=1, random_state=0).fit(good + bad, ["+"] * 6 + ["-"] * 6)
    >>> model.predict(["very good", "really bad"]).tolist()
    ['+', '-']
    """

    penalty: float = 1.0

    def fit(self, X: object, y: object, *, checkpoint: Any = None) -> Self:
        """Learn from texts X and their labels y [n]; ``checkpoint`` as in ``LanguageModel``."""
        ids, labels = self._read(X, y)
        device = find_device(self.device)
        plan = make_plan(self, checkpoint, device, shape=str(self.shape_), classes=len(self.classes_))
        plan = plan._replace(training=filled(plan.training, adamw), batch_size=min(int(self.batch_size), len(ids)))
        with seeded(plan.seed, device):
            self.network_ = self._untrained()[0].to(device)
            if self.pretrained:
                self.network_.network.load_state_dict(self.init.network_.state_dict())
            self._start(ids, labels)
            rows = Cut(ids, labels, self._context(), device)
            self.history_, self.n_iter_, self.stopped_ = [], 0, "epochs"
            if self.epochs:
                run = run_stage("labels", self.network_, rows, None, self.epochs, plan)
                self.history_, self.n_iter_, self.stopped_ = run.history, run.epochs, run.stopped
        return self

    def predict_proba(self, X: object) -> Doubles:
        """p(y | text) [n, C]."""
        check_is_fitted(self)
        with torch.no_grad():
            logits = self.network_.head(self._features(self._cut(X))).double()
        p: Doubles = torch.softmax(logits, dim=1).cpu().numpy()
        return p

    def _features(self, parts: Iterator[Pieces]) -> Tensor:
        """h [n, w]."""
        network = self.network_.eval()
        with torch.no_grad():
            return torch.cat([network.features(part.x, part.of, len(part.y)) for part in parts])

    def _start(self, ids: Sequence[Array], labels: Array) -> None:
        """V and c of the logistic regression on the states as they are."""
        parts = pieces(ids, self._context(), self.network_.head.weight.device)
        h = self._features(parts).double().cpu().numpy()
        mean, sd = h.mean(axis=0), h.std(axis=0) + 1e-6
        V, c = softmax_regression((h - mean) / sd, labels, len(self.classes_), float(self.penalty))
        head = self.network_.head
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(V / sd))
            head.bias.copy_(torch.from_numpy(c - V @ (mean / sd)))

    def _untrained(self) -> tuple[Pooled]:
        return (Pooled(Transformer(*self.shape_), len(self.classes_)),)

    def _check(self) -> None:
        super()._check()
        check_number(self, "penalty", low=0, open_low=True)


def softmax_regression(x: Doubles, y: Array, classes: int, penalty: float) -> tuple[Doubles, Doubles]:
    """V [C, w] and c [C] that make -Σ_i log softmax(V x_i + c)[y_i] + ½ penalty |V|² least."""
    w = x.shape[1]
    hot = np.eye(classes)[y]

    def objective(theta: Doubles) -> tuple[float, Doubles]:
        V, c = theta[: classes * w].reshape(classes, w), theta[classes * w :]
        logits = x @ V.T + c
        logs = logits - logsumexp(logits, axis=1, keepdims=True)
        slope = np.exp(logs) - hot
        value = -(hot * logs).sum() + 0.5 * penalty * (V * V).sum()
        return float(value), np.concatenate([(slope.T @ x + penalty * V).ravel(), slope.sum(axis=0)])

    found = minimize(objective, np.zeros(classes * (w + 1)), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    theta: Doubles = found.x
    return theta[: classes * w].reshape(classes, w), theta[classes * w :]
