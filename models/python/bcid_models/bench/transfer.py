"""From other people and days: a network that has learned from them, and what of it is tuned to a person.

`none`    nothing is tuned.
`head`    the classification head goes on; nothing of what stands before it changes.
`frozen`  the weights before the head stay; statistics of batch norms go on, and the head is new.
`reset`   the input is mixed anew by a matrix that begins as the identity, and the head is new; the rest stays. After the
          reset-tuning of MindBridge (Wang et al., CVPR 2024), of which the part that is a person's own is tuned alone.
`full`    everything goes on, at a fifth of the rate.
"""

import dataclasses

import torch
from torch import nn

from ..networks import registry
from . import training
from .fed import Fed
from .methods import Network, Progress, Transfer
from .tasks import Task
from .training import Recipe, TrainedNetwork

MODES = ("none", "head", "frozen", "reset", "full")


class Mixed(nn.Module):
    """A network behind a `[channels, channels]` matrix."""

    def __init__(self, network: nn.Module, channels: int) -> None:
        super().__init__()
        self.mixing = nn.Parameter(torch.eye(channels))
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(self.mixing @ x)


def tune(method: Transfer, source: Fed, fed: Fed, task: Task, seed: int, progress: Progress) -> TrainedNetwork:
    """Learns from `source`, then tunes as `method.mode` says."""
    if method.mode not in MODES:
        raise ValueError(f"no way to tune {method.mode!r}: there are {', '.join(MODES)}")
    recipe = Recipe(**method.recipe)
    network = Network(method.name, method.network, method.plan, method.options, method.recipe)
    before = training.fit(network, source, task, seed, lambda done, of: progress(done, 2 * of))
    if method.mode == "none":
        return before
    module, still = before.module, method.mode in ("head", "reset")
    if method.mode != "full":
        module.requires_grad_(False)
        head = registry.head_of(module)
        if method.mode != "head":
            _renew(head, seed)
        head.requires_grad_(True)
    if method.mode == "reset":
        module = Mixed(module, len(task.channels))
    rate = recipe.rate / 5 if method.mode == "full" else recipe.rate
    after = training.train(
        module,
        before.shape,
        dataclasses.replace(recipe, rate=rate),
        fed,
        seed,
        lambda done, of: progress(of + done, 2 * of),
        still=still,
    )
    after.told["source_epochs"] = before.told["epochs"]
    return after


def _renew(head: nn.Module, seed: int) -> None:
    """Its weights as if it had never learned."""
    torch.manual_seed(seed + 1)
    for part in head.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
