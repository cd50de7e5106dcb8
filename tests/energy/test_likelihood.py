"""Annealing against enumeration, both ways, and brackets that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from energy.machines import KINDS, machine
from tacit.energy.draws import Draws
from tacit.energy.likelihood import (
    LogPartition,
    anneal,
    anneal_down,
    base_log_partition,
    exact_log_partition,
    exact_samples,
    ladder,
    log_mean,
    log_partition,
)
from tacit.energy.machine import Machine
from tacit.energy.units import Binary
from tacit.errors import ArgumentError


@pytest.mark.parametrize("hidden", ["binary", "rectified"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_way_up_and_the_way_down_agree_with_enumeration(kind, hidden):
    infinite = kind in ("gaussian", "count", "all")
    if hidden == "rectified" and infinite:
        return  # no layer to enumerate
    m = machine(kind, hidden, size=0.4)
    want, base = exact_log_partition(m), base_log_partition(m, m.b)
    up = log_mean(anneal(m, m.b, ladder(200), 400, Draws(1)))
    assert abs(base + up.value - want) < 3.5 * up.error + 1e-4
    down = log_mean(anneal_down(m, m.b, ladder(200), exact_samples(m, 400, Draws(2)), Draws(3)))
    assert abs(base - down.value - want) < 3.5 * down.error + 1e-4


def big(seed: int, m: int = 14, d: int = 30, size: float = 0.6) -> Machine:
    g = torch.Generator().manual_seed(seed)
    return Machine(Binary(d), Binary(m), *(size * torch.randn(s, generator=g) for s in ((m, d), (d,), (m,))))


def test_brackets_hold_the_truth():
    held = 0
    for seed in range(12):
        m = big(seed)
        found = log_partition(m, torch.zeros(30), method="ais", chains=50, betas=100, seed=seed)
        assert not found.exact
        assert found.low <= found.value <= found.high
        held += found.low <= exact_log_partition(m) <= found.high
    assert held >= 11


def test_a_longer_ladder_has_the_smaller_error():
    m = big(0, size=1.0)
    short, long = (log_mean(anneal(m, torch.zeros(30), ladder(k), 50, Draws(0))) for k in (20, 1000))
    assert long.error < 0.5 * short.error


def test_from_rows_the_bound_is_from_below():
    """RAISE: log f(v) - log Ẑ(v) is too low on average, and nears log p(v) on a long ladder."""
    m = big(1)
    v, truth = exact_samples(m, 200, Draws(5)), exact_log_partition(m)
    gaps = []
    for k in (30, 1000):
        each = base_log_partition(m, torch.zeros(30)) - anneal_down(m, torch.zeros(30), ladder(k), v, Draws(6))
        error = float(each.std()) / math.sqrt(len(each))
        gaps.append(float(each.mean()) - truth)
        assert gaps[-1] > -3 * error
    assert gaps[1] < gaps[0]


def test_what_is_too_large_says_what_it_would_cost():
    m = big(0, m=40, d=50)
    with pytest.raises(ArgumentError, match=r"2\^40 states of the hidden layer.*hours.*'ais'"):
        exact_log_partition(m)
    with pytest.raises(ArgumentError, match="from 0 to 1"):
        log_partition(m, torch.zeros(50), betas=[0.1, 1.0])
    found = log_partition(big(0), torch.zeros(30))
    assert found == LogPartition(found.value, found.value, found.value, True)


def test_enumeration_takes_the_smaller_side():
    m = machine("binary", m=9)
    t = Machine(m.hidden, m.visible, m.W.T.contiguous(), m.c, m.b)
    assert exact_log_partition(m) == pytest.approx(exact_log_partition(t), abs=1e-5)


def test_the_ladder_goes_up():
    for k in (3, 100, 14_500):
        steps = ladder(k)
        assert steps[0] == 0
        assert steps[-1] == 1
        assert (np.diff(steps) > 0).all()
