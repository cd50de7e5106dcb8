"""Numbers of words, noise, walks and the steps of skip-gram: by hand and NumPy, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.kernels import native
from tacit.kernels import words as kernel


@pytest.fixture(params=native.available())
def isa(request, monkeypatch):
    """Each test runs on every instruction set that is built."""
    monkeypatch.setattr(native, "module", native.load(request.param))


@settings(max_examples=60)
@given(st.lists(st.lists(st.text("abé😀", max_size=12), max_size=5), max_size=40))
def test_a_dictionary_numbers_words_as_python_does(sentences):
    known: dict[str, int] = {}
    ids, counts = [], []
    for sentence in sentences:
        for word in filter(None, sentence):
            if word not in known:
                counts.append(0)
            ids.append(known.setdefault(word, len(known)))
            counts[ids[-1]] += 1
        if ids and ids[-1] >= 0:
            ids.append(-1)
    for blank, end, listed in ((b" ", b"\n", False), (b"\xff", b"\xfe", True)):
        d = kernel.dictionary()
        data = end.join(blank.join(word.encode() for word in sentence) for sentence in sentences)
        assert d.feed(data, listed, True).tolist() == ids
        assert d.counts().tolist() == counts
        assert [w.decode() for w in d.words().split(b"\xff")[:-1]] == list(known)


def test_a_large_dictionary():
    words = [f"w{i}" for i in range(50_000)]
    d = kernel.dictionary()
    np.testing.assert_array_equal(d.feed(" ".join(words).encode(), False, True)[:-1], np.arange(50_000))
    np.testing.assert_array_equal(d.feed(" ".join(words[::-1]).encode(), False, False)[:-1], np.arange(50_000)[::-1])
    assert d.feed(b"\t w7 \r\n unheard-of w8", False, False).tolist() == [7, -1, 8, -1]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50).filter(lambda v: sum(v) > 0))
def test_an_alias_table_holds_the_distribution(mass):
    p = np.array(mass) / sum(mass)
    noise = kernel.Noise.of(np.array(mass))
    told = np.zeros(len(p))
    keep = noise.likely / 2**32
    np.add.at(told, np.arange(len(p)), keep)
    np.add.at(told, noise.alias, 1 - keep)
    np.testing.assert_allclose(told / len(p), p, atol=2e-9)


def steps(ids, inputs, outputs, rate, cbow, rows, window=1):
    """One pass in float64 without negatives, window 1: the equations of skipgram.cpp one by one."""
    a, b = inputs.astype(float), outputs.astype(float)
    lo, loss, pairs = 0, 0.0, 0
    for at, word in enumerate(ids):
        if word < 0:
            lo = at + 1
            continue
        around = [c for c in (at - window, at + window) if lo <= c < len(ids) and ids[c] >= 0]
        context = [int(ids[c]) for c in around]
        if not context:
            continue
        part = [[w] if rows is None else rows.rows[rows.first[w] : rows.first[w + 1]] for w in context]
        A = np.stack([a[r].mean(axis=0) for r in part])
        if cbow:
            A = A.mean(axis=0, keepdims=True)
        f = A @ b[word]
        if at % 16 == 0:
            loss, pairs = loss + np.logaddexp(0, -f).sum(), pairs + len(f)
        e = rate * (1 - 1 / (1 + np.exp(-f)))
        change = e[:, None] * b[word]
        b[word] += e @ A
        for i, r in enumerate(part):
            for row in r:
                a[row] += change[0] / len(part) if cbow else change[i]
    return a, b, loss, pairs


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("d", [5, 16, 100])
@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("parts", [False, True])
def test_the_positive_pairs_by_hand(d, cbow, parts):
    """With a window of 1 and noise that is always the word itself, nothing is random."""
    rng = np.random.default_rng(d)
    ids = rng.integers(0, 2, 41).astype(np.int32)
    ids[[7, 8, 20]] = -1
    V = 2
    rows = kernel.Rows(np.array([0, 3, 5]), np.array([0, 2, 3, 1, 3], np.int32)) if parts else None
    inputs, outputs = kernel.table(4, d), kernel.table(V, d)
    inputs[:, :d], outputs[:, :d] = rng.normal(size=(4, d)), rng.normal(size=(V, d))
    # both words' negatives are themselves only if the noise knows a single word: one table for each
    for word in range(V):
        some = np.where(ids >= 0, word, -1).astype(np.int32)
        noise = kernel.Noise(np.zeros(V, np.uint32), np.full(V, word, np.int32))
        want = steps(some, inputs, outputs, 0.1, cbow, rows)
        told = kernel.embed(
            some, np.array([0, len(ids)]), inputs, outputs, noise, rows=rows, keep=None, window=1, negative=3,
            cbow=cbow, rates=(0.1, 0.1), seed=1, threads=1,
        )  # fmt: skip
        np.testing.assert_allclose(inputs, want[0], atol=2e-5)
        np.testing.assert_allclose(outputs, want[1], atol=2e-5)
        np.testing.assert_allclose(told, want[2:], rtol=1e-4)
    assert not inputs[:, d:].any()
    assert not outputs[:, d:].any()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("window", [1, 3, 6])
@pytest.mark.parametrize("negative", [1, 4, 7])
def test_a_sentence_of_two_words_against_noise(window, negative):
    """x y with noise that is always z, which counts once: at x, A = a_y and B = (b_x, b_z); then the other way."""
    d, rate = 20, 0.05
    rng = np.random.default_rng(window)
    inputs, outputs = kernel.table(3, d), kernel.table(3, d)
    inputs[:, :d], outputs[:, :d] = rng.normal(size=(3, d)), rng.normal(size=(3, d))
    a, b = inputs.astype(float), outputs.astype(float)
    for word, context in ((0, 1), (1, 0)):
        x, B = a[context].copy(), b[[word, 2]]
        e = rate * (np.array([1, 0]) - 1 / (1 + np.exp(-B @ x)))
        a[context] += e @ B
        b[[word, 2]] += np.outer(e, x)
    noise = kernel.Noise(np.zeros(3, np.uint32), np.full(3, 2, np.int32))
    kernel.embed(
        np.array([0, 1, -1], np.int32), np.array([0, 3]), inputs, outputs, noise, rows=None, keep=None, window=window,
        negative=negative, cbow=False, rates=(rate, rate), seed=0, threads=1,
    )  # fmt: skip
    np.testing.assert_allclose(outputs, b, atol=1e-5)
    np.testing.assert_allclose(inputs, a, atol=1e-5)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("d", [7, 40])
def test_a_window_is_a_matrix_product(d):
    """A sentence whose words but the first are one word each: every window of one position, drawn wide or narrow."""
    rng = np.random.default_rng(d)
    rate, V = 0.05, 12
    inputs, outputs = kernel.table(V, d), kernel.table(V, d)
    inputs[:, :d], outputs[:, :d] = rng.normal(size=(V, d)), rng.normal(size=(V, d))
    noise = kernel.Noise.of(np.ones(V))
    a, b = inputs.astype(float), outputs.astype(float)
    kernel.embed(
        np.arange(V, dtype=np.int32), np.array([0, V]), inputs, outputs, noise, rows=None, keep=None, window=5,
        negative=6, cbow=False, rates=(rate, rate), seed=0, threads=1,
    )  # fmt: skip
    random = Stream(0)
    draws = {0: random.negatives(0, 6, V)}
    for at in range(V):
        if at + 1 < V:
            draws[at + 1] = random.negatives(at + 1, 6, V)
        reach = 1 + random.below(5)
        context = [c for c in range(max(0, at - reach), min(V, at + reach + 1)) if c != at]
        A, B = a[context], b[draws[at]]
        e = rate * ((np.arange(len(B)) == 0) - 1 / (1 + np.exp(-A @ B.T)))
        a[context] += e @ B
        b[draws[at]] += e.T @ A
    np.testing.assert_allclose(inputs, a, atol=2e-5)
    np.testing.assert_allclose(outputs, b, atol=2e-5)


class Stream:
    """random.hpp in Python, for unit 0 of a seed, and uniform noise, whose alias table leaves each word to itself."""

    def __init__(self, seed: int) -> None:
        self.state = self.mix(seed)

    @staticmethod
    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        return z ^ (z >> 31)

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        return self.mix(self.state)

    def below(self, most: int) -> int:
        return (self.next() >> 32) * most >> 32

    def negatives(self, word: int, count: int, V: int) -> list[int]:
        found = [word]
        for drawn in [self.below(V) for _ in range(count)]:
            found += [] if drawn in found else [drawn]
        return found


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_of_first_order_are_those_of_the_weights(weighted):
    rng = np.random.default_rng(0)
    w = rng.integers(0, 4, (6, 6)).astype(float) if weighted else (rng.random((6, 6)) < 0.5).astype(float)
    w[:, 0] += w.sum(axis=1) == 0
    a = sp.csr_array(w)
    arcs = kernel.Arcs.of(a.indptr, a.indices, a.data if weighted else None)
    walks = kernel.walks(arcs, np.repeat(np.arange(6), 2000).astype(np.int32), 6, 1, 1, 3)
    assert (walks[:, -1] == -1).all()
    seen = np.zeros((6, 6))
    np.add.at(seen, (walks[:, :-2].ravel(), walks[:, 1:-1].ravel()), 1)
    p = w / w.sum(axis=1, keepdims=True)
    n = seen.sum(axis=1, keepdims=True)
    assert (np.abs(seen - n * p) <= 5 * np.sqrt(n * p * (1 - p)) + 1e-9).all()
    uniform = np.array([np.bincount(walks[:, s], minlength=6) for s in range(6)]).sum(axis=0) / 12_000
    np.testing.assert_allclose(kernel.visits(arcs, 6), uniform, rtol=0.05)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("p", "q"), [(0.25, 0.25), (4, 0.5), (0.01, 3), (1, 1000), (1e-4, 1e4)])
def test_steps_of_second_order_are_those_of_node2vec(p, q):
    rng = np.random.default_rng(1)
    w = np.triu(rng.integers(0, 3, (7, 7)), 1).astype(float)
    w[0, 1] = 1
    w += w.T
    w[2, 5] = 0  # an arc in one direction
    a = sp.csr_array(w)
    arcs = kernel.Arcs.of(a.indptr, a.indices, a.data)
    walks = kernel.walks(arcs, np.repeat(np.flatnonzero(w.sum(axis=1)), 3000).astype(np.int32), 5, p, q, 0)
    triples, counts = np.unique(np.concatenate([walks[:, s : s + 3] for s in range(3)]), axis=0, return_counts=True)
    seen = np.zeros((7, 7, 7))
    whole = (triples >= 0).all(axis=1)
    seen[tuple(triples[whole].T)] = counts[whole]
    for t in range(7):
        for v in np.flatnonzero(w[t]):
            bias = np.where(np.arange(7) == t, 1 / p, np.where(w[t] > 0, 1.0, 1 / q))
            mass = w[v] * bias
            if mass.sum() == 0:
                continue
            want, n = mass / mass.sum(), seen[t, v].sum()
            assert (np.abs(seen[t, v] - n * want) <= 5 * np.sqrt(n * want * (1 - want)) + 1).all()


@pytest.mark.usefixtures("isa")
def test_walks_do_not_depend_on_threads():
    a = sp.random_array((500, 500), density=0.02, rng=np.random.default_rng(0), format="csr")
    arcs = kernel.Arcs.of(a.indptr, a.indices, a.data)
    nodes = np.arange(500, dtype=np.int32).repeat(4)
    outs = []
    for threads in (1, 3):
        out = np.empty((2000, 31), np.int32)
        native.module.walks(*arcs, nodes, 0.5, 2.0, 7, out, threads)
        outs.append(out)
    np.testing.assert_array_equal(*outs)
