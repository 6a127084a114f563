"""`python -m akl_viz` is the command `akl-viz`."""

import sys

from akl_viz.cli import main

sys.exit(main())
