import pytest
import torch

from hf_attn_model import record_attention


@pytest.fixture(scope="module")
def pair(recipe):
    """A sentence pair as a batch, with the decoder's input."""
    batch = recipe["tokenizer"]("The ball is blue", text_target="La bola es azul", return_tensors="pt")
    target = batch.pop("labels")
    return {**batch, "decoder_input_ids": torch.cat([torch.zeros_like(target[:, :1]), target[:, :-1]], dim=1)}


def test_attention_is_what_is_recorded(recipe, pair):
    with record_attention(recipe["model"]) as record, torch.no_grad():
        recipe["model"](**pair)
    shown = recipe["attention"].sequence_attributions[0]
    cross = shown.source_attributions.permute(2, 3, 1, 0)  # (S,T,L,H) -> (L,H,T,S)
    torch.testing.assert_close(cross, record[0].cross.attention_weights, rtol=0, atol=1e-6)
    torch.testing.assert_close(cross.sum(-1), torch.ones(cross.shape[:-1]))
    decoder = shown.target_attributions[:-1].permute(2, 3, 1, 0).nan_to_num()  # (T,T,L,H) -> (L,H,T,T)
    torch.testing.assert_close(decoder, record[0].decoder.attention_weights, rtol=0, atol=1e-6)


@pytest.mark.parametrize("layer", [0, 1])
def test_value_zeroing_is_how_far_states_turn_without_the_value_of_a_source_token(recipe, pair, layer):
    model = recipe["model"]
    states = []
    block = model.model.decoder.layers[layer]
    final = model.model.decoder.layer_norm if layer else torch.nn.Identity()  # Inseq looks behind it

    def look(module, args, output):
        states.append(final(output if isinstance(output, torch.Tensor) else output[0]))

    def zero(token):
        def hook(module, args, output):
            return output if token is None else output * (torch.arange(output.shape[1]) != token)[:, None]

        return hook

    with torch.no_grad():
        for token in (None, *range(pair["input_ids"].shape[1])):
            hooks = [block.register_forward_hook(look), block.encoder_attn.v_proj.register_forward_hook(zero(token))]
            model(**pair)
            for hook in hooks:
                hook.remove()
    clean, *changed = states
    scores = torch.stack([1 - torch.cosine_similarity(clean, other, dim=-1)[0] for other in changed])  # (S,T)
    scores = scores.where(scores >= 1e-5, 0)
    shown = recipe["zeroing"].sequence_attributions[0].source_attributions[..., layer]  # (S,T)
    torch.testing.assert_close(shown, scores / scores.sum(0), rtol=0, atol=1e-4)
