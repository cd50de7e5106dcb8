"""How likely rows are: the partition function exactly, by annealing from both sides, and what its error is.

Annealed importance sampling (Neal 2001; Salakhutdinov and Murray 2008) goes from a machine without weights, whose Z₀ is
known, to the machine in question, over β: 0 = β_0 < ... < β_K = 1,

    f_β(v) = Σ_h e^{-E_β(v, h)},   W_β = βW,  c_β = βc,  b_β = (1 - β) b₀ + βb,
    w = Π_k f_k(v_{k-1}) / f_{k-1}(v_{k-1}),   v_k ~ T_k(v_{k-1}),   E[w] = Z / Z₀.

log of the mean weight is too low on average, so that likelihoods come out too high. The same ladder walked down gives
the other side: from exact samples, E[w'] = Z₀ / Z; from a row v, f(v) / Z₀ · w' estimates the probability that the way
up gives to v, and its logarithm is too low on average (RAISE: Burda, Grosse and Salakhutdinov 2015, equation 10).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import ArgumentError
from ..typing import Array, Doubles
from .draws import Draws, log_mean_exp
from .machine import Machine
from .units import Binary, Layer

EXACT_BITS = 25.0  # the most that is enumerated
CHEAP_BITS = 16.0  # what "auto" enumerates without asking


class LogPartition(NamedTuple):
    """log Z and its bracket: ``low`` ≤ log Z ≤ ``high`` with about 95 % or more; all equal where it is exact."""

    value: float
    low: float
    high: float
    exact: bool


class LogLikelihood(NamedTuple):
    """Nats a row: the best estimate and its bracket."""

    mean: float
    low: float
    high: float


class LogMean(NamedTuple):
    """log of a mean of weights, and the standard error of that."""

    value: float
    error: float


def log_mean(log_w: Tensor) -> LogMean:
    """log (1/n Σ w), with the delta method's standard error sd(w) / (√n mean(w))."""
    value = float(log_mean_exp(log_w))
    w = (log_w - value).exp()
    return LogMean(value, float(w.std() / math.sqrt(len(w))) if len(w) > 1 else math.inf)


def ladder(steps: int) -> Doubles:
    """0 ... 1 in about so many steps, most of them near 1.

    The published ladder of 14,500 has 500 steps to 0.5, 4,000 to 0.9 and 10,000 to 1; others have its shape.

    >>> len(ladder(14_500)), float(ladder(1000)[0]), float(ladder(1000)[-1])
    (14501, 0.0, 1.0)
    """
    a, b = max(1, round(steps * 5 / 145)), max(1, round(steps * 40 / 145))
    c = max(1, steps - a - b)
    parts = [
        np.linspace(0, 0.5, a, endpoint=False),
        np.linspace(0.5, 0.9, b, endpoint=False),
        np.linspace(0.9, 1, c + 1),
    ]
    return np.concatenate(parts)


# Exact.


def smaller(machine: Machine) -> tuple[Layer, bool] | None:
    """The layer with fewer states, and whether it is the hidden one; None where neither can be enumerated."""
    sides = [(layer.bits, i) for i, layer in enumerate((machine.hidden, machine.visible)) if layer.bits is not None]
    if not sides:
        return None
    _, i = min(sides)
    return (machine.visible, False) if i else (machine.hidden, True)


def masses(machine: Machine) -> Iterable[tuple[Tensor, Tensor]]:
    """(states [s, ·], log of their unnormalised probability [s]) of the smaller layer, all of them."""
    found = smaller(machine)
    if found is None or (found[0].bits or 0) > EXACT_BITS:
        raise ArgumentError(too_many(machine))
    layer, hidden = found
    for states in layer.states():
        some = states.to(machine.W)
        yield some, machine.log_mass_hidden(some) if hidden else machine.log_mass(some)


def too_many(machine: Machine) -> str:
    """What enumeration would cost."""
    found = smaller(machine)
    if found is None:
        return "the exact likelihood needs one layer with finitely many states: ask for method='ais'"
    layer, hidden = found
    size, other = layer.bits or 0, (machine.visible if hidden else machine.hidden).n
    seconds = 2.0 ** (size + math.log2(max(other, 1)) - 30)  # about a nanosecond a unit
    took = f"about {seconds / 3600:.2g} hours" if seconds < 3.6e6 * 24 * 365 else "longer than anybody can wait"
    return (
        f"the exact likelihood goes through 2^{size:.0f} states of the {'hidden' if hidden else 'visible'} layer, "
        f"{took}; the limit is 2^{EXACT_BITS:.0f}: ask for method='ais'"
    )


def exact_log_partition(machine: Machine) -> float:
    """log Z = log Σ_u e^{log mass(u)} over the states u of the smaller layer."""
    total = -math.inf
    for _, mass in masses(machine):
        total = float(np.logaddexp(total, float(torch.logsumexp(mass, 0))))
    return total


def exact_samples(machine: Machine, n: int, draws: Draws) -> Tensor:
    """n independent rows v ~ p(v) [n, d], by enumeration: one draw by Gumbel noise for each, kept as states go by."""
    best = torch.full((n,), -math.inf, dtype=torch.float64)
    found = smaller(machine)
    assert found is not None
    kept = torch.zeros(n, found[0].n, dtype=machine.W.dtype)
    device = machine.W.device
    for states, mass in masses(machine):
        # the largest of mass + Gumbel within the block is logsumexp + Gumbel, at a state drawn from the block
        u = draws.uniform(torch.empty(n, 2)).double()
        top = torch.logsumexp(mass, 0).cpu() - torch.log(-torch.log(u[:, 0].clamp(1e-12, 1 - 1e-9)))
        share = torch.softmax(mass, 0).cumsum(0).cpu()
        at = torch.searchsorted(share, u[:, 1] * share[-1]).clamp(max=len(states) - 1)
        new = top > best
        best = torch.where(new, top, best)
        kept = torch.where(new[:, None], states.cpu()[at], kept)
    kept = kept.to(device)
    return machine.visible.sample(draws, machine.down(kept), machine.b) if found[1] else kept


