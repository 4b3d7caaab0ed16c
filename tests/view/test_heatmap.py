"""Heat maps show the record's numbers under the record's names."""

import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from small_exports import expected_records, export

from hf_attn_model.attention.sentence import SentenceMaps, Word
from hf_attn_model.errors import UserError
from hf_attn_model.export.store import open_maps
from hf_attn_model.view.heatmap import plot_attention

LAYERS, HEADS = 2, 3


def make_record(source="The blue ball", target="La bola azul", split=True):
    """Words split into single tokens, the last word of each side into two."""

    def side(text):
        words = [Word(word, text.index(word), text.index(word) + len(word)) for word in text.split()]
        tokens = [f" {word.text}" for word in words]
        owners = list(range(len(words)))
        if split:
            tokens[-1:] = [tokens[-1][:2], tokens[-1][2:]]
            owners.append(owners[-1])
        return [*tokens, "</s>"], words, [*owners, None]

    def weights(rows, columns, causal=False):
        scores = np.random.default_rng(rows).normal(size=(LAYERS, HEADS, rows, columns))
        exponentials = np.tril(np.exp(scores)) if causal else np.exp(scores)
        return (exponentials / exponentials.sum(-1, keepdims=True)).astype(np.float32)

    (source_tokens, source_words, source_owners), (target_tokens, target_words, target_owners) = (
        side(source),
        side(target),
    )
    s, t = len(source_tokens), len(target_tokens)
    return SentenceMaps(
        id="0",
        source=source,
        target=target,
        source_tokens=source_tokens,
        target_tokens=target_tokens,
        source_words=source_words,
        target_words=target_words,
        source_word_of_token=source_owners,
        target_word_of_token=target_owners,
        encoder=weights(s, s),
        decoder=weights(t, t, causal=True),
        cross=weights(t, s),
    )


