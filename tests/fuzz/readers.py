"""Fuzzes whatever reads a file that somebody else may have made.

    python -m tests.fuzz.readers [--only tracks,packs] [--files 20000] [--seconds S] [--seed 0]

Every reader gets spoiled copies of sound files of its kind, made here and, of photos, taken from `--samples`.
It may answer or refuse in an error of ours; anything else is a finding, and so is a step of more than three
seconds of the processor or of more than 256 MB over the start. The first file that breaks a rule is kept
and named, with the seed and number that make it again.
"""

import argparse
import collections
import contextlib
import io
import json
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from geotagger.errors import GeotaggerError
from geotagger.index.regions import read_polygons
from geotagger.metadata.containers import layout_of
from geotagger.metadata.layout import RefusedError
from geotagger.metadata.sidecar import named_place_in, position_in
from geotagger.metadata.source import MemorySource
from geotagger.metadata.takeout import read_takeout
from geotagger.model.gallery import read_gallery
from geotagger.model.mxnet.params import read_params
from geotagger.model.mxnet.symbol import read_symbol
from geotagger.model.onnx_graph import graph_info, mapped
from geotagger.model.pack import load_pack, verify_pack
from geotagger.photo.facts import read_facts
from geotagger.small_files import toml_of
from geotagger.tracks import load_tracks
from tests.engine import networks
from tests.fuzz.mutations import mutated, seeds_below
from tests.fuzz.verdict import BrokenRuleError
from tests.photo import videos

SECONDS_ALLOWED = 3
BYTES_ALLOWED = 256 << 20

Seeds = list[tuple[str, bytes]]
"""Ending and content."""


@dataclass(frozen=True, slots=True)
class Reader:
    """seeds: sound files to spoil. read: reads one, from its path."""

    seeds: Callable[[Path], Seeds]
    read: Callable[[Path], object]
    refusals: tuple[type[Exception], ...] = (GeotaggerError,)


