"""Typing errors are told in a user's words, and old spellings are understood."""

import pytest

from hf_attn_model.cli.renamed import rename


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("translte m x", "there is no verb translte; did you mean translate"),
        ("xyzzy", "there is no verb xyzzy; hf-attn --help lists them"),
        ("--versoin", "hf-attn knows no option --versoin; did you mean --version?"),
        ("translate", "translate needs MODEL: textbook, the folder of a checkpoint"),
        ("train textbook-en-es", "train needs --out: new folder for the checkpoint"),
        ("translate m --fiel x", "translate knows no option --fiel; did you mean --file?"),
        ("translate m --num x", "translate knows no option --num; did you mean --num-beams?"),
        ("translate m x --num-beams", "translate --num-beams needs a value"),
        ("translate m x --num-beams 2.5", 'translate --num-beams: "2.5" is not a whole number'),
        ("film m --subwords=yes", "film --subwords takes no value"),
        ("film m more", "film takes fewer arguments: what is more?"),
        ("view m s --place middle", 'view --place: "middle" is not one of encoder, decoder, cross'),
        ("align m --threshold x", 'align --threshold: "x" is not a number'),
        ("export m --out o --data d --layers x", "--layers x: write numbers counted from 0"),
        ("export m --out o --data d --forced --hypotheses h", "give one of them"),
        ("translate m one --file x", "give sentences or --file, not both"),
        ("average a --last 2 --best 3 --out o", "give one of them"),
    ],
)
def test_a_typing_error_is_one_line(refused, typed, said):
    line = refused(*typed.split())
    assert said in line
    assert not {"Usage:", "Error:", "str", "int", "None"} & set(line.split())


def test_no_arguments_at_all_show_the_help(hf_attn):
    status, out, error = hf_attn()
    assert (status, out) == (2, "")
    assert error.split() == hf_attn("--help")[1].split()
    assert "..." not in error.partition("Commands:")[2], "every verb is told in one line"


@pytest.mark.parametrize(
    ("typed", "read", "notices"),
    [
        ("align m --least 0.4 --step input", "align m --threshold 0.4 --shift", 2),
        ("align m --least=0.4 --step=output", "align m --threshold 0.4 --no-shift", 2),
        ("align m --step sideways", "align m --step sideways", 0),
        ("ablate m --how uniform", "ablate m --mode uniform", 1),
        ("ablate m --how=remove", "ablate m --mode zero", 1),
        ("translate m --least", "translate m --least", 0),
        ("translate m -- --least", "translate m -- --least", 0),
        ("view m s --compare a b --out x", "view m s --compare a --compare b --out x", 0),
        ("view m s --compare --out x", "view m s --compare --out x", 0),
        ("view m s --compare=a", "view m s --compare a", 0),
    ],
)
def test_old_spellings(typed, read, notices, capsys):
    assert rename(typed.split()) == read.split()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == notices
    assert all(line.startswith("hf-attn: --") and "is now" in line for line in lines)
