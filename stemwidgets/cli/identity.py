"""Refusal of requests that do not come from the served page."""

from jupyter_server.auth.identity import PasswordIdentityProvider
from tornado.web import RequestHandler


class OwnPagesOnly(PasswordIdentityProvider):
    """Pages of other origins are refused, even those that know the token."""

    def should_check_origin(self, handler: RequestHandler) -> bool:
        """Check always; Jupyter leaves it out where a token is given."""
        return True
