"""`python -m worker ROLE`: the roles that the command line starts without importing them."""

from __future__ import annotations

import sys

from router.settings import SettingsError, read


def main(arguments: list[str]) -> int:
    """Run the role that the first argument names; 1 with one sentence when it cannot."""
    role, *rest = arguments or [""]
    try:
        settings = read()
        if role == "serve":
            from worker.supervise import SuperviseError  # noqa: PLC0415
            from worker.supervise import run as supervise

            try:
                supervise(settings, workers=int(rest[0]) if rest else 1)
            except SuperviseError as error:
                print(f"im: {error}", file=sys.stderr)  # noqa: T201
                return 1
        elif role == "worker":
            from worker.role import run as work  # noqa: PLC0415

            work(settings, tuple(rest))
        elif role == "drain":
            from worker.once import run as send  # noqa: PLC0415

            send(settings)
        elif role == "ticker":
            from worker.ticker import run as tick  # noqa: PLC0415

            tick(settings)
        else:
            print("im: roles are serve, worker, ticker and drain", file=sys.stderr)  # noqa: T201
            return 2
    except SettingsError as error:
        print(f"im: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
