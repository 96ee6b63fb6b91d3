"""Writes the golden values that test/real compares all-MiniLM-L6-v2 against.

The reference is transformers in float32 on the CPU. The head has three classes and random, seeded weights
that are stored with the values. To make the files again, after `npm run test:real` has fetched the model:

    python -m venv .venv && . .venv/bin/activate
    pip install torch transformers pyyaml
    python test/real/generate.py ~/.cache/truecast/models/all-MiniLM-L6-v2

golden.json: the versions, and every input as text (or pair) with its token ids and type ids.
golden.safetensors: `classifier.weight`, `classifier.bias`; per input i `logits.<i>` [3], `positions.<i>` [P]
(the first token, the last and some between) and `hidden.<i>` [P, 384], the last layer's states there.
"""

import json
import platform
import sys
from pathlib import Path

import tokenizers
import torch
import transformers
import yaml
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
CHARACTERS = HERE.parent.parent / "datasets" / "characters"
LABELS = 3
MAX_LENGTH = 512
STATES = 4


def character_inputs(name, count):
    """Pairs of a statement and an exchange about it, one kind of response after the other."""
    character = yaml.safe_load((CHARACTERS / f"{name}.yaml").read_text())
    statements = {s["id"]: s["text"] for s in character["statements"]}
    for i, query in enumerate(character["queries"][:count]):
        response = query[("entailed", "neutral", "contradicted")[i % 3]]["text"]
        yield statements[query["active"][0]], f"{query['text']}\n{response}"


def inputs():
    odile = list(character_inputs("odile", 12))
    yield from odile[:3]
    yield from list(character_inputs("tam", 3))
    yield from list(character_inputs("molan", 2))
    yield odile[0][0], None
    yield "Crème brûlée à la Zoë, naïve façade, ÅNGSTRÖM", "Straße İstanbul ﬁne ½ cup"
    yield "🙂 She waves 👋🏽 at the 👨‍👩‍👧 family.", "→ 1,000.50€ on 2024-02-29; e-mail: a_b@c.example"
    yield "tabs\tand  spaces \u00a0 \u200b zero width \u00ad soft", "don't can't o'clock... (what?!) #7 & <b>"
    yield "Где ты живёшь? 東京タワー 서울 ไทย עברית", "x" * 120 + " antidisestablishmentarianism"
    yield "a", "."
    long = " ".join(text for pair in odile for text in pair)
    yield long[:1200], long[1200:1900]


def main(folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=LABELS, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (model.classifier.weight, model.classifier.bias):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))

    tensors = {
        "classifier.weight": model.classifier.weight.detach(),
        "classifier.bias": model.classifier.bias.detach(),
    }
    rows = []
    for i, (first, second) in enumerate(inputs()):
        encoded = tokenizer(*([first] if second is None else [first, second]), return_tensors="pt")
        length = encoded["input_ids"].shape[1]
        assert length <= MAX_LENGTH, length
        with torch.no_grad():
            output = model(**encoded, output_hidden_states=True)
        positions = torch.linspace(0, length - 1, STATES).round().to(torch.int32)
        tensors[f"logits.{i}"] = output.logits[0].clone()
        tensors[f"positions.{i}"] = positions
        tensors[f"hidden.{i}"] = output.hidden_states[-1][0, positions.long()].clone()
        rows.append(
            {
                "first": first,
                **({} if second is None else {"second": second}),
                "ids": encoded["input_ids"][0].tolist(),
                "typeIds": encoded["token_type_ids"][0].tolist(),
            }
        )
    save_file(tensors, HERE / "golden.safetensors")
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }
    lines = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (HERE / "golden.json").write_text(
        f'{{\n "versions": {json.dumps(versions)},\n "inputs": [\n  {lines}\n ]\n}}\n'
    )


if __name__ == "__main__":
    main(sys.argv[1])
