"""Names of places in XMP: written beside nothing else, told from others' names, and taken out exactly."""

import contextlib
import io
import shutil
from pathlib import Path

import piexif
import pytest
from PIL import Image, PngImagePlugin

from geotagger.errors import WriteError
from geotagger.marks import NAME_FIELDS, NamesMark
from geotagger.metadata import Edit, Writing, commit, prepare, prepare_names, restore, sidecar_names
from geotagger.metadata.forget import forget
from geotagger.photo.facts import read_facts
from geotagger.photo.values import NamedPlace
from tests.metadata import exiftool
from tests.metadata.conftest import ESTIMATE

SITGES = NamesMark("neighbours", "Sitges", "Catalonia", "Spain", "ES")
_DEFAULT = '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>%s<?xpacket end="w"?>'
_RDF = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/">%s</rdf:Description></rdf:RDF></x:xmpmeta>'
)


def packet(inside: str) -> bytes:
    return (_DEFAULT % (_RDF % inside)).encode()


def picture(path: Path, xmp: bytes | None = None) -> Path:
    image = Image.effect_noise((64, 48), 60).convert("RGB")
    if path.suffix == ".png" and xmp is not None:
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        image.save(path, pnginfo=info)
    else:
        image.save(path, **({} if xmp is None else {"xmp": xmp}))
    return path


def named(path: Path, mark: NamesMark = SITGES, writing: Writing = Writing()) -> Edit | None:
    made = prepare_names(str(path), mark, writing)
    if made is None:
        return None
    commit(made)
    return Edit.from_json(made.edit.to_json())


@exiftool.needs_exiftool
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("xmp", [None, packet("<dc:source>s</dc:source>")])
def test_names_stand_where_other_programs_read_them(tmp_path: Path, name: str, xmp: bytes | None) -> None:
    path = picture(tmp_path / name, xmp)
    before, pixels = path.read_bytes(), Image.open(path).tobytes()
    edit = named(path)
    assert edit is not None
    tags = exiftool.tags(path)
    assert tags["XMP-photoshop:City"] == "Sitges"
    assert tags["XMP-photoshop:State"] == "Catalonia"
    assert tags["XMP-photoshop:Country"] == "Spain"
    assert tags["XMP-iptcCore:CountryCode"] == "ES"
    assert tags["XMP-iptcExt:LocationCreatedCity"] == "Sitges"
    assert tags["XMP-iptcExt:LocationCreatedProvinceState"] == "Catalonia"
    assert tags["XMP-iptcExt:LocationCreatedCountryName"] == "Spain"
    assert tags["XMP-iptcExt:LocationCreatedCountryCode"] == "ES"
    assert tags.get("XMP-dc:Source") == (None if xmp is None else "s")
    assert "ExifTool:Warning" not in tags
    assert Image.open(path).tobytes() == pixels
    assert named(path) is None  # it says so already
    assert restore(edit).status == "restored"
    assert path.read_bytes() == before


FORMATS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".tif", ".tiff")
OURS = ("XMP-photoshop", "XMP-iptcCore", "XMP-iptcExt", "XMP-geotagger")
OF_THE_FILE = ("System:", "ExifTool:", "File:", "SourceFile", "XMP-x:XMPToolkit", "Composite:")


