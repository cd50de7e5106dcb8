"""Vectors of nodes: what walks bring together, every kind of graph, what is refused."""

from __future__ import annotations

import re

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

import tacit
from tacit.embedding import NodeEmbedding
from tacit.errors import ArgumentError, DataNotice, InputError

SMALL = {"n_components": 16, "walk_length": 20, "window": 4, "random_state": 0, "deterministic": True}


def blocks(sizes=(15, 15, 15), within=0.6, between=0.02, seed=0):
    """A stochastic block model, symmetric."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    a = np.triu(rng.random((len(group), len(group))) < np.where(group[:, None] == group, within, between), 1)
    return sp.csr_array((a | a.T).astype(float)), group


A, GROUP = blocks()


def separation(model, group=GROUP):
    x = model.vectors_ / np.linalg.norm(model.vectors_, axis=1, keepdims=True)
    same = group[:, None] == group
    return (x @ x.T)[same].mean() - (x @ x.T)[~same].mean()


@pytest.mark.parametrize("more", [{}, {"p": 0.25, "q": 4.0}, {"deterministic": False}])
def test_nodes_of_a_group_are_near_each_other(more):
    model = NodeEmbedding(**SMALL | more).fit(A)
    assert separation(model) > 0.3
    assert sum(GROUP[node] == GROUP[0] for node, _ in model.most_similar(0, 8)) >= 7
    assert model.history_[-1] < model.history_[0]


def test_one_graph_in_every_form():
    graph = nx.from_scipy_sparse_array(A)
    loose = sp.coo_array((np.r_[A.data, 0.0], np.stack([np.r_[A.tocoo().row, 0], np.r_[A.tocoo().col, 0]], axis=0)))
    forms = [A, A.tocsc(), sp.csr_matrix(A), A.astype(np.int8), A.astype(bool), 3 * A, A.toarray(), loose, graph,
             graph.to_directed()]  # fmt: skip
    models = [NodeEmbedding(**SMALL | {"n_walks": 1}).fit(form) for form in forms]
    for model in models[1:]:
        np.testing.assert_array_equal(model.vectors_, models[0].vectors_)


def test_names_of_nodes_and_saving(tmp_path):
    graph = nx.relabel_nodes(nx.karate_club_graph(), lambda i: f"member {i}")
    model = NodeEmbedding(**SMALL).fit(graph)
    assert list(model.nodes_) == list(graph)
    np.testing.assert_array_equal(model.transform(["member 3", "member 0"]), model.vectors_[[3, 0]])
    model.save(tmp_path / "nodes.tacit")
    back = tacit.load(tmp_path / "nodes.tacit")
    assert back.most_similar("member 33") == model.most_similar("member 33")
    with pytest.raises(InputError, match="no node 'member 99'"):
        back.transform(["member 99"])
    numbers = NodeEmbedding(**SMALL | {"n_walks": 1}).fit(A)
    assert numbers.transform([]).shape == (0, 16)
    for wrong in (45, -1, "a", 1.5, [1]):
        with pytest.raises(InputError, match="no node"):
            numbers.transform([wrong])


def test_fit_changes_nothing_and_follows_the_seed():
    weights = A * 2.5
    before = weights.copy()
    weights.data.flags.writeable = False
    a, b = (NodeEmbedding(**SMALL).fit(weights) for _ in range(2))
    np.testing.assert_array_equal(a.vectors_, b.vectors_)
    assert (weights != before).nnz == 0
    assert not (NodeEmbedding(**SMALL | {"random_state": 1}).fit(A).vectors_ == a.vectors_).any()
    np.testing.assert_array_equal(NodeEmbedding(**SMALL).fit_transform(A), a.vectors_)


def test_weights_matter():
    heavy = sp.csr_array(np.where(GROUP[:, None] == GROUP, 1.0, 0.02) * (1 - np.eye(len(GROUP))))
    assert separation(NodeEmbedding(**SMALL).fit(heavy)) > 0.3
    assert separation(NodeEmbedding(**SMALL).fit(heavy > 0)) < 0.1


def test_a_stopped_fit_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    from tacit.embedding import training

    whole = NodeEmbedding(**SMALL).fit(A)
    real, calls = training.kernel.embed, iter(range(100))

    def stops(*args, **kw):
        if next(calls) == 6:
            raise KeyboardInterrupt
        return real(*args, **kw)

    monkeypatch.setattr(training.kernel, "embed", stops)
    monkeypatch.setattr(training.time, "monotonic", iter(np.arange(0.0, 10_000, 20)).__next__)
    with pytest.raises(KeyboardInterrupt):
        NodeEmbedding(**SMALL).fit(A, checkpoint=tmp_path)
    again = NodeEmbedding(**SMALL).fit(A, checkpoint=tmp_path)
    np.testing.assert_array_equal(again.vectors_, whole.vectors_)
    with pytest.raises(ArgumentError, match="was written with"):
        NodeEmbedding(**SMALL).fit(2 * sp.csr_array(np.triu(A.toarray())), checkpoint=tmp_path)


def test_isolated_nodes_have_the_vector_zero():
    graph = nx.Graph([("a", "b"), ("b", "c")])
    graph.add_node("lonely")
    with pytest.warns(DataNotice, match="1 of 4 nodes have no edges, the first of them 'lonely': their vectors are 0"):
        model = NodeEmbedding(**SMALL).fit(graph)
    assert not model.transform(["lonely"]).any()
    assert model.transform(["a", "b", "c"]).all()
    assert model.most_similar("lonely", 1)[0][1] == 0


def test_arcs_that_lead_nowhere():
    model = NodeEmbedding(**SMALL).fit(sp.csr_array(np.eye(6, k=1)))  # 0 -> 1 -> ... -> 5
    assert np.isfinite(model.vectors_).all()
    assert model.vectors_.any(axis=1).all()


BAD = {
    "not square": (np.ones((2, 3)), "square matrix"),
    "negative": (sp.csr_array([[0.0, 1], [-2, 0]]), "the weight of the edge 1 -> 0 is -2.0; weights are 0 or more"),
    "not finite": (np.array([[0, np.nan], [1, 0]]), "the weight of the edge 0 -> 1 is nan"),
    "complex": (sp.csr_array(np.eye(2) * 1j), "weights are real numbers"),
    "no nodes": (np.empty((0, 0)), "no nodes"),
    "no nodes, NetworkX": (nx.Graph(), "no nodes"),
    "no edges": (np.zeros((3, 3)), "no edges"),
    "text": ("graph.txt", "got str"),
    "a vector": (np.ones(3), "square matrix"),
    "negative, by name": (nx.Graph([("a", "b", {"weight": -1.0})]), "the edge 'a' -> 'b' is -1.0"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_graphs_are_refused(kind):
    graph, message = BAD[kind]
    with pytest.raises(InputError, match=re.escape(message)):
        NodeEmbedding().fit(graph)


@pytest.mark.parametrize("wrong", [{"p": 0}, {"q": -1}, {"walk_length": 1}, {"n_walks": -1}, {"window": 2.5}], ids=str)
def test_arguments_out_of_range(wrong):
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        NodeEmbedding(**wrong).fit(A)
