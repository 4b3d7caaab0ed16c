"""YAML of recipes -> names, lists and scalars that are text still; what a scalar means, `values` decides by its field.

YAML 1.1 takes `no` for false, `0123` for 83 and `1e-3` for a text; here nothing is taken for anything. Of YAML only
what a recipe needs is read: no tags, no merged mappings, and an alias stands for one value.
"""

import re
from typing import Any

import yaml

from .values import Plain, shown, untyped

MOST_LEVELS = 16  # of lists in lists
UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}


def read_yaml(text: str) -> Any:
    """Read one document: dictionaries, lists, `Plain` for scalars without quotes, `str` for quoted ones.

    An empty document is `Plain("")`.

    Raises:
        ValueError: no YAML, or what recipes do not have.
    """
    try:
        node = _Loader(text.removeprefix("\ufeff")).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise ValueError(_told(error)) from None
    except yaml.reader.ReaderError as error:
        raise ValueError(f"a character that YAML does not allow, U+{error.character:04X}") from None
    return Plain("") if node is None else _value(node)


def write_yaml(value: Any) -> str:
    """Write dictionaries, lists, texts, numbers, booleans and nulls so that `read_yaml` and `values` read the same."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


class _Loader(yaml.BaseLoader):
    levels = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        if self.levels == MOST_LEVELS:
            raise ValueError(f"more than {MOST_LEVELS} lists in each other")
        is_alias = self.check_event(yaml.AliasEvent)
        self.levels += 1
        node = super().compose_node(parent, index)
        self.levels -= 1
        if is_alias and not isinstance(node, yaml.ScalarNode):  # ten lines of these can stand for billions of values
            raise ValueError("an alias (*name) stands for one value here: write the list again")
        return node


def _value(node: yaml.Node) -> Any:
    """Turn a node, which has been composed, into values."""
    if node.tag not in PLAIN_TAGS:
        raise ValueError(f"{_where(node.start_mark)}: a tag ({shown(node.tag)}): write the value alone")
    if isinstance(node, yaml.ScalarNode):
        if found := UNSHOWN.search(node.value):  # quoted, YAML can write any
            raise ValueError(f"{_where(node.start_mark)}: a character that no setting has, U+{ord(found[0]):04X}")
        return str(node.value) if node.style else Plain(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_value(each) for each in node.value]
    values: dict[str, Any] = {}
    for key, each in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f"{_where(key.start_mark)}: a name is one word")
        if key.value in values:
            raise ValueError(f"{_where(key.start_mark)}: {shown(key.value)} stands there twice")
        values[key.value] = _value(each)
    return values


def _told(error: yaml.MarkedYAMLError) -> str:
    """Tell what is wrong, and where."""
    where = error.problem_mark or error.context_mark
    what = " ".join(f"{error.problem or error.context}".split())
    return f"{_where(where)}: {what}" if where else what


def _where(mark: Any) -> str:
    return f"line {mark.line + 1}"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write a list that stands in two places twice."""
        return True


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    """Quote a text that could be taken for a number, a truth or nothing."""
    try:
        is_plain = untyped(Plain(text)) == text
    except ValueError:
        is_plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else "'")


_Dumper.add_representer(str, _text_node)
