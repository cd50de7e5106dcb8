"""The formats of word2vec: there and back, here and by gensim, and files that are not whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tacit.embedding import WordEmbedding, formats
from tacit.errors import InputError

WORDS = st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc"]), min_size=1, max_size=6)
FLOATS = st.floats(width=32, allow_nan=False)
TABLES = st.lists(WORDS, min_size=1, max_size=8, unique=True).flatmap(
    lambda words: st.tuples(st.just(words), hnp.arrays(np.float32, (len(words), 3), elements=FLOATS))
)
EXAMPLE = (["the", "né", "0.5", "1"], np.array([[1, 2], [-0.1, 1e-30], [3e38, 0], [32, 10]], np.float32))


@pytest.mark.parametrize("binary", [False, True])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TABLES)
def test_there_and_back(tmp_path, binary, table):
    words, vectors = table
    formats.write(tmp_path / "v", words, vectors, binary)
    back, numbers = formats.read(tmp_path / "v")
    assert back == words
    np.testing.assert_array_equal(numbers, vectors)


def c_program(words, vectors, binary):
    """As Mikolov's program writes: a blank after every number, %lf in text, a line end after a binary vector."""
    out = f"{len(words)} {vectors.shape[1]}\n".encode()
    for word, vector in zip(words, vectors, strict=True):
        numbers = vector.tobytes() if binary else "".join(f"{v:f} " for v in vector).encode()
        out += word.encode() + b" " + numbers + b"\n"
    return out


def gensim(words, vectors, binary):
    """As gensim 4 writes: no line end after a binary vector."""
    out = f"{len(words)} {vectors.shape[1]}\n".encode()
    for word, vector in zip(words, vectors, strict=True):
        numbers = vector.tobytes() if binary else " ".join(repr(float(v)) for v in vector).encode() + b"\n"
        out += word.encode() + b" " + numbers
    return out


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("writer", [c_program, gensim])
def test_files_of_other_programs(tmp_path, writer, binary):
    words, vectors = EXAMPLE
    (tmp_path / "v").write_bytes(writer(words, vectors, binary))
    back, numbers = formats.read(tmp_path / "v")
    assert back == words
    np.testing.assert_allclose(numbers, vectors, atol=1e-6 if writer is c_program and not binary else 0)


@pytest.mark.parametrize("binary", [False, True])
def test_gensim_itself(tmp_path, binary):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    words, vectors = EXAMPLE
    formats.write(tmp_path / "v", words, vectors, binary)
    theirs = models.KeyedVectors.load_word2vec_format(str(tmp_path / "v"), binary=binary)
    assert theirs.index_to_key == words
    np.testing.assert_array_equal(theirs.vectors, vectors)
    theirs.save_word2vec_format(str(tmp_path / "w"), binary=binary)
    back, numbers = formats.read(tmp_path / "w")
    assert back == words
    np.testing.assert_array_equal(numbers, vectors)


def test_a_model_of_a_file(tmp_path):
    formats.write(tmp_path / "v", *EXAMPLE, binary=True)
    model = WordEmbedding.from_word2vec(tmp_path / "v")
    np.testing.assert_array_equal(model.transform(["né"]), EXAMPLE[1][1:2])
    assert model.counts_.tolist() == [0, 0, 0, 0]
    assert model.most_similar("the", 1)[0][0] == "1"
    model.to_word2vec(tmp_path / "w.txt")
    assert (tmp_path / "w.txt").read_text().splitlines()[:2] == ["4 2", "the 1.0 2.0"]
    model.save(tmp_path / "m.tacit")


@pytest.mark.parametrize("binary", [False, True])
def test_what_is_not_whole_is_refused(tmp_path, binary):
    path = tmp_path / "v"
    formats.write(path, *EXAMPLE, binary)
    whole = path.read_bytes()
    for cut in (0, 2, 4, 9, len(whole) - 9):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"does not begin|damaged"):
            formats.read(path)
    for text in (b"no numbers\n", b"0 0\n", b"2 3\na 1 2 3\nb 1 2\n", b"1 1\n\xff 1.0\n"):
        path.write_bytes(text)
        with pytest.raises(InputError):
            formats.read(path)
    with pytest.raises(FileNotFoundError):
        formats.read(tmp_path / "none")
    for word in ("two words", "a\nb", ""):
        with pytest.raises(InputError, match="ends a word at a blank"):
            formats.write(path, [word], np.ones((1, 2), np.float32), binary)
    assert not list(Path(tmp_path).glob("*.tmp"))