@exiftool.needs_exiftool
@pytest.mark.parametrize("nth", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_nothing_but_names_changes_in_real_photos(shared_data: Path, tmp_path: Path, nth: int) -> None:
    """By ExifTool's word; and undone, every byte is back. Every nth photo of each folder."""
    photos = [p for p in sorted((shared_data / "photos").rglob("*")) if p.suffix.lower() in FORMATS][::nth]
    copies = {str(tmp_path / f"{n:04d}{p.suffix}"): p for n, p in enumerate(photos)}
    edits = {}
    for path, original in copies.items():
        shutil.copyfile(original, path)
        with contextlib.suppress(WriteError):
            edits[path] = named(Path(path), writing=Writing(durable=False))
    in_photo = {path: edit for path, edit in edits.items() if edit is not None and edit.kind == "exif"}
    assert len(in_photo) > 60 / nth
    old = exiftool.tags_of([str(copies[path]) for path in in_photo], "-u")
    new = exiftool.tags_of(list(in_photo), "-u")
    for before, after in zip(old, new, strict=True):
        # offsets that count from the file's start move with what they lead to
        moved = {k for k in before if k.endswith(("Start", "Offset", "Offsets")) or "MPImage" in k}
        rest = [
            {k: v for k, v in tags.items() if not k.startswith((*OURS, *OF_THE_FILE)) and k not in moved}
            for tags in (before, after)
        ]
        assert rest[0] == rest[1], before["SourceFile"]
        assert all(after[k] == v for k, v in before.items() if k.startswith(OURS)), before["SourceFile"]
        assert any(k.startswith("XMP-iptcExt:LocationCreated") for k in after)
    for edit in filter(None, edits.values()):
        assert restore(edit, durable=False).status == "restored"
    for path, original in copies.items():
        assert Path(path).read_bytes() == original.read_bytes(), original
    assert {str(path) for path in tmp_path.iterdir()} == copies.keys()


@pytest.mark.parametrize(
    "inside",
    [
        "<photoshop:City>Barcelona</photoshop:City>",
        "<photoshop:Country>Deutschland</photoshop:Country>",
        (
            '<Iptc4xmpExt:LocationCreated xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><rdf:Bag>'
            "<rdf:li><rdf:Description><Iptc4xmpExt:City>Vic</Iptc4xmpExt:City></rdf:Description></rdf:li></rdf:Bag>"
            "</Iptc4xmpExt:LocationCreated>"
        ),
    ],
)
def test_nothing_is_written_beside_another_place(tmp_path: Path, inside: str) -> None:
    path = picture(tmp_path / "a.jpg", packet(inside))
    before = path.read_bytes()
    assert named(path) is None
    assert path.read_bytes() == before


def test_what_is_there_and_agrees_stays_as_it_is_spelt(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg", packet("<photoshop:City>SITGES</photoshop:City>"))
    before = path.read_bytes()
    edit = named(path)
    assert edit is not None
    assert edit.names_mark is not None
    assert edit.names_mark.fields == tuple(field for field in NAME_FIELDS if field != "City")
    assert b"<photoshop:City>SITGES</photoshop:City>" in path.read_bytes()
    assert b"<photoshop:City>Sitges" not in path.read_bytes()
    restore(edit)
    assert path.read_bytes() == before


def test_another_place_in_iptc_is_heeded(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg")
    assert prepare_names(str(path), SITGES, elsewhere=NamedPlace("Vic", "", "")) is None


def test_a_sidecar_that_names_another_place_is_heeded(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg")
    (tmp_path / "a.jpg.xmp").write_bytes(packet("<photoshop:City>Vic</photoshop:City>"))
    assert named(path) is None


def test_our_own_names_are_no_evidence(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg")
    named(path)
    assert not read_facts(str(path)).named
    beside = picture(tmp_path / "b.jpg")
    assert named(beside, writing=Writing("sidecar")) is not None
    assert not sidecar_names(str(beside))
    text = (tmp_path / "b.jpg.xmp").read_text().replace("<photoshop:City>Sitges", "<photoshop:City>Vic")
    (tmp_path / "b.jpg.xmp").write_text(text)
    assert sidecar_names(str(beside)) == NamedPlace("Vic", "", "")  # somebody's word now


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_names_changed_by_another_program_stay(tmp_path: Path, name: str) -> None:
    path = picture(tmp_path / name)
    edit = named(path)
    assert edit is not None
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is not installed")
    exiftool.run("-overwrite_original", "-XMP-photoshop:City=Vilanova", str(path))
    assert restore(edit).status == "removed"
    left = exiftool.tags(path)
    assert left["XMP-photoshop:City"] == "Vilanova"
    assert "XMP-photoshop:State" not in left
    assert "XMP-iptcExt:LocationCreatedCity" not in left
    assert not any("geotagger" in key.lower() for key in left)


def test_a_position_that_moves_takes_its_names_along(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg")
    commit(prepare(str(path), ESTIMATE))
    named(path)
    commit(prepare(str(path), ESTIMATE))
    assert b"Sitges" not in path.read_bytes()


def test_forgetting_an_estimate_takes_its_names_out(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg")
    before = path.read_bytes()
    commit(prepare(str(path), ESTIMATE))
    named(path)
    forget(str(path))
    assert path.read_bytes() == before


def test_names_of_a_cameras_place_are_no_estimate(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.jpg")
    file = io.BytesIO()
    gps = {1: b"N", 2: ((41, 1), (14, 1), (0, 1)), 3: b"E", 4: ((1, 1), (48, 1), (0, 1))}
    piexif.insert(piexif.dump({"GPS": gps}), path.read_bytes(), file)
    path.write_bytes(file.getvalue())
    named(path, NamesMark("camera", "Sitges", "Catalonia", "Spain", "ES"))
    before = path.read_bytes()
    forget(str(path))
    assert path.read_bytes() == before


def test_names_that_the_journal_did_not_write_are_not_undone(tmp_path: Path) -> None:
    """An index may be a stranger's: it must not take a field of the owner's for ours."""
    path = picture(tmp_path / "a.jpg", packet("<photoshop:City>Sitges</photoshop:City>"))
    other = picture(tmp_path / "b.jpg", packet("<dc:source>s</dc:source>"))
    edit = named(other)
    assert edit is not None
    before = path.read_bytes()
    assert restore(edit, str(path)).status == "kept"
    assert path.read_bytes() == before
