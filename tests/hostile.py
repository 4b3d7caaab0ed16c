"""Files that somebody has spoilt, and all that may come of reading one: a result, or one line that names it."""

import gzip

from hypothesis import settings
from hypothesis import strategies as st

from hf_attn_model.errors import UserError

few = settings(max_examples=60, deadline=None, derandomize=True)
PIECES = [
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r\n", b"\n", b'"', b"\\ud83d", b"\xe2\x80\xa8"),
    *(b"[" * 3000, b'{"a":' * 3000, b"9" * 5000, b"1e999", b"NaN", b"-1", b"null", b"{}", b"[]", b'""', b"\t", b","),
]


@st.composite
def spoilt(draw, *contents):
    """One of some files, as it is, cut, doubled, or with other bytes put in; or any bytes at all."""
    content = draw(st.sampled_from(contents) | st.binary(max_size=40))
    for _ in range(draw(st.integers(0, 3))):
        begin, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        put = draw(st.sampled_from(PIECES) | st.binary(max_size=3))
        changed = [content[:begin] + put + content[begin:], content[:begin] + put + content[end:], content[:begin]]
        content = draw(st.sampled_from(changed))
    return content


@st.composite
def spoilt_gzip(draw, *contents):
    """The same, compressed, and maybe spoilt once more."""
    return draw(spoilt(gzip.compress(draw(spoilt(*contents)), mtime=0)))


def read_or_refused(read, name):
    """Read: what is returned, or `None` after a `UserError` of one line that names the file."""
    try:
        return read()
    except UserError as error:
        message = str(error)
    assert name in message, message
    assert len(message.splitlines()) == 1, message
    return None
