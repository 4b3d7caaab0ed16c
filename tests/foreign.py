"""Translators of other people, small: real tokenizers in the files they have on the Hub, models with fixed weights.

Each tokenizer is trained on sentences that the test gives. Folders hold what the Auto classes read, by the names of the
Hub: `source.spm` and `target.spm` beside `vocab.json` for Marian, `vocab-src.json` for FSMT.
"""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

KINDS = [
    "marian",
    "marian_two_vocabularies",
    "marian_to_many",
    "m2m_100",
    "nllb",
    "mbart50",
    "mbart",
    "t5",
    "byt5",
    "bart",
    "fsmt",
    "blenderbot_small",
]
MODELS = ["marian_two_vocabularies", "marian_to_many", "m2m_100", "nllb", "mbart50", "mbart", "t5"]
LANGUAGES = {  # codes of English and Spanish, as the model knows them
    "m2m_100": ("en", "es"),
    "nllb": ("eng_Latn", "spa_Latn"),
    "mbart50": ("en_XX", "es_XX"),
    "mbart": ("en_XX", "es_XX"),
    "marian_to_many": (None, ">>spa<<"),
    "t5": ("en", "es"),
}
PREFIX = "translate English to Spanish: "


def write_tokenizer(kind, folder, sources, targets, size=400):
    """Train the tokenizer of a family on sentences of two languages."""
    folder.mkdir(parents=True, exist_ok=True)
    both = [*sources, *targets]
    config = {"model_max_length": 64}
    if kind.startswith("marian"):
        marks = [">>spa<<", ">>cmn_Hans<<", ">>por<<"] if kind == "marian_to_many" else []
        first, second = _pieces(folder / "source.spm", sources, size), _pieces(folder / "target.spm", targets, size)
        if kind == "marian_two_vocabularies":
            _json(folder / "vocab.json", _numbered(["</s>", "<unk>", *first, "<pad>"]))
            _json(folder / "target_vocab.json", _numbered(["</s>", "<unk>", *second, "<pad>"]))
            config |= {"separate_vocabs": True, "source_lang": "en", "target_lang": "es"}
        else:
            _json(folder / "vocab.json", _numbered(["</s>", "<unk>", *dict.fromkeys(first + second), *marks, "<pad>"]))
            config |= {"source_lang": "en", "target_lang": "mul" if marks else "es"}
        config |= {"tokenizer_class": "MarianTokenizer"}
    elif kind == "m2m_100":
        pieces = _pieces(folder / "sentencepiece.bpe.model", both, size)
        _json(folder / "vocab.json", _numbered(["<s>", "<pad>", "</s>", "<unk>", *pieces]))
        marks = [f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]]
        _json(folder / "special_tokens_map.json", {"additional_special_tokens": marks})
        config |= {"tokenizer_class": "M2M100Tokenizer", "src_lang": None, "tgt_lang": None}
    elif kind in ("nllb", "mbart50", "mbart", "t5"):
        file = "spiece.model" if kind == "t5" else "sentencepiece.bpe.model"
        special = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1} if kind == "t5" else {}
        _pieces(folder / file, both, size, "bpe" if kind == "nllb" else "unigram", **special)
        if kind == "nllb":  # comes with a tokenizer.json that knows the languages
            _with_languages(folder)
            return
        name = {"nllb": "Nllb", "mbart50": "MBart50", "mbart": "MBart", "t5": "T5"}[kind]
        config |= {"tokenizer_class": f"{name}Tokenizer"} | ({} if kind == "t5" else {"src_lang": None})
    elif kind == "byt5":
        config |= {"tokenizer_class": "ByT5Tokenizer", "extra_ids": 125}
    elif kind == "bart":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        tokenizer.train_from_iterator(
            both, trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=alphabet)
        )
        tokenizer.model.save(str(folder))
        config |= {"tokenizer_class": "BartTokenizer"}
    elif kind == "fsmt":
        for name, texts in (("src", sources), ("tgt", targets)):
            vocabulary, merges = _ended_words(texts, size, both)
            _json(folder / f"vocab-{name}.json", _numbered(["<s>", "<pad>", "</s>", "<unk>", *vocabulary]))
        _text(folder / "merges.txt", "".join(f"{a} {b} 1\n" for a, b in merges))
        config |= {"tokenizer_class": "FSMTTokenizer", "langs": ["en", "es"]}
    elif kind == "blenderbot_small":
        vocabulary, merges = _ended_words([text.lower() for text in both], size, [text.lower() for text in both])
        written = [each.removesuffix("</w>") if each.endswith("</w>") else f"{each}@@" for each in vocabulary]
        special = ["__null__", "__start__", "__end__", "__unk__"]
        _json(folder / "vocab.json", _numbered([*special, *dict.fromkeys(written)]))
        _text(folder / "merges.txt", "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
        config |= {"tokenizer_class": "BlenderbotSmallTokenizer"}
    _json(folder / "tokenizer_config.json", config)


def write_translator(kind, folder, sources, targets):
    """A small model of a family with its tokenizer: weights drawn by a fixed seed, large enough to tell heads apart."""
    from transformers import AutoTokenizer, GenerationConfig

    write_tokenizer(kind, folder, sources, targets, size=150)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = _model(kind, tokenizer)
    for parameter in model.parameters():
        parameter.data.mul_(3 if parameter.ndim == 2 else 1)
    model.generation_config = GenerationConfig.from_model_config(model.config)
    model.generation_config.max_length = None
    model.save_pretrained(folder)


def _model(kind, tokenizer):
    import transformers as hf

    torch.manual_seed(7)
    size = max(len(tokenizer), max(tokenizer.get_vocab().values()) + 1)
    sizes = {"d_model": 12, "encoder_layers": 1, "decoder_layers": 2, "max_position_embeddings": 64}
    sizes |= {"encoder_attention_heads": 2, "decoder_attention_heads": 3, "encoder_ffn_dim": 13, "decoder_ffn_dim": 17}
    marks = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    if kind == "marian_two_vocabularies":
        target = len(tokenizer.target_encoder)
        pad = tokenizer.target_encoder["<pad>"]
        marks |= {"decoder_start_token_id": pad, "pad_token_id": pad, "forced_eos_token_id": None}
        return hf.MarianMTModel(
            hf.MarianConfig(
                vocab_size=size,
                decoder_vocab_size=target,
                share_encoder_decoder_embeddings=False,
                tie_word_embeddings=False,
                **sizes,
                **marks,
            )
        )
    if kind.startswith("marian"):
        marks |= {"decoder_start_token_id": tokenizer.pad_token_id, "forced_eos_token_id": None}
        return hf.MarianMTModel(hf.MarianConfig(vocab_size=size, **sizes, **marks))
    if kind in ("m2m_100", "nllb"):
        marks |= {"decoder_start_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
        off = {"encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0}
        return hf.M2M100ForConditionalGeneration(hf.M2M100Config(vocab_size=size, **sizes, **marks, **off))
    if kind in ("mbart50", "mbart"):
        start = tokenizer.eos_token_id if kind == "mbart50" else tokenizer.lang_code_to_id["es_XX"]
        marks |= {"decoder_start_token_id": start, "bos_token_id": tokenizer.bos_token_id}
        return hf.MBartForConditionalGeneration(hf.MBartConfig(vocab_size=size, **sizes, **marks))
    config = hf.T5Config(vocab_size=size, d_model=12, d_kv=5, d_ff=13, num_layers=2, num_heads=2, **marks)
    config.decoder_start_token_id = tokenizer.pad_token_id
    config.task_specific_params = {"translation_en_to_es": {"prefix": PREFIX}, "summarization": {"prefix": "sum: "}}
    return hf.T5ForConditionalGeneration(config)


def _with_languages(folder):
    from transformers import NllbTokenizer
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    NllbTokenizer.from_pretrained(folder, extra_special_tokens=FAIRSEQ_LANGUAGE_CODES).save_pretrained(folder)
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    _json(folder / "tokenizer_config.json", config | {"src_lang": None, "tgt_lang": None, "model_max_length": 64})


def _pieces(path, texts, size, kind="unigram", **special):
    """Train SentencePiece and list its pieces, without its own special ones."""
    sentencepiece = pytest.importorskip("sentencepiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(path),
        model_type=kind,
        vocab_size=size,
        hard_vocab_limit=False,
        minloglevel=2,
        **special,
    )
    Path(f"{path}.vocab").unlink()
    Path(f"{path}.model").rename(path)
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [model.id_to_piece(i) for i in range(3, model.get_piece_size())]


def _ended_words(texts, size, all_texts):
    """Byte-pair encoding of Moses' words with `</w>` at their ends, as subword-nmt learns it: vocabulary and merges."""
    from sacremoses import MosesTokenizer

    moses = MosesTokenizer("en")

    def words(lines):
        return [moses.tokenize(text, aggressive_dash_splits=True, return_str=True) for text in lines]

    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(words(all_texts), trainers.BpeTrainer(vocab_size=size, end_of_word_suffix="</w>"))
    known = json.loads(tokenizer.to_str())["model"]
    found = {token for line in words(texts) for token in tokenizer.encode(line).tokens}
    return sorted(found), [merge if isinstance(merge, list) else merge.split() for merge in known["merges"]]


def _numbered(tokens):
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def _json(path, value):
    _text(path, json.dumps(value, ensure_ascii=False))


def _text(path, text):
    path.write_text(text, encoding="utf-8")
