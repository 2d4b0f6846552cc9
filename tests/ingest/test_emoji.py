from __future__ import annotations

from gistill.ingest.emoji import resolved


def test_known_names_become_characters_and_others_stay() -> None:
    assert resolved("done :tada: :+1::skin-tone-3: :company_logo:") == "done 🎉 👍 :company_logo:"


def test_times_and_links_are_no_emoji() -> None:
    text = "10:30:00 http://a:80/b:c"
    assert resolved(text) == text
