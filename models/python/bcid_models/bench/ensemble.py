"""Several networks as one: each stopped by other recordings."""

import torch
from torch import nn

from . import training
from .fed import Fed
from .methods import Ensemble, Network, Progress
from .tasks import Task
from .training import Recipe, TrainedNetwork


class Together(nn.Module):
    """The mean over members of the logarithm of the tempered posterior: `[N, classes]`, logits of their geometric mean."""

    def __init__(self, members: list[nn.Module], temperatures: list[float]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.temperatures = temperatures

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logs = [torch.log_softmax(m(x) / t, dim=1) for m, t in zip(self.members, self.temperatures, strict=True)]
        return torch.stack(logs).mean(dim=0)


def fit(method: Ensemble, fed: Fed, task: Task, seed: int, progress: Progress) -> TrainedNetwork:
    """Trains the members one after the other, each with a seed and a held-out part of its own."""
    trained = []
    for k, name in enumerate(method.members):
        training.settle(seed * 100 + k)
        shape, module = training.made(Network(name, name, method.plan), task)

        def told(done: int, of: int, k: int = k) -> None:
            progress(k * of + done, len(method.members) * of)

        trained.append(training.train(module, shape, Recipe(), fed, seed * 100 + k, told, held_part=k))
    together = Together([t.module for t in trained], [t.temperature for t in trained]).eval()
    about = {
        "parameters": sum(t.told["parameters"] for t in trained),
        "epochs": [t.told["epochs"] for t in trained],
        "validation_loss": sum(t.told["validation_loss"] for t in trained) / len(trained),
        "train_s": round(sum(t.told["train_s"] for t in trained), 1),
    }
    return TrainedNetwork(together, trained[0].shape, 1.0, about)
