"""The HTTP edge: Litestar over the use cases of router/."""

from api.http.app import create_app

__all__ = ["create_app"]
