"""`python -m gistill`: the command, for environments whose scripts are not on the path."""

import sys

from gistill.cli import main

if __name__ == "__main__":
    sys.exit(main())
