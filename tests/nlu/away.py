"""A pytest plugin (see pyproject.toml): what tests start has no language service unless they ask for one.

Each `im serve` under test would otherwise train a model for its own data folder.
"""

from __future__ import annotations

import os

os.environ.setdefault("IM_NLU_URL", "off")
