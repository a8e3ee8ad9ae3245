"""Sidecars merge: what others wrote keeps its bytes."""

import os
from pathlib import Path

import pytest

from geotagger.errors import WriteError, WriteRefusedError
from geotagger.metadata import abandon, commit, forget, prepare, restore, sidecar_positions, sync_folders
from geotagger.metadata.rdf import XmpError, parsed
from geotagger.metadata.xmp import position_of
from geotagger.writing import Writing
from tests.metadata import exiftool
from tests.metadata.conftest import ESTIMATE, OWNERS

FOREIGN = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<!-- written by hand -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
   <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:faf5bdd5"
     xmlns:dc='http://purl.org/dc/elements/1.1/'
     xmlns:darktable="http://darktable.sf.net/"
     xmlns:exif="http://ns.adobe.com/exif/1.0/"
     xmp:Rating="3" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
     darktable:history_end = "12"%s>
   <dc:subject><rdf:Bag><rdf:li>Łódź &amp; co</rdf:li></rdf:Bag></dc:subject>%s
   <darktable:masks_history>
    <rdf:Seq/>
   </darktable:masks_history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def raw_photo(folder: Path, name: str = "IMG_1.CR3") -> Path:
    path = folder / name
    path.write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100))
    return path


def place(photo: Path, **options: object) -> Path:
    prepared = prepare(str(photo), ESTIMATE, Writing(**options))  # type: ignore[arg-type]
    commit(prepared)
    sync_folders([prepared.folder])
    return Path(prepared.edit.target)


def test_a_new_sidecar_is_named_after_the_whole_photo(tmp_path: Path) -> None:
    photo = raw_photo(tmp_path)
    before = photo.read_bytes()
    assert place(photo) == tmp_path / "IMG_1.CR3.xmp"
    assert photo.read_bytes() == before
    (found,) = sidecar_positions(str(photo))
    assert found.mark == ESTIMATE.mark
    assert found.latitude == pytest.approx(ESTIMATE.latitude, abs=1e-9)


def test_the_style_names_a_new_sidecar_and_an_existing_one_is_respected(tmp_path: Path) -> None:
    assert place(raw_photo(tmp_path, "A.CR3"), sidecar_style="stem") == tmp_path / "A.xmp"
    (tmp_path / "B.xmp").write_text(FOREIGN % ("", ""), encoding="utf-8")
    assert place(raw_photo(tmp_path, "B.CR3")) == tmp_path / "B.xmp"
    (tmp_path / "C.CR3.xmp").write_text(FOREIGN % ("", ""), encoding="utf-8")
    assert place(raw_photo(tmp_path, "C.CR3"), sidecar_style="stem") == tmp_path / "C.CR3.xmp"


def test_a_raw_files_sidecar_is_not_taken_for_the_jpeg_beside_it(tmp_path: Path) -> None:
    raw_photo(tmp_path, "D.CR3")
    (tmp_path / "D.xmp").write_text(FOREIGN % ("", ""), encoding="utf-8")
    jpeg = raw_photo(tmp_path, "D.JPG")
    assert place(jpeg) == tmp_path / "D.JPG.xmp"


def test_a_jpeg_beside_its_raw_file_gets_its_own_sidecar_in_the_short_style_too(tmp_path: Path) -> None:
    raw, jpeg = raw_photo(tmp_path, "D.CR3"), raw_photo(tmp_path, "D.JPG")
    first = prepare(str(jpeg), ESTIMATE, Writing("sidecar", sidecar_style="stem"))
    assert place(raw, sidecar_style="stem") == tmp_path / "D.xmp"
    commit(first)
    assert first.edit.target == str(tmp_path / "D.JPG.xmp")
    assert place(jpeg, mode="sidecar", sidecar_style="stem") == tmp_path / "D.JPG.xmp"


def test_a_folder_is_gone_through_once_to_find_the_sidecars_of_all_its_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [raw_photo(tmp_path, f"Q{n}.CR3") for n in range(5)]
    for photo in photos:
        place(photo, sidecar_style="stem")
    scans = []
    scandir, listdir = os.scandir, os.listdir
    monkeypatch.setattr(os, "scandir", lambda *path: scans.append(path) or scandir(*path))
    monkeypatch.setattr(os, "listdir", lambda *path: scans.append(path) or listdir(*path))
    for photo in photos:
        assert sidecar_positions(str(photo))
    assert len(scans) <= 1, "the time of a survey would grow with the square of the photos"


