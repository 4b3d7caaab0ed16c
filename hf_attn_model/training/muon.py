"""Muon: the weight matrices of the layers move along orthogonal matrices, everything else as AdamW moves it.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), with the scale of Liu et al., "Muon is
Scalable for LLM Training" (2025), and iterations as in Amsel et al., "The Polar Express" (2025).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.optim import Optimizer
from torch.optim.adamw import adamw
from transformers import PreTrainedModel, TrainingArguments

from .weights import check_whole

MOMENTUM = 0.95
RMS = 0.2  # root mean square of the entries of a step at learning rate 1: about what AdamW's steps have
# a, b, c of x -> ax + bx^3 + cx^5, three in a row: each comes closest to 1 on all that the one before can return, and
# the first begins with singular values from 0.01 to 1. All three together return 0.73 to 1.27 for those.
POLYNOMIALS = ((8.0934, -23.6204, 17.4462), (3.6366, -2.7219, 0.5365), (2.6613, -1.9772, 0.4526))


class Muon(Optimizer):
    """Muon where a group has `matrices=True`, else AdamW.

    Muon's step of a matrix W (m,n) with gradient G, momentum M and learning rate r:

        M = 0.95 M + 0.05 G
        W = (1 - r * weight_decay) W - r * 0.2 sqrt(max(m,n)) * orthogonalize(0.95 M + 0.05 G)

    The factor makes the entries of a step as large as AdamW's: both take one learning rate. Processes that train
    together share the work: each orthogonalizes some of the matrices for all.

    Args:
        groups: of parameters, float32 and whole in every process; those with `matrices=True` hold 2-D ones alone.
        lr, betas, eps, weight_decay: as of `torch.optim.AdamW`, each overridable by a group.
    """

    def __init__(
        self,
        groups: Sequence[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(
            groups, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "matrices": False}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move all parameters that have a gradient; return what `closure` returns, which is called first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            if moved:
                (self._step_matrices if group["matrices"] else self._step_adamw)(group, moved)
        return loss

    def _step_matrices(self, group: dict[str, Any], matrices: list[Tensor]) -> None:
        gradients = _gradients(matrices)
        for matrix in matrices:
            if not self.state[matrix]:
                self.state[matrix]["momentum"] = torch.zeros_like(matrix)
        momenta = [self.state[matrix]["momentum"] for matrix in matrices]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        directions = orthogonalize_together(torch._foreach_lerp(gradients, momenta, MOMENTUM))
        torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
        sizes = [-group["lr"] * RMS * max(matrix.shape) ** 0.5 for matrix in matrices]
        torch._foreach_add_(matrices, torch._foreach_mul(directions, sizes))

    def _step_adamw(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter] = {
                    "step": torch.zeros(()),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        states = [self.state[parameter] for parameter in parameters]
        adamw(
            parameters,
            _gradients(parameters),
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def _gradients(parameters: Sequence[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def muon_for(model: PreTrainedModel, arguments: TrainingArguments, decayed: Sequence[str]) -> Muon:
    """Build the optimizer of a training: Muon for the linear maps but the output embedding, AdamW for the rest.

    Args:
        decayed: names of the parameters to which `arguments.weight_decay` applies.

    Raises:
        UserError: the weights are spread over processes.
    """
    check_whole(model, "Muon")
    output = model.get_output_embeddings()
    linear = {module.weight for module in model.modules() if isinstance(module, nn.Linear) and module is not output}
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((parameter in linear, name in decayed), []).append(parameter)
    return Muon(
        [
            {"params": parameters, "matrices": matrices, "weight_decay": arguments.weight_decay * decays}
            for (matrices, decays), parameters in sorted(groups.items(), key=lambda item: item[0])
        ],
        lr=arguments.learning_rate,
        betas=(arguments.adam_beta1, arguments.adam_beta2),
        eps=arguments.adam_epsilon,
    )


def orthogonalize_together(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Orthogonalize the same matrices in all processes, each of which does its part of the work and sends it around."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return [orthogonalize(matrix) for matrix in matrices]
    order = sorted(range(len(matrices)), key=lambda place: matrices[place].numel())
    processes, this = distributed.get_world_size(), distributed.get_rank()
    shares = [order[process::processes] for process in range(processes)]
    nothing = matrices[0].new_empty(0)
    own = torch.cat([nothing, *(orthogonalize(matrices[place]).flatten() for place in shares[this])])
    results = list(matrices)
    for process, share in enumerate(shares):
        sizes = [matrices[place].numel() for place in share]
        entries = own if process == this else own.new_empty(sum(sizes))
        distributed.broadcast(entries, process)
        for place, part in zip(share, entries.split(sizes), strict=True):
            results[place] = part.view_as(matrices[place])
    return results


def orthogonalize(matrix: Tensor) -> Tensor:
    """Return nearly UV' of a matrix with the singular value decomposition USV', by matrix products alone.

    Singular values of at least a hundredth of the Frobenius norm become 0.73 to 1.27; smaller ones grow less.

    Args:
        matrix: (m,n), float32.
    """
    if matrix.size(0) > matrix.size(1):
        return orthogonalize(matrix.T).T
    unit = matrix / matrix.norm().clamp(min=1e-30)
    gram = unit @ unit.T
    factor = _even_part(gram, POLYNOMIALS[0])
    for polynomial in POLYNOMIALS[1:]:
        factor = _even_part(factor @ gram @ factor, polynomial) @ factor  # all commute: they are polynomials of `gram`
    return factor @ unit


def _even_part(gram: Tensor, polynomial: tuple[float, float, float]) -> Tensor:
    """Return a + bG + cG^2, which takes X to aX + bX^3 + cX^5 of its singular values, for G = XX'."""
    a, b, c = polynomial
    result = torch.addmm(gram, gram, gram, beta=b, alpha=c)
    result.diagonal().add_(a)
    return result
