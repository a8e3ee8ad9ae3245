"""What only GPUs or several machines show, by stand-ins: devices, memory, processes that differ."""

import os
import shutil
import socket
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[train]'")

from geotagger.engine.values import Outputs  # noqa: E402
from geotagger.errors import TrainingError, UsageError  # noqa: E402
from tests.training import small  # noqa: E402
from tests.training.test_loop import ROOT, assert_equal, weights  # noqa: E402
from training import fitting, packing  # noqa: E402
from training.fit import compiling, head, processes  # noqa: E402
from training.fit.networks import Classifier  # noqa: E402


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.prepare(tmp_path_factory.mktemp("small")).work


@pytest.fixture
def work(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared, tmp_path / "work"))


def gpus(monkeypatch: pytest.MonkeyPatch, count: int, **environment: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_every_process_of_torchrun_takes_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    gpus(monkeypatch, 8, LOCAL_WORLD_SIZE="8", LOCAL_RANK="3")
    assert processes.device_of(wanted) == "cuda:3"


def test_alone_the_gpu_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    assert [processes.device_of(wanted) for wanted in ("cuda", "cuda:1", "cpu")] == [
        "cuda:0",
        "cuda:1",
        "cpu",
    ]


@pytest.mark.parametrize(
    ("count", "wanted", "told"),
    [
        (2, "foo", "--device foo: unknown"),
        (2, "cuda:x", "--device cuda:x: unknown"),
        (2, "cpu:1", "--device cpu:1: unknown"),
        (0, "cuda", "PyTorch sees no NVIDIA GPU here"),
        (2, "cuda:0", "would put all 2 processes on one GPU"),
        (1, "auto", "started 2 processes on this machine, where PyTorch sees 1 GPUs"),
    ],
)
def test_devices_that_cannot_be_are_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, count: int, wanted: str, told: str
) -> None:
    gpus(monkeypatch, count, LOCAL_WORLD_SIZE="2", LOCAL_RANK="1")
    with pytest.raises(UsageError, match=told):
        processes.device_of(wanted)


def test_a_gpu_without_bf16_is_told_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla V100")
    processes.check_precision("fp32", "cuda:0")
    with pytest.raises(UsageError, match="Tesla V100 has no bf16 arithmetic; add --precision fp32"):
        processes.check_precision("bf16", "cuda:0")


