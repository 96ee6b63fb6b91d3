"""Writes test/fixtures/tokenizers/tiny.json: what Python's tokenizers makes of some texts with the tiny tokenizers.

python scripts/base/tokenizer_fixture.py   (needs the packages tokenizers and pyyaml)
"""
import json
from pathlib import Path

import tokenizers
import yaml

TRICKY = [
    "",
    " ",
    "  two  spaces ",
    "a\n\nb\tc",
    "don't, won't, 'tis \"quoted\"",
    "3.14 costs 1998 crowns, or 12:30",
    "naïve café, Fañch, Ægir, Łódź, ελληνικά, עברית",
    "🙂 emoji 👩‍🚀 and 🏳️‍🌈!",
    "▁ underscore-like ▁▁",
    "Vengeful unseenwordish Qzxv",
    "沈墨兰今年三十四岁。“听雪斋”在哪儿？",
    "生僻字：龘、𠮷，半角mixed全角ＡＢＣ",
    "<start_of_turn>user\nWho are you?<end_of_turn>\n<start_of_turn>model\n",
    "[CLS] is no accident [SEP] nor [MASK]",
    "ends with a space ",
]


def authored(limit):
    texts = []
    for path in sorted(Path("datasets/characters").glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf8"))
        texts += [s["text"] for s in data["statements"][:limit]]
        for query in data["queries"][:limit]:
            texts += [query["text"], query["entailed"]["text"]]
    return texts


def main():
    texts = TRICKY + authored(2)
    pairs = [("Odile Kervran never learned to swim.", "I swim like a stone."), ("沈墨兰滴酒不沾。", "来一壶酒。"), ("", "b")]
    out = {"tokenizers": tokenizers.__version__, "models": {}}
    for name in ("tiny-gemma", "tiny-deberta"):
        tokenizer = tokenizers.Tokenizer.from_file(f"checkpoints/{name}/tokenizer.json")
        singles = [{"text": t, "ids": tokenizer.encode(t).ids} for t in texts]
        doubles = []
        for a, b in pairs:
            encoding = tokenizer.encode(a, b)
            doubles.append({"texts": [a, b], "ids": encoding.ids, "types": encoding.type_ids})
        out["models"][name] = {"size": tokenizer.get_vocab_size(), "texts": singles, "pairs": doubles}
    folder = Path("test/fixtures/tokenizers")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.json").write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf8")


main()
