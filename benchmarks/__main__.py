"""The benchmark: us and the peers in turn, A B C, C B A, ...; medians, ratios pair by pair, answers compared.

    python -m benchmarks                       every case, and the table
    python -m benchmarks --only gmm --quick    cases whose name starts so, two pairs each
    python -m benchmarks --table               the table of the committed results

Each contender is a process of its own that holds the same rows and the same start; only one works at a time. A whole
``fit`` is timed; a round in which other processes took more than a twentieth of the processors is measured again. The
rate of the machine's own matrix product is measured between the rounds. One JSON a case.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any

from . import machine
from .cases import CASES, Case
from .table import RESULTS, markdown
from .worker import Worker

TOLERANCE = 1e-4  # relative, of what the contenders must agree on
DISTURBED = 0.05  # a round in which others took more of the processors than this is measured again
TRIES = 4
REST = 0.05  # seconds between fits, for the threads of the last one to fall asleep


def run(case: Case, pairs: int, seed: int, threads: int, peers: tuple[str, ...]) -> dict[str, Any]:
    """Measure one case."""
    names = ("tacit", *(p for p in case.peers if p in peers))
    workers = {who: Worker(who, case.name, seed, threads) for who in (*names, "machine")}
    try:
        first = {who: workers[who].ask("answer") for who in names}  # also the warm-up
        answers = {who: found for who, (found, _) in first.items()}
        quick = {who: workers[who].ask("time", 1)[0] if first[who][1] < 1 else first[who][1] for who in names}
        repeats = {who: max(1, int(0.1 / quick[who])) for who in names}
        rounds: list[dict[str, float]] = []
        disturbed: list[float] = []
        sgemm: list[float] = []
        for i in range(pairs):
            sgemm.append(workers["machine"].ask("sgemm"))
            order = names if i % 2 == 0 else names[::-1]
            tries = [_round(workers, order, repeats)]
            while tries[-1][1] > DISTURBED and len(tries) < TRIES:
                tries.append(_round(workers, order, repeats))
            times, others = min(tries, key=itemgetter(1))
            rounds.append(times)
            disturbed.append(round(others, 3))
        ssyrk = workers["machine"].ask("ssyrk") if case.model == "pca" else None
        versions = {k: v for worker in workers.values() for k, v in worker.versions.items()}
    finally:
        for worker in workers.values():
            worker.close()
    measured = [who for who in names if quick[who] < 5] if case.memory else []
    memory = {who: _memory(who, case, seed, threads) for who in measured}
    seconds = {who: median(times[who] for times in rounds) for who in names}
    result = {
        "case": case.name,
        "model": case.model,
        "n": case.n,
        "d": case.d,
        "k": case.k,
        "steps": {who: answers[who]["steps"] for who in names},
        "dtype": case.dtype,
        "commit": machine.commit(),
        "seed": seed,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine.describe(threads),
        "versions": versions,
        "rounds": rounds,
        "disturbed": disturbed,
        "seconds": seconds,
        "ratios": {who: median(times[who] / times["tacit"] for times in rounds) for who in names[1:]},
        "sgemm_gflops": median(sgemm),
        "answers": answers,
        "agreement": {who: _distance(answers["tacit"], answers[who]) for who in names[1:]},
        "memory_bytes": memory,
    }
    if case.flops:
        result["gflops"] = {who: 1e-9 * case.flops / t for who, t in seconds.items()}
    if ssyrk:
        result["ssyrk_gflops"] = ssyrk
    return result


def _round(
    workers: dict[str, Worker], order: tuple[str, ...], repeats: dict[str, int]
) -> tuple[dict[str, float], float]:
    """The times of one fit each, and the share of the processors that others took in the worst of them."""
    times, others = {}, 0.0
    for who in order:
        time.sleep(REST)
        busy, began = machine.busy(), time.perf_counter()
        times[who], own = workers[who].ask("time", repeats[who])
        wall = time.perf_counter() - began
        others = max(others, (machine.busy() - busy - own) / (wall * (os.cpu_count() or 1)))
    return times, others


def _memory(who: str, case: Case, seed: int, threads: int) -> int:
    worker = Worker(who, case.name, seed, threads)
    try:
        return int(worker.ask("memory"))
    finally:
        worker.close()


def _distance(ours: dict[str, float], theirs: dict[str, float]) -> float:
    """The largest relative difference of what was learned; the number of steps may differ by how they are counted."""
    return max(abs(ours[k] - theirs[k]) / max(abs(theirs[k]), 1e-12) for k in ours if k != "steps")


def check(case: Case, result: dict[str, Any]) -> list[str]:
    """What a result falls short of."""
    short = []
    ratio = result["ratios"].get("sklearn")
    if ratio is not None and ratio < case.must:
        short.append(f"{ratio:.2f}x scikit-learn, must be {case.must:g}x")
    if case.share and result["gflops"]["tacit"] < case.share * result["sgemm_gflops"]:
        short.append(f"{result['gflops']['tacit'] / result['sgemm_gflops']:.0%} of sgemm, must be {case.share:.0%}")
    if case.steps:
        wanted = case.steps if case.n >= 10_000 else result["steps"]["tacit"]  # small data may converge before
        short += [f"{who} took {t} steps, not {wanted}" for who, t in result["steps"].items() if t != wanted]
    if not case.options.get("own_start"):
        short += [f"differs from {who} by {e:.1e}" for who, e in result["agreement"].items() if not e <= TOLERANCE]
    if case.memory and result["memory_bytes"]["tacit"] > case.memory:
        short.append(f"{result['memory_bytes']['tacit'] / 2**20:.0f} MB beyond X, must be {case.memory / 2**20:.0f}")
    largest = result["answers"]["tacit"].get("largest_responsibility")
    if (case.overlap == "overlapping" and largest > 0.6) or (case.overlap == "separated" and largest < 0.95):
        short.append(f"the groups are not {case.overlap}: mean largest responsibility {largest:.2f}")
    return short


def main() -> None:
    """Run what was asked for, write the JSON, print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[""], metavar="PREFIX", help="cases whose names start so")
    parser.add_argument("--pairs", type=int, help="rounds in which each contender fits once")
    parser.add_argument("--quick", action="store_true", help="two rounds, and nothing is written")
    parser.add_argument("--peers", nargs="*", default=["sklearn", "sklearnex", "faiss"], help="whom to compare with")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the JSON goes")
    parser.add_argument("--table", action="store_true", help="print the table of the results there, run nothing")
    asked = parser.parse_args()
    if asked.table:
        print(markdown(asked.out))
        return
    for case in (c for c in CASES if any(c.name.startswith(p) for p in asked.only)):
        pairs = asked.pairs or (2 if asked.quick else case.pairs)
        result = run(case, pairs, asked.seed, asked.threads, tuple(asked.peers))
        short = check(case, result)
        times = "  ".join(f"{who} {1e3 * t:.4g} ms" for who, t in result["seconds"].items())
        print(f"{case.name}: {times}; {'; '.join(short) or 'ok'}", flush=True)
        if not asked.quick:
            asked.out.mkdir(parents=True, exist_ok=True)
            (asked.out / f"{case.name}.json").write_text(json.dumps(result | {"short_of": short}, indent=1) + "\n")
    if not asked.quick:
        print(markdown(asked.out))


if __name__ == "__main__":
    main()
