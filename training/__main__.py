"""`python -m training …` is `geotagger train …`: what torchrun can start."""

import sys

from geotagger.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
