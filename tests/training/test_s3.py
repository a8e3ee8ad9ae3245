"""Images and shards on S3, against moto's server on loopback. Runs where s3fs and moto are installed
(`pip install s3fs "moto[server]"`; a development environment has neither)."""

import logging
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("s3fs", reason='s3fs is not installed: pip install s3fs "moto[server]"')
moto = pytest.importorskip("moto.server", reason='moto is not installed: pip install s3fs "moto[server]"')

import fsspec  # noqa: E402
import s3fs  # noqa: E402

from geotagger.errors import TrainingError  # noqa: E402
from tests.training.test_shards import PHOTOS, write  # noqa: E402
from training.data import remote  # noqa: E402
from training.data.shards import ShardSet  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # of boto, moto and werkzeug


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3fs.S3FileSystem]:
    """An empty bucket `photos`; the environment is as for a user with keys."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    s3fs.S3FileSystem.clear_instance_cache()
    files = fsspec.filesystem("s3")
    files.mkdir("photos")
    yield files
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def test_images_are_fetched_from_a_bucket(bucket: s3fs.S3FileSystem, tmp_path: Path) -> None:
    for name, content in PHOTOS.items():
        if name != "8.jpg":
            bucket.pipe(f"photos/data/{name}", content)

    def near(address: str) -> bytes:
        if address == "8.jpg":
            raise remote.MissingError("no such file")
        return PHOTOS[address]

    far = write(tmp_path / "s3", fetch=lambda name: remote.read(remote.joined("s3://photos/data", name)))
    assert far == write(tmp_path / "local", fetch=near)
    assert far.skipped == {"not there": 1}


def test_shards_are_read_from_a_bucket_with_their_checksums(
    bucket: s3fs.S3FileSystem, tmp_path: Path
) -> None:
    write(tmp_path / "here")
    for path in (tmp_path / "here").iterdir():
        bucket.pipe(f"photos/shards/{path.name}", path.read_bytes())
    near = ShardSet(str(tmp_path / "here"), "train")
    far = ShardSet("s3://photos/shards", "train", cache=tmp_path / "cache", keep=2)
    order = np.random.default_rng(0).permutation(len(near))
    assert all(far.jpeg(int(n)) == near.jpeg(int(n)) for n in order)
    far.verify()
    content = (tmp_path / "here/train-000000.tar").read_bytes()
    bucket.pipe("photos/shards/train-000000.tar", content[:-1] + b"x")
    with pytest.raises(TrainingError, match="its checksum is not the one in the manifest; it was not used"):
        ShardSet("s3://photos/shards", "train", cache=tmp_path / "other").jpeg(0)


@pytest.mark.usefixtures("bucket")
def test_what_is_not_there_is_missing() -> None:
    for address in ("s3://photos/none.jpg", "s3://nobody/none.jpg"):
        with pytest.raises(remote.MissingError):
            remote.read(address)
    with pytest.raises(TrainingError, match=r"s3://photos/none/manifest\.json: no such object"):
        ShardSet("s3://photos/none", "train", cache=Path("unused"))


def test_a_store_that_cannot_be_reached_or_entered_is_told(
    bucket: s3fs.S3FileSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bucket.pipe("photos/a.jpg", PHOTOS["1.jpg"])
    bucket.chmod("photos/a.jpg", "public-read")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(remote.UnreachableError, match=r"credentials \(a public bucket\? set FSSPEC_S3_ANON"):
        remote.read("s3://photos/a.jpg")
    monkeypatch.setitem(fsspec.config.conf, "s3", {"anon": "true"})  # what FSSPEC_S3_ANON=true sets
    s3fs.S3FileSystem.clear_instance_cache()
    assert remote.read("s3://photos/a.jpg") == PHOTOS["1.jpg"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(remote.UnreachableError, match="Could not connect"):
        remote.read("s3://photos/a.jpg")
