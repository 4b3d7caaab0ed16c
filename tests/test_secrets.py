"""What is a secret and what is none; where one is found it is taken out, and nothing else is touched."""

import json
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_attn_model.secrets import REDACTED, is_secret_name, redact, redact_command, redact_text, secrets_in

TOKEN = "hf_" + "aB3" * 11 + "x"  # as long as the Hub's, and no one's


@pytest.mark.parametrize(
    "name",
    [
        *("token", "hub_token", "training.hub_token", "HF_TOKEN", "auth-token", "api_key", "apikey", "WANDB_API_KEY"),
        *("password", "db_password", "passwd", "secret", "client_secret", "credentials", "aws_secret_access_key"),
    ],
)
def test_names_of_secrets(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("pad_token", "eos_token", "bos_token", "unk_token", "mask_token", "decoder_start_token", "image_token"),
        *("max_tokens", "tokens", "tokenizer", "tokens_per_second", "eos_token_id", "key", "key_value", "k_proj"),
        *("num_input_tokens_seen", "additional_special_tokens", "passwords_of_the_day", "monkey", "secretary"),
    ],
)
def test_names_of_what_is_no_secret(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (TOKEN, REDACTED),
        (f"see https://user:{TOKEN}@host/x", f"see https://user:{REDACTED}@host/x"),
        (f"https://{TOKEN}@huggingface.co/a/b", f"https://{REDACTED}@huggingface.co/a/b"),
        ("s3://id:key@bucket/folder", f"s3://id:{REDACTED}@bucket/folder"),
        ("https://host:443/a@b", "https://host:443/a@b"),
        ("write to a:b@c.org", "write to a:b@c.org"),
        ("hf_attn_model_of_somebody_with_a_long_name", "hf_attn_model_of_somebody_with_a_long_name"),
    ],
)
def test_tokens_and_passwords_of_addresses_are_taken_out_of_texts(text, clean):
    assert redact_text(text) == redact(text) == clean


def test_records_lose_their_secrets_and_keep_the_rest():
    record = {
        "training": {"hub_token": "abc", "max_steps": 7, "report_to": ["wandb", f"x {TOKEN}"], "eos_token": "</s>"},
        "api_key": {"id": "a", "parts": ["b", "c"]},
        "command": "hf-attn train a 'training.hub_token=two words' token=abc max_tokens=3 'x y' https://a/?token=b&c=d",
        "none": None,
        "password": "",
    }
    assert redact(record) == {
        "training": record["training"] | {"hub_token": REDACTED, "report_to": ["wandb", f"x {REDACTED}"]},
        "api_key": {"id": REDACTED, "parts": [REDACTED, REDACTED]},
        "command": f"hf-attn train a 'training.hub_token={REDACTED}' token={REDACTED} max_tokens=3 'x y' "
        f"https://a/?token={REDACTED}&c=d",
        "none": None,
        "password": "",
    }
    assert list(secrets_in(record)) == ["training.hub_token", "training.report_to", "api_key", "command"]
    assert list(secrets_in(redact(record))) == []


def test_a_command_can_still_be_typed_without_its_secrets():
    words = ["hf-attn", "train", "a recipe", "--token", "abc", "--api-key=def", "--verbose", "training.hub_token=a b"]
    shown = ["--token", REDACTED, f"--api-key={REDACTED}", "--verbose", f"training.hub_token={REDACTED}"]
    assert redact_command(words) == shlex.join([*words[:3], *shown])
    assert redact_command(["hf-attn", "train", "x", "max_tokens=3"]) == "hf-attn train x max_tokens=3"
    assert redact_command(["prog", "--token", "--next", "x"]) == "prog --token --next x"


RECORDS = st.recursive(
    st.none() | st.integers() | st.text() | st.sampled_from([TOKEN, "a=b", "token=x", "s3://a:b@c"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(["hub_token", "key"]), inner, max_size=3)
    ),
    max_leaves=11,
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(RECORDS)
def test_whatever_the_record_it_has_its_shape_and_no_token_afterwards(record):
    clean = redact(record)
    assert redact(clean) == clean
    assert TOKEN not in json.dumps(clean)
    assert list(secrets_in(clean)) == []
    if isinstance(record, dict):
        assert (clean == record) == (list(secrets_in(record)) == [])
