"""What a model is shown."""

import pytest

from gistill.segmentation.render import clean, render
from gistill.types import Locator, Segment

AT = Locator("t", (0, 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{vocalsound} That went well , thank you .", "That went well, thank you."),
        ("{ disfmarker } I do n't think it 's the l_c_d_ .", "I don't think it's the lcd."),
        ("<v Ada>Hello <i>you</i></v> &amp; <00:01.000>me", "Hello you & me"),
        ("two\nlines\t here", "two lines here"),
        ("a\x00b\ufeff c\u200e", "a b c"),
        ("1 < 2 and {not a tag} [or this]", "1 < 2 and {not a tag} [or this]"),
        ("50 % of it", "50% of it"),
        ('<font color="red">No</font> {\\an8}way', "No way"),
        ("{gap}{pause}", ""),
        ("Grüße 🚢 你好", "Grüße 🚢 你好"),
        ("snake_case stays", "snake_case stays"),
    ],
)
def test_clean(text, expected):
    assert clean(text) == expected


def test_render_names_the_speaker_and_marks_what_was_seen():
    assert render(Segment("s", "Hi.", AT, "Ada", "utterance")) == "Ada: Hi."
    assert render(Segment("s", "Hi.", AT)) == "Hi."
    assert render(Segment("s", "{pause}", AT, "Ada")) == ""
    assert render(Segment("s", "Q3: 5 %", AT, None, "image_text")) == "[image] Q3: 5%"
    assert render(Segment("s", "Q3", AT, "Ann", "caption")) == "Ann: [image] Q3"
    assert render(Segment("s", "Q3", AT, None, "frame")) == "[slide] Q3"


def test_the_mark_of_a_file_that_was_sent_is_noise():
    for mark in ("<attached: 1-PHOTO.png>", "<Media omitted>", "IMG-1.jpg (file attached)"):
        assert render(Segment("s", mark, AT, "Ann")) == ""
        assert render(Segment("s", f"See here: {mark}", AT, "Ann")) == "Ann: See here:"