def track_seeds(_: Path) -> Seeds:
    time_of = "2024-06-15T10:00:{:02}Z".format
    gpx = "".join(f'<trkpt lat="48.{n}" lon="16.3"><time>{time_of(n)}</time></trkpt>' for n in range(9))
    gpx_file = f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{gpx}</trkseg></trk></gpx>'
    kml = "".join(f"<when>{time_of(n)}</when><gx:coord>16.3 48.{n} 0</gx:coord>" for n in range(9))
    kml_file = (
        '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Placemark>'
        f"<gx:Track>{kml}</gx:Track></Placemark></kml>"
    )
    tcx = "".join(
        f"<Trackpoint><Time>{time_of(n)}</Time><Position><LatitudeDegrees>48.{n}</LatitudeDegrees>"
        "<LongitudeDegrees>16.3</LongitudeDegrees></Position></Trackpoint>"
        for n in range(9)
    )
    tcx_file = (
        '<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2">'
        f"<Activities><Activity><Lap><Track>{tcx}</Track></Lap></Activity></Activities>"
        "</TrainingCenterDatabase>"
    )
    igc = "ALXV001\r\nHFDTE150624\r\n" + "".join(
        f"B1000{n:02}4812345N01618456EA0030000350\r\n" for n in range(9)
    )
    nmea = "".join(
        f"$GPRMC,1000{n:02}.000,A,4812.345,N,01618.456,E,0.5,90.0,150624,,,A\r\n"
        f"$GPGGA,1000{n:02}.000,4812.345,N,01618.456,E,1,08,0.9,150.0,M,44.0,M,,\r\n"
        for n in range(9)
    )
    body = bytes([0x40, 0, 0]) + struct.pack("<H", 20) + bytes([3, 253, 4, 0x86, 0, 4, 0x85, 1, 4, 0x85])
    body += b"".join(
        bytes([0]) + struct.pack("<Iii", 1_087_293_600 + n, 575_000_000, 194_000_000 + n) for n in range(9)
    )
    fit = struct.pack("<BBHI4s", 14, 0x20, 2132, len(body), b".FIT") + b"\0\0" + body + b"\0\0"
    place = {"latitudeE7": 482_000_000, "longitudeE7": 163_000_000, "accuracy": 20}
    records = [{**place, "timestamp": time_of(n)} for n in range(9)]
    segments = [
        {
            "startTime": time_of(0),
            "endTime": time_of(9),
            "timelinePath": [{"point": "48.2°, 16.3°", "time": time_of(3)}],
            "visit": {"topCandidate": {"placeLocation": {"latLng": "48.2°, 16.3°"}}},
        }
    ]
    visits = [{"placeVisit": {"location": place, "duration": {"startTimestamp": time_of(0)}}}]
    phone = [{"startTime": time_of(0), "visit": {"topCandidate": {"placeLocation": "geo:48.2,16.3"}}}]
    jsons: list[object] = [
        {"locations": records},
        {"semanticSegments": segments},
        {"timelineObjects": visits},
        phone,
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doc.kml", kml_file)
    texts = [(".gpx", gpx_file), (".kml", kml_file), (".tcx", tcx_file), (".igc", igc), (".nmea", nmea)]
    texts += [(".json", json.dumps(one, ensure_ascii=False)) for one in jsons]
    return [(suffix, text.encode()) for suffix, text in texts] + [(".fit", fit), (".kmz", packed.getvalue())]


def photo_seeds(samples: Path) -> Seeds:
    seeds = seeds_below(samples) if samples.is_dir() else []
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "Maker", "Model", "2024:06:15 10:00:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 18.0, 30.0)})
    comment = PngInfo()
    comment.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", zip=True)
    for suffix, how in ((".jpg", {}), (".png", {"pnginfo": comment}), (".webp", {}), (".tif", {})):
        file = io.BytesIO()
        kind = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF"}[suffix]
        Image.new("RGB", (24, 16), (90, 30, 200)).save(file, kind, exif=exif, **how)  # type: ignore[arg-type]
        seeds.append((suffix, file.getvalue()))
    iptc = b"".join(
        bytes([0x1C, 2, number]) + struct.pack(">H", len(value)) + value
        for number, value in ((55, b"20240615"), (60, b"100000+0200"), (90, b"Wien"), (101, b"Austria"))
    )
    block = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    jpeg = next(data for suffix, data in seeds if suffix == ".jpg")
    seeds.append((".jpg", jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]))
    return seeds


def video_seeds(_: Path) -> Seeds:
    apple = {f"{videos.APPLE}location.ISO6709": "+48.2082+016.3738/", f"{videos.APPLE}make": "Apple"}
    user = videos.text(b"\xa9xyz", "+48.2082+016.3738/") + videos.loci(48.2, 16.3)
    moment = videos.EPOCH.replace(year=2024)
    gps = videos.gps5(48.2, 16.3, "240615100000.000")
    gps9 = videos.gps9(48.2, 16.3, moment)
    dji = videos.djmd((48.2, 16.3), (3, 4), "dvtm_ac203.proto")
    return [
        (".mov", videos.movie(created=moment, meta=apple)),
        (".mp4", videos.movie(created=moment, user=user)),
        (".mp4", videos.gopro(gps, gps9, created=moment)),
        (".mp4", videos.gopro(dji, created=moment, kind=b"djmd")),
        (".mts", videos.transport_stream({0x18: b"\x02\x20\x24\x06", 0x19: b"\x15\x10\0\0"})),
    ]


def read_photo(path: Path) -> None:
    """The lenient reader, then the strict one that a write begins with."""
    with contextlib.suppress(GeotaggerError):
        read_facts(path)
    layout_of(MemorySource(path.read_bytes()), str(path))


def pack_seeds(_: Path) -> Seeds:
    with tempfile.TemporaryDirectory() as folder:
        made = networks.pack(Path(folder) / "tiny", 5).folder
        names = ("pack.toml", "cells.csv", "model.onnx")
        return [(f"/{name}", (made / name).read_bytes()) for name in names]


