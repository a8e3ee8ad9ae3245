"""The face: what `import geotagger` gives, and what the commands are built on.

Takes paths and values, gives values; prints nothing, ends nothing, catches no signal, sets up no log. Knows
which rooms to call and in which order, and what a caller may get wrong; knows nothing of terminals.
"""
