"""Settings of a search that no search can obey are refused when the checkpoint is opened."""

import pytest
from families import build

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.errors import UserError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_beams": "many"}, "num_beams must be a whole number from 1 on, got many"),
        ({"num_beams": 0}, "num_beams must be a whole number from 1 on, got 0"),
        ({"max_length": 2.5}, "max_length must be a whole number from 1 on"),
        ({"max_length": True}, "max_length must be a whole number from 1 on"),
        ({"min_length": -1}, "min_length must be a whole number from 0 on"),
        ({"no_repeat_ngram_size": [1]}, "no_repeat_ngram_size must be a whole number from 0 on"),
        ({"length_penalty": "long"}, "length_penalty must be a number"),
        ({"length_penalty": float("nan")}, "length_penalty must be a number"),
        ({"do_sample": "no"}, "do_sample must be true or false"),
        ({"eos_token_id": 10**9}, "eos_token_id must be the number of a token, from 0 to"),
        ({"eos_token_id": [1, "x"]}, "eos_token_id must be the number of a token"),
        ({"decoder_start_token_id": -1}, "decoder_start_token_id must be the number of a token, from 0 to"),
        ({"forced_bos_token_id": 10**9}, "forced_bos_token_id must be the number of a token, from 0 to"),
        ({"num_beam_groups": 3}, "asks with num_beam_groups for a search whose code lies on the Hub, and is never run"),
        ({"dola_layers": "high"}, "asks with dola_layers for a search whose code lies on the Hub"),
        ({"early_stopping": "perhaps"}, "`early_stopping` must be a boolean or 'never'"),
        ({"max_new_tokens": "x"}, r"generation_config\.json cannot be understood"),
        ({"pad_token_id": {}}, r"generation_config\.json cannot be understood|pad_token_id must be"),
    ],
)
def test_settings_that_no_search_can_obey(rewrite, changes, message):
    with pytest.raises(UserError, match=message) as error:
        _ = Checkpoint(rewrite("generation_config.json", **changes)).model
    assert str(error.value).isprintable()


def test_without_a_file_of_its_own_those_of_the_configuration_count(tmp_path):
    model = build("marian")
    model.config.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    (tmp_path / "generation_config.json").unlink()
    assert Checkpoint(tmp_path).model.generation_config.decoder_start_token_id == 0


@pytest.mark.parametrize("changes", [{"num_beams": None, "eos_token_id": [1, 3]}, {"length_penalty": 1, "top_k": 50}])
def test_what_a_search_can_obey_is_opened(rewrite, changes):
    settings = Checkpoint(rewrite("generation_config.json", **changes)).model.generation_config
    assert {name: getattr(settings, name) for name in changes} == changes
