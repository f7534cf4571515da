"""Requests that schemathesis must not send: JSON Schema and HTTP or the service judge them differently."""

import hashlib
import re

import schemathesis

#: The largest total of an order.
MOST = 2**53 - 1

VALID_KEY = re.compile(r"[!-+\--~]([ -+\--~]{0,253}[!-+\--~])?")


@schemathesis.hook
def filter_body(context, body) -> bool:
    """Returns whether a body is sent."""
    try:
        numbers = [(item["quantity"], item["unitPrice"]) for item in body["items"]]
    except (TypeError, KeyError):
        return True
    # To JSON Schema 20.0 is an integer, but a price must not have a point.
    if any(isinstance(number, float) for pair in numbers for number in pair):
        return False
    if any(not isinstance(number, int) for pair in numbers for number in pair):
        return True
    return sum(quantity * price for quantity, price in numbers) <= MOST


@schemathesis.hook
def filter_headers(context, headers) -> bool:
    """Returns whether headers are sent. White space around a value is not part of it in HTTP."""
    return all(value == value.strip() for value in (headers or {}).values() if isinstance(value, str))


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """Gives each order a key of its own, about as long: with another's the order is rejected."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and VALID_KEY.fullmatch(key):
        own = hashlib.sha256(f"{key} {case.body!r}".encode()).hexdigest()
        case.headers["Idempotency-Key"] = (own * 4)[: max(len(key), 32)]
