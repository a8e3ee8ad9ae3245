"""Which JSON file belongs to which photo of a Google Takeout, in the names that its users report."""

import os
from pathlib import Path

import pytest

from geotagger.archive.listing import file_entry, folders
from geotagger.archive.takeout import TakeoutNames
from geotagger.metadata.read import takeout_record

LONG = "Screenshot of a very long name that somebody gave it"
META = ".supplemental-metadata"


@pytest.mark.parametrize(
    ("photo", "json"),
    [
        ("IMG_7448.JPG", "IMG_7448.JPG.json"),
        ("IMG_7448.JPG", f"IMG_7448.JPG{META}.json"),
        ("IMG_7448.jpg", "IMG_7448.JPG.json"),
        ("IMG_7448(1).JPG", "IMG_7448.JPG(1).json"),
        ("IMG_7448(1).JPG", f"IMG_7448.JPG{META}(1).json"),
        ("IMG_7448(1).JPG", "IMG_7448(1).JPG.json"),
        ("IMG_7448(1).JPG", f"IMG_7448(1).JPG{META}.json"),
        ("IMG_7448-edited.JPG", "IMG_7448.JPG.json"),
        ("IMG_7448-edited(1).JPG", "IMG_7448.JPG(1).json"),
        ("IMG_7448-bearbeitet.JPG", f"IMG_7448.JPG{META}.json"),
        ("IMG_7448-modifié.jpg", "IMG_7448.jpg.json"),
        ("IMG_7448-編集済み.jpg", "IMG_7448.jpg.json"),
        ("IMG_7448.jpg", "IMG_7448.jpg.zusätzliche-metadaten.json"),
        ("IMG_7448.MOV", "IMG_7448.HEIC.json"),
        ("IMG_7448.MP4", f"IMG_7448.JPG{META}.json"),
        ("PXL_20240615_100000000.MP", "PXL_20240615_100000000.MP.jpg.json"),
        ("PXL_20240615_100000000.MP", "PXL_20240615_100000000.MP.jpg.supplemental-metada.json"),
        ("PXL_20240615_100000000.MP~2", "PXL_20240615_100000000.MP~2.jpg.supplemental-meta.json"),
        ("IMG_20191231_235959.MP", f"IMG_20191231_235959.jpg{META}.json"),
        ("20030616.jpg", "20030616.json"),
        ("IMG_1.jpg", "IMG_1.jpg.पूरक-मेटाडेटा.json"),
        ("IMG_1.jpg", "IMG_1.jpg.ข้อมูลเมตาเสริม.json"),
        ("IMG_1(2).jpg", "IMG_1.jpg.補足メタデータ(2).json"),
        ("IMG_1.jpg", "IMG_1.jpg.metadonnées d’origine.json"),
        ("IMG_1-επεξεργασμένο.jpg", "IMG_1.jpg.json"),
        ("IMG_1-відредаговано(1).jpg", "IMG_1.jpg(1).json"),
        ("IMG_1(1)-edited.jpg", f"IMG_1.jpg{META}(1).json"),
        ("IMG_1-edited.jpg", f"IMG_1.HEIC{META}.json"),
        ("IMG_1-edited.MOV", "IMG_1.HEIC.json"),
        ("IMG_1(3).MOV", f"IMG_1.HEIC{META}(3).json"),
        (f"{LONG[:43]}.jpg", f"{LONG[:43]}.jpg"[:46] + ".json"),
        (f"{LONG[:47]}.jpg", f"{LONG[:46]}.json"),
        (f"{LONG[:47]}(1).jpg", f"{LONG[:46]}(1).json"),
    ],
)
def test_a_photo_finds_its_json(photo: str, json: str) -> None:
    others = ["metadata.json", "print-subscriptions.json", "IMG_9999.JPG.json", "IMG_744.JPG.json"]
    assert TakeoutNames([*others, json]).of(photo)[0] == json


@pytest.mark.parametrize("length", range(1, 42))
def test_every_cut_to_51_characters_is_found(length: int) -> None:
    photo = "IMG_20240102_030405678_HDR_PORTRAIT_BURST_COVER"[:length] + ".jpg"
    json = (photo + META)[:46] + ".json"
    assert len(json) <= 51
    assert TakeoutNames(["metadata.json", json]).of(photo)[0] == json
    numbered = f"{photo[:-4]}(2).jpg"
    double = f"{json[:-5]}(2).json"
    assert TakeoutNames([json, double]).of(numbered)[0] == double
    assert TakeoutNames([json, double]).of(photo)[0] == json


@pytest.mark.parametrize("word", ["edited", "bearbeitet", "modifié", "отредактировано"])
@pytest.mark.parametrize("kept", range(7))
@pytest.mark.parametrize("number", ["", "(3)"])
def test_the_word_for_an_edited_copy_is_found_where_it_is_cut(word: str, kept: int, number: str) -> None:
    stem = "Screenshot_20210101-000000_some.long.app.name.here"[: 46 - kept]
    photo = f"{stem}-{word[:kept]}{number}.jpg"
    json = f"{(stem + '.jpg' + META)[:46]}{number}.json"
    assert TakeoutNames([json, "metadata.json"]).of(photo)[0] == json


def test_a_json_of_another_program_does_not_hide_takeouts(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "a.jpg.exif.json").write_text('[{"SourceFile": "a.jpg"}]')
    (tmp_path / f"a.jpg{META}.json").write_text('{"geoData": {"latitude": 48.2, "longitude": 16.4}}')
    position = takeout_record(str(tmp_path / "a.jpg")).position
    assert position is not None
    assert (position.latitude, position.longitude) == (48.2, 16.4)


@pytest.mark.parametrize(
    ("photo", "json"),
    [
        ("IMG_1.jpg", "IMG_12.jpg.json"),
        ("IMG_12.jpg", "IMG_1.jpg.json"),
        ("IMG_1(1).jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg(1).json"),
        ("IMG_1.jpg", "IMG_1.png.json"),
        ("IMG_1.jpg", "IMG_1.jpg.v2.json"),
        ("paris-night.jpg", "paris.jpg.json"),
        ("IMG_1.HEIC", "IMG_1.JPG.json"),
    ],
)
def test_that_of_another_photo_is_not_taken(photo: str, json: str) -> None:
    assert TakeoutNames([json]).of(photo) == ()


def test_its_time_is_that_of_a_sidecar_in_the_listing_and_of_one_file(tmp_path: Path) -> None:
    for name, seconds in (("a.jpg", 100), ("a.jpg.xmp", 200), (f"a.jpg{META}.json", 300), ("b.jpg", 100)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (seconds, seconds))
    (folder,) = folders([str(tmp_path)])
    assert [(name, sidecar_ns) for name, _, _, sidecar_ns in folder.files] == [
        ("a.jpg", 300_000_000_000),
        ("b.jpg", 0),
    ]
    assert file_entry(str(tmp_path / "a.jpg")).sidecar_mtime_ns == 300_000_000_000
    os.utime(tmp_path / "a.jpg.xmp", (400, 400))
    assert file_entry(str(tmp_path / "a.jpg")).sidecar_mtime_ns == 400_000_000_000