def rows_of(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def columns_of(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def cells_of(axes):
    return np.ma.filled(axes.images[0].get_array(), 0)


@pytest.mark.parametrize("place", ["encoder", "decoder", "cross"])
def test_cells_are_the_words_weights(place):
    record = make_record()
    axes = plot_attention(record, place, layer=1, head=2).axes[0]
    expected = record.words(place)
    np.testing.assert_array_equal(cells_of(axes), expected.weights[1, 2])
    assert (rows_of(axes), columns_of(axes)) == (expected.rows, expected.columns)
    assert "layer 1, head 2" in axes.get_title(loc="left")


def test_layers_and_heads_keep_their_numbers_where_only_some_were_stored(tmp_path):
    export(tmp_path, places=["cross"], layers=[2], heads=[4, 1])
    record, expected = open_maps(tmp_path)[2], expected_records()[2]
    axes = plot_attention(record, "cross", layer=2, head=1).axes[0]
    np.testing.assert_allclose(cells_of(axes), expected.words("cross").weights[2, 1], atol=1e-3)
    assert axes.get_title(loc="left").endswith("layer 2, head 1")
    assert plot_attention(record, "cross").axes[0].get_title(loc="left").endswith("layer 2, mean of 2 heads")
    assert len(plot_attention(record, None).axes) == 2, "one place and the colour bar"
    with pytest.raises(UserError, match="cross attention has heads 4, 1, not 0"):
        plot_attention(record, "cross", layer=2, head=0)


def test_tokens_show_their_white_space():
    axes = plot_attention(make_record(), "cross", 0, 0, merge_words=False).axes[0]
    assert rows_of(axes) == ["▁La", "▁bola", "▁a", "zul", "</s>"]
    assert columns_of(axes) == ["▁The", "▁blue", "▁b", "all", "</s>"]


def test_what_is_averaged_is_said():
    record = make_record()
    axes = plot_attention(record, "cross", layer=1).axes[0]
    np.testing.assert_allclose(cells_of(axes), record.words("cross").weights[1].mean(axis=0))
    assert axes.get_title(loc="left").endswith("layer 1, mean of 3 heads")
    axes = plot_attention(record, "cross", head=2).axes[0]
    np.testing.assert_allclose(cells_of(axes), record.words("cross").weights[:, 2].mean(axis=0))
    assert axes.get_title(loc="left").endswith("mean of 2 layers, head 2")


def test_small_maps_bear_their_values_except_where_hidden():
    record = make_record(split=False)
    axes = plot_attention(record, "decoder", 0, 0).axes[0]
    weights = record.words("decoder").weights[0, 0]
    np.testing.assert_array_equal(np.ma.getmaskarray(axes.images[0].get_array()), np.triu(np.ones((4, 4)), 1))
    assert [text.get_text() for text in axes.texts] == [f"{weight:.2f}" for weight in weights[weights > 0]]
    long = make_record(source="a b c d e f g h i j k l m", split=False)
    assert len(plot_attention(long, "encoder").axes[0].texts) == 0


def test_a_weight_too_small_for_its_precision_is_not_hidden():
    record = make_record(split=False)
    record.cross[:, :, 2, 1] = record.decoder[:, :, 2, 1] = 0
    for place in ("cross", "decoder"):
        axes = plot_attention(record, place).axes[0]
        assert not np.ma.getmaskarray(axes.images[0].get_array())[2, 1]
        assert "0.00" in [text.get_text() for text in axes.texts]


def test_values_can_be_read_on_their_cells():
    axes = plot_attention(make_record(), "cross", 0, 0).axes[0]
    image = axes.images[0]
    for text in axes.texts:
        column, row = text.get_position()
        background = image.cmap(image.norm(image.get_array()[row, column]))[:3]
        luminances = [np.dot(colour, (0.2126, 0.7152, 0.0722)) for colour in (to_rgb(text.get_color()), background)]
        assert abs(luminances[0] - luminances[1]) > 0.3


def test_places_share_one_colour_scale_and_one_cell_size():
    record = make_record()
    figure = plot_attention(record, None, layer=0, head=0)
    *places, bar = figure.axes
    assert [axes.get_title(loc="left").split()[0] for axes in places] == ["encoder", "decoder", "cross-attention"]
    assert {axes.images[0].get_clim() for axes in places} == {(0, 1)}  # the first target word sees the start mark alone
    assert bar.get_ylabel() == "attention weight"
    for axes in places:
        box = axes.get_window_extent()
        rows, columns = axes.images[0].get_array().shape
        assert box.width / columns == pytest.approx(box.height / rows) == pytest.approx(60)  # pixels


@pytest.mark.filterwarnings("ignore:no installed font has")  # on a machine without Chinese fonts boxes stand inside
@pytest.mark.parametrize(
    "source", ["The blue ball", "我 喜歡 狗", "Donaudampfschifffahrt extraordinarily x y z u v w " * 4]
)
def test_everything_lies_inside_the_picture(source):
    figure = plot_attention(make_record(source=source, split=False), None)
    figure.canvas.draw()
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1


def test_dollars_are_not_mathematics(tmp_path):
    figure = plot_attention(make_record(source="$5 and $6", split=False), "encoder")
    assert not any(label.get_parse_math() for label in figure.axes[0].get_yticklabels())
    figure.savefig(tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_pyplot_is_left_alone():
    sys.modules.pop("matplotlib.pyplot", None)
    plot_attention(make_record(), None)
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"place": "self"}, "no place is called 'self'"),
        ({"place": "cross", "layer": 2}, "cross attention has layers 0 to 1, not 2"),
        ({"place": "cross", "head": -1}, "cross attention has heads 0 to 2, not -1"),
    ],
)
def test_what_is_not_there_is_refused(choice, message):
    with pytest.raises(UserError, match=message):
        plot_attention(make_record(), **choice)


def test_maps_draw_themselves():
    """`maps[0].plot(...)` is the figure of `plot_attention`."""
    (record,) = expected_records()[:1]
    by_itself = record.plot("decoder", layer=1, head=2, merge_words=False)
    expected = plot_attention(record, "decoder", 1, 2, merge_words=False)
    pictures = [np.asarray(by_itself.axes[0].images[0].get_array()), np.asarray(expected.axes[0].images[0].get_array())]
    np.testing.assert_array_equal(*pictures)
    assert by_itself.axes[0].get_title(loc="left") == "decoder self-attention\nlayer 1, head 2"


def test_the_darkest_colour_can_be_told():
    (record,) = expected_records()[:1]
    image = plot_attention(record, "cross", highest=1.0).axes[0].images[0]
    assert image.get_clim() == (0, 1)
