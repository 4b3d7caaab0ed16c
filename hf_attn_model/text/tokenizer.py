"""sentences -> joint subword vocabulary -> `PreTrainedTokenizerFast`.

Byte-pair encoding over characters (Sennrich et al., 2016, https://arxiv.org/abs/1508.07909), one vocabulary for
both languages. A word carries the space before it (" ball"), and a text that opens with such a word is encoded as
if a space stood before it, so that a word is the same token wherever it stands. Scripts that put no space between
words get none; a Chinese character is a token by itself, because merges would run over word boundaries: with 喝茶
as one token and 喝 rarely alone, a model that never saw 喝牛奶 could not say it. A character outside the vocabulary
becomes its UTF-8 bytes ("<0xF0>"), so no token is unknown.

What a reader cannot see does not matter: white space of any kind and length is one space, and control and format
characters are left out before anything else, but for those that shape what is seen. So a text comes back as it looks,
without white space in front; or in lower case, where the vocabulary is asked to know no other.

Tokens that are added later cut a text into stretches, each normalised by itself. Hence the space in front is not put
there by the normaliser, but by `Metaspace(prepend_scheme="first")`, which alone knows where a text begins.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from ..errors import UserError
from ..model.decoding import is_blank
from .seen import REPLACED, UNSPACED, replacing

PAD, END = "<pad>", "</s>"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
MIN_FREQUENCY = 2  # of a character or a pair, to get an entry of its own

# Without spaces, and the full-width punctuation that goes with them: a text that opens so gets no space in front.
OPENS_UNSPACED = UNSPACED + r"\x{3000}-\x{303F}\x{FF00}-\x{FFEF}"
LETTERS = rf"[\p{{L}}\p{{M}}&&[^{UNSPACED}]]+"
PIECES = "|".join(
    [
        r"\p{Han}",  # alone: a merge over a word boundary hides from the model what the words are
        rf"[{UNSPACED}&&[^\p{{Han}}]]+",
        rf" ?{LETTERS}(?:['’]{LETTERS})*",  # don't, l’homme
        r" ?\p{N}",  # a digit alone: 1998 is " 1", "9", "9", "8"
        r" ?[^\s\p{L}\p{M}\p{N}]",  # a punctuation mark or symbol alone
        r"\s",
    ]
)

BEH = "ب"  # which a joiner shapes
CUT = "\ufeff"  # marks a border of pieces; no text has it any more where it is put there


def train_tokenizer(
    sentences: Iterable[str], vocab_size: int, *, max_length: int = 512, lowercase: bool = False
) -> PreTrainedTokenizerFast:
    """Learn one subword vocabulary from sentences of both languages.

    The same sentences in the same order give the same vocabulary. Ids: 0 `<pad>` (which also starts the decoder, as
    in Marian), 1 `</s>` (appended to every text), 2 to 257 the bytes, then characters and merges. There is no
    unknown token. "</s>" in a text is text, not the end mark, unless it is all of the text. A token that is added
    later, special or not, is one id wherever it stands, and the text around it comes back unchanged.

    Offsets are character spans of the given text and include the space a token carries. The bytes of one character
    share its span, and so does the space in front of a text where it is a token by itself; special tokens have an
    empty one.

    Args:
        sentences: raw text, read three times; of an iterator, which can be read once, the texts are held in memory.
        vocab_size: the most entries the vocabulary may have, specials and bytes included; a small corpus may
            yield fewer.
        max_length: tokens the model can take (`model_max_length`).
        lowercase: read every text in lower case, so that "The" at the start of a sentence is "the".

    Raises:
        UserError: `vocab_size` leaves no room beside the specials and bytes, or there is no text.
    """
    fixed = [PAD, END, *BYTES]
    if vocab_size <= len(fixed):
        raise UserError(
            f"vocab_size is {vocab_size}, but {len(fixed)} entries go to the bytes and special tokens:"
            f" ask for more, e.g. 8000"
        )
    sentences = _Texts(sentences)
    if next(iter(sentences), None) is None:
        raise UserError("no text to learn a vocabulary from: every sentence is empty")
    return as_pretrained(_learn(sentences, vocab_size, _pipeline(lowercase)), max_length)


def as_pretrained(tokenizer: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    """Wrap what `train_tokenizer` has learnt as a tokenizer of transformers."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=AddedToken(PAD, normalized=True, special=True),  # looked for behind the normaliser, which cuts it
        eos_token=AddedToken(END, normalized=True, special=True),
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )


