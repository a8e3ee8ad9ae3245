"""Everything that only a GPU shows, once over, on random data: `python -m benchmarks.gpu --help`.

bench.py      what all parts share: device, sizes, lines, aims
networks.py   bare networks, and a pack of the published shape
looking.py    ONNX Runtime on the card, `look`, `tag`
trainings.py  the loop beside the bare step, waits, seeds, memory, two processes
commands.py   what a person types

Left out: a loop that fills new tensors (geotagger does not let PyTorch do so any more), CUDA graphs, decoding
on the card, and NCCL, which needs two cards: where there are several, `commands` runs a process on each.
"""
