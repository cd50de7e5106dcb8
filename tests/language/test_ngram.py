"""Kneser-Ney: every context's probabilities sum to 1, by hand, against counting; what the verbs promise."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tacit
from tacit import NGramModel
from tacit.errors import ArgumentError, InputError
from tacit.language.ngram import discounts
from tacit.language.tokens import END

some = st.lists(st.text("abc", max_size=9), min_size=1, max_size=8).filter(any)


@given(some, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_the_probabilities_of_every_context_sum_to_one(texts: list[str], n: int) -> None:
    model = NGramModel(n).fit(texts)
    size = model.tokens_.size
    contexts = np.array(list(product(range(size), repeat=3)))
    p = model._next(np.concatenate([np.full((len(contexts), 1), END), contexts], axis=1))
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)


@given(some, st.integers(1, 4), st.text("abcx", max_size=6))
@settings(max_examples=40, deadline=None)
def test_a_text_is_the_product_of_its_tokens(texts: list[str], n: int, asked: str) -> None:
    model = NGramModel(n).fit(texts)
    ids = [END, *model.tokens_.encode(asked).tolist(), END]
    total = sum(math.log(model._next(np.array([ids[:i]]))[0, ids[i]]) for i in range(1, len(ids)))
    total -= model.tokens_.surprise(np.array(ids))
    assert model.score_samples([asked, "b"])[0] == pytest.approx(total)


def reference(texts: list[list[int]], n: int, size: int):
    """The recursion as it is written, over dictionaries."""
    counts: list[Counter] = [Counter() for _ in range(n + 1)]
    for ids in texts:
        whole = [END] * (n - 1) + ids + [END]
        for i in range(n - 1, len(whole)):
            counts[n][tuple(whole[i - n + 1 : i + 1])] += 1
    for k in range(n - 1, 0, -1):
        for gram in counts[k + 1]:
            counts[k][gram[1:]] += 1
    D = [None, *(discounts(np.array(list(c.values()))) for c in counts[1:])]
    after: list[dict] = [defaultdict(dict) for _ in range(n + 1)]
    for k in range(1, n + 1):
        for gram, c in counts[k].items():
            after[k][gram[:-1]][gram[-1]] = c

    def p(w: int, h: tuple[int, ...]) -> float:
        k = len(h) + 1
        lower = p(w, h[1:]) if k > 1 else 1 / size
        seen = after[k].get(h)
        if not seen:
            return lower
        total = sum(seen.values())
        kept = sum(D[k][min(c, 3)] for c in seen.values())
        c = seen.get(w, 0)
        return (c - D[k][min(c, 3)]) / total + kept / total * lower

    return p


def test_it_is_the_recursion_of_chen_and_goodman() -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("aaabbc"), rng.integers(0, 30))) for _ in range(60)]
    for n in (1, 2, 3, 5):
        model = NGramModel(n).fit(texts)
        p = reference([model.tokens_.encode(t).tolist() for t in texts], n, model.tokens_.size)
        for asked in ("", "abcab", "cccc", texts[0]):
            ids = [END] * (n - 1) + model.tokens_.encode(asked).tolist() + [END]
            want = sum(math.log(p(ids[i], tuple(ids[i - n + 1 : i]))) for i in range(n - 1, len(ids)))
            assert model.score_samples([asked])[0] == pytest.approx(want)


def test_by_hand() -> None:
    r"""Of "aab", n = 2: c(a|^) = c(a|a) = c(b|a) = c($|b) = 1, too few to tell D: 1/2. V = 4 with the end and others.

    a follows ^ and a, b and $ one each: p_1 = ((2, 1, 1) - 1/2) / 4 + (3/2)/4 · 1/4.
    """
    model = NGramModel(2).fit(["aab"])
    low = {"a": 1.5 / 4 + 1.5 / 16, "b": 0.5 / 4 + 1.5 / 16, "$": 0.5 / 4 + 1.5 / 16}
    after_start = 0.5 + 0.5 * low["a"]
    after_a = {"a": 0.25 + 0.5 * low["a"], "b": 0.25 + 0.5 * low["b"]}
    want = after_start * after_a["a"] * after_a["b"] * (0.5 + 0.5 * low["$"])
    assert math.exp(model.score_samples(["aab"])[0]) == pytest.approx(want)


def test_texts_taken_together_are_texts_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["abcabd", "", "aab", "dcba"] * 5
    whole = NGramModel(3).fit(texts)
    monkeypatch.setattr("tacit.language.ngram.CHUNK", 7)
    parts = NGramModel(3).fit(texts)
    np.testing.assert_array_equal(parts.score_samples(texts), whole.score_samples(texts))
    assert [o.share.tolist() for o in parts.orders_] == [o.share.tolist() for o in whole.orders_]


def test_longer_strings_tell_more_of_texts_with_long_memory() -> None:
    texts = ["abcd" * 10] * 5
    bits = [NGramModel(n).fit(texts).bits_per_character(texts) for n in (1, 2)]
    assert bits[1] < 0.3 * bits[0]


def test_bits_perplexity_and_nats_are_one_measure() -> None:
    texts = ["abca", "cab", ""]
    model = NGramModel(2).fit(texts)
    nats = -model.score_samples(texts).sum()
    assert model.bits_per_character(texts) == pytest.approx(nats / math.log(2) / 7)
    assert model.perplexity(texts) == pytest.approx(math.exp(nats / 10))  # an end for each text
    with pytest.raises(InputError, match="no character"):
        model.bits_per_character([""])


def test_samples() -> None:
    model = NGramModel(3, random_state=0).fit(["abcabc", "abcc"] * 4)
    drawn = model.sample(50, "ab")
    assert all(t.startswith("ab") for t in drawn)
    assert drawn == model.sample(50, "ab")
    assert set("".join(drawn)) <= set("abc")
    assert set(model.sample(5, "ab", temperature=0)) == {"abc" + model.sample(1, "abc", temperature=0)[0][3:]}
    assert set(model.sample(20, "ab", top_p=1e-9)) == set(model.sample(1, "ab", temperature=0))
    assert len(model.sample(1, "ñandú ab", max_tokens=1)[0]) <= len("ñandú ab") + 1  # unknown symbols: any other


def test_frequencies_of_samples_are_the_probabilities() -> None:
    model = NGramModel(2, random_state=1).fit(["ab", "ac", "ac", "b"])
    drawn = Counter(model.sample(4000, "a", max_tokens=1))
    p = model._next(np.array([[END, 2]]))[0]
    p[1] = 0
    want = {"a": p[END], "aa": p[2], "ab": p[3], "ac": p[4]}
    for text, share in want.items():
        assert drawn[text] / 4000 == pytest.approx(share / p.sum(), abs=0.04)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_samples": 0},
        {"temperature": -1.0},
        {"temperature": math.inf},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"max_tokens": 0},
    ],
)
def test_arguments_of_sample(wrong) -> None:
    model = NGramModel(2).fit(["ab"])
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        model.sample(**wrong)


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(ArgumentError, match=r"make n at most 7, or vocabulary smaller"):
        NGramModel(40, tokens="pairs").fit(["ab" * 30])
    with pytest.raises(InputError, match="all texts are empty"):
        NGramModel().fit(["", ""])
    with pytest.raises(ArgumentError, match="'n' parameter"):
        NGramModel(0).fit(["a"])
    with pytest.raises(ArgumentError, match="'tokens' parameter"):
        NGramModel(tokens="words").fit(["a"])


@pytest.mark.parametrize("tokens", ["characters", "pairs"])
def test_saved_and_loaded(tokens: str, tmp_path) -> None:
    model = NGramModel(3, tokens=tokens, random_state=3).fit(["to be or not to be"] * 3)
    model.save(tmp_path / "m.tacit")
    back = tacit.load(tmp_path / "m.tacit")
    texts = ["to be", "ünknown", ""]
    np.testing.assert_array_equal(back.score_samples(texts), model.score_samples(texts))
    assert back.sample(3, "to") == model.sample(3, "to")
