"""Deep belief networks: machines stacked on one another, learned from the bottom up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from .. import kernels
from ..base import Estimator, check_number
from ..data.block import Block
from ..errors import ArgumentError
from ..neural.autoencoder import Autoencoder
from ..neural.fitting import batch_size
from ..neural.nets import Dense
from ..neural.noise import uniforms
from ..neural.rows import training_rows
from ..rng import generator
from ..train import Training, train
from ..train.device import find_device
from ..train.state import seeded
from ..typing import Array, Seed
from .chains import fantasies
from .columns import States
from .draws import Draws
from .layers import Direction, Told, UpDownStep
from .likelihood import LogLikelihood
from .machine import Machine
from .rbm import RBM
from .step import falling
from .units import Binary

DONE = ("epochs", "early stopping")  # how a layer ends that another may stand on


class DBN(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """p(v, h₁, ..., h_L) = p(v | h₁) p(h₁ | h₂) ... p(h_{L-1}, h_L): directed layers under one RBM.

    Each layer is an RBM learned from what the layer below says of the rows (Hinton, Osindero and Teh 2006); then, with
    ``fine_tune``, all of them by the up-down algorithm (appendix B there). A layer with enough units starts as the
    layer below turned over, W = W_belowᵀ: the network is then as likely as without it, and learning starts from there.
    With ``resample`` it learns from states that are drawn anew through the layers below in every pass.

    Parameters
    ----------
    hidden_sizes : tuple of int
        Widths, from the bottom up.
    last : {"binary", "gaussian", "rectified"}
        Units of the last layer; "gaussian" gives the linear codes of an autoencoder.
    fine_tune : int
        Passes of the up-down algorithm.
    fine_tune_rate : float
        Its learning rate.
    visible, method, k, learning_rate, momentum, weight_decay, resample, batch_size, n_iter, training, device,
    random_state
        Of every layer's ``RBM``. ``learning_rate`` and ``n_iter`` may be tuples with one for each.

    Attributes
    ----------
    rbms_ : list of RBM
    up_, down_ : list of (W, bias)
        Recognition and generative weights of the layers under the top RBM.
    history_ : list of dict
        Of the up-down algorithm.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 50, axis=0)
    >>> model = DBN((6, 3), learning_rate=0.5, n_iter=100, random_state=0).fit(X)
    >>> model.transform(X).shape, model.sample(5).shape
    ((100, 3), (5, 4))
    >>> classifier = model.to_classifier(epochs=30, learning_rate=0.05, random_state=0).fit(X, X[:, 0])
    >>> classifier.score(X, X[:, 0])
    1.0
    """

    def __init__(
        self,
        hidden_sizes: tuple[int, ...] = (500, 500, 2000),
        *,
        last: str = "binary",
        fine_tune: int = 0,
        fine_tune_rate: float = 0.01,
        visible: str | Sequence[str] | Mapping[str, str] = "auto",
        method: str = "pcd",
        k: int = 1,
        learning_rate: float | str | tuple[float, ...] = "auto",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        resample: bool = False,
        batch_size: int | str = "auto",
        n_iter: int | str | tuple[int, ...] = "auto",
        training: Training | None = None,
        device: str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.hidden_sizes = hidden_sizes
        self.last = last
        self.fine_tune = fine_tune
        self.fine_tune_rate = fine_tune_rate
        self.visible = visible
        self.method = method
        self.k = k
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.resample = resample
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.training = training
        self.device = device
        self.random_state = random_state

    def fit(self, X: object, y: object = None, sample_weight: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from rows X as ``RBM`` takes them; each layer is a stage that a checkpoint folder keeps.

        Raises what ``RBM.fit`` raises.
        """
        self._check()
        self.seed_ = int(generator(self.random_state).integers(2**31))
        self.rbms_: list[RBM] = []
        rows: Any = X
        self.stopped_ = "epochs"
        self.up_: list[tuple[Array, Array]] = []
        self.down_: list[tuple[Array, Array]] = []
        for l in range(len(self.hidden_sizes)):
            rbm = self._layer(l)
            if l:
                rbm._under = self._turned(self.rbms_[-1], rbm)
                rbm._drawn = self._told(X, sample_weight) if self.resample else None
            folder = None if checkpoint is None else Path(checkpoint) / f"layer-{l + 1}"
            rbm.fit(rows, sample_weight=sample_weight, checkpoint=folder)
            rbm._under = rbm._drawn = None
            self.rbms_.append(rbm)
            self.stopped_ = rbm.stopped_
            if self.stopped_ not in DONE:
                break
            if l < len(self.hidden_sizes) - 1:
                rows = np.asarray(rbm.transform(rows), dtype=np.float32)
                self.up_.append((rbm.components_.T.copy(), rbm.intercept_hidden_.copy()))
                self.down_.append((rbm.components_.copy(), rbm.intercept_visible_.copy()))
        self.n_features_in_ = self.rbms_[0].n_features_in_
        if hasattr(self.rbms_[0], "feature_names_in_"):
            self.feature_names_in_ = self.rbms_[0].feature_names_in_
        self.history_: list[dict[str, float]] = []
        if self.fine_tune and self.up_ and self.stopped_ in DONE:
            self._up_down(X, sample_weight, checkpoint)
        return self

    def _layer(self, l: int) -> RBM:
        def of(value: Any) -> Any:
            return value[l] if isinstance(value, tuple) else value

        end = l == len(self.hidden_sizes) - 1
        return RBM(
            self.hidden_sizes[l],
            visible=self.visible if l == 0 else "binary",
            hidden=self.last if end else "binary",
            method=self.method,
            k=self.k,
            learning_rate=of(self.learning_rate),
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            resample=self.resample if l == 0 else True,
            batch_size=self.batch_size,
            n_iter=of(self.n_iter),
            training=self.training,
            device=self.device,
            random_state=self.seed_ + l,
        )

    @staticmethod
    def _turned(below: RBM, rbm: RBM) -> tuple[Array, Array, Array] | None:
        """W, b, c of the machine below, where that one is a machine too whose visible units these can be."""
        W, b, c = below.components_, below.intercept_visible_, below.intercept_hidden_
        binary = set(below.columns_.kinds) == {"binary"} and not below.columns_.levels and rbm.hidden == "binary"
        return (W, b, c) if binary and len(b) <= rbm.n_components else None

    def _told(self, X: object, weight: object) -> Told:
        """What the layers that are there tell of the rows."""
        rows, read = self._seen(X, weight)
        return Told(rows, read, self._directions(find_device(self.device))[0])

    def _seen(self, X: object, weight: object) -> tuple[States, Any]:
        """The states of the rows, and what reads a batch of them."""
        first, device = self.rbms_[0], find_device(self.device)
        given = first._open(X, reset=False, weight=weight)
        training = Training() if self.training is None else self.training
        rows = States(training_rows(given.source, device, training, self.seed_)[0], first.columns_)
        return rows, first._reader(first._machine(device), rows.whole)

    def _up_down(self, X: object, weight: object, checkpoint: Any) -> None:
        first, device = self.rbms_[0], find_device(self.device)
        training = Training() if self.training is None else self.training
        with seeded(self.seed_, device), first._calm(self.batch_size):
            rows, read = self._seen(X, weight)
            size = batch_size(self.batch_size, rows.n)
            steps = self.fine_tune * math.ceil(rows.n / size)
            top = self.rbms_[-1]._machine(device, learn=True)
            step = UpDownStep(
                self._directions(device, copy=True), top, read, max(self.k, 1),
                falling(float(self.fine_tune_rate), training.schedule, steps), self.seed_, size,
            )  # fmt: skip
            run = train(
                lambda _: step, rows, epochs=self.fine_tune, batch_size=size, seed=self.seed_, stage="up-down",
                training=training, checkpoint=None if checkpoint is None else Path(checkpoint),
                about={"model": "DBN", "sizes": str(self.hidden_sizes)},
            )  # fmt: skip
        ups, downs = step.directions
        self.up_ = [(d.W.cpu().numpy().copy(), d.bias.cpu().numpy().copy()) for d in ups]
        self.down_ = [(d.W.cpu().numpy().copy(), d.bias.cpu().numpy().copy()) for d in downs]
        last = self.rbms_[-1]
        last.components_, last.intercept_visible_, last.intercept_hidden_ = (p.cpu().numpy().copy() for p in top[2:])
        self.history_, self.stopped_ = run.history, run.stopped

    # The verbs.

    def transform(self, X: object) -> Any:
        """One pass upwards: the means of the last layer [n, k]."""
        check_is_fitted(self)

        def code(_: Machine, v: Tensor, holes: Any) -> Tensor:
            for d in self._directions(v.device)[0]:
                v = d.layer.mean(d.natural(v), d.bias)
            return self.rbms_[-1]._machine(v.device).mean_hidden(v)

        return self.rbms_[0]._answers(X, code)

    def inverse_transform(self, X: object) -> Any:
        """One pass downwards from the states X [n, k] of the last layer, in the form of ``fit``."""
        check_is_fitted(self)
        device = find_device(self.device)
        h = torch.as_tensor(np.asarray(X, dtype=np.float32)).to(device)
        return self._down(self.rbms_[-1]._machine(device).mean_visible(h))

    def reconstruct(self, X: object) -> Any:
        """``inverse_transform(transform(X))``."""
        return self.inverse_transform(self.transform(X))

    def sample(self, n_samples: int = 1, *, n_steps: int = 2000, mean: bool = False) -> Any:
        """New rows in the form of ``fit``: the top RBM, then the generative weights downwards."""
        check_is_fitted(self)
        device, top = find_device(self.device), self.rbms_[-1]
        draws = Draws(int(generator(self.random_state).integers(2**31)))
        machine = top._machine(device)
        with top._calm(n_samples):
            h = fantasies(machine, top._base(machine), n_samples, n_steps, draws)
            return self._down(h, draws, mean)

    def score_samples(self, X: object, n_samples: int = 10) -> Any:
        """A lower bound of log p(v) [n], log Z of the top RBM once estimated:

        E_q[Σ_l log p(h_{l-1} | h_l) - log q(h_l | h_{l-1})] + E_q[log p(h_{L-1})], over ``n_samples`` draws of q.
        """
        check_is_fitted(self)
        z = self.rbms_[-1]._log_partition().value
        out: Array = self._bound(X, n_samples) - z
        return out

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(np.mean(self.score_samples(X)))

    def log_likelihood(
        self, X: object, *, n_samples: int = 10, n_chains: int = 100, ladder: int = 5000, n_rows: int = 100
    ) -> LogLikelihood:
        """The bound of ``score_samples`` in nats a row, with the bracket that log Z of the top RBM puts about it."""
        first, top = self.rbms_[0], self.rbms_[-1]
        v = first._states(X, n_rows)
        ups, _ = self._directions(v.device)
        draws = Draws(self.seed_)
        for d in ups:
            v = d.layer.sample(draws, d.natural(v), d.bias)
        z = top.log_likelihood(v.cpu().numpy(), "auto", n_chains=n_chains, ladder=ladder, n_rows=n_rows)
        mass = float(np.mean(-top.free_energy(v.cpu().numpy())))
        bound = float(np.mean(self._bound(X, n_samples)))
        return LogLikelihood(*(bound - mass + value for value in z))

    def unroll(self, **parameters: Any) -> Autoencoder:
        """An unfitted ``Autoencoder`` whose encoder and (transposed) decoder start from these weights.

        ``parameters`` are the autoencoder's: epochs, learning_rate, training, ... Columns must be all binary or all
        Gaussian.
        """
        check_is_fitted(self)
        columns = self.rbms_[0].columns_
        kinds = set(columns.kinds)
        if columns.levels or kinds not in ({"binary"}, {"gaussian"}):
            raise ArgumentError("unroll needs columns of numbers that are all binary or all Gaussian")
        top = self.rbms_[-1]
        ups = [*self.up_, (top.components_.T, top.intercept_hidden_)]
        downs: list[tuple[Array, Array]] = [(top.components_, top.intercept_visible_), *self.down_[::-1]]
        sizes = (len(ups[0][0]), *self.hidden_sizes)
        last = {"binary": "logistic", "gaussian": "identity", "rectified": "relu"}[self.last]
        encoder = Dense(sizes, "logistic", last)
        decoder = Dense(sizes[::-1], "logistic")
        scale = self.rbms_[0].log_precision_
        if kinds == {"gaussian"}:
            downs[-1] = (downs[-1][0] / np.exp(scale), downs[-1][1] / np.exp(scale))
        with torch.no_grad():
            for net, weights in ((encoder, ups), (decoder, downs)):
                for layer, (W, b) in zip(net.linear, weights, strict=True):
                    layer.weight.copy_(torch.from_numpy(np.array(W.T)))
                    layer.bias.copy_(torch.from_numpy(np.array(b)))
        plain = all(s == 0 for s in columns.shift) and all(s == 1 for s in columns.scale)
        options: dict[str, Any] = {
            "loss": "cross_entropy" if kinds == {"binary"} else "squared_error",
            "scale": None if plain else "range" if kinds == {"binary"} else "columns",
            "device": self.device,
            "random_state": self.random_state,
        }
        read: nn.Module = encoder if self.rbms_[0].shape_ is None else nn.Sequential(nn.Flatten(), encoder)
        return Autoencoder(self.hidden_sizes, encoder=read, decoder=decoder, **options | parameters)

    def to_classifier(self, pretrained: bool = True, **parameters: Any) -> Any:
        """An unfitted ``NetworkClassifier``: this encoder and a softmax; random weights with ``pretrained=False``."""
        start = self.unroll()
        if not pretrained:
            start.set_params(encoder=None, decoder=None, activation="logistic")
        return start.to_classifier(**parameters)

    # What they rest on.

    @property
    def _n_features_out(self) -> int:
        return int(self.hidden_sizes[-1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check(self) -> None:
        sizes = self.hidden_sizes
        whole = isinstance(sizes, list | tuple) and len(sizes) > 0
        if not (whole and all(isinstance(w, int | np.integer) and not isinstance(w, bool) and w >= 1 for w in sizes)):
            raise ArgumentError(
                f"The 'hidden_sizes' parameter of DBN must be a tuple of widths >= 1, such as (500, 500, 2000). "
                f"Got {sizes!r} instead."
            )
        for name in ("learning_rate", "n_iter"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != len(sizes):
                raise ArgumentError(f"{name} has {len(value)} values for {len(sizes)} layers")
        check_number(self, "fine_tune", integer=True, low=0)
        check_number(self, "fine_tune_rate", low=0, open_low=True)

    def _directions(self, device: torch.device, copy: bool = False) -> tuple[list[Direction], list[Direction]]:
        """Recognition and generative layers, from the bottom up."""

        def tensors(pair: tuple[Array, Array]) -> list[Tensor]:
            return [torch.from_numpy(np.array(a) if copy else a).to(device) for a in pair]

        ups = [Direction(Binary(len(pair[1])), *tensors(pair)) for pair in self.up_]
        downs = [
            Direction(r._machine(device, learn=copy).visible, *tensors(pair)) for r, pair in zip(self.rbms_, self.down_)
        ]
        return ups, downs

    def _down(self, h: Tensor, draws: Draws | None = None, mean: bool = False) -> Any:
        """From the layer under the last one down to rows: means, or draws but for the last if ``mean``."""
        _, downs = self._directions(h.device)
        for i, d in reversed(list(enumerate(downs))):
            told = d.natural(h)
            drawn = draws is not None and not (mean and i == 0)
            h = d.layer.sample(draws, told, d.bias) if drawn and draws else d.layer.mean(told, d.bias)
        return self.rbms_[0]._form(h, np.dtype(np.float64))

    def _bound(self, X: object, n_samples: int) -> Array:
        """The bound without log Z [n]."""
        if n_samples < 1:
            raise ArgumentError(f"n_samples must be an int >= 1. Got {n_samples!r} instead.")
        jacobian = self.rbms_[0]._jacobian()

        def bound(_: Machine, v: Tensor, holes: Any) -> Tensor:
            ups, downs = self._directions(v.device)
            top = self.rbms_[-1]._machine(v.device)
            total = torch.zeros(len(v), dtype=torch.float64, device=v.device)
            keys = kernels.hash_rows(Block(0, v.cpu().numpy()))  # a row's draws follow from its content
            for s in range(n_samples):
                below = v
                for l, (up, down) in enumerate(zip(ups, downs)):
                    key = np.random.SeedSequence((self.seed_, s, l)).generate_state(1, np.uint64)
                    u = torch.from_numpy(uniforms(keys ^ key, up.layer.n)).to(v)
                    h = (u < up.layer.mean(up.natural(below), up.bias)).to(v)
                    total += down.log_prob(h, below) - up.log_prob(below, h)
                    below = h
                total += top.log_mass(below)
            return total / n_samples + jacobian

        out: Array = np.asarray(self.rbms_[0]._answers(X, bound), dtype=np.float64)
        return out
