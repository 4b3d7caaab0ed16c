import pickle
from collections import Counter

import datasets
import numpy as np
import pytest
from accelerate.data_loader import prepare_data_loader, skip_first_batches
from torch.utils.data import DataLoader

from hf_attn_model.errors import UserError
from hf_attn_model.text.resegmented import ResegmentedPairs
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.textbook import load_textbook

PAIRS, LONGEST = 97, 61
ODD = ["👨‍👩‍👧‍👦 and 👍🏽", "e\u0301 <0x41> </s>", "  two  spaces ", "l’homme ฉันรักหมา すき 1998"]


def textbook_pairs(languages):
    source, target = languages.split("-")
    rows = load_textbook(languages, size=1009)["translation"][:]
    return datasets.Dataset.from_dict({"source": [r[source] for r in rows], "target": [r[target] for r in rows]})


def joint_tokenizer(pairs, vocab_size=997):
    return train_tokenizer([*pairs["source"], *pairs["target"]], vocab_size)


@pytest.fixture(scope="module")
def pairs():
    return textbook_pairs("en-es").select(range(PAIRS))


@pytest.fixture(scope="module")
def tokenizer(pairs):
    return joint_tokenizer(pairs)


@pytest.fixture
def make(pairs, tokenizer):
    def make(pairs=pairs, dropout=0.2, seed=3, max_length=LONGEST):
        return ResegmentedPairs(pairs, tokenizer, dropout, seed, max_length)

    return make


def items_in(dataset, epoch):
    dataset.set_epoch(epoch)
    return dataset.__getitems__(range(len(dataset)))


def loader(dataset, batch_size=7, **options):
    return DataLoader(dataset, batch_size, collate_fn=list, **options)


def flat(batches):
    return [item for batch in batches for item in batch]


@pytest.mark.parametrize("languages", ["en-es", "en-zh"])
def test_without_dropout_items_are_as_the_tokenizer_has_them(languages):
    pairs = textbook_pairs(languages)
    tokenizer = joint_tokenizer(pairs)
    odd = datasets.Dataset.from_dict({"source": ODD, "target": ODD[::-1]})
    pairs = datasets.concatenate_datasets([pairs, odd])
    dataset = ResegmentedPairs(pairs, tokenizer, dropout=0, seed=3, max_length=10**6)
    texts = [[text.rstrip() for text in pairs[column]] for column in ("source", "target")]
    sources, targets = (tokenizer(side)["input_ids"] for side in texts)
    expected = [{"input_ids": s, "labels": t} for s, t in zip(sources, targets, strict=True)]
    assert items_in(dataset, 5) == expected
    lengths = dataset.lengths_in(5)
    assert [side.tolist() for side in lengths] == [list(map(len, sources)), list(map(len, targets))]
    assert lengths[0].dtype == lengths[1].dtype == np.int64


@pytest.mark.parametrize("dropout", [0.1, 0.5, 1])
def test_the_text_stays_the_same(make, tokenizer, dropout):
    pairs = datasets.Dataset.from_dict({"source": ODD, "target": ["The ball is blue.", "la bola", "x", "El año"]})
    for item, pair in zip(items_in(make(pairs, dropout), 0), pairs, strict=True):
        expected = tokenizer(pair["source"].rstrip())["input_ids"]
        assert tokenizer.decode(item["input_ids"]) == tokenizer.decode(expected)
        assert tokenizer.decode(item["labels"], skip_special_tokens=True) == pair["target"]
        assert item["input_ids"][-1] == item["labels"][-1] == tokenizer.eos_token_id


def test_items_depend_on_seed_epoch_and_index_alone(make):
    dataset = make()
    first = items_in(dataset, 0)
    second = items_in(dataset, 1)
    assert [dataset[i] for i in reversed(range(PAIRS))][::-1] == second
    assert dataset[-1] == second[-1]
    assert items_in(dataset, 0) == first
    assert [*make()] == first  # a new dataset begins with epoch 0
    epochs = [first, second, items_in(make(seed=4), 0), items_in(make(seed=-4), 0)]
    for n, items in enumerate(epochs):
        for others in epochs[:n]:
            assert sum(a != b for a, b in zip(items, others, strict=True)) > PAIRS / 2


