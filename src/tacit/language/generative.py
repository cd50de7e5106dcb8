"""A classifier by Bayes' rule: for each class a language model of its texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..base import check_number
from ..errors import InputError
from ..neural.fitting import make_plan, run_stage
from ..train.device import find_device
from ..train.state import seeded
from ..typing import Doubles
from .classifier import OnTexts, Pieces
from .descent import adamw, filled
from .model import joined
from .transformer import NextToken, Transformer, Windows, next_log_probs


@dataclass(eq=False, repr=False, kw_only=True)
class GenerativeClassifier(OnTexts):
    """p(y | text) ∝ p(y) exp(τ Σ_i s(log p(t_i | t_<i, y) - log p(t_i | t_<i))), s(r) = β tanh(r / β).

    p(t_i | t_<i, y) is a transformer for each class, fine-tuned on the texts of that class, and p(t_i | t_<i) the mean
    over classes. Bayes' rule is β = ∞, τ = 1; but tokens of a text say much the same, so that each counts for τ, and
    none for more than β, such as a name that one of few texts of a class was full of. From few labels it is better than
    a softmax (Ng and Jordan 2002), for the work of C models.

    Parameters
    ----------
    init : LanguageModel
        Fitted: whose tokens and transformer to start from.
    pretrained : bool
        False starts from random weights, whatever ``init`` has learned.
    bound : float
        β, in nats.
    temper : float
        τ.
    epochs, batch_size, learning_rate, training, device, random_state
        As in ``LanguageModel``; a batch is of windows of ``context`` tokens.

    Attributes
    ----------
    classes_ : array [C]
    class_log_prior_ : array [C]
        log p(y), by the shares of the labels.
    network_ : nn.ModuleList
        A transformer for each class.
    tokens_ : BytePairs or Characters
    history_, n_iter_, stopped_ : list of dict, int, str
        The epochs of all classes, one class after another.

    Raises ``InputError`` for what is no text and for labels that do not fit, ``ArgumentError`` for an ``init`` that is
    not fitted.

    >>> from tacit import LanguageModel
    >>> good, bad = ["so good, so very good"] * 6, ["bad, bad, really bad"] * 6
    >>> small = LanguageModel(tokens="characters", width=16, layers=1, heads=2, context=16, epochs=1, random_state=0)
    >>> model = small.fit(good + bad).to_classifier(generative=True, learning_rate=0.01, random_state=0)
    >>> model.fit(good + bad, ["+"] * 6 + ["-"] * 6).predict(["very good", "really bad"]).tolist()
    ['+', '-']
    """

    bound: float = 0.2
    temper: float = 0.1

    def fit(self, X: object, y: object, *, checkpoint: Any = None) -> Self:
        """Learn from texts X and their labels y [n]; ``checkpoint`` as in ``LanguageModel``."""
        ids, labels = self._read(X, y)
        self.class_log_prior_ = np.log(np.bincount(labels) / len(labels))
        device = find_device(self.device)
        plan = make_plan(self, checkpoint, device, shape=str(self.shape_), classes=len(self.classes_))
        plan = plan._replace(training=filled(plan.training, adamw))
        streams = [
            joined([some for some, label in zip(ids, labels, strict=True) if label == c])
            for c in range(len(self.classes_))
        ]
        for name, stream in zip(self.classes_.tolist(), streams, strict=True):
            if len(stream) < 3:
                raise InputError(f"the texts of class {name!r} are empty")
        self.history_, self.n_iter_, self.stopped_ = [], 0, "epochs"
        with seeded(plan.seed, device):
            self.network_ = self._untrained()[0].to(device)
            for c, (network, stream) in enumerate(zip(self.network_, streams, strict=True)):
                if self.pretrained:
                    network.load_state_dict(self.init.network_.state_dict())
                rows = Windows(stream, min(self._context(), len(stream) - 1), device)
                if self.epochs and self.stopped_ == "epochs":
                    part = plan._replace(batch_size=min(int(self.batch_size), rows.n))
                    module = NextToken(network)  # type: ignore[arg-type]
                    run = run_stage(f"class-{c}", module, rows, None, self.epochs, part)
                    self.history_ += run.history
                    self.n_iter_, self.stopped_ = self.n_iter_ + run.epochs, run.stopped
        return self

    def predict_proba(self, X: object) -> Doubles:
        """p(y | text) [n, C]."""
        check_is_fitted(self)
        with torch.no_grad():
            told = torch.cat([self._evidence(part) for part in self._cut(X)]).cpu().numpy()
        logits = self.class_log_prior_ + self.temper * told
        p: Doubles = softmax(logits, axis=1)
        return p

    def _evidence(self, part: Pieces) -> Tensor:
        """Σ_i s(log p(t_i | t_<i, y) - log p(t_i | t_<i)) of texts in pieces [n, C]."""
        x = part.x.clamp(min=0).long()
        logs = torch.stack([next_log_probs(network.eval(), x) for network in self.network_])  # [C, p, T - 1]
        mean = torch.logsumexp(logs, 0) - np.log(len(logs))
        bounded = self.bound * torch.tanh((logs - mean) / self.bound) * (part.x[:, 1:] >= 0)
        total = bounded.new_zeros(len(part.y), len(logs))
        return total.index_add(0, part.of, bounded.sum(2).T)

    def _untrained(self) -> tuple[nn.ModuleList]:
        return (nn.ModuleList(Transformer(*self.shape_) for _ in self.classes_),)

    def _check(self) -> None:
        super()._check()
        check_number(self, "bound", low=0, open_low=True)
        check_number(self, "temper", low=0, open_low=True)
