import io
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from geotagger.errors import UnreadablePhotoError
from geotagger.model.preprocessing import Preprocessing
from geotagger.photo import decode
from geotagger.photo.facts import read_facts
from geotagger.photo.pixels import read_photo, read_pixels

from .pictures import Recipe, exif, is_upright, jpeg, noise, quarters

ORIENTATION = 0x0112

TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What was done to the upright picture before it was stored with this orientation."""


def written(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_every_orientation_comes_out_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    turn = TURNS[orientation]
    upright = quarters(96, 96)
    stored = upright if turn is None else upright.transpose(turn)
    path = written(tmp_path / f"a.{suffix}", stored, exif=exif({ORIENTATION: orientation}), quality=95)
    facts, pixels = read_photo(path, Recipe())
    assert facts.orientation == orientation
    assert is_upright(pixels)


@pytest.mark.parametrize("orientation", TURNS)
def test_the_crop_is_central_in_the_upright_picture(tmp_path: Path, orientation: int) -> None:
    turn = TURNS[orientation]
    upright = noise(101, 64)
    plain = written(tmp_path / "plain.png", upright, exif=exif({ORIENTATION: 1}))
    stored = upright if turn is None else upright.transpose(turn)
    turned = written(tmp_path / "turned.png", stored, exif=exif({ORIENTATION: orientation}))
    expected, got = read_pixels(plain, Recipe()), read_pixels(turned, Recipe())
    # the two passes of the resampling filter change places; each rounds to whole values
    assert np.abs(expected - got).max() <= 1


def test_every_orientation_of_the_real_examples_shows_the_same(shared_data: Path) -> None:
    for shape in ("Landscape", "Portrait"):
        folder = shared_data / "photos" / "orientation"
        first = read_pixels(folder / f"{shape}_1.jpg", Recipe(input_size=64))
        for orientation in range(2, 9):
            other = read_pixels(folder / f"{shape}_{orientation}.jpg", Recipe(input_size=64))
            # the number of the orientation is painted into the picture; the rest is the same
            assert np.median(np.abs(first - other)) < 6, (shape, orientation)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("RGB", "jpg"),
        ("CMYK", "jpg"),
        ("CMYK", "tif"),
        ("P", "png"),
        ("RGBA", "png"),
        ("RGBA", "webp"),
        ("LAB", "tif"),
        ("YCbCr", "tif"),
        ("RGB", "avif"),
    ],
)
def test_every_colour_model_shows_the_same_picture(tmp_path: Path, mode: str, suffix: str) -> None:
    upright = quarters()
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        )
        image = ImageCms.applyTransform(upright, to_lab)
        assert image is not None
    else:
        image = upright.convert(mode)
    pixels = read_pixels(written(tmp_path / f"a.{suffix}", image, quality=95), Recipe())
    assert is_upright(pixels)


def test_adobe_inverted_cmyk_is_not_a_negative(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", quarters(mode="CMYK"), quality=95)
    assert b"Adobe" in path.read_bytes()[:400]
    assert is_upright(read_pixels(path, Recipe()))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_lose_only_their_low_byte(tmp_path: Path, suffix: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    path = written(tmp_path / f"a.{suffix}", Image.fromarray(ramp))
    pixels = read_pixels(path, Recipe(input_size=64))
    assert np.abs(pixels[0, 30] - ramp[30] / 257).max() <= 1
    assert np.array_equal(pixels[0], pixels[1])


def test_sixteen_bit_colour_is_read(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + struct.pack(">3H", 0xFFFF, 0x8000, 0) * 40 for _ in range(40))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 40, 40, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)))
    path = tmp_path / "a.png"
    path.write_bytes(_png(*chunks))
    assert read_pixels(path, Recipe())[:, 5, 5].tolist() == [255, 128, 0]


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    out = b"\x89PNG\r\n\x1a\n"
    for name, data in (*chunks, (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return out


def test_one_bit_and_grey_pictures_are_read(tmp_path: Path) -> None:
    for mode in ("1", "L", "LA"):
        pixels = read_pixels(written(tmp_path / f"{mode}.png", quarters().convert(mode)), Recipe())
        assert np.array_equal(pixels[0], pixels[2])


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    for image in (Image.new("RGBA", (64, 64), (10, 20, 30, 0)), Image.new("LA", (64, 64), (10, 0))):
        assert (read_pixels(written(tmp_path / "a.png", image), Recipe()) == 255).all()


def test_a_progressive_jpeg_is_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(quarters(), progressive=True))
    assert is_upright(read_pixels(path, Recipe()))


def test_a_scaled_decode_hardly_differs_from_a_full_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise(1999, 1501)))
    with Image.open(path) as image:
        full = image.convert("RGB").crop((249, 0, 1750, 1501))
    resized = full.resize((64, 64), Image.Resampling.BILINEAR)
    pixels = read_pixels(path, Recipe(input_size=64))
    assert np.abs(pixels - np.asarray(resized, dtype=np.float32).transpose(2, 0, 1)).mean() < 0.6


def test_the_published_preprocessing_is_exact(tmp_path: Path) -> None:
    """The notebook's arithmetic, written out plainly: floats in 0…1, ×256, minus the mean, CHW."""
    image = noise(301, 224)
    path = written(tmp_path / "a.png", image)
    pixels = read_pixels(path, Preprocessing(resampling="bilinear-unfiltered"))
    square = np.asarray(image, dtype=np.float64)[:, 38 : 38 + 224] / 255
    expected = (square * 256 - (123.68, 116.779, 103.939)).transpose(2, 0, 1)
    assert pixels.dtype == np.float32
    assert np.abs(pixels - expected).max() < 1e-4


