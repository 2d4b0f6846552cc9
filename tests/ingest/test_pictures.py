from __future__ import annotations

import hashlib
import io
import mailbox
import zipfile
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest
from aspose.email_foss.msg import MapiMessage

from documents import pdf, saved, written
from gistill.ingest.pictures import Pictures
from gistill.types import Locator, Source

_PAGE = pdf(["The lease ends in June."])
_SHOT = saved(written("The ferry leaves at 06:40.", size=(420, 90)), "PNG")


def _source(name: str, data: bytes) -> Source:
    return Source(name, hashlib.sha256(data).hexdigest(), "")


def _zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return out.getvalue()


def test_pages_images_and_members_of_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/plan.pdf").write_bytes(_PAGE)
    inner = _zipped(word__media__a_png=_SHOT)
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = "ann@x.example", "<1@x.example>"
    mail.set_content("See the plan.")
    mail.add_attachment(_PAGE, maintype="application", subtype="pdf", filename="plan.pdf")
    Path("a.eml").write_bytes(bytes(mail))
    outer = EmailMessage()
    outer["From"], outer["Message-ID"] = "ben@x.example", "<2@x.example>"
    outer.set_content("As Ann says.")
    outer.add_attachment(
        _zipped(shot_png=_SHOT), maintype="application", subtype="zip", filename="s.zip"
    )
    outer.add_attachment(mail)
    Path("a.msg").write_bytes(MapiMessage.from_email_message(outer).to_bytes())
    box = mailbox.mbox("list")
    for message in (mail, outer):
        box.add(message)
    box.close()
    Path("z.zip").write_bytes(_zipped(b__shot_png=_SHOT, c_docx=inner))
    names = {
        "in/plan.pdf": _PAGE,
        str(tmp_path / "in/plan.pdf"): _PAGE,
        "a.eml/plan.pdf": _PAGE,
        "a.msg/s.zip/shot.png": _SHOT,
        "a.msg/forwarded.eml/plan.pdf": _PAGE,
        "list/plan.pdf": _PAGE,
        "list/forwarded.eml/plan.pdf": _PAGE,
        "z.zip/b/shot.png": _SHOT,
        "z.zip/c.docx/word/media/a.png": _SHOT,
    }
    with closing(Pictures([_source(name, data) for name, data in names.items()])) as pictures:
        for name in names:
            image = pictures.of(Locator(name, (0, 1), page=1, box=(0.0, 0.0, 0.1, 0.1)))
            assert image is not None
            assert image.size == ((849, 1200) if name.endswith("pdf") else (420, 90))
        assert pictures.of(Locator("in/plan.pdf", (0, 1), page=2)) is None
    assert pictures.gone == {}


def test_what_is_gone_has_changed_or_is_damaged_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.png").write_bytes(_SHOT)
    Path("half.png").write_bytes(_SHOT[:60])
    Path("notes.txt").write_text("x")
    names = ("gone.pdf", "new.png", "half.png", "notes.txt", "gone.txt", "bad\0name.png", "x" * 300)
    sources = [_source(name, _SHOT[:60]) for name in names]
    with closing(Pictures(sources)) as pictures:
        assert {pictures.of(Locator(name, (0, 1), page=1)) for name in names} == {None}
    assert pictures.gone == {
        "gone.pdf": "gone.pdf is no longer there",
        "new.png": "new.png has changed since it was read",
        "half.png": "half.png is damaged or not whole (image file is truncated); fetch it again",
        "bad\0name.png": "bad\0name.png is no longer there",
    }
