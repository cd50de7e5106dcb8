"""Vectors of words: what similar contexts do, the laws, what is refused."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import tacit
from tacit.embedding import WordEmbedding
from tacit.errors import ArgumentError, InputError, TrainingError


def sentences(n=1500, seed=0):
    """Two topics that share their function words; each word of a topic stands for any other of it."""
    rng = np.random.default_rng(seed)
    topics = [[f"{topic}{i}" for i in range(8)] for topic in ("sea", "sky")]
    shared = ["the", "of", "and"]
    out = []
    for _ in range(n):
        words = topics[rng.integers(2)]
        out.append([str(rng.choice(words)) if rng.random() < 0.7 else str(rng.choice(shared)) for _ in range(8)])
    return out


SENTENCES = sentences()
SMALL = {"n_components": 20, "min_count": 1, "subsample": 0, "random_state": 0, "deterministic": True}


def separation(model):
    """The mean cosine within topics, less that between them."""
    x = model.transform([f"{topic}{i}" for topic in ("sea", "sky") for i in range(8)])
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = x @ x.T
    off = ~np.eye(8, dtype=bool)
    return (cosine[:8, :8][off].mean() + cosine[8:, 8:][off].mean()) / 2 - cosine[:8, 8:].mean()


@pytest.mark.parametrize("more", [{}, {"model": "cbow", "epochs": 15, "learning_rate": 0.1}, {"ngrams": (3, 4)}])
def test_words_of_a_topic_are_near_each_other(more):
    model = WordEmbedding(**SMALL | {"buckets": 500} | more).fit(SENTENCES)
    assert separation(model) > 0.5
    assert all(word.startswith("sea") for word, _ in model.most_similar("sea0", 5))
    assert model.history_[-1] < model.history_[0] < 6 * np.log(2)


def test_threads_without_locks_learn_the_same_thing():
    assert separation(WordEmbedding(**SMALL | {"deterministic": False}).fit(SENTENCES)) > 0.5


def test_one_text_in_every_form(tmp_path):
    text = "\n".join(" ".join(words) for words in SENTENCES)
    (tmp_path / "text.txt").write_text(text)
    with gzip.open(tmp_path / "text.txt.gz", "wt") as file:
        file.write(text + "\n")
    forms = [
        SENTENCES,
        text.split("\n"),
        (tuple(s) for s in SENTENCES),
        tmp_path / "text.txt",
        f"{tmp_path}/text.txt.gz",
    ]
    models = [WordEmbedding(**SMALL).fit(form) for form in forms]
    for model in models[1:]:
        assert model.words_.tolist() == models[0].words_.tolist()
        np.testing.assert_array_equal(model.vectors_, models[0].vectors_)


def test_a_long_file_is_coded_anew_for_each_epoch(tmp_path, monkeypatch):
    from tacit.embedding import vocabulary

    path = tmp_path / "text.txt"
    path.write_text("".join(" ".join(words) + "\n" for words in SENTENCES))
    held = WordEmbedding(**SMALL).fit(path)
    monkeypatch.setattr(vocabulary, "HELD", 1000)
    anew = WordEmbedding(**SMALL).fit(path)
    np.testing.assert_array_equal(anew.counts_, held.counts_)
    np.testing.assert_array_equal(anew.vectors_, held.vectors_)  # the file is one piece
    monkeypatch.setattr(vocabulary, "PIECE", 5000)
    pieces = WordEmbedding(**SMALL).fit(path)
    np.testing.assert_array_equal(pieces.counts_, held.counts_)
    assert separation(pieces) > 0.5


def test_the_vocabulary_is_counted_and_cut():
    text = [["a", "b", "a"], ["c", "a", "b", ""], ["d"]]
    model = WordEmbedding(4, min_count=2, subsample=0).fit(text)
    assert model.words_.tolist() == ["a", "b"]
    assert model.counts_.tolist() == [3, 2]
    assert model.vocabulary_ == {"a": 0, "b": 1}


def test_same_seed_same_bits_and_neither_input_nor_arguments_change():
    a, b = (WordEmbedding(**SMALL).fit(SENTENCES) for _ in range(2))
    np.testing.assert_array_equal(a.vectors_, b.vectors_)
    assert not (WordEmbedding(**SMALL | {"random_state": 1}).fit(SENTENCES).vectors_ == a.vectors_).any()
    assert clone(a).get_params() == a.get_params() == WordEmbedding(**SMALL).get_params()
    np.testing.assert_array_equal(a.fit(SENTENCES).vectors_, b.vectors_)


@pytest.mark.parametrize("more", [{}, {"ngrams": (3, 3), "buckets": 100}])
def test_a_saved_model_answers_the_same(tmp_path, more):
    model = WordEmbedding(**SMALL | more | {"epochs": 1}).fit(SENTENCES)
    assert model.vocabulary_["sea1"] >= 0
    model.save(tmp_path / "words.tacit")
    back = tacit.load(tmp_path / "words.tacit")
    assert back.most_similar("sea1") == model.most_similar("sea1")
    asked = ["the", "sky3", *(["skylark"] if more else [])]
    np.testing.assert_array_equal(back.transform(asked), model.transform(asked))
    back.save(tmp_path / "again.tacit")
    assert (tmp_path / "again.tacit").read_bytes() == (tmp_path / "words.tacit").read_bytes()


def test_a_stopped_fit_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    from tacit.embedding import training, vocabulary

    monkeypatch.setattr(vocabulary, "UNIT", 500)
    monkeypatch.setattr(vocabulary, "CHUNK", 4)
    whole = WordEmbedding(**SMALL).fit(SENTENCES)
    real, calls = training.kernel.embed, iter(range(100))

    def stops(*args, **kw):
        if next(calls) == 13:
            raise KeyboardInterrupt
        return real(*args, **kw)

    monkeypatch.setattr(training.kernel, "embed", stops)
    monkeypatch.setattr(training.time, "monotonic", iter(np.arange(0.0, 10_000, 20)).__next__)
    with pytest.raises(KeyboardInterrupt):
        WordEmbedding(**SMALL).fit(SENTENCES, checkpoint=tmp_path)
    again = WordEmbedding(**SMALL).fit(SENTENCES, checkpoint=tmp_path)
    np.testing.assert_array_equal(again.vectors_, whole.vectors_)
    assert again.history_ == whole.history_
    with pytest.raises(ArgumentError, match="was written with window"):
        WordEmbedding(**SMALL | {"window": 3}).fit(SENTENCES, checkpoint=tmp_path)
    with pytest.raises(ArgumentError, match="was written with"):
        WordEmbedding(**SMALL).fit(SENTENCES[1:], checkpoint=tmp_path)


def test_questions():
    model = WordEmbedding(3)
    model._know(["king", "man", "queen", "woman", "nothing"], np.ones(5, np.int64))
    model.vectors_ = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0]], np.float32)
    assert model.similarity("king", "man") == pytest.approx(np.sqrt(0.5))
    assert model.analogy("man", "king", "woman", 1)[0][0] == "queen"
    assert [w for w, _ in model.most_similar(["king", "queen"], 10)] == ["man", "woman", "nothing"]
    assert model.most_similar("nothing", 1)[0][1] == 0
    assert model.most_similar(np.array([0.0, 0, 2]), 1) == [("woman", 1.0)]
    assert model.most_similar("king", 0) == []
    assert model.get_feature_names_out().tolist() == ["wordembedding0", "wordembedding1", "wordembedding2"]


def test_a_word_that_was_never_seen():
    plain = WordEmbedding(**SMALL | {"epochs": 0}).fit(SENTENCES)
    with pytest.raises(InputError, match="'sea9' is not in the vocabulary; did you mean 'sea"):
        plain.transform(["sea0", "sea9"])
    for word in (3, ["sea0"], None):
        with pytest.raises(InputError, match="words are strings"):
            plain.transform(["sea0", word])
    model = WordEmbedding(**SMALL | {"ngrams": (3, 4), "buckets": 500}).fit(SENTENCES)
    assert {w[:3] for w, _ in model.most_similar("seaside", 4)} == {"sea"}
    assert model.transform([]).shape == (0, 20)
    assert plain.transform([]).shape == (0, 20)


BAD = {
    "nothing": ([], "no sentences"),
    "no words": (["", "  "], "no words"),
    "too few": ([["a", "b"], ["a"]], "no word comes min_count=5 times or more: the most frequent, 'a', comes 2 times"),
    "numbers": ([[1, 2]], "words are strings; got 1"),
    "a number": (3, "got int"),
    "bytes": (b"some text", "got bytes"),
    "mixed": ([["a"], "b"], "sentence 1 is str, and the first one is not"),
    "sentences of nothing": ([None], "sentence 0 is NoneType"),
    "half a character": (["a \ud800"], "half a character"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_text_is_refused(kind):
    text, message = BAD[kind]
    with pytest.raises(InputError, match=re.escape(message)):
        WordEmbedding(min_count=5).fit(text)


def test_bytes_that_are_not_utf8_are_named_by_their_line(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(b"one line\nanother \xe9l\n")
    with pytest.raises(InputError, match=r"latin.txt, line 2: byte 0xe9 is not UTF-8"):
        WordEmbedding().fit(path)
    with pytest.raises(FileNotFoundError, match="no text file"):
        WordEmbedding().fit(str(tmp_path / "none.txt"))


@pytest.mark.parametrize(
    "wrong",
    [{"n_components": 0}, {"window": 0}, {"negative": 1.5}, {"min_count": 0}, {"subsample": -1}, {"model": "glove"},
     {"learning_rate": 0}, {"ngrams": (4, 3)}, {"ngrams": (0, 3)}, {"epochs": -1}, {"exponent": "x"}, {"buckets": 0}],
    ids=str,
)  # fmt: skip
def test_arguments_out_of_range(wrong):
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        WordEmbedding(**wrong).fit(SENTENCES)


def test_questions_need_a_fit():
    for ask in (lambda m: m.transform(["a"]), lambda m: m.most_similar("a"), lambda m: m.analogy("a", "b", "c")):
        with pytest.raises(NotFittedError):
            ask(WordEmbedding())
    with pytest.raises(InputError, match="list of strings"):
        WordEmbedding(**SMALL | {"epochs": 0}).fit(SENTENCES).transform("sea")


def test_steps_that_are_far_too_long():
    with pytest.raises(TrainingError, match="lower learning_rate"):
        WordEmbedding(**SMALL | {"learning_rate": 1e12}).fit(SENTENCES)


def test_a_text_of_one_word():
    model = WordEmbedding(**SMALL).fit(["a a a a"])
    assert model.words_.tolist() == ["a"]
    assert np.isfinite(model.vectors_).all()
