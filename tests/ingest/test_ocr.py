from __future__ import annotations

import pytest
from PIL import Image

from documents import Kept, error_rate, written
from gistill.errors import MissingExtra
from gistill.ingest import ocr
from gistill.ingest.layout import blocks
from gistill.ingest.needs import Needs
from gistill.ingest.tools import Tools

_LEFT = (
    "The ferry leaves at 06:40 from pier 3.\n\n"
    "Tickets are sold on board; bring exact change, because there is no card reader."
)
_RIGHT = (
    "Budget: 42,000 euros until 30 June.\n\n"
    "Priya Nair signs the contract with Delmar & Sons, order no. 7781-B."
)


def test_two_columns_of_a_screenshot(capsys: pytest.CaptureFixture[str]) -> None:
    image = written(_LEFT, _RIGHT, size=(1200, 500))
    found = " ".join(block.text for block in blocks(ocr.read(image, Tools())))
    rate = error_rate(" ".join(f"{_LEFT} {_RIGHT}".split()), found)
    with capsys.disabled():
        print(f"\nscreenshot in two columns: character error rate {rate:.3f}")
    assert rate < 0.03


def test_light_on_dark_and_blurred(capsys: pytest.CaptureFixture[str]) -> None:
    night = written(_LEFT, size=(900, 400), ink="#ddeeff", paper="#102030", point=22)
    blurred = night.resize((630, 280)).resize(night.size)
    found = " ".join(block.text for block in blocks(ocr.read(blurred, Tools())))
    rate = error_rate(" ".join(_LEFT.split()), found)
    with capsys.disabled():
        print(f"\nblurred, light on dark: character error rate {rate:.3f}")
    assert rate < 0.08


def test_a_long_screenshot_is_read_in_strips() -> None:
    tall = Image.new("RGB", (300, 4300), "white")
    for n in range(20):
        tall.paste(written(f"Message {n}", size=(300, 60), point=20), (0, 40 + n * 210))
    found = sorted(ocr.read(tall, Tools()), key=lambda line: line.box[1])
    assert [line.text for line in found] == [f"Message {n}" for n in range(20)]


def test_nothing_is_read_twice_and_blank_paper_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Kept()
    image = written("The ferry leaves at 06:40.", size=(500, 120))
    first = ocr.read(image, Tools(memory=memory), "abc", 1)
    monkeypatch.setattr(ocr, "recognizer", lambda: pytest.fail("it was read again"))
    assert ocr.read(image, Tools(memory=memory), "abc", 1) == first
    assert ocr.read(Image.new("RGB", (500, 120), "#fefefe"), Tools(memory=memory), "abc", 2) == []
    with pytest.raises(BaseException, match="read again"):
        ocr.read(image, Tools(memory=memory), "abd", 1)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "NEEDS", Needs("images", ("no_such_module",)))
    with pytest.raises(MissingExtra, match=r"gistill\[images\]"):
        ocr.read(Image.new("RGB", (9, 9)), Tools())