def test_unfiltered_interpolation_is_that_of_pixel_centres(tmp_path: Path) -> None:
    image = noise(100, 100)
    recipe = Recipe(input_size=7, resampling="bilinear-unfiltered")
    pixels = read_pixels(written(tmp_path / "a.png", image), recipe)
    values = np.asarray(image, dtype=np.float64)
    for i in range(7):
        for j in range(7):
            y, x = (i + 0.5) * 100 / 7 - 0.5, (j + 0.5) * 100 / 7 - 0.5
            y0, x0 = int(y), int(x)
            fy, fx = y - y0, x - x0
            plain = (
                values[y0, x0] * (1 - fy) * (1 - fx)
                + values[y0, x0 + 1] * (1 - fy) * fx
                + values[y0 + 1, x0] * fy * (1 - fx)
                + values[y0 + 1, x0 + 1] * fy * fx
            )
            assert pixels[:, i, j] == pytest.approx(plain, abs=1e-3)


def test_every_switch_of_the_preprocessing_does_something(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", noise(120, 80))
    plain = read_pixels(path, Recipe())
    seen = [plain]
    for change in (
        {"crop": "squash"},
        {"channels": "BGR"},
        {"scale": 256.0},
        {"mean": (1.0, 2.0, 3.0)},
        {"std": (2.0, 2.0, 2.0)},
        *({"resampling": name} for name in ("box", "hamming", "bicubic", "lanczos", "bilinear-unfiltered")),
    ):
        changed = read_pixels(path, Recipe(**change))
        assert all(not np.array_equal(changed, other) for other in seen), change
        seen.append(changed)
    assert np.array_equal(read_pixels(path, Recipe(channels="BGR")), plain[::-1])


@pytest.mark.parametrize(
    ("suffix", "keep"),
    [(s, k) for s in ("jpg", "png", "webp", "tif", "avif") for k in (0.3, 0.6, 0.9)],
)
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, suffix: str, keep: float) -> None:
    whole = written(tmp_path / f"whole.{suffix}", noise(400, 300)).read_bytes()
    path = tmp_path / f"part.{suffix}"
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(UnreadablePhotoError, match=f"part.{suffix}: (truncated|damaged)") as caught:
        read_photo(path, Recipe())
    assert "\n" not in str(caught.value)


