"""Starts the emulator of AWS, and rejects requests that a web page may have sent.

A page in a browser on this machine can send requests to loopback: it needs no permission for those
that it can't read the response of. The emulator has no authorization, and runs what it is given as
a function. So each request is checked before anything else looks at it, as src/web_page.rs does in
the servers of devstack.
"""

import http.server
from http import HTTPStatus

from ministack import app as ministack

OWN_NAMES = {"127.0.0.1", "[::1]", "localhost"}


def is_own(host):
    """Returns whether a host is this server: no public name, which may be resolved to loopback."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.lower()
    # Browsers take all names below localhost for loopback without asking a name server.
    return name in OWN_NAMES or name.endswith(".localhost")


def rejection(headers):
    """Returns why a request is rejected, if it is. Names of headers are in lower case."""
    values = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    hosts = values.get("host", [])
    if len(hosts) != 1 or not is_own(hosts[0]):
        return "its Host is not this server"
    for origin in values.get("origin", []):
        if not origin.startswith("http://") or not is_own(origin.removeprefix("http://")):
            return "its Origin is another site"
        if origin.removeprefix("http://").lower() != hosts[0].lower():
            return "its Origin is another server"
    for site in values.get("sec-fetch-site", []):
        if site not in ("none", "same-origin"):
            return "a web page of another site sent it"
    return None


def rejecting(application):
    """Wraps an ASGI application."""

    async def checked(scope, receive, send):
        reason = None
        if scope["type"] in ("http", "websocket"):
            headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
            reason = rejection(headers)
        if reason is None:
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            # Before it is accepted, this makes a response with status 403.
            await send({"type": "websocket.close"})
        else:
            content_type = (b"content-type", b"text/plain; charset=utf-8")
            await send({"type": "http.response.start", "status": HTTPStatus.FORBIDDEN, "headers": [content_type]})
            await send({"type": "http.response.body", "body": f"rejected: {reason}\n".encode()})

    return checked


def reject_in(handler):
    """Changes a class of the standard library, on which the emulator's other servers are based: the
    Runtime API of each function."""
    parse = handler.parse_request

    def checked(self):
        if not parse(self):
            return False
        reason = rejection([(name.lower(), value) for name, value in self.headers.items()])
        if reason is None:
            return True
        self.send_error(HTTPStatus.FORBIDDEN, f"rejected: {reason}")
        return False

    handler.parse_request = checked


if __name__ == "__main__":
    ministack.app = rejecting(ministack.app)
    reject_in(http.server.BaseHTTPRequestHandler)
    ministack.main()