def extend_tokenizer(
    tokenizer: PreTrainedTokenizerFast, sentences: Iterable[str], most: int
) -> PreTrainedTokenizerFast:
    """Add subwords for the characters that a vocabulary of `train_tokenizer` has by their bytes alone.

    A text without such a character keeps its ids: every merge that is added holds one.

    Args:
        tokenizer: made by `train_tokenizer`; it stays as it is.
        sentences: raw text that holds the new characters; see `train_tokenizer`.
        most: entries to add, at most; fewer if the text yields no more.

    Returns:
        a tokenizer whose first `len(tokenizer)` entries are those of `tokenizer`.

    Raises:
        UserError: a tokenizer of another kind.
    """
    saved = json.loads(tokenizer.backend_tokenizer.to_str())
    if saved["model"]["type"] != "BPE" or not saved["model"]["byte_fallback"]:
        raise UserError("subwords can be added to a tokenizer that was learnt here; to another one, add whole tokens")
    vocabulary, merges = saved["model"]["vocab"], saved["model"]["merges"]
    vocabulary |= {token["content"]: token["id"] for token in saved["added_tokens"]}  # keep their ids
    known = {character for piece in vocabulary for character in piece}
    sentences = _Texts(sentences)
    pipeline = _untrained(tokenizer.backend_tokenizer)
    learnt = json.loads(_learn(sentences, len(vocabulary) + 2 * most, pipeline).to_str())["model"]
    parts_of = {left + right: [left, right] for left, right in learnt["merges"]}
    alphabet = _alphabet(sentences, pipeline, len(learnt["vocab"]))
    frequent = [character for character in alphabet if character in learnt["vocab"]]
    for piece in (*frequent, *parts_of):
        parts = parts_of.get(piece, [])
        if len(vocabulary) < len(tokenizer) + most and not known.issuperset(piece) and vocabulary.keys() >= {*parts}:
            vocabulary[piece] = len(vocabulary)
            merges += [parts] if parts else []
    return type(tokenizer)(tokenizer_object=Tokenizer.from_str(json.dumps(saved)), **tokenizer.init_kwargs)


class _Texts:
    """The sentences that are not blank, as often as they are asked for."""

    def __init__(self, sentences: Iterable[str]):
        self.sentences = [*sentences] if isinstance(sentences, Iterator) else sentences

    def __iter__(self) -> Iterator[str]:
        return (sentence for sentence in self.sentences if not is_blank(sentence))


def _learn(sentences: Iterable[str], vocab_size: int, pipeline: Tokenizer) -> Tokenizer:
    """Learn characters and merges from sentences, which can be read again, for an untrained tokenizer."""
    fixed = [PAD, END, *BYTES]
    alphabet = _alphabet(sentences, pipeline, most=max(1, (vocab_size - len(fixed)) // 2))
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=MIN_FREQUENCY,
        special_tokens=fixed,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    pipeline.train_from_iterator(sentences, trainer)
    return _without_byte_matching(pipeline)


def _alphabet(sentences: Iterable[str], pipeline: Tokenizer, most: int) -> list[str]:
    """List the characters that occur `MIN_FREQUENCY` times, the most frequent first; ties in code point order."""
    written: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for sentence in sentences:
        written.update(sentence)
        counts[" "] += 1  # the one put in front
    for character, count in written.items():
        _, _, read = pipeline.normalizer.normalize_str(BEH + character).partition(BEH)
        counts.update(dict.fromkeys(read, count))
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    return [character for character in ranked if counts[character] >= MIN_FREQUENCY][:most] or ranked[:1]


def _pipeline(lowercase: bool) -> Tokenizer:
    """An untrained tokenizer that loses nothing that is seen, or case alone, on the way to pieces and back."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    marks = "|".join(mark.removeprefix("<") for mark in (END, PAD))
    replaced = {
        **REPLACED,
        rf"(?!\A<(?:{marks})\z)<(?={marks})": f"<{CUT}",  # so that nobody finds "</s>" in a text
        rf"(?<!\A) (?=[{OPENS_UNSPACED}])": f" {CUT}",  # other than the space in front,
        rf"\A (?=[{OPENS_UNSPACED}])": f"{CUT} ",  # and than one that stands in its place
    }
    lower = [normalizers.Lowercase()] if lowercase else []
    tokenizer.normalizer = normalizers.Sequence([*lower, *replacing(replaced)])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=" ", prepend_scheme="first", split=False),  # none before a space
            pre_tokenizers.Split(Regex(rf"\A (?:{CUT} )?(?=[{OPENS_UNSPACED}])|{CUT}"), behavior="removed"),
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=" ", left=1, right=0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", pair=f"$A {END} $B {END}", special_tokens=[(END, 1)]
    )
    return tokenizer


def _untrained(trained: Tokenizer) -> Tokenizer:
    """The same way from text to pieces and back, with nothing learnt."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    for part in ("normalizer", "pre_tokenizer", "decoder", "post_processor"):
        setattr(tokenizer, part, getattr(trained, part))
    return tokenizer


def _without_byte_matching(trained: Tokenizer) -> Tokenizer:
    """Make the bytes plain entries: as the trainer's special tokens they would match "<0x41>" in a text."""
    saved = json.loads(trained.to_str())
    marks = [token for token in saved["added_tokens"] if token["content"] in (PAD, END)]
    saved["added_tokens"] = [mark | {"normalized": True} for mark in marks]
    return Tokenizer.from_str(json.dumps(saved))
