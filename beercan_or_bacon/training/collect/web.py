"""How the pipeline meets servers it does not know: who it says it is, where it never connects, when it asks again."""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import tenacity

from ... import __version__

# Servers are told who is asking and how to complain: Wikimedia requires it, others block without it.
CONTACT = os.environ.get("SCRAPE_CONTACT", "https://huggingface.co/spaces/beercan-or-bacon/beercan-or-bacon")
USER_AGENT = f"beercan-or-bacon/{__version__} (+{CONTACT})"

# 5xx that pass, and the two 4xx that mean "later" (RFC 9110, RFC 6585); asking again after any other status is useless
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


class PrivateAddress(OSError):
    """A connection that was not made, because its address is not a public one."""


class TryAgain(Exception):
    """What was asked for did not come, but may come if asked again.

    reason: in words that can be counted ("http 503"); after: seconds the server told us to wait, or None.
    """

    def __init__(self, reason: str, after: float | None = None):
        super().__init__(reason)
        self.reason, self.after = reason, after


def is_public(address: str) -> bool:
    """Whether an IP address is one on the open internet, and so is every IPv4 address that it carries inside.

    IPv4-mapped, 6to4, Teredo and NAT64 addresses reach the IPv4 address in them, which must be public too.
    """
    ip = ipaddress.ip_address(address)
    if not ip.is_global or ip.is_multicast:
        return False
    if ip.version == 4:
        return True
    inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in NAT64:
        inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return all(is_public(str(ipv4)) for ipv4 in inner if ipv4)


def public_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """A socket for an address that is about to be connected to (`socket_factory` of aiohttp.TCPConnector).

    This is the last step before the connection, so names, literals in any notation, redirects and DNS answers that
    change between two questions all come through here.
    Raises PrivateAddress when the address is not public.
    """
    family, kind, protocol, _, address = addr_info
    if not is_public(address[0]):
        raise PrivateAddress("not a public address")  # without the address: the same words for each of a name's several
    return socket.socket(family, kind, protocol)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the Retry-After header (RFC 9110, section 10.2.3: seconds or a date); None without one."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def retrying(
    attempts: int, patience: float, say: Callable[[TryAgain, float], None] | None = None
) -> tenacity.AsyncRetrying:
    """Asks again after TryAgain: as long as the server says, else 0.5 s doubling to 8 s with jitter.

    attempts: how often to ask in all; patience: the longest wait (seconds) that a server may ask for: after that it is
    for another run. say: told of the failure and the wait (seconds) before each pause.
    The last TryAgain is raised when all that did not help.
    """
    backoff = tenacity.wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)

    def wait(state: tenacity.RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        after = failure.after if isinstance(failure, TryAgain) else None
        return backoff(state) if after is None else after

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda e: isinstance(e, TryAgain) and (e.after or 0) <= patience),
        stop=tenacity.stop_after_attempt(attempts),
        wait=wait,
        before_sleep=say and (lambda state: say(state.outcome.exception(), state.next_action.sleep)),
        reraise=True,
    )
