"""What photos say of their own place and time, through the command a person types: what can be read counts,
what cannot stays as it is, and beside each photo that is left alone stands one without the trap that is
written."""

import json
import struct
import zlib
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import piexif
import pytest

from geotagger.evaluate.sightings import read_sightings
from geotagger.index import open_index
from geotagger.index.learned import MOVEMENT
from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, jpeg, walk_through_town

SOUTH = {1: b"S", 2: ((33, 1), (52, 1), (48, 10)), 3: b"E", 4: ((151, 1), (12, 1), (36, 1))}


def photo(
    zeroth: dict[int, Any] | None = None,
    exif: dict[int, Any] | None = None,
    gps: dict[int, Any] | None = None,
    *,
    minutes: float = 2,
    camera: bool = True,
    xmp: str = "",
    iptc: bytes = b"",
) -> bytes:
    """A photo taken between two that know their place; what is given is added, or taken out where None."""
    named: dict[int, Any] = {0x010F: b"Testmaker", 0x0110: b"Scene One"} if camera else {}
    moment = (START + timedelta(minutes=minutes)).strftime("%Y:%m:%d %H:%M:%S").encode()
    taken: dict[int, Any] = {0x9003: moment, 0x9011: b"+02:00", **({0x829A: (1, 200)} if camera else {})}
    block = piexif.dump(
        {
            "0th": {k: v for k, v in {**named, **(zeroth or {})}.items() if v is not None},
            "Exif": {k: v for k, v in {**taken, **(exif or {})}.items() if v is not None},
            "GPS": gps or {},
        }
    )
    plain = jpeg(None)
    start = 2 + 2 + struct.unpack(">H", plain[4:6])[0]  # behind JFIF
    extra = segment(0xE1, bytes(block))
    if xmp:
        extra += segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet(xmp))
    if iptc:
        resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
        extra += segment(0xED, b"Photoshop 3.0\0" + resource)
    return plain[:start] + extra + without_app1(plain[start:])


