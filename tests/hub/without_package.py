"""Uses a repository where `hf_attn_model` is not installed.

Arguments: repository, older revision, folder for what is saved, sentences as JSON. Prints JSON:
{how the model was loaded: [translation of each sentence]}.
"""

import json
import sys

sys.modules["hf_attn_model"] = None  # importing it fails, as where it is not installed

import torch  # noqa: E402
from transformers import AutoModel, AutoModelForSeq2SeqLM, AutoTokenizer, pipeline  # noqa: E402

repo, older, out, sentences = *sys.argv[1:4], json.loads(sys.argv[4])


def translate(model, tokenizer):
    outputs = (model.generate(**tokenizer(sentence, return_tensors="pt")) for sentence in sentences)
    return [tokenizer.decode(ids[0], skip_special_tokens=True) for ids in outputs]


tokenizer = AutoTokenizer.from_pretrained(repo, trust_remote_code=True)
model = AutoModelForSeq2SeqLM.from_pretrained(repo, trust_remote_code=True)
base = AutoModel.from_pretrained(repo, trust_remote_code=True)
assert type(base).__name__ == "AttnModel", type(base)
batch = tokenizer(sentences[0], text_target=sentences[1], return_tensors="pt")
read = {"input_ids": batch["input_ids"], "decoder_input_ids": batch["labels"]}
torch.testing.assert_close(base(**read).last_hidden_state, model.model(**read).last_hidden_state)
translator = pipeline("translation", repo, trust_remote_code=True)
older_translator = pipeline("translation", repo, revision=older, trust_remote_code=True)
translations = {
    "Auto classes": translate(model, tokenizer),
    "pipeline": [record["translation_text"] for record in translator(sentences)],
    "older": [record["translation_text"] for record in older_translator(sentences)],
}
model.save_pretrained(f"{out}/model")
tokenizer.save_pretrained(f"{out}/model")
base.save_pretrained(f"{out}/base")
translator.save_pretrained(f"{out}/pipeline")
again = AutoModelForSeq2SeqLM.from_pretrained(f"{out}/model", trust_remote_code=True)
translations["saved again"] = translate(again, tokenizer)
again.save_pretrained(f"{out}/from_folder")
print(json.dumps(translations))
