"""What a recipe says, and what the optimizer makes of it."""

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

from geotagger.errors import UsageError
from training.fit.networks import build
from training.fit.recipe import PRESETS, preset
from training.fit.schedule import optimizer_of


def test_the_learning_rate_follows_the_batch_unless_it_is_given() -> None:
    own, small = PRESETS["own"], PRESETS["try"]
    assert preset("own", batch=own.batch * 4).learning_rate == own.learning_rate * 4
    assert preset("try", batch=small.batch * 4).learning_rate == pytest.approx(small.learning_rate * 2)
    assert preset("own", batch=512, learning_rate=0.3).learning_rate == 0.3
    assert preset("own").learning_rate == own.learning_rate


@pytest.mark.parametrize("name", ["resnet10", "resnet18-v2", "googlenet"])
def test_layers_learn_the_slower_the_farther_they_are_from_the_heads(name: str) -> None:
    network = build(name, 5, [], 64)
    recipe = preset("try", network=name, layer_decay=0.5)
    optimizer = optimizer_of(network, recipe)
    shares = {id(p): group["share"] for group in optimizer.param_groups for p in group["params"]}
    named = {key: p for key, p in network.named_parameters() if p.requires_grad}
    assert len(shares) == len(named)
    assert all(shares[id(p)] == 1 for key, p in named.items() if key.startswith("heads."))
    ordered = [shares[id(p)] for key, p in named.items() if not key.startswith("heads.")]
    assert ordered == sorted(ordered)
    assert len(set(ordered)) >= 4
    assert max(ordered) == 0.5
    plain = optimizer_of(network, preset("try", network=name))
    assert [group["share"] for group in plain.param_groups] == [1.0, 1.0]


@pytest.mark.parametrize(
    "wrong", [{"clip": -1.0}, {"layer_decay": 0.0}, {"layer_decay": 1.5}, {"mixup": -0.1}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="--"):
        preset("try", **wrong)