# By annealing.


def base_log_partition(machine: Machine, start: Tensor) -> float:
    """log Z₀ of the machine without weights and with visible biases ``start``."""
    none = torch.zeros(1, machine.hidden.n, dtype=machine.W.dtype, device=machine.W.device)
    value = machine.visible.log_partition(start[None]) + machine.hidden.log_partition(none)
    return float(value)


def anneal(machine: Machine, start: Tensor, betas: Sequence[float] | Doubles, chains: int, draws: Draws) -> Tensor:
    """log w [chains] of the way up: E[w] = Z / Z₀."""
    rest = machine.at_rest(chains)
    v = machine.visible.sample(draws, rest, start)
    told = machine.up(v)
    log_w = -machine.log_mass(v, told, float(betas[0]), start)
    for beta in betas[1:-1]:
        beta = float(beta)
        log_w += machine.log_mass(v, told, beta, start)
        v, told = _move(machine, draws, told, beta, start)
        log_w -= machine.log_mass(v, told, beta, start)
    return log_w + machine.log_mass(v, told, float(betas[-1]), start)


def anneal_down(machine: Machine, start: Tensor, betas: Sequence[float] | Doubles, v: Tensor, draws: Draws) -> Tensor:
    """log w' [n] of the way down from rows v [n, d]: for v ~ p(v), E[w'] = Z₀ / Z."""
    log_w = torch.zeros(len(v), dtype=torch.float64, device=v.device)
    told = machine.up(v)
    log_w -= machine.log_mass(v, told, float(betas[-1]), start)
    for beta in betas[-2:0:-1]:
        beta = float(beta)
        # reverse of T_k: the halves of a Gibbs step in the other order, which for f (h summed out) is the step itself
        log_w += machine.log_mass(v, told, beta, start)
        v, told = _move(machine, draws, told, beta, start)
        log_w -= machine.log_mass(v, told, beta, start)
    return log_w + machine.log_mass(v, told, float(betas[0]), start)


def _move(machine: Machine, draws: Draws, told: Tensor, beta: float, start: Tensor) -> tuple[Tensor, Tensor]:
    """A Gibbs step at β, from Wv: v' and Wv'."""
    h = machine.hidden.sample(draws, told, machine.c, beta)
    bias = machine.b + start * ((1 - beta) / beta)
    v = machine.visible.sample(draws, machine.down(h), bias, beta)
    return v, machine.up(v)


def log_partition(
    machine: Machine,
    start: Tensor,
    *,
    method: str = "auto",
    chains: int = 100,
    betas: Sequence[float] | Doubles | int = 5000,
    seed: int = 0,
    rows: Tensor | None = None,
) -> LogPartition:
    """log Z, exactly or by annealing.

    ``start`` [d] are the visible biases b₀ of the machine that the ladder begins at, ``betas`` the ladder or its
    length. With "ais" the bracket's lower end is the way up less two standard errors. Its upper end is the way down,
    more two: from exact samples where a layer has at most 2^16 states, else from ``rows``, whose mean log weight is
    the upper bound that RAISE gives, for them. Without either it is infinite.
    """
    found = smaller(machine)
    size = math.inf if found is None or found[0].bits is None else found[0].bits
    if method == "exact" or (method == "auto" and size <= CHEAP_BITS):
        value = exact_log_partition(machine)
        return LogPartition(value, value, value, True)
    steps = ladder(betas) if isinstance(betas, int) else np.asarray(betas, dtype=np.float64)
    if steps[0] != 0 or steps[-1] != 1 or (np.diff(steps) < 0).any():
        raise ArgumentError("a ladder goes up from 0 to 1")
    base = base_log_partition(machine, start)
    draws = Draws(seed)
    up = log_mean(anneal(machine, start, steps, chains, draws))
    value, low = base + up.value, base + up.value - 2 * up.error
    if size <= CHEAP_BITS:
        down = log_mean(anneal_down(machine, start, steps, exact_samples(machine, chains, draws), draws))
        return LogPartition(value, low, max(base - down.value + 2 * down.error, value), False)
    if rows is None or not len(rows):
        return LogPartition(value, low, math.inf, False)
    each = base - anneal_down(machine, start, steps, rows, draws)
    error = float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else math.inf
    return LogPartition(value, low, max(float(each.mean()) + 2 * error, value), False)


def base_rates(mean: Array, layer: Layer, smooth: float = 0.01) -> Tensor:
    """Natural parameters [d] at which units of a layer have these means: where ladders begin."""
    from .units import Categorical, Count, Gaussian, Mixed

    parts, out, at = (layer.parts if isinstance(layer, Mixed) else (layer,)), [], 0
    for part in parts:
        p = torch.as_tensor(np.asarray(mean[at : at + part.n], dtype=np.float64))
        if isinstance(part, Binary):
            p = p * (1 - 2 * smooth) + smooth
            out.append(torch.log(p) - torch.log1p(-p))
        elif isinstance(part, Gaussian):
            out.append(p * part.precision.cpu().double())
        elif isinstance(part, Count):
            out.append(torch.log(p + smooth))
        else:
            assert isinstance(part, Categorical)
            out.append(torch.cat([torch.log(q * (1 - smooth) + smooth / len(q)) for q in p.split(list(part.levels))]))
        at += part.n
    return torch.cat(out).float()
