from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from geotagger.photo.facts import read_facts

from .pictures import exif, quarters, with_exif

CAMERA = {0x010F: b"samsung", 0x0110: b"SM-G930F"}
EXPOSED = {0x829A: (1, 100), 0x829D: (28, 10)}


def not_a_photo(path: Path) -> str:
    return read_facts(path).not_a_photo or ""


def test_a_jpeg_that_says_nothing_is_a_photograph(tmp_path: Path) -> None:
    path = tmp_path / "IMG-20190601-WA0003.jpg"
    quarters().save(path)
    assert not_a_photo(path) == ""


@pytest.mark.parametrize(
    "block",
    [exif(CAMERA), exif(exif=EXPOSED), exif(CAMERA | {0x0131: b"Scanned by nobody"}, EXPOSED)],
    ids=["camera", "exposure", "camera and a strange program"],
)
def test_a_camera_or_an_exposure_makes_a_photograph(tmp_path: Path, block: bytes) -> None:
    assert not_a_photo(with_exif(tmp_path, block)) == ""


@pytest.mark.parametrize(
    ("zeroth", "told"),
    [
        ({0x0131: b"Android Screenshot"}, "screenshot"),
        ({0x010E: b"Screenshot"}, "screenshot"),
        ({0x010F: b"EPSON", 0x0110: b"Perfection V600 scanner"}, "scan"),
        ({0x0131: b"VueScan 9 x64"}, "scan"),
        ({0x010F: b"Hewlett-Packard", 0x0110: b"HP ScanJet 4500"}, "scan"),
        ({0x0131: b"matplotlib version 3.9"}, "graphic"),
    ],
)
def test_screenshots_scans_and_plots_are_named(tmp_path: Path, zeroth: dict[int, bytes], told: str) -> None:
    assert not_a_photo(with_exif(tmp_path, exif(zeroth))).startswith(told)


@pytest.mark.parametrize(
    ("make", "model", "is_scan"),
    [
        (b"AGFA", b"SnapScan e50", True),
        (b"Durst", b"Sigma", True),
        (b"Konica", b"QD-21", True),
        (b"Canon", b"MG5700 series", True),
        (b"EPSON", b"ET-2750 Series", True),
        (b"Brother", b"MFC-J480DW", True),
        (b"Canon", b"Canon PowerShot S3 IS", False),
        (b"EPSON", b"R-D1", False),
        (b"KONICA MINOLTA", b"DiMAGE X50", False),
        (b"Hewlett-Packard", b"HP PhotoSmart 618", False),
        (b"Hasselblad", b"X1D II 50C", False),
    ],
)
def test_scanners_and_minilabs_are_told_from_cameras_of_the_same_maker(
    tmp_path: Path, make: bytes, model: bytes, is_scan: bool
) -> None:
    said = not_a_photo(with_exif(tmp_path, exif({0x010F: make, 0x0110: model})))
    assert said.startswith("scan: made by") == is_scan


@pytest.mark.parametrize(
    ("size", "mode", "told"),
    [
        ((1170, 2532), "RGB", "screenshot"),
        ((1920, 1080), "RGB", "screenshot"),
        ((640, 480), "RGBA", "graphic"),
        ((640, 480), "P", "graphic"),
        ((640, 480), "1", "scan"),
        ((640, 480), "RGB", "graphic"),
        ((16, 16), "RGB", "graphic"),
    ],
)
def test_a_png_without_a_camera_is_none(tmp_path: Path, size: tuple[int, int], mode: str, told: str) -> None:
    path = tmp_path / "a.png"
    Image.new(mode, size).save(path)
    assert not_a_photo(path).startswith(told)


def test_a_png_that_names_its_camera_is_a_photograph(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    quarters().save(path, exif=exif(CAMERA))
    assert not_a_photo(path) == ""
    quarters().save(path, exif=exif(exif={0x9003: b"2020:01:02 03:04:05"}))
    assert not_a_photo(path) == ""
    comment = PngImagePlugin.PngInfo()
    comment.add_text("Comment", "Screenshot")
    quarters().save(path, pnginfo=comment)
    assert not_a_photo(path).startswith("screenshot")


EXPORTED = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    "{}/></rdf:RDF></x:xmpmeta>"
)


@pytest.mark.parametrize(
    ("told", "is_photo"),
    [
        (' tiff:Make="NIKON CORPORATION" tiff:Model="NIKON D750"', True),
        (' exif:ExposureTime="1/200"', True),
        (' exif:DateTimeOriginal="2024-06-15T12:00:00"', True),
        (' tiff:Make="EPSON" tiff:Model="Perfection V600"', False),
        (' exif:UserComment="Screenshot" exif:DateTimeOriginal="2024-06-15T12:00:00"', False),
        ("", False),
    ],
    ids=["camera", "exposure", "date", "scanner", "screenshot", "nothing"],
)
def test_a_png_that_a_program_exported_with_xmp_alone_is_what_that_says(
    tmp_path: Path, told: str, is_photo: bool
) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", EXPORTED.format(told))
    quarters().save(tmp_path / "a.png", pnginfo=info)
    assert (not_a_photo(tmp_path / "a.png") == "") == is_photo


def test_a_banner_is_a_graphic_and_a_panorama_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    quarters(1200, 100).save(path)
    assert not_a_photo(path).startswith("graphic")
    quarters(600, 100).save(path)
    assert not_a_photo(path) == ""


def test_a_small_picture_with_a_capture_time_is_a_photograph(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    quarters(16, 16).save(path)
    assert not_a_photo(path).startswith("graphic")
    quarters(16, 16).save(path, exif=exif(exif={0x9003: b"2020:01:02 03:04:05"}))
    assert not_a_photo(path) == ""


def test_no_photograph_of_the_real_archives_is_taken_for_something_else(shared_data: Path) -> None:
    for folder in ("dog-signs", "streets-71", "pigallery2", "orientation"):
        for path in sorted((shared_data / "photos" / folder).rglob("*.jp*g")):
            assert not_a_photo(path) == "", path