def test_a_jpeg_that_lost_its_end_is_refused_even_with_an_end_marker(tmp_path: Path) -> None:
    """A card that dropped blocks: libjpeg fills the rest with grey and only warns."""
    whole = jpeg(noise(640, 480))
    path = tmp_path / "half.jpg"
    for end in (b"\xff\xd9", b"\xff\xd9" + b"\0" * 500):
        path.write_bytes(whole[: len(whole) // 2] + end)
        with pytest.raises(UnreadablePhotoError, match="truncated"):
            read_pixels(path, Recipe())
    path.write_bytes(whole[:-2])  # only the end marker itself is missing: all of the picture is there
    assert read_pixels(path, Recipe()).shape == (3, 32, 32)


def test_a_whole_picture_with_a_grey_foot_passes(tmp_path: Path) -> None:
    image = noise(320, 240)
    image.paste((128, 128, 128), (0, 200, 320, 240))
    path = tmp_path / "a.jpg"
    for picture in (image, Image.new("RGB", (64, 64), (128, 128, 128)), Image.new("L", (64, 64), 128)):
        path.write_bytes(jpeg(picture))
        assert read_pixels(path, Recipe()).shape == (3, 32, 32)


def test_a_billion_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(
        _png(
            (b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(b"\0" * 1_000_000)),
        )
    )
    assert read_facts(path).width == 40_000
    with pytest.raises(UnreadablePhotoError, match="40000×40000 pixels are too many"):
        read_pixels(path, Recipe())


def test_a_huge_jpeg_passes_at_reduced_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise(1200, 1200)))
    monkeypatch.setattr(decode, "MAX_BYTES", 4_000_000)
    assert read_pixels(path, Recipe()).shape == (3, 32, 32)
    # also where all pixels were wanted
    published = Recipe(resampling="bilinear-unfiltered")
    smaller = read_pixels(path, published)
    monkeypatch.setattr(decode, "MAX_BYTES", 8_000_000)
    assert float(np.abs(read_pixels(path, published) - smaller).mean()) < 3
    path.write_bytes(jpeg(noise(1200, 1200), progressive=True))
    with pytest.raises(UnreadablePhotoError, match="too many"):
        read_pixels(path, Recipe())


def test_a_header_that_lies_about_the_size_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    noise(64, 64).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[16:24] = struct.pack(">II", 6400, 6400)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path = tmp_path / "a.png"
    path.write_bytes(bytes(data))
    with pytest.raises(UnreadablePhotoError):
        read_pixels(path, Recipe())


def test_a_file_that_changes_between_facts_and_pixels_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", noise(64, 64))
    facts = read_facts(path)
    written(path, noise(80, 64))
    with pytest.raises(UnreadablePhotoError, match="changed"):
        read_pixels(path, Recipe(), facts)


def test_many_threads_read_what_one_reads(tmp_path: Path) -> None:
    paths = [
        written(tmp_path / f"{i}.{s}", noise(300 + i, 200, i))
        for i in range(6)
        for s in ("jpg", "webp", "avif")
    ]
    alone = [read_pixels(path, Recipe()) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda path: read_pixels(path, Recipe()), paths * 3))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 3, together, strict=True))


def test_every_real_file_gives_pixels_or_one_line(shared_data: Path) -> None:
    refused = []
    for path in sorted((shared_data / "photos").rglob("*")):
        if not path.is_file() or path.suffix in (".xmp", ".gpx") or "dog-signs" in path.parts:
            continue
        try:
            facts, pixels = read_photo(path, Recipe())
        except UnreadablePhotoError as error:
            refused.append((path.name, str(error).count("\n")))
        else:
            assert np.isfinite(pixels).all()
            assert facts.width > 0
    # one is all zeros, one ends before its picture does
    assert refused == [("32d08f4a5eb10332506ebedbb9bc7257.jpg", 0), ("broken image.JPG", 0)]


@pytest.mark.parametrize("mode", ["I;16", "L", "LA", "RGBA", "P", "CMYK"])
def test_a_large_picture_is_converted_by_strips_and_looks_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    grey = Image.linear_gradient("L").resize((501, 403))
    image = (
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    )
    path = tmp_path / "a.tiff" if mode == "CMYK" else tmp_path / "a.png"
    image.save(path)
    whole = read_pixels(path, Recipe())
    monkeypatch.setattr(decode, "_ONE_AT_A_TIME_PIXELS", 1000)
    monkeypatch.setattr(decode, "_STRIP_PIXELS", 10_000)
    assert float(np.abs(read_pixels(path, Recipe()) - whole).max()) <= 3


MEASURE = """
import sys
from geotagger.model.preprocessing import Preprocessing
from geotagger.photo.pixels import read_pixels
read_pixels(sys.argv[1], Preprocessing(input_size=64))
print([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1])
"""
"""Of itself: the highest that getrusage tells is also that of the process that started it."""


@pytest.mark.slow
def test_half_a_megabyte_of_sixteen_bits_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    packer = zlib.compressobj(9)
    row = bytes(1 + 2 * 16_000)
    data = b"".join(packer.compress(row) for _ in range(16_000)) + packer.flush()
    head = struct.pack(">IIBBBBB", 16_000, 16_000, 16, 0, 0, 0, 0)
    path.write_bytes(_png((b"IHDR", head), (b"IDAT", data)))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 1_300_000
