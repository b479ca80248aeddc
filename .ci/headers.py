"""Checks that the Python of the environment has its C headers, which durable-rules is built with."""

import sys
import sysconfig
from pathlib import Path

if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    sys.exit(
        f"setup: Python {version} has no C headers, which durable-rules is built with; install them "
        f"(Debian: apt-get install python{version}-dev) or another Python from 3.11 to 3.13"
    )
