"""The files of a tokenizer, and what they may ask for."""

import re

from ..errors import UserError
from ..files import read_json
from .weight_files import AGAIN, Find, shown
from .weights import whole_numbers

TOKENIZER_FILES = ("tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json")
TOKENS = 10_000  # most that a tokenizer makes up beside its vocabulary; T5 has 100


def check_tokenizer(find: Find) -> None:
    """Refuse a tokenizer that makes up more tokens than any needs, which takes some of them hours.

    Raises:
        UserError: names the setting.
    """
    path = find(TOKENIZER_FILES[0])
    for field, value in whole_numbers({} if path is None else read_json(path, AGAIN)):
        if re.fullmatch("(num_.*|extra_ids|offset)", field) and value > TOKENS:
            raise UserError(f"{path} asks for {shown(field)} of {value:,}, more than any tokenizer needs{AGAIN}")
