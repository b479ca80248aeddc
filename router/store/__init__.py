"""The store: PostgreSQL by psycopg, statements in named files, migrations applied in order."""

from router.store.database import Store, StoreError, connect_options
from router.store.migrate import migrate
from router.store.statements import statement

__all__ = ["Store", "StoreError", "connect_options", "migrate", "statement"]
