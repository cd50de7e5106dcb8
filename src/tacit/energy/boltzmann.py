"""Boltzmann machines: binary units joined as one likes, some seen and some not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..base import Estimator, check_choice, check_number
from ..data.source import Source
from ..errors import ArgumentError, InputError
from ..neural.fitting import batch_size
from ..neural.rows import as_batch, training_rows
from ..neural.scale import summarise
from ..rng import generator
from ..train import Batch, Training, train
from ..train.device import find_device
from ..train.state import seeded
from ..typing import Array, Seed
from .columns import gaps
from .draws import Draws, calm, product
from .likelihood import EXACT_BITS, LogLikelihood, LogPartition, ladder, log_mean
from .step import falling, momentum_step, passes
from .units import Binary, bits

CLAMPED = 16  # hidden or missing units that are summed over for each row


class Network(NamedTuple):
    """E(s) = -Σ_{i<j} w_ij s_i s_j - Σ_i θ_i s_i = -½ sᵀWs - θᵀs for s in {0, 1}^u, W symmetric with zero diagonal."""

    W: Tensor  # [u, u]
    theta: Tensor  # [u]

    def log_mass(self, s: Tensor) -> Tensor:
        """-E(s) [n]."""
        return (0.5 * (product(s, self.W) * s).sum(1) + product(s, self.theta)).double()

    def states(self) -> Any:
        """(states, log masses) of all 2^u states, some thousands at a time; at most 25 units."""
        u = len(self.theta)
        if u > EXACT_BITS:
            seconds = 2.0 ** (u - 30) * u
            raise ArgumentError(
                f"enumeration goes through 2^{u} states, about {seconds / 3600:.2g} hours; the limit is "
                f"2^{EXACT_BITS:.0f}: take method 'gibbs' to learn, 'ais' for the likelihood"
            )
        for s in Binary(u).states():
            yield s, self.log_mass(s)

    def log_partition(self) -> float:
        """log Z by enumeration."""
        total = -math.inf
        for _, mass in self.states():
            total = float(np.logaddexp(total, float(torch.logsumexp(mass, 0))))
        return total

    def moments(self) -> tuple[Tensor, Tensor]:
        """E[s] [u] and E[s sᵀ] [u, u] by enumeration, in one pass."""
        top, weight = -math.inf, 0.0
        mean, pairs = torch.zeros_like(self.theta).double(), torch.zeros_like(self.W).double()
        for s, mass in self.states():
            high = max(top, float(mass.max()))
            keep, w, wide = math.exp(top - high), (mass - high).exp(), s.double()
            weight = weight * keep + float(w.sum())
            mean, pairs = mean * keep + w @ wide, pairs * keep + (wide * w[:, None]).T @ wide
            top = high
        return (mean / weight).float(), (pairs / weight).float()

    def sweep(
        self, draws: Draws, s: Tensor, units: Sequence[int], beta: Any = 1.0, start: Tensor | None = None
    ) -> Tensor:
        """One Gibbs sweep over some units, in order: s_i ~ p(s_i | the others) at inverse temperature β [n] or one.

        With ``start`` the biases are (1 - β) start + βθ.
        """
        u = draws.uniform(s[:, : len(units)])
        for k, i in enumerate(units):
            told = product(s, self.W[:, i]) + self.theta[i]
            bias = 0.0 if start is None else (1 - beta) * start[i]
            s[:, i] = (u[:, k] < torch.sigmoid(beta * told + bias)).to(s.dtype)
        return s

    def mean_field(self, s: Tensor, units: range, steps: int = 30) -> Tensor:
        """μ_i = σ(Σ_j w_ij μ_j + θ_i) for some units, the others held: the nearest independent distribution."""
        s = s.clone()
        for _ in range(steps):
            for i in units:
                s[:, i] = torch.sigmoid(product(s, self.W[:, i]) + self.theta[i])
        return s


class BoltzmannMachine(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """p(s) = e^{-E(s)} / Z with E(s) = -Σ_{i<j} w_ij s_i s_j - Σ_i θ_i s_i, s = (v, h) in {0, 1}.

    The slope of log p(v) is ∂/∂w_ij = E[s_i s_j | v] - E[s_i s_j] (Ackley, Hinton and Sejnowski 1985): both exactly by
    enumeration while there are few units, else by Gibbs chains.

    Parameters
    ----------
    n_hidden : int
        Units that are not seen.
    connections : array [u, u] of bool or None
        Which of the u = d + n_hidden units are joined, visible first; all if None.
    method : {"auto", "exact", "gibbs", "pt", "mean_field"}
        "gibbs": persistent chains, hidden units of a row by chains clamped to it; "pt": the persistent chains at
        ``n_temperatures``; "mean_field": hidden units of a row by the nearest independent distribution (Salakhutdinov
        and Hinton 2009). "auto": "exact" up to 12 units, else "mean_field".
    n_chains, k, learning_rate, momentum, batch_size, n_iter, training, device, random_state
        As in ``RBM``.

    Attributes
    ----------
    weights_, biases_ : array [u, u], [u]
        W and θ.
    history_, n_iter_, stopped_ : list of dict, int, str

    Examples
    --------
    >>> import numpy as np
    >>> X = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 10, axis=0)
    >>> model = BoltzmannMachine(n_iter=200, learning_rate=0.5, random_state=0).fit(X)
    >>> bool(model.log_likelihood(X).mean > -0.8)  # the best is log 1/2 = -0.69
    True
    >>> model.condition([[1, np.nan, np.nan, np.nan]]).round()
    array([[1., 1., 0., 0.]])
    """

    def __init__(
        self,
        n_hidden: int = 0,
        *,
        connections: Array | None = None,
        method: str = "auto",
        k: int = 1,
        learning_rate: float = 0.1,
        momentum: float = 0.5,
        n_chains: int = 100,
        n_temperatures: int = 10,
        batch_size: int | str = "auto",
        n_iter: int | str = "auto",
        training: Training | None = None,
        device: str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.connections = connections
        self.method = method
        self.k = k
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.n_chains = n_chains
        self.n_temperatures = n_temperatures
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.training = training
        self.device = device
        self.random_state = random_state

    def fit(self, X: object, y: object = None, sample_weight: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from rows X [n, d] of 0 and 1; ``y`` is ignored.

        Raises ``InputError`` for other values, ``ArgumentError`` where "exact" would take too long.
        """
        self._check()
        source = self._rows(X, reset=True, weight=sample_weight, sparse=True)
        self._only_bits(source)
        d = source.shape[1]
        u = d + self.n_hidden
        mask = np.ones((u, u), bool) if self.connections is None else np.asarray(self.connections, dtype=bool)
        if mask.shape != (u, u):
            raise ArgumentError(f"connections has shape {mask.shape}, but there are {u} units: ({u}, {u})")
        joined = (mask | mask.T) & ~np.eye(u, dtype=bool)
        self.seed_ = int(generator(self.random_state).integers(2**31))
        rng = np.random.default_rng(self.seed_)
        W = np.triu(rng.normal(0, 0.5 / math.sqrt(u), (u, u)), 1) * joined
        mean = np.clip(source.reduce(lambda b: b.w @ b.x) / source.weight.sum(), 0.01, 0.99)
        theta = np.concatenate([np.log(mean / (1 - mean)), np.zeros(self.n_hidden)])
        self.base_rate_ = theta.astype(np.float32)
        device = find_device(self.device)
        net = Network(*(torch.from_numpy(a.astype(np.float32)).to(device) for a in (W + W.T, theta)))
        training = Training() if self.training is None else self.training
        self.__dict__.pop("log_partition_", None)
        with seeded(self.seed_, device), calm(0):
            rows = training_rows(source, device, training, self.seed_)[0]
            size = batch_size(self.batch_size, rows.n)
            count = passes(self.n_iter, rows.n, size)
            rate = falling(float(self.learning_rate), training.schedule, count * math.ceil(rows.n / size))
            method = self.method if self.method != "auto" else "exact" if u <= 12 else "mean_field"
            hops = torch.from_numpy(joined.astype(np.float32)).to(device)
            step = BoltzmannStep(net, d, method, self, rate, hops)
            run = train(
                lambda _: step, rows, epochs=count, batch_size=size, seed=self.seed_, training=training,
                checkpoint=None if checkpoint is None else Path(checkpoint), about={"units": u, "method": method},
            )  # fmt: skip
        self.weights_, self.biases_ = net.W.cpu().numpy(), net.theta.cpu().numpy()
        self.history_, self.n_iter_, self.stopped_ = run.history, run.epochs, run.stopped
        return self

    def transform(self, X: object) -> Any:
        """E[h | v] [n, n_hidden]: exact for up to 16 hidden units, else by mean field."""

        def hidden(net: Network, v: Tensor) -> Tensor:
            d = v.shape[1]
            if self.n_hidden > CLAMPED:
                return net.mean_field(self._with_hidden(v), range(d, d + self.n_hidden))[:, d:]
            h, mass = self._clamped(net, v)
            return (torch.softmax(mass, 1) @ h.double()).float()

        return self._answers(X, hidden)

    def score_samples(self, X: object) -> Any:
        """log p(v) [n] = log Σ_h e^{-E(v, h)} - log Z, log Z once found (``log_partition_``)."""
        check_is_fitted(self)
        z = self._log_partition().value
        return self._answers(X, lambda net, v: torch.logsumexp(self._clamped(net, v)[1], 1) - z)

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(np.mean(self.score_samples(X)))

    def log_likelihood(
        self, X: object, method: str = "auto", *, n_chains: int = 100, ladder: int = 2000
    ) -> LogLikelihood:
        """Nats a row and their bracket: exactly up to 25 units, else annealed ("ais"; the way up less and more two

        standard errors: with long ladders only is the lower end one to rely on).
        """
        check_is_fitted(self)
        if method not in ("auto", "exact", "ais"):
            raise ArgumentError(f"method must be 'auto', 'exact' or 'ais'. Got {method!r} instead.")
        z = self._log_partition(method, n_chains, ladder)
        mass = self._answers(X, lambda net, v: torch.logsumexp(self._clamped(net, v)[1], 1))
        mean = float(np.mean(mass))
        return LogLikelihood(mean - z.value, mean - z.high, mean - z.low)

    def sample(self, n_samples: int = 1, *, n_steps: int = 1000) -> Array:
        """New rows [n_samples, d]: exact and independent up to 20 units, else from chains that come up a ladder."""
        check_is_fitted(self)
        if n_samples < 1:
            raise ArgumentError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one sample."
            )
        net, draws = self._network(), Draws(int(generator(self.random_state).integers(2**31)))
        u, d = len(net.theta), self.n_features_in_
        with calm(0):
            if u <= 20:
                parts = list(net.states())
                mass = torch.cat([m for _, m in parts])
                share = torch.softmax(mass, 0).cumsum(0)
                at = torch.searchsorted(share, draws.uniform(torch.empty(n_samples, 1)).double()[:, 0] * share[-1])
                s = torch.cat([s for s, _ in parts])[at.clamp(max=len(mass) - 1)]
            else:
                s = self._climb(net, draws, n_samples, ladder(n_steps))[0]
        out: Array = s[:, :d].cpu().numpy().astype(np.float64)
        return out

    def condition(self, X: object, *, n_steps: int = 500, n_chains: int = 20) -> Array:
        """Rows with their gaps replaced by E[gap | the cells that are there], exactly for up to 16 units that are

        missing or hidden, else by clamped Gibbs chains.
        """
        check_is_fitted(self)
        source = self._rows(X, reset=False, gaps=True, sparse=True)
        net, draws = self._network(), Draws(int(generator(self.random_state).integers(2**31)))
        d, u = self.n_features_in_, len(net.theta)
        v = torch.cat([as_batch(block, net.W.device).x.float() for block in source.blocks()])
        with calm(0):
            for row in torch.isnan(v).any(1).nonzero().flatten().tolist():
                free = [i for i in range(u) if i >= d or bool(torch.isnan(v[row, i]))]
                s = torch.cat([v[row].nan_to_num(), torch.zeros(u - d)])
                if len(free) <= CLAMPED:
                    every = s.repeat(2 ** len(free), 1)
                    every[:, free] = bits(len(free)).to(s)
                    means = torch.softmax(net.log_mass(every), 0) @ every.double()
                else:
                    chain, total = s.repeat(n_chains, 1), torch.zeros(u, dtype=torch.float64)
                    for t in range(n_steps):
                        chain = net.sweep(draws, chain, free)
                        if t >= n_steps // 2:
                            total += chain.double().mean(0) / (n_steps - n_steps // 2)
                    means = total
                v[row] = torch.where(torch.isnan(v[row]), means[:d].float(), v[row])
        out: Array = v.cpu().numpy().astype(np.float64)
        return out

    def energy(self, S: object) -> Array:
        """E(s) [n] of states of all units [n, u]."""
        check_is_fitted(self)
        net = self._network()
        s = torch.as_tensor(np.asarray(S, dtype=np.float32))
        if s.ndim != 2 or s.shape[1] != len(net.theta):
            raise ArgumentError(f"S has shape {tuple(s.shape)}, but there are {len(net.theta)} units")
        out: Array = -net.log_mass(s.to(net.W)).cpu().numpy()
        return out

    @property
    def _n_features_out(self) -> int:
        return int(self.n_hidden)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check(self) -> None:
        check_number(self, "n_hidden", integer=True, low=0)
        check_choice(self, "method", ["auto", "exact", "gibbs", "pt", "mean_field"])
        check_number(self, "k", integer=True, low=1)
        check_number(self, "learning_rate", low=0, open_low=True)
        check_number(self, "momentum", low=0, high=1)
        check_number(self, "n_chains", integer=True, low=1)
        check_number(self, "n_temperatures", integer=True, low=2)
        check_number(self, "batch_size", integer=True, low=1, choices=["auto"])
        check_number(self, "n_iter", integer=True, low=1, choices=["auto"])

    def _only_bits(self, source: Source) -> None:
        found = summarise(source)
        other = source.reduce(lambda b: ((b.x != 0) & (b.x != 1)).sum(0))
        if np.any(other):
            j = int(np.argmax(other))
            name = getattr(self, "feature_names_in_", [str(i) for i in range(source.shape[1])])[j]
            raise InputError(
                f"units of a Boltzmann machine are 0 or 1; column {str(name)!r} goes from {found.low[j]:g} to "
                f"{found.high[j]:g}: RBM has Gaussian units, counts and categories"
            )

    def _network(self) -> Network:
        device = find_device(self.device)
        return Network(*(torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in (self.weights_, self.biases_)))

    def _with_hidden(self, v: Tensor) -> Tensor:
        return torch.cat([v, torch.full((len(v), self.n_hidden), 0.5).to(v)], dim=1)

    def _clamped(self, net: Network, v: Tensor) -> tuple[Tensor, Tensor]:
        """All hidden states [t, h], and -E(v, h) [n, t]."""
        return clamped(net, v, self.n_hidden)

    def _answers(self, X: object, f: Any) -> Any:
        check_is_fitted(self)
        source = self._rows(X, reset=False, sparse=True)
        net = self._network()
        parts = []
        with calm(0):
            for block in source.blocks(max(1, 4_000_000 // 2 ** min(self.n_hidden, CLAMPED))):
                v, _ = gaps(as_batch(block, net.W.device).x.float())
                parts.append(f(net, v).cpu())
        return torch.cat(parts).numpy().astype(next(source.blocks(1)).dtype, copy=False)

    def _climb(self, net: Network, draws: Draws, n: int, betas: Array) -> tuple[Tensor, Tensor]:
        """States at the top of a ladder from independent units, and their log weights: E[w] = Z / Z₀."""
        start = torch.from_numpy(self.base_rate_).to(net.W)
        s = draws.bernoulli(torch.sigmoid(start).expand(n, -1))
        log_w = torch.zeros(n, dtype=torch.float64)
        for low, high in pairwise(betas.tolist()):
            log_w += float(high - low) * (net.log_mass(s) - product(s, start).double()).cpu()
            s = net.sweep(draws, s, range(len(net.theta)), float(high), start)
        return s, log_w

    def _log_partition(self, method: str = "auto", chains: int = 100, steps: int = 2000) -> LogPartition:
        if hasattr(self, "log_partition_") and method == "auto":
            return self.log_partition_
        net = self._network()
        with calm(0):
            if method == "exact" or (method == "auto" and len(net.theta) <= 20):
                z = net.log_partition()
                found = LogPartition(z, z, z, True)
            else:
                up = log_mean(self._climb(net, Draws(self.seed_), chains, ladder(steps))[1])
                base = float(np.logaddexp(0, self.base_rate_.astype(np.float64)).sum())
                z = base + up.value
                found = LogPartition(z, z - 2 * up.error, z + 2 * up.error, False)
        if method == "auto":
            self.log_partition_: LogPartition = found
        return found


class BoltzmannStep:
    """W += η (E[s sᵀ | rows] - E[s sᵀ]), θ += η (E[s | rows] - E[s]), on the connections that there are."""

    def __init__(self, net: Network, d: int, method: str, owner: BoltzmannMachine, rate: Any, joined: Tensor) -> None:
        self.net, self.d, self.method, self.rate, self.joined = net, d, method, rate, joined
        self.k, self.momentum, self.hidden = owner.k, float(owner.momentum), range(d, len(net.theta))
        self.draws, self.updates = Draws(owner.seed_), 0
        self.velocity = [torch.zeros_like(p) for p in net]
        T = owner.n_temperatures if method == "pt" else 1
        self.temperatures = T
        self.start = torch.from_numpy(owner.base_rate_).to(net.W)
        self.betas = torch.linspace(1, 0, T).repeat_interleave(owner.n_chains).to(net.W) if T > 1 else 1.0
        self.chains = self.draws.bernoulli(torch.sigmoid(self.start).expand(T * owner.n_chains, -1))

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        v = batch.x.to(self.net.W.dtype)
        weight = torch.full((len(v),), 1 / len(v)).to(v) if batch.weight is None else batch.weight / len(v)
        mean, pairs = self._given(v, weight)
        model_mean, model_pairs = self.net.moments() if self.method == "exact" else self._free()
        rate = self.rate(self.updates)
        gradients = ((pairs - model_pairs) * self.joined, mean - model_mean)
        for p, velocity, g in zip(self.net, self.velocity, gradients):
            momentum_step(p, velocity, g.contiguous(), self.momentum, rate, 0.0)
        self.updates += 1
        return {"apart": gradients[0].abs().max(), "weights": self.net.W.square().mean().sqrt()}

    def _given(self, v: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """E[s | rows] and E[s sᵀ | rows]."""
        net, m = self.net, len(self.hidden)
        if not m:
            return weight @ v, product((v * weight[:, None]).T, v)
        if self.method == "exact":
            h, mass = clamped(net, v, m)
            q = torch.softmax(mass, 1).float()  # [n, t]
            rows = torch.cat([v.repeat_interleave(len(h), 0), h.repeat(len(v), 1)], dim=1)
            w = (q * weight[:, None]).flatten()
            return w @ rows, product((rows * w[:, None]).T, rows)
        s = torch.cat([v, torch.full((len(v), m), 0.5).to(v)], dim=1)
        if self.method == "mean_field":
            s = net.mean_field(s, self.hidden, 10)
            spread = torch.zeros_like(s)
            spread[:, self.d :] = s[:, self.d :] * (1 - s[:, self.d :])
            return weight @ s, product((s * weight[:, None]).T, s) + torch.diag(weight @ spread)
        for _ in range(max(self.k, 3)):
            s = net.sweep(self.draws, s, self.hidden)
        return weight @ s, product((s * weight[:, None]).T, s)

    def _free(self) -> tuple[Tensor, Tensor]:
        """E[s] and E[s sᵀ] of the chains."""
        net, T = self.net, self.temperatures
        for _ in range(self.k):
            beta = self.betas
            self.chains = net.sweep(self.draws, self.chains, range(len(net.theta)), beta, self.start if T > 1 else None)
        n = len(self.chains) // T
        if T > 1:
            self._exchange(n)
        s = self.chains[:n]
        return s.mean(0), product(s.T, s) / n

    def _exchange(self, n: int) -> None:
        """Neighbouring temperatures swap with probability min(1, exp((β_i - β_j)(U_j - U_i))), U = -E - startᵀs."""
        assert isinstance(self.betas, Tensor)
        U = (self.net.log_mass(self.chains) - product(self.chains, self.start).double()).view(-1, n)
        beta, order = self.betas.view(-1, n).double(), torch.arange(len(self.chains)).view(-1, n)
        u = self.draws.uniform(torch.empty(len(U), n)).double()
        for i in range(self.updates % 2, len(U) - 1, 2):
            swap = torch.log(u[i].clamp(min=1e-30)) < (beta[i] - beta[i + 1]) * (U[i + 1] - U[i])
            one, two = order[i].clone(), order[i + 1].clone()
            order[i], order[i + 1] = torch.where(swap, two, one), torch.where(swap, one, two)
        self.chains = self.chains[order.flatten()]

    def state(self) -> Any:
        """Weights, velocities, chains, counters."""
        counters = [self.updates, self.draws.call]
        return {"weights": list(self.net), "velocity": self.velocity, "chains": self.chains, "counters": counters}

    def restore(self, tree: Any) -> None:
        """Take up what ``state`` gave."""
        for name, own in (("weights", self.net), ("velocity", self.velocity)):
            for to, value in zip(own, tree[name], strict=True):
                to.copy_(value)
        self.chains = tree["chains"].to(self.chains)
        self.updates, self.draws.call = tree["counters"]


def clamped(net: Network, v: Tensor, m: int) -> tuple[Tensor, Tensor]:
    """All states h [t, m] of the last m units, and -E(v, h) [n, t]."""
    if m > CLAMPED:
        raise ArgumentError(f"log p(v) sums over 2^{m} hidden states for each row; the limit is 2^{CLAMPED}")
    d, h = v.shape[1], bits(m).to(v)
    own = Network(net.W[:d, :d].contiguous(), net.theta[:d].contiguous()).log_mass(v)
    hidden = Network(net.W[d:, d:].contiguous(), net.theta[d:].contiguous()).log_mass(h)
    return h, own[:, None] + hidden + product(product(v, net.W[:d, d:]), h.T).double()
