"""A stock Seq2SeqTrainer shows the callback no loss: it says so, where it could only look on."""

import pytest
from small_trainings import make_training
from stock_models import build

from hf_attn_model.errors import UserError
from hf_attn_model.training.callbacks.divergence import DivergenceCallback


def test_it_does_not_stand_by_where_it_sees_nothing(tmp_path):
    trainer = make_training(build("marian"), tmp_path, DivergenceCallback())
    with pytest.raises(UserError, match="is shown no loss by this Trainer: use TranslationTrainer"):
        trainer.train()
    assert trainer.state.global_step == 1