def test_the_spelling_of_an_existing_sidecar_is_kept(tmp_path: Path) -> None:
    (tmp_path / "E.XMP").write_text(FOREIGN % ("", ""), encoding="utf-8")
    assert place(raw_photo(tmp_path, "E.CR3")) == tmp_path / "E.XMP"


@pytest.mark.parametrize(
    ("attributes", "elements"),
    [
        ("", ""),
        (' exif:GPSLatitude="1,2.5N" exif:GPSLongitude="3,4.5E" exif:GPSDOP="3/1"', ""),
        (
            "",
            (
                "\n   <exif:GPSLatitude>1,2,30N</exif:GPSLatitude>"
                "\n   <exif:GPSLongitude>3,4.5E</exif:GPSLongitude>"
            ),
        ),
        ("", "\n   <exif:GPSLatitude/><exif:GPSAltitude>5/1</exif:GPSAltitude>"),
    ],
)
def test_merging_keeps_every_foreign_field_namespace_and_line(
    tmp_path: Path, attributes: str, elements: str
) -> None:
    sidecar = tmp_path / "F.CR3.xmp"
    old = FOREIGN % (attributes, elements)
    sidecar.write_text(old, encoding="utf-8")
    prepared = prepare(str(raw_photo(tmp_path, "F.CR3")), ESTIMATE, Writing(overwrite=True))
    assert sidecar.read_text(encoding="utf-8") == old
    commit(prepared)
    new = sidecar.read_text(encoding="utf-8")
    for line in (FOREIGN % ("", "")).replace('"12">', '"12"').splitlines():
        assert line in new
    found = position_of(new.encode())
    assert found is not None
    assert found.mark == ESTIMATE.mark
    assert "GPSDOP" not in new
    assert new.count("GPSLatitude") == (2 if "<exif:GPSLatitude>" in new else 1)
    assert restore(prepared.edit).status == "restored"
    assert sidecar.read_text(encoding="utf-8") == old


@exiftool.needs_exiftool
def test_exiftool_reads_a_merged_sidecar_back(tmp_path: Path) -> None:
    sidecar = tmp_path / "G.CR3.xmp"
    sidecar.write_text(FOREIGN % ("", ""), encoding="utf-8")
    before = exiftool.tags(sidecar)
    place(raw_photo(tmp_path, "G.CR3"))
    after = exiftool.tags(sidecar)
    assert after["XMP-exif:GPSLatitude"] == pytest.approx(ESTIMATE.latitude, abs=1e-8)
    assert after["XMP-exif:GPSLongitude"] == pytest.approx(ESTIMATE.longitude, abs=1e-8)
    assert after["XMP-exif:GPSHPositioningError"] == pytest.approx(12500)
    assert after["XMP-exif:GPSMapDatum"] == "WGS-84"
    assert after["XMP-geotagger:Model"] == "rn101-5k500"
    assert "Warning" not in " ".join(after)
    kept = {k: v for k, v in before.items() if k.startswith("XMP")}
    assert {k: after.get(k) for k in kept} == kept


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_encoding_of_a_sidecar_is_kept(tmp_path: Path, encoding: str) -> None:
    sidecar = tmp_path / "H.CR3.xmp"
    sidecar.write_bytes((FOREIGN % ("", "")).encode(encoding))
    place(raw_photo(tmp_path, "H.CR3"))
    text = sidecar.read_bytes().decode(encoding)
    assert "Łódź" in text
    assert "geotagger estimate" in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not XML",
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>",
        b"<!DOCTYPE r [<!ENTITY a 'aaaa'>]><r>&a;</r>",
        b"\xff\xfe\x00\xd8",
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description>",
        # each property is kept, and a packet is read several times
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description xmlns:a='a'"
        + b"".join(b" a:a%d=''" % n for n in range(20_001))
        + b"/></rdf:RDF>",
    ],
    ids=["empty", "not XML", "no RDF", "entities", "UTF-16", "unfinished", "properties"],
)
def test_a_sidecar_that_cannot_be_read_is_left_alone(tmp_path: Path, content: bytes) -> None:
    sidecar = tmp_path / "I.CR3.xmp"
    sidecar.write_bytes(content)
    with pytest.raises(WriteRefusedError, match="cannot be changed"):
        prepare(str(raw_photo(tmp_path, "I.CR3")), ESTIMATE)
    assert sidecar.read_bytes() == content
    assert sidecar_positions(str(tmp_path / "I.CR3")) == []


