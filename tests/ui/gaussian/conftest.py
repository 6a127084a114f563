"""The real app, for what the component looks like on its page."""

from tests.browser.conftest import app, roots

__all__ = ["app", "roots"]
