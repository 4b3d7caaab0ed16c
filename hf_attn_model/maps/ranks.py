"""Which of several processes this is, under `accelerate launch`, `torchrun` or an MPI launcher."""

import torch
from accelerate.utils import get_int_from_env

LIBRARIES = ("PMI_", "OMPI_COMM_WORLD_", "MV2_COMM_WORLD_")  # what MPI launchers put before the names below


def this_process() -> tuple[int, int]:
    """Return the number of this process and how many there are: (0, 1) without a launcher."""
    rank = get_int_from_env(["RANK", *(f"{library}RANK" for library in LIBRARIES)], 0)
    return rank, get_int_from_env(["WORLD_SIZE", *(f"{library}SIZE" for library in LIBRARIES)], 1)


def use_own_device() -> None:
    """Let each process of a machine take an accelerator of its own, in turn."""
    if torch.accelerator.is_available():
        local = get_int_from_env(["LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK"], 0)
        torch.accelerator.set_device_index(local % torch.accelerator.device_count())
