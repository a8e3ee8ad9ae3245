import gc
import http.server
import io
import json
import os
import socket
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("urllib3", reason="urllib3 is not installed: pip install '.[train]'")

from geotagger.errors import TrainingError, UnreadablePhotoError
from tests.training.places import picture, style_of
from training.data import remote
from training.data.images import evaluation_crop, training_crop, training_jpeg
from training.data.shard_writer import write_shards
from training.data.shards import ShardManifest, ShardSet, index_of, read_manifest

PLAN = ShardManifest("list 1", short_side=64, rows_a_shard=10)


def photo(number: int, size: tuple[int, int] = (160, 120)) -> bytes:
    out = io.BytesIO()
    picture(style_of(number % 5), np.random.default_rng(number), size).save(out, "JPEG")
    return out.getvalue()


PHOTOS = {f"{n}.jpg": photo(n) for n in range(25)}


def rows(count: int = 25) -> list[dict[str, object]]:
    return [
        {"key": f"photo {n}", "address": f"{n}.jpg", "latitude": n / 2, "longitude": -n, "user": "u",
         "licence": "CC BY", "credit": "someone"}
        for n in range(count)
    ]  # fmt: skip


def write(folder: Path, **more: object) -> ShardManifest:
    splits = {"train": rows(), "val": rows(5)}
    return write_shards(folder, splits, PLAN, **{"fetch": PHOTOS.__getitem__, **more})  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


