"""The build programs are scripts that import one another by bare name; the tests import them the same way."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "data/build"))
