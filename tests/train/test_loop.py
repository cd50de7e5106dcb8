"""The loop: what it asks of a step, exact resume, the ends it knows, what it says and to whom."""

# ruff: noqa: E402
from __future__ import annotations

import math
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep part needs torch")

from tacit.errors import ArgumentError, TrainingError
from tacit.train import Batch, Tensors, Training, loop, train

ROWS = Tensors(Batch(torch.arange(103.0)[:, None]))


class Chains:
    """A step like those of models with several optimisers: two players, an average, a Markov chain, noise."""

    def __init__(self, poison_at: int = -1) -> None:
        self.a, self.b = (torch.zeros(3, requires_grad=True) for _ in range(2))
        self.one = torch.optim.Adam([self.a], lr=0.01)
        self.two = torch.optim.SGD([self.b], lr=0.01, momentum=0.9)
        self.average, self.chain = torch.zeros(3), torch.zeros(5)
        self.calls, self.poison_at = 0, poison_at
        self.seen: list[list[float]] = []

    def __call__(self, batch: Batch) -> dict[str, torch.Tensor]:
        self.seen.append(batch.x[:, 0].tolist())
        self.chain = 0.9 * self.chain + torch.randn(5)
        noise = self.chain.mean() + batch.x.mean() / 100
        losses = {}
        for name, player, optimizer in (("a", self.a, self.one), ("b", self.b, self.two)):
            loss = (player - noise + torch.rand(3)).square().mean() - (self.a * self.b).mean().square()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[name] = loss.detach()
        self.average = 0.99 * self.average + 0.01 * self.a.detach()
        self.calls += 1
        if self.calls == self.poison_at:
            losses["a"] = losses["a"] * math.nan
        return losses

    def state(self):
        return {
            "players": [self.a.detach(), self.b.detach()],
            "optimizers": [self.one.state_dict(), self.two.state_dict()],
            "average": self.average,
            "chain": self.chain,
            "calls": self.calls,
        }

    def restore(self, tree):
        with torch.no_grad():
            self.a.copy_(tree["players"][0])
            self.b.copy_(tree["players"][1])
        self.one.load_state_dict(tree["optimizers"][0])
        self.two.load_state_dict(tree["optimizers"][1])
        self.average, self.chain, self.calls = tree["average"].clone(), tree["chain"].clone(), tree["calls"]


def run(step=None, seed=0, **options):
    torch.manual_seed(7)
    options = {"epochs": 5, "batch_size": 10} | options
    return train(lambda fabric: step or Chains(), ROWS, seed=seed, **options)


def flat(tree):
    if isinstance(tree, torch.Tensor):
        return [tree.tolist()]
    if isinstance(tree, dict):
        return [v for key in tree for v in flat(tree[key])]
    if isinstance(tree, list | tuple):
        return [v for part in tree for v in flat(part)]
    return [tree]


