"""Draws depend on content, weight and seed, never on position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tacit.data.block import Block
from tacit.data.memory import MemorySource
from tacit.errors import ArgumentError
from tacit.rng import draw, generator


def test_every_kind_of_seed():
    rng = np.random.default_rng(1)
    assert generator(rng) is rng
    assert generator(5).random() == generator(np.int64(5)).random()
    assert generator(np.random.RandomState(5)).random() == generator(np.random.RandomState(5)).random()
    shared = np.random.RandomState(5)
    assert generator(shared).random() != generator(shared).random()
    assert generator(None).random() != generator(None).random()
    for bad in (-1, 1.5, "seed"):
        with pytest.raises(ArgumentError, match="random_state must be"):
            generator(bad)


def test_draws_have_the_given_probabilities():
    mass = np.array([0.0, 1.0, 2.0, 0.0, 5.0, 0.0])
    counts = np.bincount(draw(mass, 80_000, np.random.default_rng(0)), minlength=6)
    assert counts[mass == 0].sum() == 0
    assert chisquare(counts[mass > 0], 80_000 * mass[mass > 0] / 8).pvalue > 1e-3
    with pytest.raises(ArgumentError, match="all weights are zero"):
        draw(np.zeros(3), 1, np.random.default_rng(0))


@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_a_draw_follows_the_row_when_rows_move(seed, n):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, (n, 2)).astype(float)
    weight = rng.integers(1, 4, n).astype(float)
    moved = rng.permutation(n)
    a = MemorySource(Block(0, x, weight=weight))
    b = MemorySource(Block(0, x[moved], weight=weight[moved]))
    drawn = x[a.sample(20, generator(seed))]
    np.testing.assert_array_equal(drawn, x[moved][b.sample(20, generator(seed))])
    twice = MemorySource(Block(0, np.repeat(x, weight.astype(int), axis=0)))
    np.testing.assert_array_equal(drawn, twice.block.x[twice.sample(20, generator(seed))])
