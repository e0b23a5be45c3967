"""Muon: momentum whose update of a matrix is made orthogonal (Jordan et al. 2024).

torch has one, but it computes in bfloat16 whatever the machine, which CPUs without it emulate: 14 seconds a
step for the pocket model, where the step itself takes 1.3 (measured). This one computes in the type it is
told, shapes together, and shares the matrices out among the ranks of a run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

STEPS = ((3.4445, -4.7750, 2.0315),) * 5
"""Coefficients of the quintic Newton-Schulz iteration; they bring singular values near 1, not to it."""


def orthogonal(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices near 1.

    Parameters
    ----------
    matrices : (N, rows, columns), in the type to compute in

    Returns
    -------
    (N, rows, columns)
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for a, b, c in STEPS:
        gram = x @ x.mT
        x = a * x + torch.baddbmm(b * gram, gram, gram, alpha=c) @ x
    found: Tensor = x.mT if tall else x
    return found


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal, with decoupled weight decay.

    Parameters
    ----------
    parameters : matrices
    lr, momentum, weight_decay : as of torch's
    dtype : to compute in
    rank, ranks : this process and how many there are; each computes its share, and all get every update
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        dtype: torch.dtype = torch.float32,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._dtype, self._rank, self._ranks = dtype, rank, ranks

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step; there is no closure."""
        for group in self.param_groups:
            gradients: dict[nn.Parameter, Tensor] = {p: p.grad for p in group["params"] if p.grad is not None}
            matrices = list(gradients)
            if not matrices:
                continue
            updates = torch.zeros(sum(p.numel() for p in matrices))
            places = dict(zip(matrices, updates.split([p.numel() for p in matrices]), strict=True))
            alike: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for p, gradient in gradients.items():
                moving = self.state[p].setdefault("momentum", torch.zeros_like(p))
                moving.lerp_(gradient, 1 - group["momentum"])
                if moving.any():  # in the warm-up most matrices have nothing to learn from
                    alike[p.shape].append(p)
            for shape, many in alike.items():
                own = many[self._rank :: self._ranks]
                if not own:
                    continue
                pushed = [gradients[p].lerp(self.state[p]["momentum"], group["momentum"]) for p in own]
                found = orthogonal(torch.stack(pushed).to(self._dtype))
                for p, update in zip(own, found, strict=True):
                    places[p].copy_(update.flatten())
                    places[p] *= max(1.0, shape[0] / shape[1]) ** 0.5
            if self._ranks > 1:
                torch.distributed.all_reduce(updates)
            for p in matrices:
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(places[p].view_as(p), alpha=group["lr"])
