"""Groups of customers from a table of numbers, categories and gaps: how many, who they are, and whether they are real.

python examples/user_groups.py ../shared/data/mixed/credit_g.csv.gz [class]

``JointMixture`` learns without the last column (or the one that is named). Told for each group: its share, and the
values that are most unlike the rest of the table. Whether the groups are real: two models, each of a half of the rows,
are asked for the groups of the other half (adjusted Rand index, 0 by chance), and held-out rows are judged by the model
and by one without groups. What the groups mean: how the column that was left out differs between them.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
from sklearn.metrics import adjusted_rand_score

from tacit import JointMixture
from tacit.errors import DataNotice


def traits(model: JointMixture, k: int, most: int = 4) -> list[str]:
    """What is most unlike in group k: levels by difference of probability, numbers by difference in deviations."""
    π = model.weights_
    found: list[tuple[float, str]] = []
    for name, column in model.columns_.items():
        if hasattr(column, "levels"):
            away = column.probability[k] - π @ column.probability
            c = int(np.abs(away).argmax())
            found.append((2 * abs(away[c]), f"{name}={column.levels[c]} {100 * column.probability[k, c]:.0f} %"))
        else:
            mean = float(π @ column.mean)
            sd = float(np.sqrt(π @ (column.sd**2 + (column.mean - mean) ** 2)))
            away = (column.mean[k] - mean) / sd
            found.append((abs(away), f"{name} {column.mean[k]:.4g} (all {mean:.4g})"))
    return [text for _, text in sorted(found, reverse=True)[:most]]


def stability(table: pa.Table, seed: int = 0) -> float:
    """Agreement of two models, each of one half, on all rows."""
    order = np.random.default_rng(seed).permutation(len(table))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    a, b = (JointMixture(random_state=seed).fit(table.take(half)).predict(table) for half in halves)
    return float(adjusted_rand_score(a, b))


def main(path: str, left_out: str | None = None) -> dict[str, Any]:
    """Print the groups."""
    warnings.simplefilter("ignore", DataNotice)
    whole = csv.read_csv(path, convert_options=csv.ConvertOptions(strings_can_be_null=True, null_values=[""]))
    left_out = left_out or whole.column_names[-1]
    table = whole.drop_columns([left_out])
    model = JointMixture(random_state=0).fit(table)
    labels, outcome = model.predict(table), np.array(whole[left_out].to_pylist(), dtype=object)
    levels = sorted(set(outcome), key=str)
    shares = []
    for k, share in enumerate(model.weights_):
        mine = [float(np.mean(outcome[labels == k] == level)) for level in levels]
        shares.append(mine)
        told = ", ".join(f"{level} {100 * p:.0f} %" for level, p in zip(levels, mine, strict=True))
        print(f"group {k}: {100 * share:.0f} % of {len(table)}; {left_out}: {told}")
        print("  " + "; ".join(traits(model, k)))
    test = np.random.default_rng(1).random(len(table)) < 0.2
    learn, held = table.filter(pa.array(~test)), table.filter(pa.array(test))
    gain = JointMixture(random_state=0).fit(learn).score(held)
    gain -= JointMixture(1, n_parts=1, random_state=0).fit(learn).score(held)
    agreement = stability(table) if len(model.weights_) > 1 else 1.0
    print(
        f"agreement of two halves {agreement:.2f}; log-likelihood of a held-out row {gain:+.2f} nats over one product"
    )
    return {"groups": len(model.weights_), "agreement": agreement, "gain": gain, "shares": shares}


if __name__ == "__main__":
    main(*sys.argv[1:])
