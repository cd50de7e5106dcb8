"""Pictures of the classical models show what the models say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from tacit import PCA, GaussianMixture, KMeans, plot, select
from tacit.evaluate import silhouette

FRAME = load_iris(as_frame=True).data
X = FRAME.to_numpy()


def test_k_means_step_by_step():
    model = KMeans(3, random_state=0, trace=True).fit(FRAME)
    made = plot.kmeans_steps(model, FRAME, columns=(2, 3))
    names = [frame.name for frame in made.frames]
    assert names[:3] == ["seeds", "0: assign", "1: move"]
    assert len(names) == 2 * len(model.trace_)
    np.testing.assert_allclose(made.frames[-1].data[1].x, model.cluster_centers_[:, 2])
    shades = np.array(made.frames[-1].data[0].marker.color)
    for k in range(3):
        assert len(set(shades[model.labels_ == k])) == 1
    assert made.layout.xaxis.title.text == "petal length (cm)"
    with pytest.raises(ValueError, match="trace=True"):
        plot.kmeans_steps(KMeans(3).fit(X), X)


def test_voronoi_cells_are_the_models_labels():
    model = KMeans(3, random_state=0).fit(X[:, 2:])
    made = plot.voronoi(model, X[:, 2:], size=20)
    z = np.array(made.data[0].z)
    at = [[made.data[0].x[3], made.data[0].y[11]]]
    assert z[11, 3] == model.predict(at)[0]
    assert sum(len(trace.x) for trace in made.data[1:-1]) == len(X)


def test_the_plane_the_variances_and_the_biplot():
    model = PCA(1).fit(X[:, 2:])
    made = plot.pca_plane(model, X[:, 2:])
    back = model.inverse_transform(model.transform(X[:, 2:]))
    np.testing.assert_allclose(made.data[2].x, back[:, 0])
    full = PCA().fit(FRAME)
    bars = plot.variances(full)
    np.testing.assert_allclose(bars.data[0].y, full.explained_variance_ratio_)
    assert bars.data[1].y[-1] == pytest.approx(1)
    both = plot.biplot(full, FRAME, labels=load_iris().target)
    assert len(both.data) == 3
    assert "petal length (cm)" in {a.text for a in both.layout.annotations}


def test_ellipses_hold_the_covariances_and_frames_the_steps():
    model = GaussianMixture(2, random_state=0)
    made = plot.em_steps(model, X, steps=(0, 3), columns=(2, 3))
    assert [f.name for f in made.frames] == ["step 0", "step 3"]
    fitted = GaussianMixture(2, random_state=0).fit(X)
    ring = plot.ellipses(fitted, X, columns=(2, 3)).data[1]
    v = np.column_stack([ring.x, ring.y]) - fitted.means_[0, 2:]
    S = fitted.covariances_[0][2:, 2:]
    np.testing.assert_allclose(np.einsum("ij,jk,ik->i", v, np.linalg.inv(S), v), 1, rtol=1e-8)


def test_choice_and_silhouettes():
    found = select(X, max_components=3, covariance_types=["full", "diag"], one_cloud=False)
    made = plot.choice(found)
    assert sorted(trace.name for trace in made.data) == ["diag", "full"]
    assert min(min(trace.y) for trace in made.data) == min(t.bic for t in found.tried)
    s = silhouette(X, KMeans(3, random_state=0).fit(X).labels_)
    bars = plot.silhouettes(s)
    assert sum(len(trace.x) for trace in bars.data) == len(X)
    assert f"{s.mean:.3f}" in bars.layout.xaxis.title.text