def test_every_row_is_seen_once_an_epoch_in_an_order_of_its_own() -> None:
    seen = run().step.seen
    assert len(seen) == 5 * 11
    epochs = [[v for batch in seen[11 * e : 11 * (e + 1)] for v in batch] for e in range(5)]
    assert all(sorted(epoch) == list(range(103)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5
    assert run().step.seen == seen
    assert run(seed=1).step.seen != seen


@pytest.mark.parametrize("stop_after", [1, 4, 11, 17, 54])
def test_stopped_anywhere_and_resumed_it_ends_with_the_same_bits(stop_after, tmp_path, monkeypatch) -> None:
    """The place in the epoch, both optimisers, the average, the chain, the random numbers and the means."""
    monkeypatch.setattr(loop, "READ_EVERY", 1)
    whole = run()
    heard = []

    def stop(report):
        heard.append(report)
        return len(heard) == stop_after

    part = run(checkpoint=tmp_path, training=Training(callbacks=(stop,)))
    assert part.stopped == "callback"
    torch.manual_seed(99)  # not what the run went on with
    rest = train(lambda fabric: Chains(), ROWS, seed=0, epochs=5, batch_size=10, checkpoint=tmp_path)
    assert flat(rest.step.state()) == flat(whole.step.state())
    assert rest.history == whole.history
    assert part.step.seen + rest.step.seen == whole.step.seen
    again = train(lambda fabric: Chains(), ROWS, seed=0, epochs=5, batch_size=10, checkpoint=tmp_path)
    assert again.step.seen == []  # a stage that is done is not run again
    assert flat(again.step.state()) == flat(whole.step.state())


def test_the_time_limit_leaves_a_checkpoint_that_goes_on(tmp_path) -> None:
    class Slow(Chains):
        def __call__(self, batch):
            time.sleep(0.02)
            return super().__call__(batch)

    first = run(Slow(), checkpoint=tmp_path, training=Training(time_limit=0.15))
    assert first.stopped == "time limit"
    assert 0 < len(first.step.seen) < 55
    rest = run(checkpoint=tmp_path)
    assert rest.stopped == "epochs"
    assert flat(rest.step.state()) == flat(run().step.state())


def test_stages_are_kept_apart(tmp_path) -> None:
    run(stage="layer 1", checkpoint=tmp_path)
    run(stage="layer 2", checkpoint=tmp_path, epochs=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["layer 1.tacit", "layer 2.tacit"]


@pytest.mark.parametrize(
    "option",
    [
        {"precision": "fp8"},
        {"schedule": "step"},
        {"clip": -1.0},
        {"time_limit": 0},
        {"validation_fraction": 0},
        {"n_iter_no_change": 0},
        {"tol": -1},
    ],
)
def test_options_out_of_range_are_refused(option) -> None:
    with pytest.raises(ArgumentError, match=f"'{next(iter(option))}' parameter of Training"):
        Training(**option)


def test_a_checkpoint_of_something_else_is_refused(tmp_path) -> None:
    run(checkpoint=tmp_path, about={"model": "this"})
    with pytest.raises(ArgumentError, match="batch_size = 10, and it is 20 now"):
        run(checkpoint=tmp_path, batch_size=20, about={"model": "this"})
    with pytest.raises(ArgumentError, match="model = 'this', and it is 'that' now"):
        run(checkpoint=tmp_path, about={"model": "that"})
    with pytest.raises(ArgumentError, match="is a file"):
        run(checkpoint=tmp_path / "train.tacit")


def test_means_are_those_of_the_rows() -> None:
    class Row:
        def __call__(self, batch):
            return {"mean": batch.x.mean()}

        def state(self):
            return {}

        def restore(self, tree):
            pass

    for size in (1, 10, 103):
        history = run(Row(), batch_size=size, epochs=2).history
        assert [line["mean"] for line in history] == pytest.approx([51.0, 51.0])


@pytest.mark.parametrize("every", [1, 3, 50])
def test_nan_stops_with_its_place_and_keeps_the_last_good_state(every, monkeypatch) -> None:
    monkeypatch.setattr(loop, "READ_EVERY", every)
    monkeypatch.setattr(loop, "WATCH_COST", 0)  # a good state after every epoch
    step = Chains(poison_at=27)
    with pytest.raises(TrainingError, match=r"a is nan in epoch 3, batch 5 of 11(.|\n)*kept"):
        run(step)
    assert step.calls == 22  # the end of the second epoch
    clean = run(epochs=2)
    assert flat(step.state()) == flat(clean.step.state())


def test_the_likely_cause_is_named() -> None:
    class Steps(Chains):
        def __init__(self, values):
            super().__init__()
            self.values = iter(values)

        def __call__(self, batch):
            return {"loss": torch.tensor(next(self.values))}

    with pytest.raises(TrainingError, match="rose from 1 to 900"):
        run(Steps([1.0, 30.0, 900.0, math.inf] + [1.0] * 60))
    huge = Tensors(Batch(torch.full((20, 1), 1e12)))
    with pytest.raises(TrainingError, match=r"numbers as large as 1e\+12"):
        train(lambda fabric: Steps([1.0, math.nan] * 9), huge, epochs=1, batch_size=10, seed=0)
    with pytest.raises(TrainingError, match="division of 0"):
        run(Steps([1.0, 1.0, math.nan] * 30))


def test_early_stopping_gives_back_the_best() -> None:
    values = iter([5.0, 4.0, 3.0, 3.5, 3.4, 3.3, 9.0, 9.0])
    found = []

    def evaluate():
        return {"validation": next(values)}

    step = Chains()

    def note(report):
        if report.ended and report.epoch == 3:
            found.extend(flat(step.state()))

    options = Training(early_stopping=True, n_iter_no_change=3, callbacks=(note,))
    done = run(step, evaluate=evaluate, training=options, epochs=100)
    assert done.stopped == "early stopping"
    assert done.epochs == 6
    assert flat(step.state()) == found


def test_scalars_are_fetched_rarely(monkeypatch) -> None:
    """Fetching waits for the device: once in 50 steps, and once at the end of an epoch."""
    monkeypatch.setattr(loop, "READ_SECONDS", math.inf)
    reports = []
    run(batch_size=1, epochs=2, training=Training(callbacks=(reports.append,)))
    assert [(r.epoch, r.batch, r.ended) for r in reports] == [
        (e, b, ended) for e in (1, 2) for b, ended in ((50, False), (100, False), (103, False), (103, True))
    ]


def test_csv(tmp_path) -> None:
    done = run(training=Training(log=str(tmp_path / "log.csv")))
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "stage,epoch,seconds,name,value"
    assert len(lines) == 1 + 5 * 2
    assert float(lines[1].split(",")[-1]) == pytest.approx(done.history[0]["a"], rel=1e-6)
    with pytest.raises(ArgumentError, match="no folder"):
        run(training=Training(log=str(tmp_path / "absent" / "log.csv")))


@pytest.mark.filterwarnings("ignore")
def test_tensorboard(tmp_path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard")
    done = run(training=Training(log=str(tmp_path / "board")))
    found = events.EventAccumulator(str(tmp_path / "board")).Reload()
    assert [e.value for e in found.Scalars("train/a (epoch)")] == pytest.approx([h["a"] for h in done.history])


def test_the_bar_goes_to_stderr(capfd) -> None:
    run(training=Training(progress=True))
    out, err = capfd.readouterr()
    assert not out
    assert "epoch 5 of 5" in err


def test_batches_are_those_of_a_source() -> None:
    from tacit import as_source

    X = np.random.default_rng(0).normal(size=(57, 3))
    source = as_source(X)
    rows = Tensors(Batch(torch.from_numpy(X)), source.order)
    for size, start, rank, world in ((10, 0, 0, 1), (10, 3, 1, 2), (57, 0, 2, 3), (1, 50, 0, 1), (56, 0, 1, 2)):
        ours = [b.x.numpy() for b in rows.batches(size, 5, 2, start, rank, world)]
        theirs = [b.x for b in source.batches(size, 5, 2, start, rank, world)]
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ArgumentError, match="cannot be dealt"):
        next(rows.batches(2, 0, 0, world=3))
