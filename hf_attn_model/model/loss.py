"""Target states -> logits -> cross-entropy of the labels, a few positions at a time.

The logits of all positions are the largest tensor of a training step, and the loss would hold several of their size.
Here the gradient of a chunk is computed beside its loss, and its logits are gone before the next: the same sums, in
memory that does not grow with the batch.

Shapes: N target positions that count, C of them in a chunk, D d_model, V vocab_size.
"""

import torch
from torch import nn
from torch.autograd.function import once_differentiable

POSITIONS_AT_ONCE = 256  # of a chunk: for vocabularies of about 8,000 its logits stay in the cache of a CPU


def chunked_cross_entropy(
    hidden_states: torch.Tensor,
    weight: torch.Tensor,
    labels: torch.Tensor,
    label_smoothing: float = 0.0,
    r_drop: float = 0.0,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Sum the cross-entropy in nats of the labels under the logits `hidden_states @ weight.T + bias`.

    Args:
        hidden_states: (N,D); with `r_drop` (2N,D): two passes over the same text under two draws of dropout.
        weight: (V,D), the output projection.
        labels: (N), int64, in 0..V-1.
        label_smoothing: the share of the target distribution that is spread evenly over the vocabulary (Szegedy et
            al., 2016, section 7).
        r_drop: alpha, the weight of the divergence between both passes (R-Drop; Wu et al., 2021, equation 4,
            https://arxiv.org/abs/2106.14448). The loss is halved against the paper: the mean of both cross-entropies,
            and alpha / 2 times the mean of both Kullback-Leibler divergences.
        bias: (1,V), of the logits; it gets no gradient.

    Returns:
        the sum over the N labels, a float32 scalar (float64 for float64 states). Under autocast the products are of
        its dtype, as those of `nn.Linear` are; sums over the vocabulary are never of less than float32.
    """
    return _ChunkedCrossEntropy.apply(hidden_states, weight, labels, label_smoothing, r_drop, bias)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The sum of the losses of the chunks; their gradients wait for the backward pass."""

    @staticmethod
    def forward(ctx, hidden_states, weight, labels, label_smoothing, r_drop, bias):
        device = hidden_states.device.type
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else hidden_states.dtype
        passes = hidden_states.to(dtype).unflatten(0, (2 if r_drop else 1, -1))  # (P,N,D)
        projection = weight.to(dtype)
        needs_gradient = any(ctx.needs_input_grad)
        if needs_gradient:
            states_gradient, weight_gradient = torch.empty_like(passes), torch.zeros_like(weight)

        loss = hidden_states.new_zeros((), dtype=torch.promote_types(hidden_states.dtype, torch.float32))
        for start in range(0, len(labels), POSITIONS_AT_ONCE):
            chunk = slice(start, start + POSITIONS_AT_ONCE)
            states = passes[:, chunk].flatten(0, 1)  # (P,C,D) -> (P*C,D)
            logits = nn.functional.linear(states, projection).to(loss.dtype)
            if bias is not None:
                logits += bias
            log_probs = logits.log_softmax(dim=-1).unflatten(0, (len(passes), -1))  # (P,C,V)
            divergence = _divergence(log_probs) if r_drop else None
            loss += summed_cross_entropy(log_probs, labels[chunk], label_smoothing)
            if divergence is not None:
                loss += r_drop / 2 * divergence[0]
            if not needs_gradient:
                continue
            logits_gradient = cross_entropy_gradient(log_probs, labels[chunk], label_smoothing)
            if divergence is not None:
                logits_gradient += r_drop / 2 * divergence[1]
            logits_gradient = logits_gradient.flatten(0, 1).to(dtype)  # (P*C,V)
            states_gradient[:, chunk] = (logits_gradient @ projection).unflatten(0, (len(passes), -1))
            weight_gradient += logits_gradient.mT @ states
        if needs_gradient:
            ctx.save_for_backward(states_gradient.flatten(0, 1), weight_gradient)
        ctx.states_dtype = hidden_states.dtype
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, loss_gradient):
        states_gradient, weight_gradient = ctx.saved_tensors
        states_gradient = states_gradient.to(ctx.states_dtype) * loss_gradient.to(ctx.states_dtype)
        return states_gradient, weight_gradient * loss_gradient.to(weight_gradient.dtype), None, None, None, None


def summed_cross_entropy(log_probs: torch.Tensor, labels: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    """Mean over the passes and sum over the positions of `log_probs` (P,C,V): a scalar."""
    chosen = log_probs.gather(-1, labels.expand(len(log_probs), -1)[..., None]).sum()
    loss = (1 - label_smoothing) * chosen
    if label_smoothing:
        loss += label_smoothing / log_probs.shape[-1] * log_probs.sum()
    return -loss / len(log_probs)


def cross_entropy_gradient(log_probs: torch.Tensor, labels: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    """Turn `log_probs` (P,C,V), in place, into the gradient with respect to the logits: probability minus target."""
    gradient = log_probs.exp_().sub_(label_smoothing / log_probs.shape[-1])
    index = labels.expand(len(gradient), -1)[..., None]
    gradient.scatter_add_(-1, index, torch.full_like(index, label_smoothing - 1, dtype=gradient.dtype))
    return gradient.div_(len(gradient)) if len(gradient) > 1 else gradient


def _divergence(log_probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean of both Kullback-Leibler divergences between two passes (2,C,V): the sum, and its gradient (2,C,V).

    With p and q the distributions of the passes and d = log p - log q, the gradient of KL(p||q) + KL(q||p) with respect
    to the logits of p is p (d - KL(p||q)) + p - q, and the same with p and q exchanged.
    """
    probs = log_probs.exp()
    difference = log_probs[:1] - log_probs[1:]  # (1,C,V)
    difference = torch.cat([difference, -difference])  # (2,C,V): of each pass to the other
    each = (probs * difference).sum(dim=-1, keepdim=True)  # (2,C,1): KL(p||q), KL(q||p)
    gradient = probs * (difference - each) + probs - probs.flip(0)
    return each.sum() / 2, gradient / 2
