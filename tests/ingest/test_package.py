from __future__ import annotations

import io
import zipfile
import zlib
from xml.etree import ElementTree

import pytest

from gistill.errors import BadInput
from gistill.ingest import package
from gistill.ingest.blob import Blob


def _packed(parts: dict[str, bytes], name: str = "x.docx") -> Blob:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, data in parts.items():
            archive.writestr(place, data)
    return Blob.of(name, out.getvalue())


def test_parts_members_and_relations() -> None:
    relations = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="r1" Type="http://x/image" Target="../media/a.png"/>'
        b'<Relationship Id="r2" Type="http://x/image" Target="/media/b.png"/>'
        b'<Relationship Id="r3" Type="http://x/link" Target="http://y" TargetMode="External"/>'
        b"</Relationships>"
    )
    blob = _packed({"ppt/slides/_rels/s.xml.rels": relations, "ppt/media/a.png": b"picture"})
    with package.opened(blob) as document:
        assert document.relations("ppt/slides/s.xml") == {
            "r1": ("image", "ppt/media/a.png"),
            "r2": ("image", "media/b.png"),
        }
        member = document.member("ppt/media/a.png")
        with pytest.raises(BadInput, match="lacks its part nothing"):
            document.data("nothing")
        with pytest.raises(BadInput, match="holds more than 0 MiB in ppt/media/a"):
            document.data("ppt/media/a.png", limit=3)
    assert (member.name, member.data(100)) == ("x.docx/ppt/media/a.png", b"picture")


def test_a_bomb_is_not_unpacked() -> None:
    with (
        pytest.raises(BadInput, match=r"x\.docx unpacks to 100 MiB, too much for a document"),
        package.opened(_packed({"word/document.xml": bytes(100 << 20)})),
    ):
        pytest.fail("it was opened")


def test_entities_that_blow_up_and_depth_without_end() -> None:
    lols = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "{"lol" * 99}">{lols}]><x>&l9;</x>'.encode()
    outside = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
    for data in (bomb, outside, b"<x>"):
        with (
            package.opened(_packed({"p.xml": data})) as document,
            pytest.raises(BadInput, match="damaged or not whole"),
        ):
            document.xml("p.xml")


def test_what_recurses_too_deeply_is_told_in_a_line() -> None:
    def down(n: int) -> int:
        return down(n + 1)

    with pytest.raises(BadInput, match="nested too deeply"), package.opened(_packed({})):
        down(0)


def test_encrypted_members() -> None:
    blob = _packed({"p.xml": b"<x/>"})
    data = bytearray(blob.data(9999))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with (
        pytest.raises(BadInput, match="is encrypted"),
        package.opened(Blob.of("x.docx", bytes(data))),
    ):
        pytest.fail("it was opened")


def test_wrong_checksums() -> None:
    blob = _packed({"p.xml": b"<x>" + zlib.compress(b"y") * 50 + b"</x>"})
    data = bytearray(blob.data(9999))
    data[50] ^= 0xFF
    with (
        package.opened(Blob.of("x.docx", bytes(data))) as document,
        pytest.raises(BadInput, match="damaged or not whole"),
    ):
        document.data("p.xml")


@pytest.mark.parametrize(
    ("said", "number"), [("12", 12), ("-3", -3), ("", 0), ("²", 0), ("1.5", 0), ("9" * 9999, 0)]
)
def test_a_number_is_one_that_an_office_program_writes(said: str, number: int) -> None:
    assert package.number(ElementTree.Element("ext", cx=said), "cx") == number
    assert package.number(None, "cx") == 0


def test_an_ornament_is_smaller_than_two_square_inches() -> None:
    def extent(side: int) -> ElementTree.Element:
        return ElementTree.Element("ext", cx=str(side), cy=str(side))

    assert package.ornament(extent(914_400))
    assert not package.ornament(extent(2 * 914_400))
    assert not package.ornament(None)