class Packs:
    """A sound pack, of which one file at a time is spoiled."""

    def __init__(self) -> None:
        self._sound = dict(pack_seeds(Path()))

    def read(self, path: Path) -> None:
        for suffix, content in self._sound.items():
            if path.name != suffix[1:]:
                (path.parent / suffix[1:]).write_bytes(content)
        verify_pack(load_pack(path.parent))
        with mapped(path.parent / "model.onnx") as data:
            graph_info(data)


def model_file_seeds(_: Path) -> Seeds:
    symbol = {
        "nodes": [{"op": "null", "name": "data", "inputs": []},
                  {"op": "Flatten", "name": "flatten0", "inputs": [[0, 0, 0]]}],
        "arg_nodes": [0], "heads": [[1, 0, 0]], "attrs": {"mxnet_version": ["int", 10500]},
    }  # fmt: skip
    array = struct.pack("<IiIqqiii", 0xF993FAC9, 0, 2, 2, 3, 1, 0, 0) + bytes(24)
    params = struct.pack("<QQQ", 0x112, 0, 1) + array + struct.pack("<QQ", 1, 5) + b"arg:w"
    gallery = "LAT,LON\n48.2,16.3\n-33.8,151.2\n"
    return [(".symbol", json.dumps(symbol).encode()), (".params", params), (".csv", gallery.encode())]


def read_model_file(path: Path) -> None:
    {".symbol": read_symbol, ".params": read_params, ".csv": read_gallery}[path.suffix](path)


def small_seeds(_: Path) -> Seeds:
    place = {"latitude": 48.2, "longitude": 16.3, "altitude": 0.0}
    takeout = {
        "title": "a.jpg",
        "photoTakenTime": {"timestamp": "1718445600", "formatted": "15 June"},
        "geoData": place,
        "geoDataExif": place,
    }
    ring = [[16.0, 48.0], [17.0, 48.0], [17.0, 49.0], [16.0, 48.0]]
    region = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,12.5N" '
        'exif:GPSLongitude="16,18.5E"/></rdf:RDF></x:xmpmeta>'
    )
    settings = '[tag]\nmodel = "none"\nexclude = ["a", \'b\']\n[a.b]\nc = """x"""\nd = 2024-06-15\n'
    return [
        (".json", json.dumps(takeout).encode()),
        (".geojson", json.dumps(region).encode()),
        (".xmp", xmp.encode()),
        (".toml", settings.encode()),
    ]


def read_small_file(path: Path) -> None:
    if path.suffix == ".json":
        read_takeout(str(path))
    elif path.suffix == ".geojson":
        read_polygons(path)
    elif path.suffix == ".toml":
        toml_of(path.read_bytes())
    else:
        position_in(str(path))
        named_place_in(str(path))


def shard_seeds(_: Path) -> Seeds:
    from training.data.shards import INDEX

    shard = {"name": "train-000000.tar", "split": "train", "rows": 3, "samples": 2, "bytes": 20_480,
             "sha256": "0" * 64, "skipped": {"not there": 1}}  # fmt: skip
    manifest = {
        "source": "1",
        "short_side": 256,
        "rows_a_shard": 3,
        "shards": [shard, {**shard, "split": "val"}],
    }
    index = io.BytesIO()
    np.save(index, np.zeros(2, INDEX))
    return [("/manifest.json", json.dumps(manifest).encode()), ("/index.npy", index.getvalue())]


def read_shards(path: Path) -> None:
    from training.data.shards import read_index, read_manifest

    if path.name == "manifest.json":
        read_manifest(str(path.parent))
    else:
        read_index(path, 20_480)


def look_seeds(_: Path) -> Seeds:
    from geotagger.engine.values import Outputs
    from geotagger.look.rows import looks, write_rows

    with tempfile.TemporaryDirectory() as folder:
        seen = Outputs(np.tile(np.array([0.2, 0.5, 0.3], np.float32), (40, 1)), None)
        rows = [
            replace(row, path=b"%d.jpg" % n, size=9, mtime_ns=9)
            for n, row in enumerate(looks(seen, features=False))
        ]
        file = write_rows(Path(folder), "rows", rows, {"model": "1", "name": "tiny"})
        return [(".parquet", file.read_bytes())]


