#!/usr/bin/env python3
"""Trains LoRA adapters on distillation data: `gistill distill train` under its documented name.

    python scripts/train_student_lora.py --data_dir outputs/hierarchy/distill_data \
        --out_dir outputs/distill --max_steps 200
"""

from __future__ import annotations

import argparse
import sys

from gistill.distill import commands
from gistill.errors import GistillError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_train_flags(parser)
    try:
        return commands.run_train(parser.parse_args())
    except GistillError as error:
        print(f"train_student_lora: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("train_student_lora: interrupted; run it again to go on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
