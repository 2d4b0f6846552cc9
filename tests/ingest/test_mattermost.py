from __future__ import annotations

import datetime as dt

import pytest

import exports
from gistill.errors import BadInput
from gistill.ingest import mattermost
from sources import reading, turns


def test_posts_and_their_replies() -> None:
    found = reading(mattermost, exports.MATTERMOST)
    assert turns(found) == [("Ada Lovelace", "We **ship** today"), ("ben", "Fine"), ("ben", "psst")]
    post, reply, _ = found.entries
    assert post.pointer == "/4/post/message"
    assert reply.pointer == "/4/post/replies/0/message"
    assert reply.reply_to == post.key
    assert post.when == dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)
    assert [(one.file, one.entry) for one in found.attached] == [("data/log.txt", 1)]
    assert list(found.notes) == [
        "1 system message skipped",
        "1 message as last edited",
        "1 reaction left out",
    ]


def test_an_export_of_settings_alone_is_refused() -> None:
    with pytest.raises(BadInput, match="without any post"):
        reading(mattermost, '{"type": "version", "version": 1}\n')


def test_only_its_own_lines_are_taken() -> None:
    assert mattermost.accepts("x", exports.MATTERMOST)
    assert not mattermost.accepts("x", '{"type": "post"}')
