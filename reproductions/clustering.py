"""Clusters of a benchmark battery: agreement with reference labels beside published results, and seeds of k-means.

    python reproductions/clustering.py [--small] [--only NAME ...] [--data ../shared/data]

The tables, their reference labels and the labels that scikit-learn's KMeans and GaussianMixture gave are those of
Gagolewski's benchmark (raw features, the true number K of clusters is given; noise points are left out of the adjusted
Rand index). Here, beside them:

    kmeans     KMeans(K, n_init=50): of 50 starts the one with the least inertia
    selected   select(X, n_components=K): K Gaussians; covariances and start by BIC
    hills      the mixture of K to K + 10 Gaussians with the least BIC, its rows in groups by the mode that they climb
               to, united to K (``tacit.mixture.modal``); "selected" where it has fewer than K modes
    combined   the same mixture, its components united to K by their entropy (``tacit.mixture.combine``)

No label of a table is read before all of them are fitted. Seeds: inertia of 50 runs, divided by the least of all, from
random rows, k-means++, k-means|| and the means of a Gaussian mixture. Prints a line for each table and writes
``results/clustering.json`` after each, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from record import DATA, HERE, write
from sklearn.metrics import adjusted_rand_score

from tacit import GaussianMixture, KMeans, select
from tacit.errors import RepairWarning
from tacit.mixture import combine, modal

SMALL = ("other/iris", "uci/wine", "fcps/lsun")
SPREAD = ("sipu/a2", "sipu/d31", "sipu/s2", "sipu/s4", "sipu/unbalance", "uci/yeast")
SEEDS, MORE = 50, 10
OURS = ("kmeans", "selected", "hills", "combined")
Labels = dict[str, np.ndarray]


def published(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Table -> reference labels -> K, and the adjusted Rand indices of scikit-learn's two."""
    out: dict[str, dict[str, dict[str, float]]] = {}
    with (folder / "published_labels_ari.csv").open() as file:
        for row in csv.DictReader(file):
            one = out.setdefault(row["dataset"], {}).setdefault(row["reference_labels"], {"K": int(row["k"])})
            if row["method"] in ("sklearn_kmeans", "sklearn_gm") and row["ari"]:
                one[row["method"]] = float(row["ari"])
    return out


def groupings(X: np.ndarray, K: int, large: bool) -> tuple[Labels, dict[str, Any]]:
    """Our labels of a table, and what the mixtures were."""
    labels = {"kmeans": KMeans(K, n_init=5 if large else SEEDS, random_state=0).fit(X).labels_}
    if large:
        return labels, {}
    chosen = select(X, n_components=K).model
    density = select(X, n_components=range(K, K + MORE + 1), one_cloud=False).model
    labels["selected"] = chosen.predict(X)
    labels["combined"] = combine(density, X, K).predict(X)
    try:
        hills = modal(density, X, K)
        labels["hills"], modes = hills.predict(X), len(hills.modes)
    except ValueError:  # fewer modes than groups
        labels["hills"], modes = labels["selected"], 0
    told = {"covariances": chosen.covariance_type, "of the density": density.covariance_type}
    return labels, told | {"components": density.n_components, "modes": modes}


def battery(folder: Path, names: list[str], out: Path, made: dict[str, Any]) -> dict[str, Any]:
    """ARI of every reference labelling, kept in ``out`` as it goes."""
    known = published(folder)
    found: dict[str, Any] = json.loads(out.read_text()) if out.is_file() else {}
    tables: dict[str, Any] = found.get("tables", {})
    for name in names or known:
        if name in tables:
            continue
        X = np.loadtxt(folder / f"{name}.data.gz", ndmin=2)
        rows: dict[str, Any] = {}
        for K in sorted({int(one["K"]) for one in known[name].values()}):
            labels, told = groupings(X, K, len(X) > 50_000)
            for which in (w for w, one in known[name].items() if one["K"] == K):
                y = np.loadtxt(folder / f"{name}.{which}.gz", dtype=int)
                ari = {method: round(float(adjusted_rand_score(y[y > 0], z[y > 0])), 4) for method, z in labels.items()}
                rows[which] = known[name][which] | ari | {"mixtures": told}
                shown = "  ".join(f"{m} {v:.3f}" for m, v in rows[which].items() if isinstance(v, float))
                print(f"{name} {which} K={K}: {shown}", flush=True)
        tables[name] = rows
        found |= {"mean": means(tables), "tables": tables}
        write(out, {k: v for k, v in found.items() if k != "made"}, **made)
    return found


def means(tables: dict[str, Any]) -> dict[str, Any]:
    """The mean over all reference labels that both of a pair have."""
    rows = [row for table in tables.values() for row in table.values()]
    out: dict[str, Any] = {}
    for peer, ours in (("sklearn_kmeans", OURS[:1]), ("sklearn_gm", OURS[1:])):
        both = [row for row in rows if peer in row and ours[0] in row]
        if both:
            out[peer] = {m: round(float(np.mean([row[m] for row in both])), 4) for m in (peer, *ours)}
            out[peer]["labellings"] = len(both)
    return out


def spread(folder: Path, names: tuple[str, ...], runs: int) -> dict[str, Any]:
    """Quantiles of inertia over seeds, relative to the least of all, by how runs begin."""
    out: dict[str, Any] = {}
    known = published(folder)
    for name in names:
        X, K = np.loadtxt(folder / f"{name}.data.gz", ndmin=2), next(iter(known[name].values()))["K"]
        each: dict[str, list[float]] = {}
        for start in ("random", "k-means++", "k-means||", "a Gaussian mixture"):
            for seed in range(runs):
                init: Any = start
                if start == "a Gaussian mixture":
                    rough = {"covariance_type": "spherical", "init_params": "random_from_data", "max_iter": 20}
                    init = GaussianMixture(int(K), random_state=seed, **rough).fit(X)
                model = KMeans(int(K), init=init, n_init=1, random_state=seed).fit(X)
                each.setdefault(start, []).append(model.inertia_)
        least = min(min(v) for v in each.values())
        out[name] = {"K": K}
        for start, inertia in each.items():
            relative = np.array(inertia) / least
            low, middle, high = np.quantile(relative, (0, 0.5, 1)).round(4).tolist()
            near = round(float(np.mean(relative < 1.001)), 2)
            out[name][start] = {"least": low, "median": middle, "most": high, "within 0.1 %": near}
        print(f"seeds of {name}: {out[name]}", flush=True)
    return out


def main(argv: list[str] | None = None) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="three small tables, a few seeds")
    parser.add_argument("--only", nargs="*", default=[], help="tables")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "clustering.json")
    args = parser.parse_args(argv)
    folder = args.data / "clustering"
    if not folder.is_dir():
        print(f"the battery is not at hand (looked for {folder}): nothing is measured")
        return None
    made = {"seed": 0, "small": args.small}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RepairWarning)
        warnings.filterwarnings("ignore", "Best performing initialization did not converge")
        found = battery(folder, list(SMALL) if args.small else args.only, args.out, made)
        if "seeds" not in found and not args.only:
            found["seeds"] = spread(folder, SMALL[:2] if args.small else SPREAD, 5 if args.small else SEEDS)
    write(args.out, {k: v for k, v in found.items() if k != "made"}, **made)
    for row in found["mean"].values():
        print(f"mean of {row['labellings']}: " + "  ".join(f"{k} {v:.3f}" for k, v in row.items() if k != "labellings"))
    return found


if __name__ == "__main__":
    main()
