"""Gold links in text: one set in every form is the same set."""

import pytest

from hf_attn_model.alignment.gold import read_gold
from hf_attn_model.errors import UserError

TEXTS = [("the black cat", "el gato negro"), ("I sleep", "duermo")]
LINKS = [({(1, 2), (2, 1)}, {(0, 0), (0, 1)}), ({(1, 0)}, {(0, 0)})]
PHARAOH = "1-2 0p0 2-1 0p1\n1-0 0p0\n"
NAACL = "0001 2 3 S\n0001 1 1 P\n1 3 2\n1 1 2 P 0.5\n0002 2 1 S\n0002 1 1 P\n"


@pytest.fixture
def write(tmp_path):
    def write(**files):
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_text(content, encoding="utf-8")
        return tmp_path

    return write


def read(path):
    pairs = read_gold(str(path), "en", "es", "dev")
    texts = [(pair.source, pair.target) for pair in pairs]
    return texts, [(set(pair.sure), set(pair.possible)) for pair in pairs]


@pytest.mark.parametrize(
    ("links", "beside"),
    [(PHARAOH, "bars"), (PHARAOH, "files"), (NAACL, "bars"), (NAACL, "files"), (NAACL, "numbered files")],
)
def test_links_have_their_words_beside_them(write, links, beside):
    sides = [[side[i] for side in TEXTS] for i in (0, 1)]
    numbered = [[f"<s snum={n:04d}> {text} </s>" for n, text in enumerate(side, start=1)] for side in sides]
    if beside == "bars":
        folder = write(dev_txt="".join(f"{source} ||| {target}\n" for source, target in TEXTS))
    else:
        chosen = numbered if beside == "numbered files" else sides
        folder = write(dev_en="\n".join(chosen[0]), dev_es="\n".join(chosen[1]) + "\n")
    write(dev_align=links)
    assert read(folder / "dev.align") == (TEXTS, LINKS)


def test_words_and_links_stand_in_one_line(write):
    lines = [f"{s} ||| {t} ||| {links}" for (s, t), links in zip(TEXTS, PHARAOH.splitlines(), strict=True)]
    path = write(gold_txt="\n".join(lines)) / "gold.txt"
    assert read(path) == (TEXTS, LINKS)
    assert read_gold(str(path), None, None, "dev")[1].place == f"{path}, line 2"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"dev_align": PHARAOH}, r"dev\.align holds links alone: their words are sought in .*dev\.txt"),
        ({"dev_align": PHARAOH, "dev_txt": "a ||| b\n"}, r"dev\.align has 2 lines, the text beside it 1: expected"),
        (
            {"dev_align": "0-0 1x1", "dev_txt": "a ||| b\n"},
            r"dev\.align, line 1: '1x1' is no link; expected",
        ),
        ({"dev_align": "0-7", "dev_txt": "a ||| b\n"}, r"dev\.txt, line 1: `sure` must be pairs"),
        ({"dev_align": "1 1 0 S", "dev_txt": "a ||| b\n"}, r"dev\.align, line 1: .*counted from 1"),
        ({"dev_align": "1 1 1\n7 1 1", "dev_txt": "a ||| b\n"}, r"links of sentence 7, but its text is not there"),
        ({"dev_align": "0p0", "dev_txt": "a ||| b\n"}, r"dev\.align: no row has a sure link"),
        ({"dev_align": "a ||| b\n"}, r"dev\.align, line 1: expected SOURCE \|\|\| TARGET \|\|\| LINKS"),
        ({"dev_align": "\n"}, r"an empty file"),
    ],
)
def test_what_is_no_gold_set_is_refused(write, files, message):
    with pytest.raises(UserError, match=message):
        read_gold(str(write(**files) / "dev.align"), "en", "es", "dev")
