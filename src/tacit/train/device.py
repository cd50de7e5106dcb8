"""Which device, and whether there are several processes."""

from __future__ import annotations

import os
from typing import Any

import torch

from ..errors import ArgumentError, MissingExtraError


def find_device(name: str, else_cpu: bool = False) -> torch.device:
    """The device called ``name``; "auto" is a GPU if there is one. Where there is none so called, an error or the CPU.

    >>> find_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        rank = int(os.environ.get("LOCAL_RANK", 0))
        if torch.cuda.is_available():
            return torch.device("cuda", rank % torch.cuda.device_count())
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        if else_cpu:
            return torch.device("cpu")
        raise ArgumentError(f"there is no device {name!r} here ({str(error).splitlines()[0]})") from None
    return device


def processes(device: torch.device) -> Any:
    """A Fabric over the processes that ``torchrun`` started, None for one alone."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return None
    try:
        from lightning_fabric import Fabric
    except ImportError:
        raise MissingExtraError("several processes need lightning-fabric: pip install 'tacit[deep]'") from None
    local = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
    nodes = int(os.environ["WORLD_SIZE"]) // local
    fabric = Fabric(accelerator=device.type, devices=local, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    return fabric