def test_draws_are_independent(make, tokenizer):
    """One word everywhere: each place, side, pair and epoch has a segmentation of its own, a choice like any other."""
    word = max(tokenizer.get_vocab(), key=len)
    text = word.strip()
    repeated = datasets.Dataset.from_dict({"source": [f"{text} {text}"] * PAIRS, "target": [text] * PAIRS})
    dataset = make(repeated, dropout=0.3)
    whole = tokenizer(text)["input_ids"][:-1]
    assert len(whole) == 1
    # Of each epoch, pair and place: is the word in one piece?
    unbroken = np.array(
        [
            [[item["input_ids"][0] == whole[0], item["input_ids"][-2] == whole[0], item["labels"][0] == whole[0]]
             for item in items_in(dataset, epoch)]
            for epoch in range(41)
        ],
        float,
    )  # fmt: skip
    deviations = (unbroken - unbroken.mean()) / unbroken.std()
    neighbours = {
        "places": (deviations[..., :-1], deviations[..., 1:]),
        "source and target": (deviations[..., 0], deviations[..., 2]),
        "pairs": (deviations[:, :-1], deviations[:, 1:]),
        "epochs": (deviations[:-1], deviations[1:]),
    }
    for where, (here, there) in neighbours.items():
        assert abs((here * there).mean()) < 4 / here.size**0.5, where
    assert 0.1 < unbroken.mean() < 0.9


def test_lengths_in_an_epoch(make):
    dataset = make()
    for epoch in (0, 2):
        items = items_in(make(), epoch)
        sources, targets = dataset.lengths_in(epoch)  # whichever epoch the dataset is at
        assert sources.tolist() == [len(item["input_ids"]) for item in items]
        assert targets.tolist() == [len(item["labels"]) for item in items]
    unbroken, _ = make(dropout=0).lengths_in(2)
    assert (sources >= unbroken).all()
    assert sources.sum() > 1.1 * unbroken.sum()


def test_a_sentence_too_long_with_dropout_keeps_its_segmentation(make):
    plain = items_in(make(dropout=0), 0)
    longest = max(len(ids) for item in plain for ids in item.values())
    dataset = make(dropout=0.5, max_length=longest)
    kept = Counter()
    for item, expected, unbounded in zip(items_in(dataset, 1), plain, items_in(make(dropout=0.5), 1), strict=True):
        for side, ids in item.items():
            too_long = len(unbounded[side]) > longest
            assert ids == (expected if too_long else unbounded)[side]
            kept[too_long] += 1
    assert min(kept[True], kept[False]) > 5
    assert max(map(max, dataset.lengths_in(1))) <= longest


def test_pairs_too_long_are_left_out(make):
    plain = items_in(make(dropout=0), 0)
    most = sorted(max(map(len, item.values())) for item in plain)[PAIRS // 2]
    fitting = [item for item in plain if max(map(len, item.values())) <= most]
    dataset = make(dropout=0, max_length=most)
    assert items_in(dataset, 0) == fitting
    assert dataset.left_out == PAIRS - len(fitting) > 0
    assert len(dataset) == len(fitting)
    assert list(map(len, dataset.lengths_in(0))) == [len(fitting)] * 2
    with pytest.raises(UserError, match="no pair is left: all are longer than max_length=2"):
        make(max_length=2)


def test_workers_see_the_epoch(make):
    dataset = make()
    batches = loader(dataset, num_workers=2, persistent_workers=True)
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        assert flat(batches) == items_in(make(), epoch)


def test_a_pickled_dataset_has_the_same_items(make):
    dataset = make()
    expected = items_in(dataset, 1)
    assert [*pickle.loads(pickle.dumps(dataset))] == expected


def test_loaders_of_accelerate_tell_the_epoch_also_after_a_resume(make):
    whole = prepare_data_loader(loader(make()))
    epochs = [flat(whole), flat(whole)]
    assert epochs == [items_in(make(), 0), items_in(make(), 1)]

    resumed = skip_first_batches(prepare_data_loader(loader(make())), num_batches=3)
    resumed.set_epoch(1)  # as the Trainer does
    assert flat(resumed) == epochs[1][3 * 7 :]


def test_ranks_share_the_items_of_one_process(make):
    shares = [
        prepare_data_loader(loader(make()), num_processes=2, process_index=rank, even_batches=False)
        for rank in range(2)
    ]
    for share in shares:
        share.set_epoch(1)
    expected = [items_in(make(), 1)[start : start + 7] for start in range(0, PAIRS, 7)]
    assert [list(share) for share in shares] == [expected[0::2], expected[1::2]]


@pytest.mark.parametrize("dropout", [-0.1, 1.5, float("nan")])
def test_a_dropout_that_is_no_probability_is_refused(make, dropout):
    with pytest.raises(ValueError, match="dropout must lie in 0 to 1"):
        make(dropout=dropout)