def test_memory_that_the_failed_step_holds_is_free_when_what_fits_is_tried(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card of 5 images: the step of 4 fails at its second layer, and holds its first all the while."""
    real, taken = Classifier.forward, [0]

    class Activations:
        def __init__(self, images: int) -> None:
            if taken[0] + images > 5:
                raise torch.OutOfMemoryError("CUDA out of memory")
            taken[0] += images
            weakref.finalize(self, lambda: taken.__setitem__(0, taken[0] - images))

    def on_a_small_gpu(self: Classifier, data: torch.Tensor) -> list[torch.Tensor]:
        first = Activations(len(data))
        second = Activations(len(data))
        assert first is not second
        return real(self, data)

    monkeypatch.setattr(Classifier, "forward", on_a_small_gpu)
    with pytest.raises(TrainingError, match="2 fit: add --micro-batch 2 "):
        small.fit(work)


def test_a_loss_that_is_no_number_ends_the_training(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, steps = Classifier.forward, [0]

    def explodes(self: Classifier, data: torch.Tensor) -> list[torch.Tensor]:
        steps[0] += 1
        return [scores * (float("nan") if steps[0] > 17 else 1.0) for scores in real(self, data)]

    monkeypatch.setattr(Classifier, "forward", explodes)
    with pytest.raises(
        TrainingError, match=r"no number .*the checkpoint of step 3 is whole and kept; .*--learning"
    ):
        small.fit(work, checkpoint_steps=3)
    names = sorted(path.name for path in (work / "checkpoints").glob("*.pt"))
    assert names[-1] < "step-000000006.pt", "nothing that is no number was saved"


def test_without_a_compiler_the_network_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    told: list[str] = []
    assert not compiling.can_compile(torch.device("cpu"), told.append)
    assert "no C compiler is installed" in told[0]


def test_a_compiler_that_fails_is_one_line(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class InductorError(Exception):
        __module__ = "torch._inductor.exc"

    def cannot(*_: object) -> list[torch.Tensor]:
        raise InductorError("CppCompileError: C++ compile error\n" + "line\n" * 100)

    monkeypatch.setattr(Classifier, "forward", cannot)
    with pytest.raises(TrainingError, match=r"^[^\n]*could not be compiled here[^\n]*add --no-compile$"):
        small.fit(work)


def test_going_on_in_another_mode_is_refused(work: Path) -> None:
    small.fit(work)
    with pytest.raises(TrainingError, match="a deterministic training, where this one is fast"):
        small.fit(work, deterministic=False)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            torch.distributed.DistBackendError("NCCL error: remote process exited"),
            "NCCL error: remote process",
        ),
        (torch.distributed.DistStoreError(), "DistStoreError"),
        (
            RuntimeError("[/src/pair.cc:537] Read error [10.0.0.2]:32678: Connection reset by peer. This is"),
            r"in time \(Read error \[10.0.0.2\]:32678: Connection reset by peer\); run the same command",
        ),
    ],
)
def test_a_process_that_goes_away_is_one_line_of_the_others(
    monkeypatch: pytest.MonkeyPatch, error: RuntimeError, told: str
) -> None:
    monkeypatch.setattr(processes, "join_processes", lambda _: None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match=told), processes.together("cpu"):
        raise error
    with pytest.raises(RuntimeError, match=r"^a defect$"), processes.together("cpu"):
        raise RuntimeError("a defect")


class FewImages:
    """Eight images, of which each says its own number."""

    split, manifest = "train", SimpleNamespace(source="s")

    def __len__(self) -> int:
        return 8

    def jpeg(self, number: int) -> bytes:
        return bytes([number])


def test_processes_share_what_a_head_looks_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two begins in the middle, and the first takes from its folder what is there."""
    seen: list[int] = []

    @contextmanager
    def looking(*_: object) -> Iterator[object]:
        def look(batch: np.ndarray) -> Outputs:
            seen.extend(batch[:, 0].astype(int).tolist())
            return Outputs(batch, batch)

        yield look

    monkeypatch.setattr(head, "looking", looking)
    monkeypatch.setattr(head, "network_input", lambda jpeg, _: np.array([jpeg[0]], np.float32))
    monkeypatch.setattr(head, "_CHUNK", 2)
    monkeypatch.setenv("WORLD_SIZE", "2")
    pack = SimpleNamespace(feature_size=1, digest="d", folder=tmp_path)
    told: list[str] = []
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        features = head.features_of(pack, FewImages(), tmp_path, "cpu", told.append)  # type: ignore[arg-type]
        assert features[:, 0].tolist() == list(range(8))
    assert seen == [4, 5, 6, 7, 0, 1, 2, 3]
    assert not told, "only the first tells of what it does itself"
    assert len(list(tmp_path.iterdir())) == 4


def two_nodes(folders: list[Path], tmp_path: Path) -> list[tuple[int | None, str]]:
    """Two machines of one process each, as torchrun's agents would start them: exit codes and words."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    running = []
    for rank, folder in enumerate(folders):
        environment = {
            "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
        }  # fmt: skip
        log = tmp_path / f"node{rank}.log"
        running.append((small.start(folder, log=log, **environment), log))
    return [(small.end(process), log.read_text()) for process, log in running]


@pytest.mark.slow
def test_nodes_without_a_shared_disk_go_on_from_the_step_of_the_first(work: Path, tmp_path: Path) -> None:
    """Killed after some steps, the second node knows nothing of them: it gets them from the first."""
    other = Path(shutil.copytree(work, tmp_path / "other"))
    whole = Path(shutil.copytree(work, tmp_path / "whole"))
    other_whole = Path(shutil.copytree(work, tmp_path / "other whole"))
    assert [code for code, _ in two_nodes([whole, other_whole], tmp_path)] == [0, 0]
    shutil.copytree(whole / "checkpoints", work / "checkpoints")
    sorted((work / "checkpoints").glob("*.pt"))[-1].unlink()
    assert weights(work)["step"] != weights(whole)["step"]
    assert [code for code, _ in two_nodes([work, other], tmp_path)] == [0, 0]
    assert_equal(weights(work), weights(whole))
    assert not (other / "checkpoints").exists()


def test_nodes_that_would_train_different_things_are_refused(work: Path, tmp_path: Path) -> None:
    other = small.prepare(tmp_path / "another", epochs=5.0).work
    for code, said in two_nodes([work, other], tmp_path):
        assert code == 1
        assert "process 1 has another training" in said, said


def test_what_the_first_process_cannot_do_ends_the_others() -> None:
    program = (
        "import sys\nfrom training.fit.processes import first_does, join_processes, is_first\n"
        "from geotagger.errors import TrainingError\njoin_processes('cpu')\n"
        "print(first_does(lambda: 'made once'))\n"
        "try:\n    first_does(lambda: (_ for _ in ()).throw(TrainingError('no photo')))\n"
        "except TrainingError as error:\n    print(error)\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                 "MASTER_PORT": port},
        )
        for rank in range(2)
    ]  # fmt: skip
    first, second = (process.communicate(timeout=280)[0] for process in running)
    assert first == "made once\nno photo\n"
    assert second == "made once\nthe first process ended with an error, which it tells\n"


def test_a_pack_that_cannot_be_measured_is_not_left_behind(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.fit(work)
    run, table = small.decided(work)
    made = fitting.trained(small.TrainingRequest(None, work), run, table, small.quiet)

    def cannot(*_: object) -> None:
        raise TrainingError("the card is gone")

    monkeypatch.setattr(packing, "_measure", cannot)
    with pytest.raises(TrainingError, match="the card is gone"):
        packing.make_pack(
            small.TrainingRequest(None, work), run, table, made, tmp_path / "p", False, "cpu", small.quiet
        )
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_the_network_in_memory_measures_what_the_pack_gives(work: Path, tmp_path: Path) -> None:
    """On a GPU PyTorch measures; here the same path on the processor, against ONNX Runtime."""
    from training.fit.frozen import _by_torch, looking

    small.fit(work)
    run, table = small.decided(work)
    asked = small.TrainingRequest(None, work)
    made = fitting.trained(asked, run, table, small.quiet)
    pack, _ = packing.make_pack(asked, run, table, made, tmp_path / "p", False, "cpu", small.quiet)
    assert made.network is not None
    batch = np.random.default_rng(0).normal(size=(8, 3, 64, 64)).astype(np.float32)
    with looking(pack, "cpu") as look:
        plain = look(batch)
    seen = _by_torch(made.network.eval(), "cpu")(batch)
    np.testing.assert_allclose(seen.probabilities, plain.probabilities, atol=1e-5)
    assert seen.features is not None
    np.testing.assert_allclose(seen.features, plain.features, atol=1e-4)
    images = packing.ShardSet(str(work / "shards"), "train")
    with pytest.raises(TrainingError, match="other probabilities on the processor"):
        packing._check_against_the_pack(
            images, np.arange(4), np.zeros((4, len(table)), np.float32) + 0.5, pack
        )
