"""Everything that knows MXNet's files: a checkpoint is read and becomes an ONNX network without MXNet.

`params` and `symbol` read the two files of a checkpoint, `ops` and `call` know what its operators mean,
`convert` makes the network. Knows nothing of packs.
"""