def without_app1(rest: bytes) -> bytes:
    while rest[:2] == b"\xff\xe1":
        rest = rest[2 + struct.unpack(">H", rest[2:4])[0] :]
    return rest


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def packet(body: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def dataset(number: int, value: bytes) -> bytes:
    return bytes([0x1C, 2, number]) + struct.pack(">H", len(value)) + value


def srational(*numbers: int) -> bytes:
    return b"".join(struct.pack(">ii", number, 1) for number in numbers)


def signed_block(block: bytes, tag: int, numbers: tuple[int, ...]) -> bytes:
    """The big-endian EXIF block with the rationals of a GPS tag made signed ones."""
    at = block.index(struct.pack(">HHI", tag, 5, 3))
    (offset,) = struct.unpack(">I", block[at + 8 : at + 12])
    tiff = block.index(b"MM\0*")
    changed = bytearray(block)
    changed[at : at + 8] = struct.pack(">HHI", tag, 10, 3)
    changed[tiff + offset : tiff + offset + 24] = srational(*numbers)
    return bytes(changed)


def tagged(geotagger: Geotagger, folder: Path, *more: object) -> dict[str, dict[str, Any]]:
    return geotagger("tag", folder, "--model", "none", "--json", *more).by_name()


def near(record: dict[str, Any], latitude: float, longitude: float) -> bool:
    return record["latitude"] == pytest.approx(latitude, abs=1e-3) and record["longitude"] == pytest.approx(
        longitude, abs=1e-3
    )


def test_positions_in_other_spellings_are_kept_and_unreadable_ones_left_alone_and_named(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = walk_through_town(tmp_path / "photos", 4, without_gps=0).folder
    negative = signed_block(photo(gps=SOUTH | {1: b"N"}), 2, (-33, -52, -5))
    shown = "<Iptc4xmpExt:{0}><rdf:Bag><rdf:li rdf:parseType='Resource'><exif:GPSLatitude>45,58.59N"
    shown += "</exif:GPSLatitude><exif:GPSLongitude>7,39.51E</exif:GPSLongitude></rdf:li></rdf:Bag>"
    shown += "</Iptc4xmpExt:{0}>"
    photos = {
        "control.jpg": photo(),
        "degrees.jpg": photo(gps=SOUTH),
        "negative.jpg": negative,
        "no-refs.jpg": photo(gps={2: SOUTH[2], 4: SOUTH[4]}),
        "half.jpg": photo(gps={1: b"S", 2: SOUTH[2]}),
        "void.jpg": photo(gps=SOUTH | {9: b"V"}),
        "zero.jpg": photo(gps={1: b"N", 2: ((0, 1),) * 3, 3: b"E", 4: ((0, 1),) * 3}),
        "shown.jpg": photo(xmp=shown.format("LocationShown")),
        "created.jpg": photo(xmp=shown.format("LocationCreated")),
        "xmp-decimal.jpg": photo(
            xmp="<exif:GPSLatitude>-33.868</exif:GPSLatitude>"
            "<exif:GPSLongitude>151 deg 12' 36.00\" E</exif:GPSLongitude>"
        ),
        "xmp-unreadable.jpg": photo(
            xmp="<exif:GPSLatitude>33 point 8</exif:GPSLatitude><exif:GPSLongitude>151</exif:GPSLongitude>"
        ),
        "beside.jpg": photo(),
    }
    for name, data in photos.items():
        (folder / name).write_bytes(data)
    beside = packet(
        "<exif:GPSLatitude>so far</exif:GPSLatitude><exif:GPSLongitude>12 or 13</exif:GPSLongitude>"
    )
    (folder / "beside.jpg.xmp").write_bytes(beside)
    # at one minute in Vienna, the Alps and Sydney: nothing is certain here
    said = tagged(geotagger, folder, "--min-confidence", "0.05")
    assert {name for name in photos if said[name]["status"] == "written"} == {
        "control.jpg", "void.jpg", "zero.jpg", "shown.jpg"
    }  # fmt: skip
    for name in ("degrees.jpg", "negative.jpg", "xmp-decimal.jpg"):
        assert near(said[name], -33.868, 151.21), name
    assert near(said["created.jpg"], 45.9765, 7.6585)
    for name in ("no-refs.jpg", "half.jpg", "xmp-unreadable.jpg", "beside.jpg"):
        assert (said[name]["status"], said[name]["latitude"]) == ("kept", None), name
        assert "cannot be read" in said[name]["reason"], name
        assert (folder / name).read_bytes() == photos[name]
    assert (folder / "beside.jpg.xmp").read_bytes() == beside
    again = tagged(geotagger, folder, "--write", "sidecar")
    assert all(record["status"] != "written" for record in again.values())
    for name in ("no-refs.jpg", "beside.jpg"):
        said = geotagger("place", "48,11", folder / name, "--json", code=None).by_name()
        assert "cannot be read" in said[name]["reason"]
        assert (folder / name).read_bytes() == photos[name]
    geotagger("place", "48,11", folder / "no-refs.jpg", folder / "beside.jpg", "--overwrite")
    assert b"48,0.00000000N" in (folder / "beside.jpg.xmp").read_bytes()
    geotagger("undo", "--yes")
    assert (folder / "no-refs.jpg").read_bytes() == photos["no-refs.jpg"]
    assert (folder / "beside.jpg.xmp").read_bytes() == beside


def test_one_offset_counts_for_every_moment_that_is_the_same_and_for_no_other(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    taken = START + timedelta(minutes=2)
    same, edited = (
        moment.strftime("%Y:%m:%d %H:%M:%S").encode() for moment in (taken, taken + timedelta(days=3))
    )
    # two places four hours apart; by its offset of -02:00 the first photo was taken beside the second place
    for name, hours, place in (("here", 0, (48.0, 16.0)), ("there", 4, (48.0, 17.0))):
        (folder / f"{name}.jpg").write_bytes(jpeg(START + timedelta(hours=hours), place))
    for name, changed in (("one.jpg", same), ("edited.jpg", edited)):
        (folder / name).write_bytes(photo({0x0132: changed}, {0x9011: None, 0x9010: b"-02:00"}))
    (folder / "digitised.jpg").write_bytes(photo({}, {0x9011: None, 0x9004: same, 0x9012: b"-02:00"}))
    said = tagged(geotagger, folder)
    assert near(said["one.jpg"], 48, 17)
    assert near(said["digitised.jpg"], 48, 17)
    assert near(said["edited.jpg"], 48, 16)


def png(block: bytes = b"", xmp: bytes = b"", kind: bytes = b"zTXt", profile: bytes = b"exif") -> bytes:
    """A PNG with EXIF as ImageMagick keeps it, or XMP in a compressed text."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes((7 * i + y) % 251 for i in range(192)) for y in range(48)))
    text = b""
    if block:
        digits = block.hex()
        lines = b"\n".join(digits[i : i + 72].encode() for i in range(0, len(digits), 72))
        raw = b"\n%s\n%8d\n%s\n" % (profile, len(block), lines)
        keyword = b"Raw profile type " + profile + b"\0"
        text = {
            b"zTXt": keyword + b"\0" + zlib.compress(raw),
            b"tEXt": keyword + raw,
            b"iTXt": keyword + b"\1\0\0\0" + zlib.compress(raw),
        }[kind]
    chunks = [(b"IHDR", head)]
    chunks += [(kind, text)] if text else []
    chunks += [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))] if xmp else []
    chunks += [(b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def test_a_png_has_its_time_and_place_from_text_profiles(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = walk_through_town(tmp_path / "photos", 4, without_gps=0).folder

    def block(gps: dict[int, Any]) -> bytes:
        data = photo(gps=gps)
        at = data.index(b"Exif\0\0")
        return data[at : at + struct.unpack(">H", data[at - 2 : at])[0] - 2]

    place = packet(
        "<exif:GPSLatitude>33,52.08S</exif:GPSLatitude><exif:GPSLongitude>151,12.6E</exif:GPSLongitude>"
    )
    photos = {
        **{
            f"place-{kind.decode()}.png": png(block(SOUTH), kind=kind) for kind in (b"zTXt", b"tEXt", b"iTXt")
        },
        "place-app1.png": png(block(SOUTH), profile=b"APP1"),
        "place-xmp.png": png(xmp=place),
        "place-profile-xmp.png": png(place, profile=b"xmp"),
    }
    (folder / "time.png").write_bytes(png(block({})))
    (folder / "drawn.png").write_bytes(png())
    said = tagged(geotagger, folder)
    assert said["time.png"]["status"] == "written"
    assert near(said["time.png"], LATITUDE, LONGITUDE)
    assert said["drawn.png"]["status"] == "skipped"
    for name, data in photos.items():
        (folder / name).write_bytes(data)
    said = tagged(geotagger, folder)
    for name in photos:
        assert said[name]["status"] == "kept", name
        assert near(said[name], -33.868, 151.21), name


def test_a_date_in_iptc_alone_is_a_capture_time(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = walk_through_town(tmp_path / "photos", 4, without_gps=0).folder
    no_time = {0x9003: None, 0x9011: None}
    day = dataset(55, START.strftime("%Y%m%d").encode())
    photos = {
        "with-zone.jpg": photo(exif=no_time, iptc=day + dataset(60, b"090200+0200")),
        "no-zone.jpg": photo(exif=no_time, iptc=day + dataset(60, b"090200+0000")),
        "bare.jpg": photo(exif=no_time, iptc=day + dataset(60, b"090200")),
        "day-only.jpg": photo(exif=no_time, iptc=day),
    }
    for name, data in photos.items():
        (folder / name).write_bytes(data)
    said = tagged(geotagger, folder)
    written = {name for name in photos if said[name]["status"] == "written"}
    assert written == {"with-zone.jpg", "no-zone.jpg", "bare.jpg"}


ASCII = b"ASCII\0\0\0"


def test_what_is_no_photograph_of_that_hour_is_left_alone_unless_asked(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = walk_through_town(tmp_path / "photos", 4, without_gps=0).folder
    moment = START.strftime("%Y:%m:%d %H:%M:%S").encode()
    bare = {"camera": False}
    traps: dict[str, bytes] = {
        "comment.jpg": photo(exif={0x9286: ASCII + b"Screenshot"}, **bare),
        "unicode.jpg": photo(exif={0x9286: b"UNICODE\0" + "Screenshot".encode("utf-16-le")}, **bare),
        "film.jpg": photo(exif={0xA300: b"\1"}, **bare),
        "print.jpg": photo(exif={0xA300: b"\2"}, **bare),
        "noritsu.jpg": photo({0x010F: b"NORITSU KOKI", 0x0110: b"EZ Controller"}, **bare),
        "frontier.jpg": photo({0x010F: b"FUJI PHOTO FILM CO., LTD.", 0x0110: b"SP-3000"}, **bare),
        "pakon.jpg": photo({0x010F: b"PAKON", 0x0110: b"F135"}, **bare),
        "flextight.jpg": photo({0x010F: b"Hasselblad", 0x0110: b"Flextight X5"}, **bare),
        "coolscan.jpg": photo({0x010F: b"Nikon", 0x0110: b"LS-9000"}, **bare),
        "digitised.jpg": photo(exif={0x9003: None, 0x9011: None, 0x9004: moment}, **bare),
    }
    names = [
        "Screenshot_20240303-123500.jpg", "Screenshot_2024-03-03-12-35-00-123_com.app.jpg",
        "Screenshot 2024-03-03 123500.jpg", "Screen Shot 2016-03-03 at 12.35.00.jpg",
        "Bildschirmfoto 2024-03-03 um 12.35.00.jpg", "Captura de pantalla 2024-03-03.jpg",
        "Capture d’écran 2024-03-03 à 12.35.00.jpg", "Schermata 2024-03-03 alle 12.35.00.jpg",
        "スクリーンショット 2024-03-03 12.35.00.jpg", "Снимок экрана 2024-03-03.jpg", "Screenshot (12).jpg",
        "צילום מסך 2024-03-03.jpg", "لقطة الشاشة 2024-03-03.jpg", "Ảnh chụp Màn hình 2024-03-03.jpg",
        "Tangkapan Layar 2024-03-03.jpg", "Snímka obrazovky 2024-03-03.jpg", "CleanShot 2024-03-03 at 12.jpg",
        "SmartSelect_20240303-123500_Gallery.jpg", "Capture+_2024-03-03-12-35-00.jpg",
        "2024-03-03_12-35-00-screenshot.jpg",
        "Captura_de_tela_20240303-123500.jpg",
        "Simulator Screenshot - iPhone 15 - 2024-03-03 at 12.35.00.jpg",
    ]  # fmt: skip
    traps |= {name: photo(**bare) for name in names}
    controls = {
        "plain.jpg": photo(**bare),
        "camera-source.jpg": photo(exif={0xA300: b"\3"}, **bare),
        "exposed-source.jpg": photo(exif={0xA300: b"\1", 0x829A: (1, 60)}, **bare),
        "comment-camera.jpg": photo(exif={0x9286: ASCII + b"holiday"}),
        "fuji.jpg": photo({0x010F: b"FUJIFILM", 0x0110: b"X-T30"}),
        "nikon.jpg": photo({0x010F: b"NIKON CORPORATION", 0x0110: b"NIKON D3500"}),
        "digitised-camera.jpg": photo(exif={0x9003: None, 0x9011: None, 0x9004: moment, 0x9012: b"+02:00"}),
        "Screenshot_of_exposure.jpg": photo(),
        "screens in Screenville.jpg": photo(**bare),
    }
    for name, data in (traps | controls).items():
        (folder / name).write_bytes(data)
    said = tagged(geotagger, folder)
    for name, data in traps.items():
        assert said[name]["status"] == "skipped", (name, said[name])
        assert (folder / name).read_bytes() == data
    assert {name for name in controls if said[name]["status"] != "written"} == set()
    asked = tagged(geotagger, folder, "--all-images")
    assert {name for name in traps if asked[name]["status"] != "written"} == {"digitised.jpg"}


def takeout(
    shown: tuple[float, float] = (0, 0), own: tuple[float, float] = (0, 0), taken: float | None = None
) -> bytes:
    def place(at: tuple[float, float]) -> dict[str, float]:
        return {"latitude": at[0], "longitude": at[1], "altitude": 0.0, "latitudeSpan": 0.0}

    told: dict[str, Any] = {"title": "a", "geoData": place(shown), "geoDataExif": place(own)}
    if taken is not None:
        told["photoTakenTime"] = {"timestamp": str(round(taken)), "formatted": "17.05.2024, 07:02:00 UTC"}
    return json.dumps(told).encode()


LONDON = (51.6308, -0.41)
BERLIN = (52.5186, 13.4083)
"""Where the photos' clocks stand as in Vienna, as they do not in London."""
FAR = 20_000
"""Minutes after which the walk through the town says nothing."""


def test_google_takeout_tells_place_and_time_below_the_owners_own_sidecar(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = walk_through_town(tmp_path / "photos", 4, without_gps=0).folder
    no_time = {0x9003: None, 0x9011: None}
    utc = (START + timedelta(minutes=2) - timedelta(hours=2)).replace(tzinfo=UTC).timestamp()
    owner = packet("<exif:GPSLatitude>48,0N</exif:GPSLatitude><exif:GPSLongitude>11,0E</exif:GPSLongitude>")
    files = {
        "google.jpg": photo(minutes=FAR),
        "google.jpg.supplemental-metadata.json": takeout(LONDON),
        "camera.jpg": photo(minutes=FAR),
        "camera.jpg.json": takeout(LONDON, LONDON),
        "exif.jpg": photo(minutes=FAR),
        "exif.jpg.json": takeout(own=LONDON),
        "owner.jpg": photo(minutes=FAR),
        "owner.jpg.json": takeout(LONDON),
        "owner.jpg.xmp": owner,
        "fix.jpg": photo(gps=SOUTH, minutes=2 * FAR),
        "fix.jpg.json": takeout(LONDON),
        "google-edited.jpg": photo(minutes=FAR),
        "none.jpg": photo(),
        "none.jpg.json": takeout(),
        "control.jpg": photo(),
        "time.jpg": photo(exif=no_time),
        "time.jpg.json": takeout(taken=utc),
        "timeless.jpg": photo(exif=no_time),
        "timeless.jpg.json": takeout(),
        "hostile.jpg": photo(),
        "hostile.jpg.json": b'{"geoData": {"latitude": 1e999, "longitude": []},'
        b' "photoTakenTime": {"timestamp": "1e99"}}',
        "list.jpg": photo(),
        "list.jpg.json": b"[" * 100_000,
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    said = tagged(geotagger, folder)
    photos = [name for name in files if name.endswith(".jpg")]
    assert {name for name in photos if said[name]["status"] == "written"} == {
        "none.jpg", "control.jpg", "time.jpg", "hostile.jpg", "list.jpg"
    }  # fmt: skip
    for name in ("google.jpg", "camera.jpg", "exif.jpg", "google-edited.jpg"):
        assert (said[name]["status"], said[name]["rung"]) == ("kept", "sidecar"), name
        assert near(said[name], *LONDON), name
    assert said["google.jpg"]["radius_km"] == 1.0
    assert said["camera.jpg"]["radius_km"] == said["exif.jpg"]["radius_km"] == 0.01
    assert near(said["owner.jpg"], 48, 11)
    assert near(said["fix.jpg"], -33.868, 151.21)
    assert near(said["time.jpg"], LATITUDE, LONGITUDE)
    assert {name: (folder / name).read_bytes() for name in files if name.endswith(("json", "xmp"))} == {
        name: data for name, data in files.items() if name.endswith(("json", "xmp"))
    }
    again = geotagger("tag", folder, "--model", "none", "--json")
    assert all(record["status"] != "written" for record in again.records)
    # a corrected JSON is read again, one that goes is no longer believed
    (folder / "google.jpg.supplemental-metadata.json").write_bytes(takeout((48.5, 9.0), (48.5, 9.0)))
    (folder / "camera.jpg.json").unlink()
    said = tagged(geotagger, folder)
    assert near(said["google.jpg"], 48.5, 9.0)
    assert said["camera.jpg"]["rung"] != "sidecar"


def test_what_may_be_googles_own_estimate_helps_but_teaches_nothing_and_is_no_truth(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = walk_through_town(tmp_path / "photos", 12, without_gps=0).folder
    lone = {"minutes": 3 * FAR}
    (folder / "google.jpg").write_bytes(photo(**lone))
    (folder / "google.jpg.json").write_bytes(takeout(BERLIN))
    (folder / "beside.jpg").write_bytes(photo(**lone))
    said = tagged(geotagger, folder)
    assert near(said["beside.jpg"], *BERLIN)
    with open_index(geotagger.index, mode="read") as index:
        (root,) = index.roots.all()
        movement = index.learned.get(root.id, MOVEMENT)
        fixes = index.photos.fixes(root.id)
    assert movement is not None
    assert "52.5" not in json.dumps(movement["movement"])
    assert fixes.teaches.tolist().count(False) == 1
    (sighting,) = (s for s in read_sightings([str(folder)], None, print) if s.name.endswith("google.jpg"))
    assert sighting.clocked.latitude is None


def test_names_of_places_in_photo_and_sidecar_are_evidence_below_any_fix(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = walk_through_town(tmp_path / "photos", 8, without_gps=0).folder
    far = {"minutes": FAR}
    xmp = "<photoshop:City xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/'>Sydney</photoshop:City>"
    xmp += "<photoshop:Country xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/'>Australia</photoshop:Country>"
    shown = f"<Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li rdf:parseType='Resource'>{xmp}</rdf:li></rdf:Bag>"
    shown += "</Iptc4xmpExt:LocationShown>"
    created = "<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li rdf:parseType='Resource'>"
    created += (
        "<Iptc4xmpExt:City>Sydney</Iptc4xmpExt:City><Iptc4xmpExt:CountryCode>AU</Iptc4xmpExt:CountryCode>"
    )
    created += "</rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>"
    iptc = dataset(90, b"Sydney") + dataset(101, b"Australia")
    photos = {
        "iptc.jpg": photo(iptc=iptc, **far),
        "xmp.jpg": photo(xmp=xmp, **far),
        "created.jpg": photo(xmp=created, **far),
        "sidecar.jpg": photo(**far),
        "shown.jpg": photo(xmp=shown, **far),
        "unknown.jpg": photo(iptc=dataset(90, b"Xyzzy"), **far),
        "own.jpg": photo(gps=SOUTH | {1: b"N"}, iptc=iptc, minutes=-FAR),
        "beside.jpg": photo(iptc=dataset(90, b"Wien") + dataset(101, b"Austria")),
    }
    for name, data in photos.items():
        (folder / name).write_bytes(data)
    (folder / "sidecar.jpg.xmp").write_bytes(packet(xmp))
    said = tagged(geotagger, folder, "--write", "none")
    for name in ("iptc.jpg", "xmp.jpg", "created.jpg", "sidecar.jpg"):
        record = said[name]
        assert record["latitude"] == pytest.approx(-33.87, abs=0.2), name
        assert record["longitude"] == pytest.approx(151.21, abs=0.2), name
        assert record["radius_km"] > 5
    for name in ("shown.jpg", "unknown.jpg"):
        assert said[name]["latitude"] is None or said[name]["latitude"] > 0, name
    assert near(said["own.jpg"], 33.868, 151.21)
    assert near(said["beside.jpg"], LATITUDE, LONGITUDE)
    assert said["beside.jpg"]["radius_km"] < 2
    why = geotagger("why", folder / "iptc.jpg").out
    assert "Sydney" in why


@pytest.mark.parametrize("of_scanner", [True, False])
def test_the_place_of_a_scan_places_no_photo_of_its_hour(
    geotagger: Geotagger, tmp_path: Path, of_scanner: bool
) -> None:
    """What a scanner made was seen by its camera in another year; the same file of a camera does help. `tag`,
    `why` and `evaluate` take it alike."""
    folder = tmp_path / "photos"
    folder.mkdir()
    bare = {"exif": {0x829A: None}} if of_scanner else {}
    maker = {0x010F: b"Nikon", 0x0110: b"LS-9000"} if of_scanner else {}
    (folder / "there.jpg").write_bytes(photo(maker, gps=SOUTH, minutes=1, **bare))
    (folder / "same-minute.jpg").write_bytes(photo(minutes=2))
    said = geotagger("tag", folder, "--json").by_name()
    assert (said["same-minute.jpg"]["status"] == "written") is not of_scanner
    fixes = geotagger("why", folder / "same-minute.jpg", "--json").records[0]["fixes"]
    assert bool(fixes) is not of_scanner
    (sighting,) = [s for s in read_sightings([str(folder)], None, print) if s.name.endswith("there.jpg")]
    assert (sighting.own_place is None) is of_scanner
    assert said["there.jpg"]["status"] == "kept"
