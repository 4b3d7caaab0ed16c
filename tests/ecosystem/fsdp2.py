"""Train with parameters sharded over the processes that torchrun starts (FSDP2, `fully_shard`).

    torchrun --nproc_per_node 2 fsdp2.py OUT FOLDER...

Every model of FOLDER... is loaded, sharded, trained for some steps and saved whole in OUT/<name of its folder>, with
`report.json`: the losses, and how its parameters were held. Gloo on the CPU. A folder named `bf16` is computed in
bfloat16, one named `checkpointed` with gradient checkpointing.
"""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from transformers import AutoModelForSeq2SeqLM

import hf_attn_model  # noqa: F401  registers the model type "hf_attn"

STEPS, SENTENCES, SOURCE, TARGET = 5, 6, 7, 11


def batches(vocab_size):
    """Yield source ids and labels; every sentence has another length, so that no two ranks hold as many labels."""
    generator = torch.Generator().manual_seed(0)
    source = torch.randint(2, vocab_size, (SENTENCES, SOURCE), generator=generator)
    labels = torch.randint(2, vocab_size, (SENTENCES, TARGET), generator=generator)
    lengths = torch.tensor([11, 2, 7, 3, 5, 1])
    for step in range(STEPS):
        yield source, labels.masked_fill(torch.arange(TARGET) >= lengths.roll(step)[:, None], -100)


def train(model, rank=0, ranks=1):
    """Take the steps with every `ranks`-th sentence, and return the losses of the global batches."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, eps=1e-4)  # makes no step of a rounding error
    model.train()
    losses = []
    for source, labels in batches(model.config.vocab_size):
        mine = slice(rank, None, ranks)
        counted = labels.ne(-100).sum() / ranks  # the gradients are averaged over ranks, the loss is over all labels
        loss = model(source[mine], labels=labels[mine], num_items_in_batch=counted).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss = loss.detach()
        if ranks > 1:
            dist.all_reduce(loss)
        losses.append(loss.item() / ranks)
    return losses


def shard(model, **options):
    """Shard every layer, then what is left: the embedding, which the output projection may share."""
    for module in list(model.modules()):
        if type(module).__name__ in model._no_split_modules:
            fully_shard(module, **options)
    fully_shard(model, **options)


def main(out, *folders):
    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    for folder in map(Path, folders):
        model = AutoModelForSeq2SeqLM.from_pretrained(folder)
        whole = sum(parameter.numel() for parameter in model.parameters())
        if folder.name == "checkpointed":
            model.activation_checkpointing_enable()
        in_bf16 = {"mp_policy": MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)}
        shard(model, **(in_bf16 if folder.name == "bf16" else {}))
        parameters = list(model.parameters())
        report = {
            "sharded": [isinstance(parameter, DTensor) for parameter in parameters],
            "share": sum(parameter.to_local().numel() for parameter in parameters) / whole,
            "losses": train(model, rank, ranks),
        }
        weights = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
        if rank == 0:
            model.save_pretrained(Path(out) / folder.name, state_dict=weights)
            (Path(out) / folder.name / "report.json").write_text(json.dumps(report))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