def read_look(path: Path) -> None:
    from geotagger.look.rows import Shape, about_file, keys_of, read_rows

    about_file(path)
    collections.deque(keys_of(path), maxlen=0)
    collections.deque(read_rows(path, Shape(3)), maxlen=0)


READERS: Mapping[str, Reader] = {
    "photos": Reader(photo_seeds, read_photo, (GeotaggerError, RefusedError)),
    "videos": Reader(video_seeds, read_facts),
    "tracks": Reader(track_seeds, lambda path: load_tracks([path])),
    "packs": Reader(pack_seeds, Packs().read),
    "model files": Reader(model_file_seeds, read_model_file),
    "small files": Reader(small_seeds, read_small_file, (GeotaggerError, ValueError)),
    "shards": Reader(shard_seeds, read_shards, (GeotaggerError, ValueError)),
    "looked rows": Reader(look_seeds, read_look),
}


@contextlib.contextmanager
def within_time() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise BrokenRuleError(f"took more than {SECONDS_ALLOWED} s of the processor")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS_ALLOWED)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def check_one(reader: Reader, seeds: Seeds, draw: random.Random, folder: Path) -> str:
    """What became of one spoiled file. BrokenRuleError, with its path in the message, for a finding."""
    suffix, data = mutated(seeds, draw)
    path = folder / (suffix[1:] if suffix.startswith("/") else f"file{suffix}")
    path.write_bytes(data)
    before = peak_bytes()
    try:
        with within_time(), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # numpy's: nobody should read one
            reader.read(path)
    except reader.refusals:
        return "refused"
    except Exception as error:
        raise BrokenRuleError(f"{path.name}: {traceback.format_exc()}") from error
    finally:
        if peak_bytes() - before > BYTES_ALLOWED:
            raise BrokenRuleError(f"{path.name}: took {(peak_bytes() - before) >> 20} MiB")
    return "read"


def fuzz(name: str, samples: Path, numbers: range, seconds: float, seed: int = 0) -> dict[str, int]:
    """Outcomes by kind. BrokenRuleError for the first finding, which is kept."""
    reader = READERS[name]
    seeds, outcomes = reader.seeds(samples), collections.Counter[str]()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for suffix, data in seeds:  # a reader that refuses what is sound would be tried in vain
            path = Path(folder) / (suffix[1:] if suffix.startswith("/") else f"sound{suffix}")
            path.write_bytes(data)
            with contextlib.suppress(*(reader.refusals if name == "photos" else ())):
                reader.read(path)
        for number in numbers:
            if time.monotonic() - began > seconds:
                break
            try:
                outcomes[check_one(reader, seeds, random.Random(f"{seed}/{number}"), Path(folder))] += 1
            except BrokenRuleError as error:
                suffix, data = mutated(seeds, random.Random(f"{seed}/{number}"))
                kept = Path(tempfile.gettempdir()) / f"fuzz-{name}-{seed}-{number}{suffix.replace('/', '-')}"
                kept.write_bytes(data)
                raise BrokenRuleError(
                    f"{name}: file {number} of seed {seed}, kept as {kept}: {error}"
                ) from None
    return dict(outcomes)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--only", default=",".join(READERS), help="readers, with commas")
    parser.add_argument("--files", type=int, default=20_000, help="a reader")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="start at file number N")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="a reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=Path, default=Path("../shared/data/photos"))
    options = parser.parse_args()
    findings = 0
    for name in options.only.split(","):
        numbers = range(options.first, options.first + options.files)
        try:
            outcomes = fuzz(name, options.samples, numbers, options.seconds, options.seed)
            print(
                f"{name}: {sum(outcomes.values())} files, {outcomes}, peak {peak_bytes() >> 20} MiB",
                flush=True,
            )
        except BrokenRuleError as error:
            findings += 1
            print(error, flush=True)
    sys.exit(findings and 1)


if __name__ == "__main__":
    # onnx is imported for the seeds of packs before memory is counted
    assert onnx.__version__
    main()
