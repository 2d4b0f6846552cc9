"""Small exports as chat tools and mail programs write them, for tests of their readers."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Files = Mapping[str, Any]


def zipped(files: Files) -> bytes:
    """A zip; what is neither text nor bytes is dumped as JSON."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, encoded(content))
    return out.getvalue()


def folder(root: Path, files: Files) -> Path:
    """The same as a folder on disk."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(content))
    return root


def encoded(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def user(id: str, name: str, **profile: str) -> dict[str, Any]:
    return {"id": id, "name": name, "real_name": "", "profile": {"real_name": "", **profile}}


def message(user: str, ts: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "ts": ts, "text": text, **more}


SLACK: Files = {
    "users.json": [
        user("U1", "ada", display_name="Ada Lovelace"),
        user("U2", "ben", real_name="Ben Orr"),
    ],
    "channels.json": [{"id": "C1", "name": "general", "members": ["U1", "U2"]}],
    "dms.json": [{"id": "D1", "members": ["U1", "U2"]}],
    "integration_logs.json": [],
    "general/2024-05-01.json": [
        message("U2", "1714550000.000100", "<@U2> has joined", subtype="channel_join"),
        message("U1", "1714557600.000100", "We ship on <#C1|general> &amp; tell <@U2> :tada:"),
        message(
            "U2",
            "1714557700.000200",
            "See <https://example.org/plan|the plan> or <https://example.org>",
            thread_ts="1714557600.000100",
            edited={"user": "U2", "ts": "1714557800.000000"},
            reactions=[{"name": "+1", "users": ["U1"], "count": 1}],
        ),
        message("U9", "1714557900.000300", "I am new here"),
    ],
    "general/2024-05-02.json": [
        message(
            "U1",
            "1714640000.000100",
            "",
            files=[
                {"id": "F0123456", "name": "notes.txt", "url_private": "https://x.example/F"},
                {"id": "F0999999", "name": "gone.pdf", "url_private": "https://x.example/G"},
            ],
        ),
        message("", "1714640100.000100", "", subtype="bot_message", username="Builds",
                attachments=[{"fallback": "f", "title": "Build 7", "text": "failed"}]),
        message("U2", "1714640200.000100", "wrong"),
        message("U2", "1714640300.000100", "oops"),
        {
            "type": "message", "subtype": "message_changed", "ts": "1714640400.000100",
            "message": message("U2", "1714640200.000100", "right"),
        },
        {"type": "message", "subtype": "message_deleted", "ts": "1714640500.000100",
         "deleted_ts": "1714640300.000100"},
        message("U1", "1714640600.000100", "late answer", thread_ts="1714557600.000100",
                subtype="thread_broadcast"),
    ],
    "general/attachments/F0123456-notes.txt": "The printer is on the second floor.",
    "D1/2024-05-01.json": [message("U2", "1714557650.000100", "just between us")],
}  # fmt: skip


DISCORD: Any = {
    "guild": {"id": "1", "name": "Lighthouse", "iconUrl": ""},
    "channel": {"id": "2", "type": "GuildTextChat", "category": "Text", "name": "plans"},
    "dateRange": {"after": None, "before": None},
    "messages": [
        {"id": "10", "type": "GuildMemberJoin", "timestamp": "2024-05-01T09:00:00+02:00",
         "content": "Joined the server.", "author": {"id": "7", "name": "ben"}},
        {"id": "11", "type": "Default", "timestamp": "2024-05-01T10:00:00.123+02:00",
         "timestampEdited": "2024-05-01T10:01:00+02:00", "content": " We open in May. ",
         "author": {"id": "8", "name": "ada", "nickname": "Ada L", "isBot": False},
         "attachments": [], "reactions": [{"emoji": {"name": "👍"}, "count": 3}]},
        {"id": "12", "type": "Reply", "timestamp": "2024-05-01T10:02:00+02:00", "content": "Good",
         "author": {"id": "7", "name": "ben", "nickname": None},
         "reference": {"messageId": "11", "channelId": "2", "guildId": "1"},
         "attachments": [{"id": "5", "url": "plans_Files/list.txt", "fileName": "list.txt"}]},
        {"id": "13", "type": "Default", "timestamp": "2024-05-01T10:03:00+02:00", "content": "",
         "author": {"id": "7", "name": "ben"},
         "attachments": [{"id": "6", "url": "https://cdn.example/a.png", "fileName": "a.png"}]},
        {"id": "14", "type": "Default", "timestamp": "2024-05-01T10:04:00+02:00", "content": "",
         "author": {"id": "7", "name": "ben"}, "attachments": [], "embeds": []},
    ],
    "messageCount": 5,
}  # fmt: skip

TELEGRAM: Any = {
    "name": "Keepers",
    "type": "private_group",
    "id": 4321,
    "messages": [
        {"id": 1, "type": "service", "date": "2024-05-01T10:00:00", "date_unixtime": "1714550400",
         "actor": "Ada", "action": "create_group", "text": ""},
        {"id": 2, "type": "message", "date": "2024-05-01T10:01:00", "date_unixtime": "1714550460",
         "from": "Ada", "from_id": "user1",
         "text": ["Order ", {"type": "bold", "text": "two"}, " prisms, see ",
                  {"type": "text_link", "text": "here", "href": "https://example.org"}],
         "text_entities": []},
        {"id": 3, "type": "message", "date": "2024-05-01T10:02:00", "date_unixtime": "1714550520",
         "edited": "2024-05-01T10:03:00", "from": "Ben", "from_id": "user2",
         "reply_to_message_id": 2, "text": "Done", "reactions": [{"type": "emoji", "count": 2}]},
        {"id": 4, "type": "message", "date": "2024-05-01T10:04:00", "from": "Ben",
         "photo": "photos/p.txt", "width": 1, "height": 1, "text": ""},
        {"id": 5, "type": "message", "date": "2024-05-01T10:05:00", "from": None,
         "file": "(File not included. Change data exporting settings to download.)",
         "media_type": "voice_message", "text": ""},
        {"id": 6, "type": "message", "date": "2024-05-01T10:06:00", "from": "Ada",
         "forwarded_from": "Chandler", "text": "Glass is up 10 %"},
        {"id": 7, "type": "message", "date": "2024-05-01T10:07:00", "from": "Ada", "text": "",
         "poll": {"question": "When?", "answers": [{"text": "May"}, {"text": "June"}]}},
    ],
}  # fmt: skip

MATTERMOST = "\n".join(
    json.dumps(row)
    for row in [
        {"type": "version", "version": 1},
        {"type": "channel", "channel": {"team": "t", "name": "ops", "type": "O"}},
        {"type": "user", "user": {"username": "ada", "first_name": "Ada", "last_name": "Lovelace"}},
        {"type": "user", "user": {"username": "ben", "nickname": ""}},
        {"type": "post", "post": {
            "team": "t", "channel": "ops", "user": "ada", "message": "We **ship** today",
            "create_at": 1714557600000, "edit_at": 1714557700000,
            "reactions": [{"user": "ben", "emoji_name": "+1", "create_at": 1}],
            "replies": [
                {"user": "ben", "message": "Fine", "create_at": 1714557660000,
                 "attachments": [{"path": "data/log.txt"}]},
            ]}},
        {"type": "post", "post": {"team": "t", "channel": "ops", "user": "ben", "message": "x",
                                  "type": "system_join_channel", "create_at": 1714557600001}},
        {"type": "direct_post", "direct_post": {
            "channel_members": ["ada", "ben"], "user": "ben", "message": "psst",
            "create_at": 1714557800000}},
    ]
)  # fmt: skip


def event(id: str, sender: str, type: str = "m.room.message", **content: Any) -> dict[str, Any]:
    return {"type": type, "sender": sender, "event_id": id, "content": content,
            "origin_server_ts": 1714557600000 + 1000 * len(id), "room_id": "!r:hs"}  # fmt: skip


ADA, BEN = "@ada:hs.example", "@ben:hs.example"
MATRIX: Any = {
    "room_name": "Keepers",
    "room_creator": ADA,
    "topic": "",
    "export_date": "2024-05-02",
    "exported_by": ADA,
    "messages": [
        event("$m", ADA, "m.room.member", displayname="Ada Lovelace", membership="join")
        | {"state_key": ADA},
        event("$1", ADA, msgtype="m.text", body="We open in Mai"),
        event("$22", BEN, msgtype="m.text", body="> <@ada:hs.example> We open in Mai\n\nMay?",
              **{"m.relates_to": {"m.in_reply_to": {"event_id": "$1"}}}),
        event("$333", ADA, msgtype="m.text", body=" * We open in May",
              **{"m.new_content": {"msgtype": "m.text", "body": "We open in May"},
                 "m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}),
        event("$4444", BEN, "m.reaction",
              **{"m.relates_to": {"rel_type": "m.annotation", "event_id": "$1", "key": "👍"}}),
        event("$55555", BEN, msgtype="m.text", body="never mind"),
        event("$666666", BEN, "m.room.redaction") | {"redacts": "$55555"},
        event("$7777777", BEN, "m.room.encrypted", algorithm="m.megolm.v1.aes-sha2"),
        event("$88888888", BEN),
    ],
}  # fmt: skip

ANDROID = """\
01/05/2024, 09:58 - Messages and calls are end-to-end encrypted. No one can read them.
01/05/2024, 09:59 - Ada Lovelace created group "Keepers: the plan"
01/05/2024, 10:00 - Ada Lovelace: We open in May.
Bring:
- lamps
- 12/06/2024 tickets
13/05/2024, 22:01 - Ben: <Media omitted>
13/05/2024, 22:02 - Ben: list.txt (file attached)
the list
13/05/2024, 22:03 - Ada Lovelace: This message was deleted
13/05/2024, 22:04 - +44 7700 900123: Who is this? <This message was edited>
"""
IOS = (
    "[5/1/24, 9:58:00\u202fAM] Keepers: \u200eMessages and calls are end-to-end encrypted.\r\n"
    "[5/1/24, 10:00:01\u202fAM] Ada Lovelace: We open in May.\r\nBring lamps\r\n"
    "\u200e[5/13/24, 10:01:00\u202fPM] ~\u202fBen: \u200eimage omitted\r\n"
    "\u200e[5/13/24, 10:02:00\u202fPM] ~\u202fBen: \u200e<attached: list.txt>\r\n"
)
