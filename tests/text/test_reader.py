"""The two networks that read, on drawn signs; nothing of rapidocr is imported."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from geotagger.errors import ModelNotInstalledError
from geotagger.text import networks
from geotagger.text.networks import find_networks
from geotagger.text.ratios import ratios_of
from geotagger.text.reader import MOST_LINES, TextReader
from tests.commands import Geotagger
from tests.model.server import serving
from tests.text.signs import needs_reader, sign

pytestmark = needs_reader()


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader(find_networks())


def test_it_reads_what_stands_there(reader: TextReader) -> None:
    lines = reader.read(sign("Hunden skal føres", "i snor hele året"))
    assert [line.text for line in lines] == ["Hunden skal føres", "i snor hele året"]
    assert min(line.confidence for line in lines) > 0.9


def test_a_picture_without_text_costs_the_detector_alone(
    reader: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_recogniser", None)
    assert reader.read(Image.effect_noise((640, 480), 60).convert("RGB")) == ()


def test_small_pictures_are_skipped(reader: TextReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_detector", None)
    assert reader.read(sign("STOP", size=20, edge=299)) == ()


def test_a_page_is_read_within_bounds(reader: TextReader) -> None:
    page = sign(*["Lorem ipsum dolor"] * 24, size=12, edge=900)
    assert 0 < len(reader.read(page)) <= MOST_LINES
    clock = iter([0.0, *[100.0] * 99])
    assert reader.read(sign("Hunden skal"), now=lambda: next(clock)) == ()


def test_when_it_is_stopped_it_reads_no_more() -> None:
    reader = TextReader(find_networks())
    reader.stop()
    with pytest.raises(Exception, match="text"):
        reader.read(sign("Hunden skal"))


SIGNS = {
    "Cyrillic": ["РЕСТОРАН АПТЕКА", "ТЕАТР КАССА", "МОСКВА ВОКЗАЛ", "Кафе у моста", "Осторожно собака"],
    "Arabic": ["ممنوع دخول الكلاب", "صيدلية", "شارع الملك فهد"],
    "Hebrew": ["אין כניסה לכלבים", "רחוב הרצל", "בית מרקחת"],
    "Georgian": ["რესტორანი აფთიაქი", "თბილისი გამზირი"],
    "Armenian": ["Ռեստորան Դեղատուն", "ԵՐԵՎԱՆ ԵԼՔ ՇՈՒՆ"],
    "Lao": ["ຫ້າມນຳໝາເຂົ້າ", "ຮ້ານອາຫານ"],
    "Tifinagh": ["ⴰⵣⵓⵍ ⴰⵎⴰⵣⵉⵖ", "ⵜⴰⵎⵓⵔⵜ"],
    "NKo": ["ߒߞߏ ߞߊ߲", "ߓߊߡߊߞߐ߫"],
}
NOTO_ALONE = {
    "Devanagari": ["कुत्ते का प्रवेश मना है", "दवाखाना", "स्टेशन मार्ग"],
    "Thai": ["ห้ามนำสุนัขเข้า", "ร้านอาหาร", "ทางออก"],
    "Tamil": ["நாய்கள் அனுமதி இல்லை", "உணவகம்"],
    "Bengali": ["কুকুর নিষিদ্ধ", "রেস্তোরাঁ"],
    "Ethiopic": ["ውሻ መግባት ክልክል ነው", "ምግብ ቤት"],
}  # fmt: skip


@pytest.mark.parametrize("script", SIGNS)
def test_scripts_that_it_does_not_know_are_no_evidence(reader: TextReader, script: str) -> None:
    together = reader.read(sign(*SIGNS[script], script=script))
    assert ratios_of(together) is None, together


@pytest.mark.slow
@pytest.mark.parametrize("script", SIGNS)
def test_nor_is_each_sign_of_them_alone(reader: TextReader, script: str) -> None:
    for text in SIGNS[script]:
        lines = reader.read(sign(text, script=script, size=56))
        assert ratios_of(lines) is None, (text, lines)


def of_noto(script: str) -> None:
    path = Path(f"/usr/share/fonts/truetype/noto/NotoSans{script}-Bold.ttf")
    if not path.is_file():
        pytest.skip(f"{path} is not here; apt-get install fonts-noto-core")


@pytest.mark.parametrize("script", NOTO_ALONE)
def test_nor_are_these(reader: TextReader, script: str) -> None:
    of_noto(script)
    both = " ".join(NOTO_ALONE[script][:2])
    assert ratios_of(reader.read(sign(both, script=script, size=48))) is None


@pytest.mark.slow
@pytest.mark.parametrize("script", NOTO_ALONE)
def test_nor_is_each_of_these_alone(reader: TextReader, script: str) -> None:
    of_noto(script)
    for text in NOTO_ALONE[script]:
        assert ratios_of(reader.read(sign(text, script=script, size=48))) is None, text


def test_nothing_of_the_package_that_brings_the_networks_is_imported() -> None:
    program = (
        "import sys; from geotagger.text.networks import find_networks; from geotagger.text.reader import "
        "TextReader; TextReader(find_networks()); print([m for m in sys.modules if m.split('.')[0] in "
        "('rapidocr', 'cv2', 'shapely', 'pyclipper')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_network_of_that_name_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "text_folder", lambda: tmp_path)
    for name in networks.SHA256:
        (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(ModelNotInstalledError, match="is not the network that is known"):
        find_networks()


def test_pull_takes_them_from_a_folder_and_nothing_else_of_that_name(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    held = find_networks()
    for path in (held.detector, held.recogniser):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    geotagger("models", "pull", "text", "--from", tmp_path)
    folder = Path(geotagger.environment["GEOTAGGER_MODELS"]) / "text"
    assert sorted(path.name for path in folder.iterdir()) == sorted(networks.SHA256)
    (tmp_path / networks.DETECTOR).write_bytes(b"something else")
    said = geotagger("models", "pull", "text", "--from", tmp_path, code=2)
    assert "is not the network that is known" in said.err
    assert (folder / networks.DETECTOR).stat().st_size == networks.BYTES[networks.DETECTOR]


def test_pull_fetches_them_and_goes_on_where_it_broke_off(geotagger: Geotagger) -> None:
    """From another address than the published one, which is the same code."""
    held = find_networks()
    geotagger.environment["no_proxy"] = "127.0.0.1"
    folder = Path(geotagger.environment["GEOTAGGER_MODELS"]) / "text"
    with serving() as served:
        for path in (held.detector, held.recogniser):
            served.content[f"/ocr/{path.name}"] = path.read_bytes()
        served.faults[f"/ocr/{networks.RECOGNISER}"] = [2_000_000, (503,)]
        (record,) = geotagger("models", "pull", "text", "--from", served.url("/ocr/"), "--json").records
        asked = [what for path, what in served.requests if path.endswith(networks.RECOGNISER)]
    assert record == {"name": "text", "folder": str(folder), "status": "installed"}
    assert {path.name: sha256(path) for path in folder.iterdir()} == networks.SHA256
    assert asked[0] is None
    assert asked[-1] == "bytes=2000000-"
    assert not [
        path for path in geotagger.home.rglob("*") if "unfinished" in path.name or "part" in path.suffix
    ]


@pytest.mark.parametrize("what", ["another file", "nothing", "refused"])
def test_pull_installs_nothing_that_is_not_the_network(geotagger: Geotagger, what: str) -> None:
    geotagger.environment["no_proxy"] = "127.0.0.1"
    with serving() as served:
        path = f"/{networks.DETECTOR}"
        served.content[path] = b"x" * networks.BYTES[networks.DETECTOR]
        if what == "nothing":
            del served.content[path]
        if what == "refused":
            served.faults[path] = [(403,)] * 9
        said = geotagger("models", "pull", "text", "--from", served.address, code=None)
    assert said.code not in (0, 1)
    assert len(said.err.strip().splitlines()) <= 3
    assert not list((Path(geotagger.environment["GEOTAGGER_MODELS"]) / "text").glob("*.onnx"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_where_nothing_is_installed_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "text_folder", lambda: tmp_path)
    monkeypatch.setattr(networks, "_packaged", list)
    with pytest.raises(ModelNotInstalledError, match="models pull text") as error:
        find_networks()
    assert "\n" not in str(error.value)
