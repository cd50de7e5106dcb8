"""A classifier on a language model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

import tacit
from tacit import LanguageModel, TextClassifier
from tacit.errors import ArgumentError, InputError
from tacit.language.classifier import Cut, softmax_regression

GOOD, BAD = ["so good, so very good", "what a good one"] * 5, ["bad, bad, really bad", "oh so bad"] * 5
TEXTS, LABELS = GOOD + BAD, ["+"] * 10 + ["-"] * 10


@pytest.fixture(scope="module")
def start() -> LanguageModel:
    small = {"tokens": "characters", "width": 16, "layers": 1, "heads": 2, "context": 12, "random_state": 0}
    return LanguageModel(**small, epochs=2).fit(TEXTS)


def test_it_learns_from_labels(start: LanguageModel) -> None:
    model = start.to_classifier(epochs=2, random_state=0).fit(TEXTS, LABELS)
    p = model.predict_proba(["very good", "so bad"])
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert model.predict(["very good", "so bad"]).tolist() == ["+", "-"]
    assert model.score(TEXTS, LABELS) == 1.0
    assert model.history_[-1]["loss"] < np.log(2)


def test_the_start_is_left_as_it_was(start: LanguageModel) -> None:
    before = start.score_samples(TEXTS)
    start.to_classifier(epochs=1, learning_rate=0.01, random_state=0).fit(TEXTS, LABELS)
    np.testing.assert_array_equal(start.score_samples(TEXTS), before)


def test_texts_in_pieces_have_the_mean_over_all_their_tokens(start: LanguageModel) -> None:
    model = start.to_classifier(epochs=0).fit(TEXTS, LABELS)
    long = "bad, bad, really bad and more"
    ids = [model.tokens_.encode(text) for text in (long, "oh")]
    whole = np.concatenate([[0], ids[0]])
    with torch.no_grad():
        states = [
            model.network_.network.states(torch.from_numpy(whole[lo : lo + 12])[None])[0] for lo in range(0, 30, 12)
        ]
    torch.testing.assert_close(model._features(ids)[0], torch.cat(states).mean(0), rtol=1e-4, atol=1e-5)


def test_batches_are_of_texts() -> None:
    ids = [np.arange(1, n, dtype=np.int32) for n in (1, 9, 4, 14)]
    rows = Cut(ids, np.array([0, 1, 0, 1]), 5, torch.device("cpu"))
    batch = rows.take(np.array([3, 0]))
    assert batch.of.tolist() == [0, 0, 0, 1]
    assert batch.y.tolist() == [1, 0]
    assert (batch.x[3] >= 0).sum() == 1


@pytest.mark.parametrize("classes", [2, 3])
def test_the_first_regression_is_scikit_learns(classes: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    y = (x[:, 0] + rng.normal(size=60) > 0).astype(int) + (classes == 3) * (x[:, 1] > 1)
    V, c = softmax_regression(x, y, classes, 2.0)
    logits = x @ V.T + c
    ours = np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])
    # scikit-learn has one weight for two classes: v = V_1 - V_0, and the same penalty on it is of twice the inverse
    theirs = LogisticRegression(C=1.0 if classes == 2 else 0.5, tol=1e-8, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(ours, theirs.predict_proba(x), atol=1e-3)


def test_saved_and_loaded(start: LanguageModel, tmp_path) -> None:
    model = start.to_classifier(epochs=1, random_state=0).fit(TEXTS, LABELS)
    model.save(tmp_path / "m.tacit")
    back = tacit.load(tmp_path / "m.tacit")
    np.testing.assert_array_equal(back.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert back.predict(["good"]).tolist() == model.predict(["good"]).tolist()


def test_where_people_put_a_classifier(start: LanguageModel) -> None:
    model = start.to_classifier(pretrained=False, epochs=0, random_state=0)
    assert clone(model).init is start
    assert cross_val_score(model, np.array(TEXTS, dtype=object), np.array(LABELS), cv=2).shape == (2,)


def test_stopped_and_taken_up_again_gives_the_same_bits(start: LanguageModel, tmp_path) -> None:
    options = {"epochs": 2, "batch_size": 4, "random_state": 0}
    straight = start.to_classifier(**options).fit(TEXTS, LABELS)
    stop = tacit.Training(callbacks=(lambda report: report.ended,))
    start.to_classifier(**options, training=stop).fit(TEXTS, LABELS, checkpoint=tmp_path)
    again = start.to_classifier(**options).fit(TEXTS, LABELS, checkpoint=tmp_path)
    np.testing.assert_array_equal(again.predict_proba(TEXTS), straight.predict_proba(TEXTS))


@pytest.mark.parametrize(
    ("y", "words"), [(None, "requires y"), (["+"] * 20, "one class"), (["+", "-"], "2 labels, but X has 20 texts")]
)
def test_labels_that_do_not_fit(start: LanguageModel, y, words) -> None:
    with pytest.raises(InputError, match=words):
        start.to_classifier(random_state=0).fit(TEXTS, y)


def test_a_start_that_is_not_fitted() -> None:
    with pytest.raises(ArgumentError, match="init must be a fitted LanguageModel"):
        TextClassifier(LanguageModel()).fit(TEXTS, LABELS)
