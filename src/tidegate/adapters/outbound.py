"""Outbound: HTTP requests to addresses that users can set, over the one HTTP client.

Addresses that are not of the public internet (this machine, its link, private networks, metadata of
clouds) are refused where the connection is made, so neither a name that resolves to one nor a
redirect gets there; a host that is allowed by its name may be local. Proxies of the environment and cookies are not used.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import SimpleNamespace
from typing import Any, NoReturn, TypeAlias

import aiohttp
from aiohttp import ClientConnectorCertificateError, ClientConnectorError, ClientSession
from msgspec import Struct
from yarl import URL

from tidegate.kernel.clock import Clock, instant
from tidegate.kernel.errors import InputError, TransientError

CONNECT_MAX_S = 10.0
REDIRECTS_MAX = 10

_REDIRECTS = {301, 302, 303, 307, 308}
_CREDENTIALS = {"authorization", "cookie", "proxy-authorization"}
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("::/96"))
"""IPv4 addresses as NAT64 writes them (RFC 6052), and as they once were (RFC 4291, 2.5.5.1)."""


class Answer(Struct, frozen=True):
    """What came back; `whole` is False when the body is longer than was asked for."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    whole: bool


class Lost(Struct, frozen=True):
    """The request was sent, or some of it; what came of it is not known."""

    what: str
    late: bool = False


Reply: TypeAlias = Answer | Lost
_AddressInfo: TypeAlias = tuple[Any, Any, int, str, tuple[Any, ...]]


class Request(Struct, frozen=True, kw_only=True):
    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    timeout_s: float | None = None
    answer_max: int = 64 * 1024
    """Bytes of the body that are read."""
    redirects: int = 0
    """So many are followed, of GET and HEAD alone."""


class AddressRefused(OSError):
    """The name led to an address that is not of the public internet."""


