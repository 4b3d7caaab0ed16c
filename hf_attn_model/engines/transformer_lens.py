"""A model of ours in TransformerLens, whose loader finds this adapter by the entry point in pyproject.toml.

It is the adapter of the BART family, whose names our modules have. TransformerLens alone imports this file.
"""

from typing import Any

from transformer_lens.model_bridge.supported_architectures.bart import BartFamilyArchitectureAdapter


class AttnArchitectureAdapter(BartFamilyArchitectureAdapter):
    """Tells TransformerLens where the parts of an `AttnForConditionalGeneration` are.

    Raises:
        ValueError (of TransformerLens): encoder and decoder differ in their number of heads or in `ffn_dim`.
    """

    require_symmetric_layers = False
    n_layers_from = "decoder"

    def __init__(self, cfg: Any):
        head_dim = cfg.d_head
        super().__init__(cfg)  # divides d_model by the heads
        self.cfg.d_head = head_dim
        self.cfg.attn_implementation = "eager"  # the others keep scores and weights to themselves

    def prepare_model(self, hf_model: Any) -> None:
        """Look for those norms alone that the model has: only its own configuration tells."""
        self.has_final_stack_norm = hf_model.config.norm_position == "pre"
        self.has_layernorm_embedding = hf_model.config.normalize_embedding
        self.component_mapping = self._build_component_mapping()
        super().prepare_model(hf_model)