def test_every_image_comes_back_with_its_place(tmp_path: Path) -> None:
    manifest = write(tmp_path)
    assert [s.samples for s in manifest.of("train")] == [10, 10, 5]
    shards = ShardSet(str(tmp_path), "train")
    assert shards.index["latitude"].tolist() == [n / 2 for n in range(25)]
    for n in (0, 9, 10, 24):
        with Image.open(io.BytesIO(shards.jpeg(n))) as image:
            assert min(image.size) == 64
            sent = Image.open(io.BytesIO(PHOTOS[f"{n}.jpg"])).resize(image.size)
            away = np.abs(np.asarray(image).astype(float) - np.asarray(sent)).mean()
        assert away < 12, "the image of another photo"
    shards.verify()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_them(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    write(tmp_path)
    found = list(webdataset.WebDataset(str(tmp_path / "train-000000.tar"), shardshuffle=False))
    assert len(found) == 10
    assert json.loads(found[3]["json"])["key"] == "photo 3"
    assert found[3]["jpg"][:2] == b"\xff\xd8"


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    fetched: Counter[str] = Counter()

    def stops(address: str) -> bytes:
        fetched[address] += 1
        if address == "17.jpg" and fetched[address] == 1:
            raise Killed
        return PHOTOS[address]

    with pytest.raises(Killed):
        write(tmp_path / "a", fetch=stops, threads=1)
    assert not (tmp_path / "a/manifest.json").exists()
    assert sorted(contents(tmp_path / "a")) == ["train-000000.tar"]
    with (tmp_path / "a/shards.jsonl").open("a") as journal:
        journal.write('{"name": "train-000001.tar", "spl')  # a line that a crash cut short
    again = write(tmp_path / "a", fetch=stops, threads=1)
    assert fetched["3.jpg"] == 2, "once for train and once for val, not again"
    assert again == write(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_bad_images_are_skipped_and_counted(tmp_path: Path) -> None:
    def fetch(address: str) -> bytes:
        if address == "3.jpg":
            raise remote.MissingError("HTTP 404")
        whole = PHOTOS[address]
        return {"5.jpg": whole[: len(whole) // 2], "7.jpg": b"no image"}.get(address, whole)

    manifest = write(tmp_path, fetch=fetch)
    assert manifest.of("train")[0].samples == 7
    assert manifest.of("train")[0].skipped == {"not there": 1, "not decodable": 2}
    named = {json.loads(line)[0] for line in (tmp_path / "missing.csv").read_text().splitlines()}
    assert named == {"photo 3", "photo 5", "photo 7"}


def test_shards_of_another_list_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(TrainingError, match="another list of photos or another size"):
        write_shards(tmp_path, {"train": rows()}, ShardManifest("list 2", 64, 10), fetch=PHOTOS.__getitem__)


def test_a_full_disk_keeps_the_finished_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tarfile.TarFile.addfile

    def full(self: tarfile.TarFile, member: tarfile.TarInfo, file: io.BytesIO) -> None:
        if member.name.startswith("000004") and (tmp_path / "train-000000.tar").exists():
            raise OSError(28, "No space left on device")
        real(self, member, file)

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(TrainingError, match=r"000001\.tar: could not be written \(No space.*1 shards are"):
        write(tmp_path)
    assert index_of(tmp_path / "train-000000.tar").size == 10


@pytest.mark.parametrize("damage", ["cut", "scribbled"])
def test_a_broken_tar_is_told_by_name(tmp_path: Path, damage: str) -> None:
    write(tmp_path)
    path = tmp_path / "train-000001.tar"
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(TrainingError, match=r"000001\.tar: broken shard: .* bytes where the manifest"):
            ShardSet(str(tmp_path), "train")
    else:
        shards = ShardSet(str(tmp_path), "train")
        at = int(shards.index[12]["offset"])
        path.write_bytes(whole[:at] + bytes(300) + whole[at + 300 :])
        with pytest.raises(TrainingError, match=r"train-000001\.tar: broken shard: no image at byte"):
            shards.jpeg(12)
        with pytest.raises(TrainingError, match="checksum"):
            shards.verify()
    path.unlink()
    assert write(tmp_path) == read_manifest(str(tmp_path)), "a deleted shard is written again"
    assert path.read_bytes() == whole


def test_a_tar_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"not a tar" * 1000)
    with pytest.raises(TrainingError, match=r"a\.tar: broken tar"):
        index_of(tmp_path / "a.tar")


def test_a_folder_without_manifest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="geotagger train shards"):
        read_manifest(str(tmp_path))


class Server:
    """Files behind HTTP on loopback; `faults` says what goes wrong, and how often, by path."""

    def __init__(self, files: dict[str, bytes], faults: dict[str, list[str]]) -> None:
        self.files, self.faults, self.asked = files, faults, Counter[str]()
        self.connections = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                outer.asked[name] += 1
                fault = outer.faults.get(name, [])
                what = fault.pop(0) if fault else ""
                content = outer.files.get(name)
                if what == "drop":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                if what in ("503", "429") or content is None:
                    self.send_response(int(what or 404))
                    if what == "429":
                        self.send_header("Retry-After", "0")
                    page = b"<p>There is nothing here.</p>" * 300
                    self.send_header("Content-Length", str(len(page)))
                    self.end_headers()
                    self.wfile.write(page)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if what == "short" else content)
                if what == "short":
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    servers: list[Server] = []
    import urllib3

    monkeypatch.setattr(urllib3.Retry, "get_backoff_time", lambda _: 0.0)

    def start(files: dict[str, bytes], **faults: list[str]) -> Server:
        servers.append(Server(files, {name.replace("_jpg", ".jpg"): what for name, what in faults.items()}))
        return servers[-1]

    yield start
    remote._connections().clear()
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


def fetch_from(server: Server):  # type: ignore[no-untyped-def]
    def fetch(address: str) -> bytes:
        number = address.removesuffix(".jpg")
        return remote.read(f"{server.address}/n{number}.jpg")

    return fetch


def test_images_are_fetched_through_every_fault(tmp_path: Path, serve) -> None:  # type: ignore[no-untyped-def]
    files = {f"n{name}": content for name, content in PHOTOS.items() if name != "8.jpg"}
    server = serve(files, n2_jpg=["503", "503"], n3_jpg=["429"], n4_jpg=["short"], n5_jpg=["drop", "short"])
    manifest = write(tmp_path / "http", fetch=fetch_from(server), threads=8)
    without = {**PHOTOS}
    del without["8.jpg"]

    def local(address: str) -> bytes:
        if address not in without:
            raise remote.MissingError("no such file")
        return without[address]

    assert manifest == write(tmp_path / "local", fetch=local)
    assert contents(tmp_path / "http") == contents(tmp_path / "local")
    assert server.asked["n8.jpg"] == 1, "what is not there is not asked for again"
    assert server.asked["n2.jpg"] == 4, "two refusals, then once a split"
    assert manifest.skipped["not there"] == 1


def test_what_is_not_there_costs_no_connection(serve) -> None:  # type: ignore[no-untyped-def]
    """Of a list that is some years old many images are gone."""
    server = serve({"n1.jpg": PHOTOS["1.jpg"]})
    for _ in range(5):
        with pytest.raises(remote.MissingError, match="HTTP 404"):
            remote.read(f"{server.address}/gone.jpg")
    assert remote.read(f"{server.address}/n1.jpg") == PHOTOS["1.jpg"]
    assert server.connections == 1


def test_a_server_that_is_gone_stops_the_run_and_keeps_what_is_done(tmp_path: Path) -> None:
    def gone(address: str) -> bytes:
        raise remote.UnreachableError(f"{address}: connection refused")

    long = {"train": [{**row, "key": f"{k} {row['key']}"} for k in range(3) for row in rows()]}
    with pytest.raises(TrainingError, match="20 images in a row could not be reached"):
        write_shards(tmp_path, long, ShardManifest("list", 64, 40), fetch=gone)
    assert not (tmp_path / "manifest.json").exists()


def test_shards_are_read_over_http_with_their_checksums(tmp_path: Path, serve) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path / "there")
    files = {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()}
    server = serve(files)
    near = ShardSet(str(tmp_path / "there"), "train")
    far = ShardSet(server.address, "train", cache=tmp_path / "cache", keep=2)
    order = np.random.default_rng(0).permutation(len(near))
    assert all(far.jpeg(int(n)) == near.jpeg(int(n)) for n in order)
    assert len(list((tmp_path / "cache").glob("*.tar"))) <= 2

    files["train-000000.tar"] = files["train-000000.tar"][:-1] + b"x"
    other = ShardSet(server.address, "train", cache=tmp_path / "other")
    with pytest.raises(TrainingError, match="its checksum is not the one in the manifest; it was not used"):
        other.jpeg(0)