class Outbound:
    """Sends requests; sessions are made on first use, in the loop that uses them."""

    def __init__(self, clock: Clock, allowed_hosts: Sequence[str] | None = None) -> None:
        """`allowed_hosts` may be called though they are local: exact names, `host` or `host:port`,
        and networks, `10.1.0.0/16`, whatever the name that leads into one. Raises InputError
        (`config.invalid`) for what is neither.
        """
        self._clock = clock
        listed = [one.lower() for one in allowed_hosts or ()]
        self._allowed = frozenset(one for one in listed if "/" not in one)
        self._networks = tuple(_network(one) for one in listed if "/" in one)
        self._sessions: dict[bool, ClientSession] = {}

    async def send(self, request: Request) -> Reply:
        """Raises TransientError `task.unreachable`: nothing was sent. Raises InputError `url.refused`."""
        url, headers = self._checked(request.url), dict(request.headers)
        for left in range(min(request.redirects, REDIRECTS_MAX), -1, -1):
            reply = await self._once(request, url, headers)
            if left == 0 or not isinstance(reply, Answer) or reply.status not in _REDIRECTS:
                return reply
            if request.method not in {"GET", "HEAD"} or "location" not in reply.headers:
                return reply
            target = self._checked(str(url.join(URL(reply.headers["location"]))))
            if target.origin() != url.origin():
                headers = {n: v for n, v in headers.items() if n.lower() not in _CREDENTIALS}
            url = target
        raise AssertionError("the last round returns")

    def retry_after_s(self, answer: Answer) -> float | None:
        """When the other side wants to be asked again."""
        text = answer.headers.get("retry-after", "").strip()
        if text.isdecimal() and len(text) < 10:
            return float(text)
        try:
            at = instant(parsedate_to_datetime(text))
        except (ValueError, TypeError):  # no date; a date without a zone
            return None
        return max(0.0, (at - self._clock.now()) / 1e6)

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    # ---- whom
    def _checked(self, text: str) -> URL:
        try:
            url = URL(text)
        except ValueError as error:
            raise _refuse("the address", str(error)) from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise _refuse("the address", "it is no http or https address with a host")
        if url.user is not None or url.password is not None:
            raise _refuse(url.host, "credentials belong into a header, not into the address")
        return url

    def _session(self, url: URL) -> ClientSession:
        named = not self._allowed.isdisjoint(_names(url))
        found = self._sessions.get(named)
        if found is None:
            sent = aiohttp.TraceConfig()
            sent.on_request_headers_sent.append(_note_sent)
            found = self._sessions[named] = ClientSession(
                # Kept connections would make "was it sent?" a guess when one turns out closed.
                connector=aiohttp.TCPConnector(
                    force_close=True, socket_factory=_open if named else self._open_far
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[sent],
            )
        return found

    def _open_far(self, address: _AddressInfo) -> socket.socket:
        text = str(address[4][0])
        if is_local(text) and not any(_ip(text) in network for network in self._networks):
            # One text for all addresses of a name: only then is the error handed on as it is.
            raise AddressRefused("what is not in the public internet must be allowed")
        return _open(address)

    # ---- one request
    async def _once(self, request: Request, url: URL, headers: Mapping[str, str]) -> Reply:
        state = SimpleNamespace(sent=False)
        timeout = aiohttp.ClientTimeout(total=request.timeout_s, sock_connect=CONNECT_MAX_S)
        try:
            async with self._session(url).request(
                request.method,
                url,
                headers=headers,
                data=request.body,
                allow_redirects=False,
                timeout=timeout,
                trace_request_ctx=state,
            ) as response:
                body = await _read(response.content, request.answer_max)
                names = {name.lower() for name in response.headers}
                return Answer(
                    response.status,
                    {name: ", ".join(response.headers.getall(name)) for name in sorted(names)},
                    body[: request.answer_max],
                    len(body) <= request.answer_max,
                )
        except ClientConnectorError as error:
            _unsent(url, error)
        except aiohttp.InvalidURL as error:
            raise _refuse(url.host, str(error)) from error
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            if state.sent:
                return Lost(what, isinstance(error, TimeoutError))
            raise _unreachable(url, what) from error


def _unsent(url: URL, error: ClientConnectorError) -> NoReturn:
    if isinstance(error.os_error, AddressRefused):
        raise _refuse(url.host, str(error.os_error)) from error
    if isinstance(error, ClientConnectorCertificateError):
        raise _refuse(url.host, f"its certificate is not trusted: {error}") from error
    raise _unreachable(url, str(error)) from error


def _refuse(host: str | None, why: str) -> InputError:
    # The host alone: what follows it may be a secret.
    return InputError(
        "url.refused",
        f"{host} may not be called: {why}",
        fix="correct it, or name it in TIDEGATE_ALLOWED_HOSTS",
    )


def _unreachable(url: URL, what: str) -> TransientError:
    return TransientError("task.unreachable", f"{url.host} could not be reached: {what}")


def _names(url: URL) -> tuple[str, str]:
    host = (url.host or "").lower()
    return host, f"{host}:{url.port}"


def is_local(address: str) -> bool:
    """Not of the public internet, also when an IPv4 address is written as an IPv6 one."""
    ip = _ip(address)
    if isinstance(ip, IPv6Address):
        translated = any(ip in network for network in _TRANSLATED)
        inside = IPv4Address(int(ip) & 0xFFFFFFFF) if translated else ip.sixtofour
        if inside is not None and is_local(str(inside)):
            return True
    return not ip.is_global or ip.is_multicast


def _ip(address: str) -> IPv4Address | IPv6Address:
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise InputError(
            "config.invalid",
            f"TIDEGATE_ALLOWED_HOSTS: {error}",
            fix="write hosts, host:port, or networks such as 10.1.0.0/16, separated by commas",
        ) from error


def _open(address: _AddressInfo) -> socket.socket:
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)


async def _note_sent(session: ClientSession, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.sent = True


async def _read(content: aiohttp.StreamReader, limit: int) -> bytes:
    """The body, one byte more than the limit at most."""
    body = bytearray()
    while len(body) <= limit and (chunk := await content.read(limit + 1 - len(body))):
        body += chunk
    return bytes(body)
