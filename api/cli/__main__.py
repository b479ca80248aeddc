"""`python -m api.cli` is `im`."""

from api.cli.main import main

main()