def test_a_copy_that_another_process_takes_away_is_made_again(
    tmp_path: Path,
    serve,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path / "there")
    server = serve({path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()})
    shards = ShardSet(server.address, "train", cache=tmp_path / "cache")
    local, away = shards._local, []

    def taken_away_once(number: int) -> Path:
        path = local(number)
        if not away:
            away.append(path)
            path.unlink()
        return path

    monkeypatch.setattr(shards, "_local", taken_away_once)
    assert shards.jpeg(0) == ShardSet(str(tmp_path / "there"), "train").jpeg(0)


def test_other_addresses_go_through_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.jpg", PHOTOS["1.jpg"])
    assert remote.read("memory://bucket/a.jpg") == PHOTOS["1.jpg"]
    with pytest.raises(remote.MissingError):
        remote.read("memory://bucket/b.jpg")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(TrainingError, match=r"needs another package: .*s3fs"):
        remote.read("s3://bucket/key")


@pytest.mark.parametrize("kind", ["CMYK", "L", "P", "RGBA", "I;16", "1"])
def test_every_kind_of_picture_becomes_an_upright_rgb_jpeg(kind: str) -> None:
    image = picture(style_of(1), np.random.default_rng(0), (200, 100))
    if kind == "I;16":
        grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
        image = Image.fromarray(grey)
    else:
        image = image.convert(kind)
    out = io.BytesIO()
    image.save(out, "TIFF" if kind == "CMYK" else "PNG")
    with Image.open(io.BytesIO(training_jpeg(out.getvalue(), 50))) as small:
        assert (small.mode, small.size) == ("RGB", (100, 50))


def test_orientation_is_applied() -> None:
    image = Image.fromarray(np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 100, 0).repeat(3, 2))
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was held upright
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    with Image.open(io.BytesIO(training_jpeg(out.getvalue(), 50))) as small:
        assert small.size == (50, 100)
        pixels = np.asarray(small.convert("L")).astype(int)
    assert pixels[0].mean() < pixels[-1].mean()


def test_small_images_are_not_blown_up() -> None:
    with Image.open(io.BytesIO(training_jpeg(photo(1, (40, 30)), 64))) as image:
        assert image.size == (40, 30)


def test_what_is_no_image_is_unreadable() -> None:
    with pytest.raises(UnreadablePhotoError):
        training_jpeg(os.urandom(500), 64)


def test_crops_have_their_size_and_follow_their_seed() -> None:
    jpeg = training_jpeg(photo(3), 96)
    one = training_crop(jpeg, 64, np.random.default_rng(5))
    assert one.shape == (64, 64, 3)
    assert (one == training_crop(jpeg, 64, np.random.default_rng(5))).all()
    assert (one != training_crop(jpeg, 64, np.random.default_rng(6))).any()


def test_evaluation_sees_what_tag_sees(tmp_path: Path) -> None:
    """The photo room's pixels of the stored image, up to the rounding of bytes."""
    from geotagger.model.preprocessing import Preprocessing
    from geotagger.photo.pixels import read_pixels

    jpeg = training_jpeg(photo(3, (300, 200)), 128)
    (tmp_path / "a.jpg").write_bytes(jpeg)
    plain = Preprocessing(64, "centre", "RGB", 255.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear")
    seen = read_pixels(tmp_path / "a.jpg", plain)
    mine = evaluation_crop(jpeg, 64).astype(np.float32).transpose(2, 0, 1)
    assert np.abs(seen - mine).mean() < 1.0


def test_processes_fetch_remote_shards_into_one_cache_at_the_same_time(tmp_path: Path, serve) -> None:  # type: ignore[no-untyped-def]
    """As the ranks of one machine do: each finds every index and every image whole."""
    write(tmp_path / "there")
    server = serve({path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()})
    near = ShardSet(str(tmp_path / "there"), "train")

    def all_of_it(_: int) -> bool:
        far = ShardSet(server.address, "train", cache=tmp_path / "cache")
        return all(far.jpeg(n) == near.jpeg(n) for n in range(len(near)))

    with ThreadPoolExecutor(8) as ranks:
        assert all(ranks.map(all_of_it, range(8)))
    assert not list((tmp_path / "cache").glob("*.part"))


def test_indexes_are_read_by_many_threads_however_they_take_turns(tmp_path: Path) -> None:
    """Turns of a microsecond, and something to collect in each: so `ast` of CPython 3.11 is caught out."""
    write(tmp_path / "there")
    there = ShardSet(str(tmp_path / "there"), "train")
    path = next((tmp_path / "there").glob("train*.npy"))
    number = [shard.name for shard in there.shards].index(path.with_suffix(".tar").name)

    class Circle:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            sum(range(100))

    def read(_: int) -> int:
        Circle()
        return len(there._read_index(number, path))

    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(1)
    try:
        with ThreadPoolExecutor(6) as threads:
            lengths = set(threads.map(read, range(6000)))
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
    assert lengths == {there.counts[number]}
