#!/usr/bin/env python3
"""What reading costs: big chat exports, made on the spot with seeded dice.

Each part reads in a child process of its own, so that its CPU seconds and peak memory are its own.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

_WORDS = """the budget launch printer contract roadmap moves waits costs until week quarter team
server backup report ferry tower lamp visitor because although decided asked proposed rejected
delivery schedule invoice customer designer engineer window battery license summer winter""".split()
_PEOPLE = 40
_CHANNELS = 20
_DAYS = 90


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all where none is named")
    for name in parser.parse_args().part or PARTS:
        print(PARTS[name](), flush=True)


def said(dice: random.Random) -> str:
    return " ".join(dice.choices(_WORDS, k=dice.randrange(4, 24))).capitalize() + "."


def slack_message(dice: random.Random, ts: float) -> dict[str, Any]:
    """A message with all that Slack writes beside its text, which is most of an export."""
    user, text = f"U{dice.randrange(_PEOPLE):08}", said(dice)
    if dice.random() < 0.2:
        text += f" <@U{dice.randrange(_PEOPLE):08}> :tada: see <https://example.org/{ts}|this>"
    message: dict[str, Any] = {
        "user": user,
        "type": "message",
        "ts": f"{ts:.6f}",
        "client_msg_id": f"{dice.getrandbits(128):032x}",
        "text": text,
        "team": "T00000001",
        "user_team": "T00000001",
        "source_team": "T00000001",
        "user_profile": {
            "avatar_hash": f"{dice.getrandbits(48):012x}",
            "image_72": f"https://avatars.example.org/{user}_72.png",
            "first_name": "Person",
            "real_name": f"Person {user}",
            "display_name": f"person {user}",
            "team": "T00000001",
            "name": user.lower(),
            "is_restricted": False,
            "is_ultra_restricted": False,
        },
        "blocks": [
            {
                "type": "rich_text",
                "block_id": f"{dice.getrandbits(24):06x}",
                "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
                ],
            }
        ],
    }
    if dice.random() < 0.2:
        message["reactions"] = [{"name": "+1", "users": [user], "count": 1}]
    return message


def slack_export(path: Path, megabytes: float) -> int:
    """Writes a zip of so much JSON; returns how many messages it holds."""
    dice = random.Random(7)
    users = [
        {"id": f"U{n:08}", "name": f"p{n}", "profile": {"real_name": f"Person {n}"}}
        for n in range(_PEOPLE)
    ]
    a_file = megabytes * 1e6 / (_CHANNELS * _DAYS)
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("users.json", json.dumps(users))
        archive.writestr("channels.json", json.dumps([{"name": f"c{n}"} for n in range(_CHANNELS)]))
        for channel in range(_CHANNELS):
            for day in range(_DAYS):
                size, rows = 0.0, []
                while size < a_file:
                    ts = 1.7e9 + 86400 * day + 30 * len(rows) + channel
                    rows.append(json.dumps(slack_message(dice, ts)))
                    if rows and dice.random() < 0.3:
                        root = f', "thread_ts": "{1.7e9 + 86400 * day + channel:.6f}"}}'
                        rows[-1] = rows[-1][:-1] + root
                    size += len(rows[-1])
                count += len(rows)
                name = f"c{channel}/2024-{day // 30 + 1:02}-{day % 30 + 1:02}.json"
                archive.writestr(name, f"[{','.join(rows)}]")
    return count


def whatsapp_chat(path: Path, megabytes: float) -> None:
    dice = random.Random(7)
    lines = [f"Person {dice.randrange(8)}: {said(dice)}" for _ in range(5000)]
    size = minute = 0
    with path.open("w") as file:
        while size < megabytes * 1e6:
            clock = f"{minute // 60 % 24:02}:{minute % 60:02}"
            head = f"{minute // 1440 % 28 + 1:02}/{minute // 40320 % 12 + 1:02}/2024, {clock} - "
            size += file.write(f"{head}{lines[minute % 5000]}\n")
            minute += 1


def read(path: Path) -> tuple[float, float, str]:
    """CPU seconds and peak MB of reading `path`, and how many segments came of it, or why none."""
    code = (
        "import sys, resource\nfrom gistill import load\nfrom gistill.errors import BadInput\n"
        "try: print(f'{len(load(sys.argv[1]).segments):,} segments')\n"
        "except BadInput as error: print('refused:', str(error).replace(sys.argv[1], '…'))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    came, peak = done.stdout.splitlines()
    return cpu, float(peak), came


def slack() -> str:
    """A Slack export of 100 MB as a zip: under 30 s and 600 MB."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "export.zip"
        count = slack_export(path, 100)
        cpu, peak, came = read(path)
    return f"slack: 100 MB, {count:,} messages: {cpu:.1f} s of CPU, {peak:.0f} MB, {came}"


def chat() -> str:
    """A WhatsApp chat of 300 MB: read, or refused in a line."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for megabytes in (20, 300):
            path = Path(scratch) / "chat.txt"
            whatsapp_chat(path, megabytes)
            cpu, peak, came = read(path)
            rows.append(f"chat: {megabytes} MB: {cpu:.1f} s of CPU, {peak:.0f} MB, {came}")
    return "\n".join(rows)


PARTS = {"slack": slack, "chat": chat}

if __name__ == "__main__":
    main()
