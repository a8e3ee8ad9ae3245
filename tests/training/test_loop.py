import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[train]'")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from geotagger.cells import CellTable, leaf_ids, parents  # noqa: E402
from geotagger.errors import TrainingError  # noqa: E402
from geotagger.geo import distance_km, unit_vectors  # noqa: E402
from tests.training import small  # noqa: E402
from training import fitting, stages  # noqa: E402
from training.fit import checkpoint  # noqa: E402
from training.fit.checkpoint import Identity  # noqa: E402
from training.fit.feeding import MicroBatches, Plan, epoch_order, loader  # noqa: E402
from training.fit.loop import TrainingSettings, _Run  # noqa: E402
from training.fit.networks import build  # noqa: E402
from training.fit.objectives import (  # noqa: E402
    Objective,
    arcs_km,
    chords,
    class_vectors,
    haversine_targets,
    within,
)
from training.fit.processes import check_shares  # noqa: E402
from training.fit.recipe import preset  # noqa: E402
from training.fit.schedule import learning_rate  # noqa: E402
from training.fit.tally import LossTally  # noqa: E402

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.prepare(tmp_path_factory.mktemp("small")).work


@pytest.fixture
def work(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared, tmp_path / "work"))


@pytest.fixture(scope="module")
def uninterrupted(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a run that nobody disturbed, with one thread and no loader processes."""
    folder = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("whole") / "work"))
    assert small.end(small.start(folder)) == 0
    return folder


def weights(work: Path) -> dict[str, object]:
    last = sorted((work / "checkpoints").glob("step-*.pt"))[-1]
    state = torch.load(last, weights_only=True)
    return {"step": state["step"], **state["model"], **{f"ema {k}": v for k, v in state["ema"].items()}}


def assert_equal(one: dict[str, object], other: dict[str, object]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(other[name])), name


def test_kill_and_resume_gives_bit_equal_weights(work: Path, uninterrupted: Path) -> None:
    """SIGKILL in mid-epoch, on from the last checkpoint, with another number of loaders."""
    running = small.start(work)
    deadline = time.monotonic() + 120
    in_mid_epoch = work / "checkpoints/step-000000003.pt"
    while not in_mid_epoch.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    running.kill()
    assert small.end(running) == -signal.SIGKILL
    at = weights(work)["step"]
    assert isinstance(at, int)
    assert 3 <= at < weights(uninterrupted)["step"]  # type: ignore[operator]
    assert small.end(small.start(work, workers=1)) == 0
    assert_equal(weights(work), weights(uninterrupted))
    with (work / "log.csv").open() as log:
        steps = [(row["split"], int(row["step"])) for row in csv.DictReader(log)]
    assert len(steps) == len(set(steps)), "the log tells each step once"


def test_asked_to_stop_it_saves_and_goes_on_to_the_same_weights(work: Path, uninterrupted: Path) -> None:
    """SIGTERM, as a cluster sends it, long before the next checkpoint is due."""
    running = small.start(work)
    deadline = time.monotonic() + 60
    while not (work / "log.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    running.terminate()
    assert small.end(running) == 1
    said = (work / "output.txt").read_text()
    assert said.startswith("KeyboardInterrupt"), said
    assert list((work / "checkpoints").glob("step-*.pt"))
    assert small.end(small.start(work)) == 0
    assert_equal(weights(work), weights(uninterrupted))


def test_two_processes_give_what_one_gives(work: Path, uninterrupted: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
         "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "tests.training.small",
         str(work), "0"],
        env=ENVIRONMENT, cwd=ROOT, timeout=250, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = weights(uninterrupted), weights(work)
    assert one["step"] == two["step"]
    # sums in another order differ by 1e-7; a ReLU at its corner can make 1e-4 of that in eight steps
    for name, value in one.items():
        if name.endswith("num_batches_tracked"):
            continue  # each process counts its own
        torch.testing.assert_close(
            torch.as_tensor(two[name]).float(), torch.as_tensor(value).float(), atol=1e-3, rtol=1e-3, msg=name
        )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_nodes_without_a_common_disk_go_on_when_one_was_killed(
    prepared: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    """Two agents of torchrun with a process each and a work folder each; one is killed in mid-run."""
    works = [Path(shutil.copytree(prepared, tmp_path / f"node{n}")) for n in range(2)]
    agents = _agents(works)
    deadline = time.monotonic() + 200
    while not (works[0] / "checkpoints/step-000000003.pt").exists():
        assert time.monotonic() < deadline
        assert agents[0].poll() is None
        time.sleep(0.01)
    children = Path(f"/proc/{agents[1].pid}/task/{agents[1].pid}/children").read_text().split()
    os.kill(agents[1].pid, signal.SIGKILL)
    for child in children:  # its worker has a session of its own
        os.kill(int(child), signal.SIGKILL)
    agents[1].communicate(timeout=60)
    assert agents[1].returncode == -signal.SIGKILL
    _, complaints = agents[0].communicate(timeout=300)
    assert agents[0].returncode != 0, "a node alone does not go on as if nothing had been"
    assert 3 <= int(str(weights(works[0])["step"])) < int(str(weights(uninterrupted)["step"])), complaints[
        -2000:
    ]
    again = _agents(works)
    for agent in again:
        _, complaints = agent.communicate(timeout=300)
        assert agent.returncode == 0, complaints[-3000:]
    assert not list((works[1] / "checkpoints").glob("*.pt")), "the first node keeps the checkpoints"
    one, two = weights(uninterrupted), weights(works[0])
    assert one["step"] == two["step"]
    for name, value in one.items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(
                torch.as_tensor(two[name]).float(),
                torch.as_tensor(value).float(),
                atol=2e-3,
                rtol=2e-3,
                msg=name,
            )


def _agents(works: list[Path]) -> list[subprocess.Popen[str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
             "--node-rank", str(n), "--master-addr", "127.0.0.1", "--master-port", str(port),
             "-m", "tests.training.small", str(work), "0"],
            env=ENVIRONMENT, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )
        for n, work in enumerate(works)
    ]  # fmt: skip


@pytest.mark.slow
def test_gradients_clipped_pictures_mixed_and_layers_slowed_are_repeatable(
    uninterrupted: Path, tmp_path: Path
) -> None:
    asked = small.prepare(tmp_path / "one", clip=0.5, mixup=0.4, layer_decay=0.8)
    other = Path(shutil.copytree(asked.work, tmp_path / "other"))
    for work in (asked.work, other):
        assert small.end(small.start(work)) == 0
    assert_equal(weights(asked.work), weights(other))
    plain, mixed = weights(uninterrupted), weights(asked.work)
    assert plain["step"] == mixed["step"]
    differ = [
        name for name, value in plain.items() if "weight" in name and not torch.equal(value, mixed[name])
    ]  # type: ignore[arg-type]
    assert differ


def test_a_damaged_checkpoint_gives_way_to_the_one_before(uninterrupted: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(uninterrupted, tmp_path / "work")) / "checkpoints"
    newest = sorted(folder.glob("step-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:5000])
    run, table = small.decided(folder.parent)
    state = checkpoint.load_latest(folder, fitting._identity(run.recipe, table))
    assert state is not None
    assert state["step"] < int(newest.stem.removeprefix("step-"))


def test_a_checkpoint_of_another_architecture_is_told(uninterrupted: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(uninterrupted, tmp_path / "work"))
    run, table = small.decided(folder)
    own = fitting._identity(run.recipe, table)
    other = checkpoint.Identity("resnet50", own.classes, own.cells, own.recipe)
    with pytest.raises(TrainingError, match="of the network resnet10, where this training has resnet50"):
        checkpoint.load_latest(folder / "checkpoints", other)
    newest = sorted((folder / "checkpoints").glob("step-*.pt"))[-1]
    with pytest.raises(
        TrainingError, match="a checkpoint of resnet10, not of resnet50; add --network resnet10"
    ):
        checkpoint.load_weights(newest, "resnet50")
    assert "backbone.stem.0.weight" in checkpoint.load_weights(newest, "resnet10")
    assert not any(name.startswith("heads") for name in checkpoint.load_weights(newest, "resnet10", 99))


def test_a_disk_that_fills_leaves_the_last_good_checkpoint(work: Path) -> None:
    """A real limit on file size, set between two checkpoints: the second cannot be written whole."""
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from training.fit import checkpoint\n"
        "import torch\n"
        "folder, me = Path(sys.argv[1]), checkpoint.Identity('n', 2, 'c', 'r')\n"
        "state = {'model': {'w': torch.arange(100_000.)}, 'ema': None, 'optimizer': {}}\n"
        "checkpoint.save(folder, 1, me, state)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try:\n"
        "    checkpoint.save(folder, 2, me, state)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
        "kept = checkpoint.load_latest(folder, me)\n"
        "whole = torch.equal(kept['model']['w'], torch.arange(100_000.))\n"
        "print(kept['step'], whole, sorted(p.name for p in folder.iterdir()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(work / "full")], env=ENVIRONMENT, cwd=ROOT, capture_output=True,
        text=True, check=True, timeout=100,
    )  # fmt: skip
    told, kept = done.stdout.strip().splitlines()
    assert told.startswith("TrainingError")
    assert "checkpoint of step 2 could not be written" in told
    assert "the one of step 1 is whole and kept" in told
    assert kept == "1 True ['step-000000001.pt']"


class Operators(TorchDispatchMode):
    """Counts what is asked of a device."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.calls[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("batch", "micro_batches"), [(4, 1), (16, 4)])
def test_a_step_waits_for_nothing_and_does_little_beside_the_network(
    work: Path, batch: int, micro_batches: int
) -> None:
    """On a GPU each number that the processor asks for is a wait, and each of hundreds of small tensors a
    launch of its own."""
    run, table = small.decided(work)
    recipe = replace(run.recipe, batch=batch, ema=0.9, tau_km=25.0)
    examples = stages.labelled(str(work / "shards"), "train", table, work)
    torch.manual_seed(0)
    training = _Run(
        build("resnet10", len(table)), Objective([class_vectors(table)], [], 25.0), examples, None, recipe,
        TrainingSettings(), Identity("n", len(table), "", ""), work, small.quiet, Event(),
    )  # fmt: skip
    plan = training.plan
    batches = loader(training._pictures(examples), MicroBatches(plan, 0, 2), 0, False)
    tally = LossTally(training.device)
    training._step(0, batches, tally)
    with Operators() as whole:
        training._step(1, batches, tally)
    data = torch.zeros(4, 3, 64, 64)
    with Operators() as bare:
        loss = training.objective(training.network(data), torch.zeros(4).long(), torch.zeros(4, 3))
        torch.autograd.backward(loss)
    assert plan.micro_batches == micro_batches
    assert not {"_local_scalar_dense", "item", "nonzero"} & set(whole.calls)
    beside = whole.calls - Counter({name: n * micro_batches for name, n in bare.calls.items()})
    beside["add_"] = 0  # gradients of micro-batches are summed up
    assert beside.total() < 30 + 40 * micro_batches, beside


def test_a_device_out_of_memory_says_which_batch_fits(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of a GPU, and of a processor."""
    from training.fit.networks import Classifier

    real = Classifier.forward
    error: RuntimeError = torch.OutOfMemoryError("CUDA out of memory")

    def on_a_small_gpu(self: Classifier, data: torch.Tensor) -> list[torch.Tensor]:
        if len(data) > room:
            raise error
        return real(self, data)

    monkeypatch.setattr(Classifier, "forward", on_a_small_gpu)
    room = 2
    with pytest.raises(
        TrainingError, match=r"with 4 images of 64 pixels at once; 2 fit: add --micro-batch 2 "
    ):
        small.fit(work)
    room = 0
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1284505600 bytes")
    with pytest.raises(TrainingError, match="not even one image fits; choose a smaller --network"):
        small.fit(work)


def test_a_broken_image_in_a_loader_process_is_told_as_a_line(work: Path) -> None:
    path = work / "shards/train-000000.tar"
    content = bytearray(path.read_bytes())
    index = np.load(path.with_suffix(".npy"))
    for entry in index:
        content[entry["offset"] + 30 : entry["offset"] + entry["size"]] = bytes(int(entry["size"]) - 30)
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"^[^\n]*a broken shard; run [^\n]*--verify`$"):
        small.fit(work, workers=1)


def test_no_photo_in_any_cell_is_told(work: Path) -> None:
    run, _ = small.decided(work)
    far = parents(leaf_ids(np.array([-80.0, -81.0]), np.array([10.0, 50.0])), 5)
    elsewhere = CellTable(far, np.array([-80.0, -81.0]), np.array([10.0, 50.0]))
    with pytest.raises(TrainingError, match="no photo of the shards lies in a cell"):
        fitting.train(
            small.TrainingRequest(None, work), run, elsewhere, small.TrainingSettings(), small.quiet
        )


@pytest.mark.parametrize(
    ("batch", "micro_batch", "world", "advice"),
    [
        (32, 32, 2, "add --micro-batch 16"),
        (256, 64, 8, "add --micro-batch 32"),
        (16, 4, 3, "add --batch 12, or"),
    ],
)
def test_processes_that_cannot_share_a_batch_are_told_what_they_could(
    batch: int, micro_batch: int, world: int, advice: str
) -> None:
    with pytest.raises(TrainingError, match=f"evenly by {world} processes; {advice}"):
        check_shares(preset("try", batch=batch, micro_batch=micro_batch), world)
    what, size = advice.removesuffix(", or").removeprefix("add --").replace("-", "_").split()
    check_shares(preset("try", **({"batch": batch, "micro_batch": micro_batch} | {what: int(size)})), world)


def test_micro_batches_are_the_same_for_any_number_of_processes() -> None:
    plan = Plan(np.arange(100), np.array([0, 40, 100]), 24, 6, seed=3)

    def shown(world: int, start: int = 0) -> list[list[int]]:
        ranks = [list(MicroBatches(plan, start, 9, rank, world)) for rank in range(world)]
        mine = 4 // world
        return [
            ranks[m // mine][(step - start) * mine + m % mine][1].tolist()
            for step in range(start, 9)
            for m in range(4)
        ]

    assert shown(1) == shown(2) == shown(4)
    assert shown(1)[4 * 5 :] == shown(2, start=5)


def test_an_epoch_shows_every_photo_once_in_an_order_of_its_own() -> None:
    plan = Plan(np.arange(96), np.array([0, 40, 96]), 24, 6, seed=3)
    first, second = epoch_order(plan, 0), epoch_order(plan, 1)
    assert sorted(first.tolist()) == list(range(96)) == sorted(second.tolist())
    assert (first != second).any()
    assert (first == epoch_order(plan, 0)).all()


def test_fewer_photos_than_a_batch_fill_it() -> None:
    plan = Plan(np.arange(5), np.array([0, 5]), 8, 8, seed=0)
    assert plan.steps_an_epoch == 1
    assert set(epoch_order(plan, 0).tolist()) == set(range(5))


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = preset("try", warmup_epochs=1.0, learning_rate=0.1)
    rates = [learning_rate(recipe, step, 10, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[9] == pytest.approx(0.1)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < 1e-4


def some_places(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 180, count)


def test_arcs_are_great_circle_distances() -> None:
    (lat1, lng1), (lat2, lng2) = some_places(50, 0), some_places(40, 1)
    found = arcs_km(
        torch.from_numpy(unit_vectors(lat1, lng1)), torch.from_numpy(unit_vectors(lat2, lng2))
    ).numpy()
    wanted = distance_km(lat1[:, None], lng1[:, None], lat2[None, :], lng2[None, :])
    np.testing.assert_allclose(found, wanted, atol=5)


def test_haversine_labels_are_pigeons_formula() -> None:
    (lat, lng), (truth_lat, truth_lng) = some_places(30, 2), some_places(6, 3)
    places = torch.from_numpy(unit_vectors(lat, lng)).float()
    truth = torch.from_numpy(unit_vectors(truth_lat, truth_lng)).float()
    classes = arcs_km(truth, places).argmin(1)
    found = haversine_targets(truth, classes, places, 500.0).numpy()
    away = distance_km(truth_lat[:, None], truth_lng[:, None], lat[None, :], lng[None, :])
    wanted = np.exp(-(away - away[np.arange(6), classes.numpy()][:, None]) / 500.0)
    np.testing.assert_allclose(found, wanted / wanted.sum(axis=1, keepdims=True), atol=2e-3)
    near = haversine_targets(truth, classes, places, 0.5).numpy()
    assert (near.argmax(axis=1) == classes.numpy()).all()


def test_the_loss_of_a_hierarchy_is_the_sum_over_its_heads() -> None:
    lat, lng = some_places(6, 4)
    table = CellTable(leaf_ids(lat, lng), lat, lng)
    places, rows = class_vectors(table), torch.tensor([0, 0, 1, 1, 2, 2])
    fine, coarse = torch.randn(5, 6), torch.randn(5, 3)
    classes, truth = torch.tensor([0, 1, 2, 3, 5]), places[[0, 1, 2, 3, 5]]
    both = Objective([places, places[::2]], [rows], None)([fine, coarse], classes, truth)
    wanted = torch.nn.functional.cross_entropy(fine, classes) + torch.nn.functional.cross_entropy(
        coarse, rows[classes]
    )
    torch.testing.assert_close(both, wanted)


def test_places_within_the_thresholds_are_counted() -> None:
    away = np.array([0.5, 10, 100, 500, 2000, 5000])
    truth = torch.from_numpy(unit_vectors(np.zeros(6), np.zeros(6))).float()
    guess = torch.from_numpy(unit_vectors(np.zeros(6), away / 111.195)).float()
    assert within(guess, truth, chords()).tolist() == [1, 2, 3, 4, 5]


def test_other_weights_under_the_same_name_are_another_recipe(tmp_path: Path) -> None:
    """Otherwise what the work folder holds of the first would be taken for the second's."""
    first = small.prepare(tmp_path / "first", epochs=1.0)
    small.fit(first.work)
    start = tmp_path / "start.pt"
    shutil.copy(sorted((first.work / "checkpoints").glob("step-*.pt"))[-1], start)
    again = small.prepare(tmp_path / "again", epochs=1.0, start=str(start))
    recipe = stages.load_run(again.work).recipe
    assert recipe.digest != stages.load_run(first.work).recipe.digest
    start.write_bytes(b"other weights")
    stages.list_photos(again, False, small.quiet)
    assert stages.load_run(again.work).recipe.digest != recipe.digest
