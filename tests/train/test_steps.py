"""The gradient step: the plain loop's bits, clipping, schedules, bf16, compilation, several processes."""

# ruff: noqa: E402
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the deep part needs torch")
from torch import nn

import tacit
from tacit.errors import ArgumentError
from tacit.train import Batch, GradientStep, Tensors, Training, train
from tacit.train.device import find_device
from tacit.train.rows import tensor
from train import two_processes

X = torch.from_numpy(np.random.default_rng(0).normal(size=(96, 5)).astype(np.float32))


class Half(nn.Module):
    """½ ‖W x - x‖², averaged."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 5))

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {"loss": 0.5 * (self.layers(batch.x) - batch.x).square().sum(1).mean()}


def fitted(module: nn.Module, training: Training | None = None, epochs: int = 3):
    training = training or Training(schedule=None)

    def make(fabric):
        return GradientStep(module, learning_rate=0.01, steps=epochs * 6, training=training, fabric=fabric)

    return train(make, Tensors(Batch(X)), epochs=epochs, batch_size=16, seed=0, training=training)


def test_the_loop_has_the_bits_of_a_loop_by_hand() -> None:
    module, twin = Half(), Half()
    fitted(module)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01, fused=True)
    for epoch in range(3):
        order = np.random.default_rng((0, epoch)).permutation(96)
        for at in order.reshape(6, 16):
            optimizer.zero_grad()
            twin(Batch(X[at]))["loss"].backward()
            optimizer.step()
    for a, b in zip(module.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


def test_clipping_bounds_the_step() -> None:
    def sgd(parameters, rate):
        return torch.optim.SGD(parameters, lr=rate)

    module = Half()
    before = [p.detach().clone() for p in module.parameters()]
    fitted(module, Training(optimizer=sgd, schedule=None, clip=1e-3), epochs=1)
    moved = sum((p - q).square().sum() for p, q in zip(module.parameters(), before, strict=True)).sqrt()
    assert 0 < moved <= 6 * 0.01 * 1e-3 * (1 + 1e-5)


@pytest.mark.parametrize(
    ("schedule", "last"),
    [
        ("cosine", 0.0),
        (None, 0.01),
        (lambda optimizer, steps: torch.optim.lr_scheduler.StepLR(optimizer, steps // 3), 0.01 * 0.1**3),
        (
            lambda optimizer, steps: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps + 1),
            0.1 / 25e4,
        ),
    ],
)
def test_schedules_run_over_all_steps_and_can_be_resumed(schedule, last, tmp_path) -> None:
    options = Training(schedule=schedule)
    done = fitted(Half(), options)
    assert done.step.optimizer.param_groups[0]["lr"] == pytest.approx(last, abs=1e-9)
    tree = done.step.state()
    other = GradientStep(Half(1), learning_rate=0.01, steps=18, training=options)
    other.restore(tree)
    assert other.optimizer.param_groups[0]["lr"] == done.step.optimizer.param_groups[0]["lr"]
    assert torch.equal(other.module.layers[0].weight, done.step.module.layers[0].weight)


def test_bf16_multiplies_in_bf16_and_keeps_weights_in_float32() -> None:
    module, seen = Half(), set()
    module.layers[0].register_forward_hook(lambda _, __, out: seen.add(out.dtype))
    history = fitted(module, Training(precision="bf16", schedule=None), epochs=20).history
    assert seen == {torch.bfloat16}
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert history[-1]["loss"] == pytest.approx(fitted(Half(), epochs=20).history[-1]["loss"], rel=0.05)


def test_compile_compiles_and_changes_nothing(monkeypatch) -> None:
    """The real compiler takes half a minute; what is compiled, and that its state is the module's, is asked here."""
    compiled = []
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda m: compiled.append(m) or real(m, backend="eager"))
    module = Half()
    state = fitted(module, Training(compile=True, schedule=None)).step.state()
    assert compiled == [module]
    assert set(state["module"]) == set(Half().state_dict())
    plain = Half()
    fitted(plain)
    for a, b in zip(module.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_rows_in_memory_are_not_copied() -> None:
    a = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    for x in (a, a[::2], a[:, 1:3], a.T):
        assert tensor(x, torch.device("cpu")).data_ptr() == x.__array_interface__["data"][0]
    a.flags.writeable = False
    assert tensor(a, torch.device("cpu")).data_ptr() == a.__array_interface__["data"][0]
    np.testing.assert_array_equal(tensor(a[::-1], torch.device("cpu")).numpy(), a[::-1])


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ArgumentError, match="there is no device 'warp' here"):
        find_device("warp")
    if not torch.cuda.is_available():
        with pytest.raises(ArgumentError, match="there is no device 'cuda' here"):
            tacit.Autoencoder(device="cuda").fit(np.ones((4, 2)))


def test_two_processes_have_the_loss_curve_of_one(tmp_path) -> None:
    """gloo over loopback: each process takes half of every batch, and the gradients are averaged."""
    pytest.importorskip("lightning_fabric", reason="several processes need lightning-fabric")
    script = two_processes.__file__
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONWARNINGS": "ignore"}
    environment["PYTHONPATH"] = str(Path(tacit.__file__).parents[1])
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

    done = subprocess.run(
        [sys.executable, *torchrun, script, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    two = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    one = two_processes.fit()
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-3)
    np.testing.assert_allclose(two["codes"], one["codes"], rtol=0.02, atol=0.01)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.1.tacit", "train.tacit"]
