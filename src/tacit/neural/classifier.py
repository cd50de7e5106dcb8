"""A classifier on an encoder: softmax on the code, all layers fine-tuned on few or many labels."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn import functional as F

from ..base import check_choice
from ..errors import ArgumentError
from ..train import Batch
from ..train.device import find_device
from ..train.state import seeded
from ..typing import Array, Floats
from .coder import Coder, dtype_of, weighted_mean
from .corruption import Corrupt, check_corruption, corruption
from .estimator import CoderEstimator
from .fitting import make_plan, run_stage
from .labels import check_length, read_labels
from .network import Network
from .rows import training_rows


@dataclass(eq=False, repr=False, kw_only=True)
class NetworkClassifier(ClassifierMixin, Network):  # type: ignore[misc]
    """p(y | x) = softmax(V encoder(x) + c), encoder and V trained on -log p(y | x).

    Parameters
    ----------
    init : an autoencoder, fitted or not
        Whose encoder to start from; an unfitted one says only what the layers are.
    pretrained : bool
        False starts from random weights, whatever ``init`` has learned.
    corruption, level : None, {"gaussian", "masking", "salt_and_pepper"} or callable, float
        What is done anew to each batch of rows while learning, as in ``DenoisingAutoencoder``: labels that hold for
        corrupted rows too are learned from fewer of them.
    epochs, batch_size, learning_rate, training, device, random_state
        As in ``Autoencoder``.

    Attributes
    ----------
    classes_ : array [C]
    model_ : the autoencoder with the encoder as fine-tuned
    head_ : nn.Linear
        V and c.
    history_, n_iter_, stopped_ : list of dict, int, str

    >>> import numpy as np
    >>> from tacit import StackedAutoencoder
    >>> X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 50, axis=0) + 0.1 * np.random.default_rng(0).normal(size=(100, 2))
    >>> y = np.repeat(["a", "b"], 50)
    >>> stack = StackedAutoencoder((8, 4), pretrain_epochs=3, epochs=3, random_state=0).fit(X)
    >>> stack.to_classifier(epochs=30, learning_rate=0.01, random_state=0).fit(X[::10], y[::10]).score(X, y)
    1.0
    """

    init: CoderEstimator = field(kw_only=False)
    pretrained: bool = True
    corruption: str | Callable[[Tensor], Tensor] | None = None
    level: float = 0.25
    _modules = ("head_",)

    def fit(self, X: object, y: object, sample_weight: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from rows X and their labels y [n]."""
        self._check()
        device = find_device(self.device)
        fresh = not hasattr(self.init, "coder_")
        model: CoderEstimator = clone(self.init) if fresh else copy.deepcopy(self.init)
        given = model._begin(X, sample_weight) if fresh else model._open(X, reset=False, weight=sample_weight)
        labels = read_labels(self, y)
        check_length(labels, given.source.shape[0])
        self.classes_, at = np.unique(labels, return_inverse=True)
        plan = make_plan(self, checkpoint, device, layout=str(model.layout_), classes=len(self.classes_))
        with seeded(plan.seed, device):
            if fresh or not self.pretrained:
                model._make(device)
            model.coder_.to(device)
            self.model_ = model
            self.head_ = self._untrained()[0]
            rows, held = training_rows(given.source, device, plan.training, plan.seed, at)
            corrupt = None
            if self.corruption is not None:
                corrupt = corruption(self.corruption, float(self.level), model.low_, model.high_)
            module = Labels(model.coder_, self.head_, model.gaps_, corrupt)
            run = run_stage("labels", module, rows, held, self.epochs, plan)
        self.history_, self.n_iter_, self.stopped_ = run.history, run.epochs, run.stopped
        self.n_features_in_ = model.n_features_in_
        if hasattr(model, "feature_names_in_"):
            self.feature_names_in_ = model.feature_names_in_
        return self

    def predict(self, X: object) -> Array:
        """The most probable class of each row [n]."""
        at: Array = np.asarray(self.predict_proba(X)).argmax(axis=1)
        labels: Array = self.classes_[at]
        return labels

    def predict_proba(self, X: object) -> Floats:
        """p(y | x) [n, C]."""
        check_is_fitted(self)
        head = self.head_

        def probabilities(coder: Coder, cells: Any, _: Any) -> Tensor:
            exact = copy.deepcopy(head).double() if dtype_of(coder) == torch.float64 else head
            return torch.softmax(exact(coder.encode(cells)), dim=1)

        out: Floats = self.model_._answers(X, probabilities)
        return out

    def _check(self) -> None:
        super()._check()
        if not isinstance(self.init, CoderEstimator):
            raise ArgumentError(f"init must be an autoencoder, fitted or not. Got {self.init!r} instead.")
        check_choice(self, "pretrained", [True, False])
        if self.corruption is not None:
            check_corruption(self, self.corruption, self.level)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    def _untrained(self) -> tuple[nn.Linear]:
        return (nn.Linear(self.model_.code_size_, len(self.classes_), device=self.model_._device()),)

    def _restore(self, learned: dict[str, Any]) -> None:
        super()._restore(learned)
        if hasattr(self, "head_"):
            self.head_.to(self.model_._device())  # whose parameter ``device`` may be another


class Classifiable:
    """Of an estimator over ``coder_``: its encoder can be fine-tuned on labels."""

    def to_classifier(self, pretrained: bool = True, **parameters: Any) -> NetworkClassifier:
        """An unfitted ``NetworkClassifier``: this encoder and a softmax.

        ``pretrained=False`` starts from an encoder like it with random weights; ``parameters`` are the classifier's.
        """
        return NetworkClassifier(self, pretrained=pretrained, **parameters)


class Labels(nn.Module):
    """-log p(y | corrupted x), averaged over a batch."""

    def __init__(self, coder: Coder, head: nn.Linear, gaps: bool, corrupt: Corrupt | None = None) -> None:
        super().__init__()
        self.encoder, self.head = coder.encoder, head
        self._coder = [coder]  # in a list: its decoder is not trained here
        self.gaps, self.corrupt = gaps, corrupt

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        coder = self._coder[0]
        cells = coder.inputs.cells(batch, dtype_of(coder), self.gaps)
        if self.corrupt is not None and self.training:
            cells = self.corrupt(cells)
        logits = self.head(coder.encode(cells))
        assert batch.y is not None
        loss = F.cross_entropy(logits.float(), batch.y, reduction="none")
        right = (logits.argmax(1) == batch.y).float().mean()
        return {"loss": weighted_mean(loss, batch.weight), "accuracy": right}