def test_entities_are_never_expanded() -> None:
    bomb = b"<!DOCTYPE r [<!ENTITY a 'x'>" + b"".join(
        b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)
    )
    with pytest.raises(XmpError, match="document type"):
        parsed(bomb + b"]><r>&j;</r>")


def test_real_gps_in_a_sidecar_is_refused_without_overwrite(tmp_path: Path) -> None:
    sidecar = tmp_path / "J.CR3.xmp"
    sidecar.write_text(
        FOREIGN % (' exif:GPSLatitude="1,2.5N" exif:GPSLongitude="3,4.5E"', ""), encoding="utf-8"
    )
    with pytest.raises(WriteRefusedError, match="has a position already"):
        prepare(str(raw_photo(tmp_path, "J.CR3")), ESTIMATE)


def test_forgetting_takes_our_sidecar_away_and_only_our_fields_from_others(tmp_path: Path) -> None:
    photo = raw_photo(tmp_path, "K.CR3")
    sidecar = place(photo)
    assert forget(str(photo)) == [str(sidecar)]
    assert not sidecar.exists()
    foreign = FOREIGN % ("", "")
    sidecar.write_text(foreign, encoding="utf-8")
    place(photo)
    assert forget(str(photo)) == [str(sidecar)]
    assert sidecar.read_text(encoding="utf-8").split() == foreign.split()


def test_undo_removes_a_created_sidecar_and_spares_what_others_added_since(tmp_path: Path) -> None:
    photo = raw_photo(tmp_path, "L.CR3")
    prepared = prepare(str(photo), ESTIMATE)
    commit(prepared)
    sidecar = Path(prepared.edit.target)
    whole = sidecar.read_text()
    added = (
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF>'
    )
    sidecar.write_text(whole.replace("</rdf:RDF>", added))
    assert restore(prepared.edit).status == "removed"
    assert "geotagger" not in sidecar.read_text()
    assert 'xmp:Rating="5"' in sidecar.read_text()
    sidecar.write_text(whole)
    assert restore(prepared.edit).status == "restored"
    assert not sidecar.exists()
    assert restore(prepared.edit).status == "unchanged"


def test_a_sidecar_folder_mirrors_a_read_only_archive(tmp_path: Path) -> None:
    archive, sidecars = tmp_path / "archive", tmp_path / "sidecars"
    (archive / "2024").mkdir(parents=True)
    photo = raw_photo(archive / "2024", "M.CR3")
    target = place(photo, sidecar_folder=sidecars)
    assert target == sidecars / archive.relative_to("/") / "2024" / "M.CR3.xmp"
    assert [p.name for p in (archive / "2024").iterdir()] == ["M.CR3"]
    assert sidecar_positions(str(photo)) == []
    assert [found.mark for found in sidecar_positions(str(photo), [str(sidecars)])] == [ESTIMATE.mark]


def test_the_folders_made_for_a_sidecar_are_durable_before_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = raw_photo(tmp_path, "M.CR3")
    synced: list[int] = []
    real = os.fsync

    def remembering(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", remembering)
    prepared = prepare(str(photo), OWNERS, Writing(sidecar_folder=tmp_path / "new"))
    new = Path(prepared.folder)
    assert new.is_relative_to(tmp_path / "new")
    made = [folder for folder in (new, *new.parents) if folder.is_relative_to(tmp_path / "new")]
    in_order = [*(folder.parent for folder in made), Path(prepared.temporary.path)]
    assert synced == [path.stat().st_ino for path in in_order]


def test_a_sidecar_is_not_overwritten_when_one_appears_meanwhile(tmp_path: Path) -> None:
    photo = raw_photo(tmp_path, "N.CR3")
    prepared = prepare(str(photo), OWNERS)
    sidecar = tmp_path / "N.CR3.xmp"
    sidecar.write_text("theirs")
    with pytest.raises(WriteError, match="meanwhile"):
        commit(prepared)
    assert sidecar.read_text() == "theirs"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["N.CR3", "N.CR3.xmp"]


def test_a_sidecar_gets_no_sidecar(tmp_path: Path) -> None:
    sidecar = place(raw_photo(tmp_path, "O.CR3"))
    with pytest.raises(WriteRefusedError, match="sidecar itself"):
        prepare(str(sidecar), OWNERS)


def test_the_reason_for_a_sidecar_is_told(tmp_path: Path) -> None:
    prepared = prepare(str(raw_photo(tmp_path, "P.CR3")), OWNERS)
    assert prepared.note == "positions are not written into files of this format"
    abandon(prepared)
