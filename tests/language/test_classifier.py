"""A classifier on a language model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

import tacit
from tacit import GenerativeClassifier, LanguageModel, TextClassifier
from tacit.errors import ArgumentError, InputError
from tacit.language.classifier import Cut, pieces, softmax_regression

GOOD, BAD = ["so good, so very good", "what a good one"] * 5, ["bad, bad, really bad", "oh so bad"] * 5
TEXTS, LABELS = GOOD + BAD, ["+"] * 10 + ["-"] * 10


@pytest.fixture(scope="module")
def start() -> LanguageModel:
    small = {"tokens": "characters", "width": 16, "layers": 1, "heads": 2, "context": 12, "random_state": 0}
    return LanguageModel(**small, epochs=2).fit(TEXTS)


@pytest.fixture(params=[False, True], ids=["softmax", "Bayes"])
def generative(request) -> bool:
    return request.param


def test_it_learns_from_labels(start: LanguageModel, generative: bool) -> None:
    model = start.to_classifier(generative=generative, epochs=3, learning_rate=0.003, random_state=0).fit(TEXTS, LABELS)
    p = model.predict_proba(["very good", "so bad"])
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert model.predict(["very good", "so bad"]).tolist() == ["+", "-"]
    assert model.score(TEXTS, LABELS) == 1.0
    assert model.history_[-1]["loss"] < (model.history_[0]["loss"] if generative else np.log(2))


def test_the_start_is_left_as_it_was(start: LanguageModel, generative: bool) -> None:
    before = start.score_samples(TEXTS)
    start.to_classifier(generative=generative, epochs=1, learning_rate=0.01, random_state=0).fit(TEXTS, LABELS)
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
    torch.testing.assert_close(
        model._features(pieces(ids, 12, torch.device("cpu")))[0], torch.cat(states).mean(0), rtol=1e-4, atol=1e-5
    )


def test_unbounded_and_untempered_it_is_bayes_rule(start: LanguageModel) -> None:
    texts, labels = TEXTS[:13], LABELS[:13]
    how = {"bound": 1e6, "temper": 1.0, "epochs": 2, "learning_rate": 0.01, "random_state": 0}
    model = start.to_classifier(generative=True, **how).fit(texts, labels)
    ids = torch.from_numpy(np.concatenate([[0], model.tokens_.encode("so bad")]).astype(np.int64))[None]
    with torch.no_grad():
        logs = [
            torch.log_softmax(net(ids[:, :-1]), -1).gather(-1, ids[:, 1:, None]).sum().item() for net in model.network_
        ]
    assert model.class_log_prior_ == pytest.approx(np.log([10 / 13, 3 / 13]))  # "+" comes before "-"
    joint = np.array(logs) + model.class_log_prior_
    expected = np.exp(joint - np.logaddexp(*joint))
    np.testing.assert_allclose(model.predict_proba(["so bad"])[0], expected, rtol=1e-4)


def test_a_text_of_many_pieces_is_the_sum_of_its_pieces_and_bounded(start: LanguageModel) -> None:
    model = start.to_classifier(generative=True, epochs=2, learning_rate=0.01, random_state=0).fit(TEXTS, LABELS)
    long = "bad, bad, really bad and more"
    odds = np.log(model.predict_proba([long, "so"]) / model.predict_proba([long, "so"])[:, :1])[:, 1]
    alone = np.log(model.predict_proba([long]) / model.predict_proba([long])[:, :1])[0, 1]
    assert odds[0] == pytest.approx(alone, abs=1e-5)
    assert 0 < odds[0] <= 2 * 0.1 * 0.2 * len(long)


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


def test_saved_and_loaded(start: LanguageModel, generative: bool, tmp_path) -> None:
    model = start.to_classifier(generative=generative, epochs=1, random_state=0).fit(TEXTS, LABELS)
    model.save(tmp_path / "m.tacit")
    back = tacit.load(tmp_path / "m.tacit")
    np.testing.assert_array_equal(back.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert back.predict(["good"]).tolist() == model.predict(["good"]).tolist()


def test_where_people_put_a_classifier(start: LanguageModel, generative: bool) -> None:
    model = start.to_classifier(pretrained=False, generative=generative, epochs=0, random_state=0)
    assert clone(model).init is start
    assert cross_val_score(model, np.array(TEXTS, dtype=object), np.array(LABELS), cv=2).shape == (2,)


def test_stopped_and_taken_up_again_gives_the_same_bits(start: LanguageModel, generative: bool, tmp_path) -> None:
    options = {"generative": generative, "epochs": 2, "batch_size": 4, "random_state": 0}
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


def test_a_class_of_empty_texts(start: LanguageModel) -> None:
    with pytest.raises(InputError, match="texts of class '-' are empty"):
        GenerativeClassifier(start, epochs=0).fit(["good", ""], ["+", "-"])
