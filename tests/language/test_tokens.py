"""Texts to tokens and back; what is no text is refused."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.errors import InputError
from tacit.language.texts import read_texts
from tacit.language.tokens import WORD, BytePairs, Characters, merged, merges

PAIRS = BytePairs.learn(["the cat sat on the mat, the rat ran and the bat sang"] * 2, 300)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(text)
@settings(max_examples=60, deadline=None)
def test_pairs_give_back_every_text(some: str) -> None:
    ids = PAIRS.encode(some)
    assert PAIRS.decode(ids.tolist()) == some
    assert "".join(WORD.findall(some)) == some
    assert not len(ids) or (ids.min() >= 1 and ids.max() < PAIRS.size)


@given(text)
@settings(max_examples=60, deadline=None)
def test_characters_give_back_every_text_of_their_alphabet(some: str) -> None:
    tokens = Characters.learn([some, "a"])
    ids = tokens.encode(some)
    assert len(ids) == len(some)
    assert (ids > 1).all()
    assert tokens.decode(ids.tolist()) == some


def test_characters_not_in_the_alphabet_are_one_token() -> None:
    tokens = Characters.learn(["aß\N{GRINNING FACE}"])
    ids = tokens.encode("xa\N{GRINNING FACE}")
    assert ids.tolist() == [1, 2, 4]
    assert tokens.surprise(ids) == pytest.approx(np.log(0x110000 - 0x800 - 3))


@given(st.lists(st.text("abc ", min_size=1, max_size=12), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_each_merge_is_of_the_commonest_pair(texts: list[str]) -> None:
    """Against counting all pairs anew for each merge."""
    words = Counter(word for some in texts for word in WORD.findall(some))
    split = {word: [1 + b for b in word.encode()] for word in words}
    for new, pair in enumerate(merges(words, 8), start=257):
        often: Counter[tuple[int, int]] = Counter()
        for word, ids in split.items():
            for other in pairwise(ids):
                often[other] += words[word]
        most = max(often.values())
        assert pair == min(other for other, c in often.items() if c == most)
        assert most >= 2
        split = {word: merged(ids, pair, new) for word, ids in split.items()}


def test_pairs_end_where_none_stands_there_twice() -> None:
    assert BytePairs.learn(["abcdef"], 1000).size == 257
    assert BytePairs.learn(["ab ab"], 1000).size == 258


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([b"gr\xfc\xdfe"], r"X\[0\] is not UTF-8: byte 0xfc at 2"),
        (["fine", None], r"X\[1\] is None"),
        ([1.5], r"X\[0\] is of type float"),
        (["\ud800"], "U\\+D800"),
        ([], "minimum of 1 is required"),
        (b"bytes", "of type bytes"),
        (7, "of type int"),
        (np.array([["a"]]), "one dimension"),
        ("no/such/file.txt", "there is no file"),
        ("a text, not a path" * 300, r"texts are given in a list"),
    ],
)
def test_what_is_no_text_is_refused(X: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_texts(X)


def test_texts_from_where_they_lie(tmp_path) -> None:
    pd = pytest.importorskip("pandas")
    for X in (["a", "b"], np.array(["a", "b"]), pa.array(["a", "b"]), pd.Series(["a", "b"]), (t for t in "ab")):
        assert read_texts(X) == ["a", "b"]
    (tmp_path / "a.txt").write_bytes("zwei\nZeilen ä".encode())
    assert read_texts(tmp_path / "a.txt") == ["zwei\nZeilen ä"]
    (tmp_path / "b.txt").write_bytes(b"one\ntw\xff")
    with pytest.raises(InputError, match=r"0xff at 6 \(line 2\)"):
        read_texts(str(tmp_path / "b.txt"))
