import torch
from clients.zeroed import zeroed_logits


def test_a_head_that_is_zeroed_is_what_intervene_makes_of_it(recipe):
    zeroed = zeroed_logits(recipe["model"], recipe["tokenizer"])
    torch.testing.assert_close(recipe["logits"], zeroed, rtol=0, atol=1e-5)
