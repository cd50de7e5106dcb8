"""The transformer: it sees no future, its probabilities sum to 1, it goes on where it was stopped, bit for bit."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

import tacit
from tacit import LanguageModel, Training
from tacit.errors import ArgumentError, InputError
from tacit.language.model import joined, windows
from tacit.language.tokens import END
from tacit.language.transformer import Transformer, Windows

TEXTS = ["the cat sat on the mat", "the rat ran", "a cat and a rat", "on the mat the cat ran"] * 6
SMALL = {"tokens": "characters", "width": 16, "layers": 2, "heads": 2, "context": 16, "random_state": 0}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel(**SMALL, epochs=8, learning_rate=0.01).fit(TEXTS)


def network(size: int = 11) -> Transformer:
    torch.manual_seed(0)
    made = Transformer(size, 16, 2, 2, 0.0)
    for p in made.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return made.eval()


def test_later_tokens_do_not_change_earlier_logits() -> None:
    net, rng = network(), np.random.default_rng(0)
    ids = torch.from_numpy(rng.integers(0, 11, (3, 9)))
    with torch.no_grad():
        whole = net(ids)
        for t in range(1, 9):
            other = ids.clone()
            other[:, t:] = (other[:, t:] + 3) % 11
            torch.testing.assert_close(net(other)[:, :t], whole[:, :t])
            assert not torch.allclose(net(other)[:, t], whole[:, t])


def test_places_count() -> None:
    """Attention alone would not know the order of what it sees."""
    net = network()
    with torch.no_grad():
        a, b = net(torch.tensor([[1, 2, 3], [2, 1, 3]]))[:, -1]
    assert not torch.allclose(a, b)


def test_rotations_tell_distances_alone() -> None:
    """Scores of q at place i and k at place j hang on i - j."""
    from tacit.language.transformer import rotated, rotations

    q, k = torch.randn(2, 8).double()
    turn = rotations(12, 8, q)
    at_q, at_k = rotated(q.expand(12, 8), turn), rotated(k.expand(12, 8), turn)
    scores = at_q @ at_k.T
    for lag in (0, 1, 5):
        torch.testing.assert_close(scores.diagonal(lag), scores[0, lag].expand(12 - lag), rtol=1e-5, atol=1e-5)


def test_it_learns(model: LanguageModel) -> None:
    first, *_, last = (row["loss"] for row in model.history_)
    assert last < 0.7 * first
    assert model.perplexity(TEXTS) < 0.7 * model.tokens_.size
    assert model.score(["the cat ran"]) > model.score(["tcn eha rat"])


def test_the_chain_rule(model: LanguageModel) -> None:
    """Of a text within the context, log p is the sum over its tokens, whose probabilities sum to 1."""
    text = "the cat"
    ids = [END, *model.tokens_.encode(text).tolist(), END]
    total = 0.0
    for i in range(1, len(ids)):
        p = model._next(np.array([ids[:i]]))[0]
        assert p.sum() == pytest.approx(1.0)
        total += math.log(p[ids[i]])
    assert model.score_samples([text, "a"])[0] == pytest.approx(total, rel=1e-5)


def test_scores_do_not_hang_on_company(model: LanguageModel) -> None:
    texts = ["a", "the cat sat on the mat and the rat", "", "ran" * 9]
    alone = np.concatenate([model.score_samples([text]) for text in texts])
    np.testing.assert_allclose(model.score_samples(texts), alone, rtol=1e-5)


@pytest.mark.parametrize("length", [0, 1, 5, 6, 7, 8, 9, 30, 31])
@pytest.mark.parametrize("context", [2, 5, 8])
def test_windows_foretell_each_token_once(length: int, context: int) -> None:
    ids = np.arange(1, length + 1, dtype=np.int32)
    told: list[int] = []
    for of, some, first in windows([ids, ids[:3]], context, 40):
        for i, row, lo in zip(of, some, first, strict=True):
            assert len(row) <= context + 1
            behind = [t for t in row[1:].tolist() if t >= 0][lo:]
            told += behind if i == 0 else []
    assert sorted(told) == [0, *range(1, length + 1)]


def test_epochs_go_through_the_stream_once() -> None:
    rows = Windows(joined([np.arange(1, 23, dtype=np.int32)]), 5, torch.device("cpu"))
    for epoch in range(3):
        seen = torch.cat([batch.x[:, 1:].flatten() for batch in rows.batches(2, 0, epoch)])
        assert len(seen) == len(set(seen.tolist())) == rows.n * 5
    later = torch.cat([batch.x for batch in rows.batches(2, 0, 1, start=1)])
    assert torch.equal(later, torch.cat([batch.x for batch in rows.batches(2, 0, 1)])[2:])


def test_stopped_and_taken_up_again_gives_the_same_bits(tmp_path) -> None:
    options = SMALL | {"epochs": 3, "learning_rate": 0.01, "dropout": 0.1}
    straight = LanguageModel(**options).fit(TEXTS)
    heard = 0

    def stop(report) -> bool:
        nonlocal heard
        heard += not report.ended
        return heard == 2

    first = LanguageModel(**options, training=Training(callbacks=(stop,))).fit(TEXTS, checkpoint=tmp_path)
    assert first.stopped_ == "callback"
    assert first.n_iter_ < 3
    again = LanguageModel(**options).fit(TEXTS, checkpoint=tmp_path)
    np.testing.assert_array_equal(again.score_samples(TEXTS), straight.score_samples(TEXTS))
    assert again.history_ == straight.history_


def test_the_same_seed_gives_the_same_bits_and_the_global_generator_is_left_alone(model: LanguageModel) -> None:
    before = torch.get_rng_state()
    twin = clone(model).fit(TEXTS)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(twin.score_samples(TEXTS), model.score_samples(TEXTS))
    assert twin.sample(2, "the") == model.sample(2, "the")


def test_saved_loaded_and_pickled(model: LanguageModel, tmp_path) -> None:
    model.save(tmp_path / "m.tacit")
    for back in (tacit.load(tmp_path / "m.tacit"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(back.score_samples(TEXTS[:4]), model.score_samples(TEXTS[:4]))
        assert back.sample(2, "the c") == model.sample(2, "the c")


def test_a_fitted_model_as_a_start(model: LanguageModel, tmp_path) -> None:
    more = LanguageModel(init=model, context=12, epochs=1, learning_rate=1e-9, random_state=0)
    assert clone(more).init is model
    more.fit(["the dog sat on the cat"] * 4)
    assert more.tokens_ is model.tokens_
    short = ["the cat ran"]
    np.testing.assert_allclose(more.score_samples(short), model.score_samples(short), rtol=1e-4)
    more.save(tmp_path / "m.tacit")
    np.testing.assert_array_equal(tacit.load(tmp_path / "m.tacit").score_samples(short), more.score_samples(short))


def test_samples(model: LanguageModel) -> None:
    drawn = model.sample(3, "the ", max_tokens=30)  # beyond the context
    assert len(set(drawn)) > 1
    assert all(text.startswith("the ") and len(text) <= 34 for text in drawn)
    assert "\ufffd" not in "".join(drawn)
    assert model.sample(1, "Ωmega", max_tokens=1)[0].startswith("Ωmega")  # unknown symbols: any other character


def test_bytes_can_write_what_was_never_read() -> None:
    small = SMALL | {"tokens": "pairs", "vocabulary": 270}
    model = LanguageModel(**small, epochs=1).fit(TEXTS)
    assert model.tokens_.size == 270
    assert np.isfinite(model.score_samples(["Ω≠ß", ""])).all()


def test_early_stopping_holds_out_the_end() -> None:
    model = LanguageModel(**SMALL, epochs=2, training=Training(early_stopping=True, validation_fraction=0.2)).fit(TEXTS)
    assert "validation_loss" in model.history_[0]


@pytest.mark.parametrize(
    ("options", "X", "words"),
    [
        ({"context": 256}, ["short"], "too few for windows of context"),
        ({}, [""], "all texts are empty"),
        ({"width": 10, "heads": 4}, TEXTS, "multiple of 2 heads"),
        ({"dropout": 1.0}, TEXTS, "'dropout' parameter"),
        ({"init": LanguageModel()}, TEXTS, "init must be a LanguageModel that is fitted"),
        ({"learning_rate": 0}, TEXTS, "'learning_rate' parameter"),
        ({"vocabulary": 100}, TEXTS, "'vocabulary' parameter"),
    ],
)
def test_what_cannot_be_fitted(options, X, words) -> None:
    with pytest.raises((ArgumentError, InputError), match=words):
        LanguageModel(**(SMALL | options)).fit(X)
