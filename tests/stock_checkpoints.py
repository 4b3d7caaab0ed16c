"""Small checkpoints of stock translators as they lie on the Hub, with real tokenizers trained on the textbook.

Weights are large enough for every one of them to show in the logits; no two sizes are equal.
"""

import json
from functools import cache
from io import BytesIO

import sentencepiece
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    AutoTokenizer,
    BartForConditionalGeneration,
    GenerationConfig,
    M2M100ForConditionalGeneration,
    MarianMTModel,
    MBartForConditionalGeneration,
    NllbTokenizer,
    PegasusForConditionalGeneration,
)

from hf_attn_model.textbook import load_textbook

SIZES = {
    "d_model": 30,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 5,
    "encoder_ffn_dim": 17,
    "decoder_ffn_dim": 19,
    "max_position_embeddings": 67,
    "dropout": 0.1,
    "scale_embedding": True,
}
FAIRSEQ = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
STOCK = ["marian", "marian-two", "pegasus", "bart", "mbart", "m2m_100", "nllb"]


@cache
def sentences(language):
    return [pair[language] for pair in load_textbook("en-es", "train", size=300)["translation"]]


@cache
def sentencepiece_model(kind, languages, size, **ids):
    """The bytes of a sentencepiece model."""
    texts, file = [text for language in languages for text in sentences(language)], BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=file, model_type=kind, vocab_size=size, minloglevel=2, **ids
    )
    return file.getvalue()


def pieces_of(model):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]


def write(folder, **files):
    for name, content in files.items():
        name = name.replace("__", ".")
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def numbered(*tokens):
    return {token: i for i, token in enumerate(dict.fromkeys(tokens))}


def write_marian_tokenizer(folder, two):
    source, target = sentencepiece_model("unigram", ("en",), 131), sentencepiece_model("unigram", ("es",), 137)
    if two:
        vocabularies = [numbered("</s>", "<unk>", "<pad>", *pieces_of(each)) for each in (source, target)]
    else:
        vocabularies = [numbered("</s>", "<unk>", *pieces_of(source), *pieces_of(target), "<pad>")]
    settings = {"source_lang": "en", "target_lang": "es"} | ({"separate_vocabs": True} if two else {})
    write(folder, source__spm=source, target__spm=target, vocab__json=vocabularies[0], tokenizer_config__json=settings)
    if two:
        write(folder, target_vocab__json=vocabularies[1])
    return [len(vocabulary) for vocabulary in vocabularies], vocabularies[0]["<pad>"]


def write_bart_tokenizer(folder):
    tokenizer = ByteLevelBPETokenizer()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(sentences("en") + sentences("es"), vocab_size=311, special_tokens=specials)
    tokenizer.save_model(str(folder))


def write_pegasus_tokenizer(folder):
    ids = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    (folder / "spiece.model").write_bytes(sentencepiece_model("unigram", ("en",), 151, **ids))
    write(folder, tokenizer_config__json={"tokenizer_class": "PegasusTokenizer"})


def write_multilingual_tokenizer(folder, name):
    kind, settings = {
        "mbart": ("unigram", {"tokenizer_class": "MBart50Tokenizer", "src_lang": "en_XX", "tgt_lang": "es_XX"}),
        "m2m_100": ("bpe", {"tokenizer_class": "M2M100Tokenizer", "src_lang": "en", "tgt_lang": None}),
        "nllb": ("bpe", {"tokenizer_class": "NllbTokenizer", "src_lang": "eng_Latn", "tgt_lang": "spa_Latn"}),
    }[name]
    model = sentencepiece_model(kind, ("en", "es"), 173)
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    write(folder, tokenizer_config__json=settings)
    if name == "m2m_100":
        write(folder, vocab__json=numbered("<s>", "<pad>", "</s>", "<unk>", *pieces_of(model)))
    if name == "nllb":  # which lies there with a tokenizer.json beside
        codes = ["eng_Latn", "spa_Latn", "zho_Hans"]
        NllbTokenizer.from_pretrained(folder, extra_special_tokens=codes).save_pretrained(folder)


def randomize(model, seed=3):
    """Give every weight, also biases and norms, a value that shows."""
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.ndim == 1:
            parameter.data.add_(torch.randn_like(parameter) / 3)
        elif parameter.requires_grad:  # sharp attention, also where a norm comes after it
            parameter.data.mul_(50 if "q_proj" in name else 12)
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias.normal_()
    return model.eval()


def build(name, folder, **changes):
    """Write a checkpoint of one of `STOCK` into a folder; returns its model.

    Args:
        changes: of its configuration.
    """
    generation = {"max_length": 23, "num_beams": 3}
    if name.startswith("marian"):
        sizes, pad = write_marian_tokenizer(folder, name == "marian-two")
        ids = {"pad_token_id": pad, "eos_token_id": 0, "decoder_start_token_id": pad}
        settings = {"vocab_size": sizes[0], "decoder_vocab_size": sizes[-1], "activation_function": "swish"}
        settings |= {"share_encoder_decoder_embeddings": name == "marian"}
        generation |= {"bad_words_ids": [[pad]], "forced_eos_token_id": 0}
        model_class = MarianMTModel
    elif name == "pegasus":
        write_pegasus_tokenizer(folder)
        ids = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
        settings = {"vocab_size": 151 + 103, "activation_function": "relu"}  # the reserved tokens, too
        generation |= {"forced_eos_token_id": 1, "length_penalty": 0.6}
        model_class = PegasusForConditionalGeneration
    elif name == "bart":
        write_bart_tokenizer(folder)
        ids = FAIRSEQ
        settings = {"vocab_size": 313, "activation_function": "gelu"}
        generation |= {"forced_bos_token_id": 0, "forced_eos_token_id": 2, "no_repeat_ngram_size": 3}
        model_class = BartForConditionalGeneration
    else:
        write_multilingual_tokenizer(folder, name)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = FAIRSEQ
        languages = 100 if name == "m2m_100" else 0  # not counted among its tokens
        settings = {"vocab_size": len(tokenizer) + languages + 8}  # as in fairseq's, the last ones are no tokens
        language = "__es__" if name == "m2m_100" else tokenizer.tgt_lang
        generation |= {"forced_bos_token_id": tokenizer.convert_tokens_to_ids(language)}
        model_class = MBartForConditionalGeneration if name == "mbart" else M2M100ForConditionalGeneration
    torch.manual_seed(7)
    model = randomize(model_class(model_class.config_class(**(SIZES | settings | ids | changes))))
    model.generation_config = GenerationConfig(**(ids | generation))
    model.save_pretrained(folder)
    return model
