"""Several networks as one: each stopped by other recordings."""

import torch
from torch import nn

from . import intent, training
from .fed import Fed
from .judge import posteriors
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
    trained, held = [], []
    prior = method.plan.prior_windows(task)
    for k, name in enumerate(method.members):
        training.settle(seed * 100 + k)
        shape, module = training.made(Network(name, name, method.plan), task)

        def told(done: int, of: int, k: int = k) -> None:
            progress(k * of + done, len(method.members) * of)

        trained.append(training.train(module, shape, Recipe(), fed, seed * 100 + k, told, held_part=k))
        _, stop = training.split(fed, Recipe().validation, k)
        held.append((posteriors(trained[-1], fed, prior), fed, {fed.trials[t].recording for t in stop}))
    point = intent.choose(held, 1e3 * method.plan.hop(task) / task.rate_hz)
    together = Together([t.module for t in trained], [t.temperature for t in trained]).eval()
    about = {
        "parameters": sum(t.told["parameters"] for t in trained),
        "epochs": [t.told["epochs"] for t in trained],
        "validation_loss": sum(t.told["validation_loss"] for t in trained) / len(trained),
        "train_s": round(sum(t.told["train_s"] for t in trained), 1),
    }
    if point is not None:
        about["intent"] = vars(point[0]) | {"held": vars(point[1])}
    return TrainedNetwork(together, trained[0].shape, 1.0, about, intent=point and point[0])
