"""The Python side of the benchmark: the same work as bench/work.ts by PyTorch, transformers, peft and bitsandbytes.

Started by `npm run bench -- --peers`; reads one JSON request a line from standard input and answers each with
one line of JSON: {"op": "versions"}, {"op": "prepare", "folder", "kind", …}, {"op": "run"}, {"op": "dispose"}. The time of a run is
taken here, so that it contains nothing of the conversation.

    python -m venv .venv && .venv/bin/pip install torch transformers peft bitsandbytes
"""

import json
import sys
import time

import peft
import torch
import torch.nn.functional as F
import transformers
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, BitsAndBytesConfig

TOKENS_PER_BATCH = 4096
LENGTH_STEP = 8


def padded(rows, device, value=0):
    """Rows of ids padded on the right, and their mask."""
    longest = max(map(len, rows))
    width = -(-longest // LENGTH_STEP) * LENGTH_STEP
    ids = torch.tensor([row + [value] * (width - len(row)) for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return ids, mask


def batches_by_length(lengths):
    """Indices in batches of like lengths, the longest first, each of limited size with its padding."""
    batches, batch, width = [], [], 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batch:
            width = -(-lengths[i] // LENGTH_STEP) * LENGTH_STEP
        if batch and (len(batch) + 1) * width > TOKENS_PER_BATCH:
            batches.append(batch)
            batch, width = [], -(-lengths[i] // LENGTH_STEP) * LENGTH_STEP
        batch.append(i)
    return batches + [batch]


def classifier(folder, device):
    return AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).to(device)


def decoder(folder, device, quantization):
    config = None
    if quantization == "nf4":
        config = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
        )
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=config, device_map={"": device}
    )


def adamw(parameters, request):
    """With weight decay on matrices only, as truecast does it; fused, PyTorch's fastest."""
    parameters = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": request["weightDecay"]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0},
    ]
    betas = (request["beta1"], request["beta2"])
    return torch.optim.AdamW(
        [g for g in groups if g["params"]],
        lr=request["learningRate"],
        betas=betas,
        eps=request["epsilon"],
        fused=True,
    )


def update(optimizer, parameters, loss, max_norm):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    optimizer.step()
    return [loss.item()]


def prepare_score(request, device):
    tokenizer = Tokenizer.from_file(f"{request['folder']}/tokenizer.json")
    model = classifier(request["folder"], device).eval()

    @torch.inference_mode()
    def run():
        encoded = tokenizer.encode_batch([tuple(pair) for pair in request["pairs"]])
        batches = batches_by_length([len(e.ids) for e in encoded])
        parts = []
        for batch in batches:
            ids, mask = padded([encoded[i].ids for i in batch], device)
            types, _ = padded([encoded[i].type_ids for i in batch], device)
            logits = model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits
            parts.append(logits.softmax(-1))
        rows = torch.cat(parts)
        order = torch.empty(len(rows), dtype=torch.long)
        order[torch.tensor([i for batch in batches for i in batch])] = torch.arange(len(rows))
        return rows[order.to(rows.device)].flatten().tolist()

    return run


def prepare_train(request, device):
    model = classifier(request["folder"], device).train()
    parameters = list(model.parameters())
    optimizer = adamw(parameters, request)
    ids, mask = padded(request["ids"], device)
    labels = torch.tensor(request["labels"], device=device)

    def run():
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        return update(optimizer, parameters, loss, request["maxNorm"])

    return run


def prepare_dpo(request, device):
    base = decoder(request["folder"], device, "nf4")
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora = peft.LoraConfig(r=request["rank"], lora_alpha=2 * request["rank"], target_modules=modules)
    model = peft.get_peft_model(base, lora).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = adamw(parameters, request)
    responses = [request["chosen"], request["rejected"]]
    begin = len(request["prompt"])
    ids, mask = padded([request["prompt"] + response for response in responses], device)
    targets = torch.tensor(responses, device=device)

    def log_probs():
        # only the states that predict a response's tokens go through the head
        hidden = base.model(input_ids=ids, attention_mask=mask).last_hidden_state
        states = hidden[:, begin - 1 : begin - 1 + targets.shape[1]]
        logits = base.lm_head(states)
        return F.log_softmax(logits, -1).gather(-1, targets[..., None]).sum((1, 2))

    with torch.no_grad(), model.disable_adapter():
        reference = log_probs()

    def run():
        ratio = log_probs() - reference
        loss = -F.logsigmoid(request["beta"] * (ratio[0] - ratio[1]))
        return update(optimizer, parameters, loss, request["maxNorm"])

    return run


def prepare_generate(request, device):
    model = decoder(request["folder"], device, request["quantization"]).eval()
    ids = torch.tensor(request["prompts"], device=device)
    mask = torch.ones_like(ids)
    count = request["tokens"]
    settings = {"max_new_tokens": count, "min_new_tokens": count, "do_sample": False, "eos_token_id": None}

    @torch.inference_mode()
    def run():
        output = model.generate(input_ids=ids, attention_mask=mask, pad_token_id=0, **settings)
        return output[:, ids.shape[1] :].flatten().tolist()

    return run


PREPARE = {
    "score": prepare_score,
    "train": prepare_train,
    "dpo": prepare_dpo,
    "generate": prepare_generate,
}


def synchronise(device):
    if device == "cuda":
        torch.cuda.synchronize()


def answer(request, device, state):
    if request["op"] == "versions":
        versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
        return {"versions": versions, "threads": torch.get_num_threads()}
    if request["op"] == "prepare":
        state["run"] = PREPARE[request["kind"]](request, device)
        return {}
    if request["op"] == "dispose":
        state.clear()
        if device == "cuda":
            torch.cuda.empty_cache()
        return {}
    synchronise(device)
    begin = time.perf_counter()
    values = state["run"]()
    synchronise(device)
    return {"ms": 1000 * (time.perf_counter() - begin), "values": values}


def main():
    device = sys.argv[1]
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    replies, sys.stdout = sys.stdout, sys.stderr
    state = {}
    for line in sys.stdin:
        try:
            result = answer(json.loads(line), device, state)
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), file=replies, flush=True)


if __name__ == "__main__":
    main()
