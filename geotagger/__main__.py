"""`python -m geotagger` is the command `geotagger`."""

from geotagger.cli import main

main()
