"""How the devices and cores of this machine are shared out among processes that look at pictures.

One process is bound by its single threads to some 1,000 photos/s, whatever the cards; so each GPU has a
process of its own, and the decoders of all share out the cores. Takes what `--device` says, opens nothing.
"""

from dataclasses import dataclass

from geotagger.engine.cores import usable_cores
from geotagger.engine.devices import Device, nvidia_gpus, parse_devices

_PRINTS = ("tensorrt",)
"""Its library prints to standard output, where only our answers belong: it never runs in this process."""

_WORTH_A_PROCESS = ("cuda", "tensorrt", "directml")


@dataclass(frozen=True, slots=True)
class Share:
    """What one process works with: its devices, as `--device` names them, and so many of the cores."""

    device: str
    cores: int


def shares_of(device: str, processes: int | None = None) -> list[Share]:
    """One for each process that is to look; none where this process looks by itself. processes: as many as
    wanted, None for one a GPU where there are several. UsageError for a device that is none."""
    devices = parse_devices(device) or _automatic()
    if processes is None:
        processes = len(devices) if devices[0].kind in _WORTH_A_PROCESS else 1
    if processes < 2 and devices[0].kind not in _PRINTS:
        return []
    cores = usable_cores()
    return [
        Share(
            _text(devices[n::processes] or (devices[n % len(devices)],)),
            max(1, cores // processes + (n < cores % processes)),
        )
        for n in range(processes)
    ]


def _automatic() -> tuple[Device, ...]:
    """All NVIDIA GPUs, where there are several and ONNX Runtime was built for them; else the processor."""
    if nvidia_gpus() > 1:
        from geotagger.engine.onnx_runner import available

        if available("cuda"):
            return parse_devices("cuda")
    return (Device("cpu"),)


def _text(devices: tuple[Device, ...]) -> str:
    numbers = ",".join(str(one.number) for one in devices if one.number is not None)
    return f"{devices[0].kind}:{numbers}" if numbers else devices[0].kind
