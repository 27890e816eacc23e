"""HTTP calls against a real server on this machine."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tidegate.adapters.outbound import Outbound, is_local
from tidegate.adapters.tasks.http import ANSWER_MAX, HttpTasks
from tidegate.adapters.tasks.processes import pause
from tidegate.kernel.clock import Instant, parse_instant
from tidegate.kernel.errors import InputError, TransientError
from tidegate.kernel.step import CallTask, Done, Failed
from tidegate.ports.tasks import Call

NOW = parse_instant("2026-11-20T06:00:00Z")[0]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Noon:
    """A clock that stands still."""

    def now(self) -> Instant:
        return NOW

    def monotonic(self) -> float:
        return 0.0


class Site:
    """A server, and requests to it."""

    def __init__(self, port: int, seen: list[web.Request]) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.seen = seen
        self.outbound = Outbound(Noon(), ["127.0.0.1"])

    async def call(self, path: str = "/", **payload: Any) -> Any:
        return await self.start({"url": self.url + path, **payload})

    async def start(self, payload: Any, outbound: Outbound | None = None) -> Any:
        task = CallTask(call="A", resource="", payload=payload, timeout_s=60)
        return await HttpTasks(outbound or self.outbound).start(Call(task, "e.1.A"))


@asynccontextmanager
async def site(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Site]:
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        seen.append(request)
        return await handler(request)

    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    made = Site(runner.addresses[0][1], seen)
    try:
        yield made
    finally:
        await made.outbound.close()
        await runner.cleanup()


def play(handler: Handler, act: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with site(handler) as made:
            await act(made)

    asyncio.run(main())


def answering(**given: Any) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(**given)

    return handle


# ---- what is sent and what comes back
def test_a_json_answer_comes_back_as_a_value() -> None:
    async def act(made: Site) -> None:
        done = await made.call(headers={"X-Team": "data"})

        assert isinstance(done, Done)
        assert done.output["status"] == 201
        assert done.output["body"] == {"id": 7}
        assert done.output["headers"]["content-type"] == "application/json; charset=utf-8"
        assert made.seen[0].headers["X-Team"] == "data"
        assert made.seen[0].headers["Idempotency-Key"] == "e.1.A"

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response({"id": 7}, status=201)

    play(handle, act)


def test_an_object_is_sent_as_json_and_text_as_it_is() -> None:
    async def act(made: Site) -> None:
        await made.call(method="POST", body={"rows": [1, "ü"]})
        await made.call(method="PUT", body="a,b", headers={"Content-Type": "text/csv"})

        first, second = made.seen
        assert (first.method, first.content_type) == ("POST", "application/json")
        assert await first.json() == {"rows": [1, "ü"]}
        assert (second.method, second.content_type) == ("PUT", "text/csv")
        assert await second.text() == "a,b"

    play(answering(), act)


def test_no_connection_is_used_twice_so_none_turns_out_closed() -> None:
    ports: list[int] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.Response()

    async def act(made: Site) -> None:
        await made.call()
        await made.call()

        assert ports[0] != ports[1]

    play(handle, act)


def test_a_key_of_the_users_own_is_left_alone() -> None:
    async def act(made: Site) -> None:
        await made.call(headers={"idempotency-key": "mine"})

        assert made.seen[0].headers.getall("Idempotency-Key") == ["mine"]

    play(answering(), act)


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({"text": "grüße"}, {"body": "grüße"}),
        ({"body": b"\xff\x00"}, {"body": None, "body_base64": "/wA="}),
        ({"body": b"{oops", "content_type": "application/json"}, {"body": "{oops"}),
        ({"status": 204}, {"body": ""}),
        (
            {"body": b'{"a": 99999999999999999999}', "content_type": "application/hal+json"},
            {"body": {"a": "99999999999999999999"}},
        ),
    ],
)
def test_whatever_comes_back_is_kept_as_it_can_be(given: Any, body: Any) -> None:
    async def act(made: Site) -> None:
        done = await made.call()

        assert {name: done.output[name] for name in done.output if name.startswith("body")} == body

    play(answering(**given), act)


def test_an_answer_over_the_limit_is_a_failure_and_is_not_read_to_its_end() -> None:
    sent = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(1000):
                await response.write(b"x" * 2**20)
                sent += 2**20
        except ConnectionError:
            pass
        return response

    async def act(made: Site) -> None:
        failed = await made.call()

        assert failed.error == "States.DataLimitExceeded"
        assert str(ANSWER_MAX) in failed.cause
        assert sent < 50 * 2**20

    play(handle, act)


# ---- what goes wrong
@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
def test_a_refusal_is_a_failure_with_its_status_and_what_was_said(status: int) -> None:
    async def act(made: Site) -> None:
        failed = await made.call()

        assert failed == Failed(f"States.Http.StatusCode.{status}", "no such table")

    play(answering(status=status, text="no such table"), act)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (408, None, None),
        (429, "7", 7.0),
        (500, None, None),
        (503, "Fri, 20 Nov 2026 06:02:00 GMT", 120.0),
        (503, "Fri, 20 Nov 2026 05:00:00 GMT", 0.0),
        (503, "soon", None),
    ],
)
def test_trouble_that_passes_is_transient_and_says_when_to_ask_again(
    status: int, retry_after: str | None, seconds: float | None
) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}

    async def act(made: Site) -> None:
        with pytest.raises(TransientError, match=f"{status}: wait") as caught:
            await made.call()

        assert caught.value.details["retry_after_s"] == seconds

    play(answering(status=status, text="wait", headers=headers), act)


def test_a_server_that_is_not_there_is_transient() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async def act(made: Site) -> None:
        with pytest.raises(TransientError, match="could not be reached"):
            await made.start({"url": f"http://127.0.0.1:{port}/"})

    play(answering(), act)


def test_a_name_nobody_knows_is_transient() -> None:
    async def act(made: Site) -> None:
        outbound = Outbound(Noon())
        with pytest.raises(TransientError, match="could not be reached"):
            await made.start({"url": "http://no-such-host.invalid/"}, outbound)
        await outbound.close()

    play(answering(), act)


def test_an_answer_that_is_lost_may_have_acted_and_is_a_failure() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def act(made: Site) -> None:
        failed = await made.call(method="POST", body="x")

        assert failed.error == "States.Http.Socket"
        assert "may have acted" in failed.cause
        assert len(made.seen) == 1

    play(handle, act)


def test_an_answer_that_takes_longer_than_its_timeout_is_a_failure() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    async def act(made: Site) -> None:
        failed = await made.call(timeout=0.2)

        assert failed == Failed("States.Timeout", "no complete answer within 0.2 s")

    play(handle, act)


def test_giving_up_the_wait_ends_the_request() -> None:
    ended = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            assert request.transport is not None
            while not request.transport.is_closing():
                await asyncio.to_thread(pause)
        finally:
            ended.set()
        return web.Response()

    async def act(made: Site) -> None:
        running = asyncio.create_task(made.call())
        while not made.seen:
            await asyncio.to_thread(pause)
        running.cancel()
        await asyncio.wait_for(ended.wait(), 10)

    play(handle, act)


# ---- redirects
async def bounce(request: web.Request) -> web.StreamResponse:
    if request.path == "/end":
        return web.json_response(dict(request.headers))
    target = {"/": "/end", "/far": "http://localhost:1/", "/loop": "/loop", "/bad": "ftp://x/"}
    return web.Response(status=302, headers={"Location": target[request.path]})


def test_a_redirect_is_not_followed_unless_asked_for() -> None:
    async def act(made: Site) -> None:
        failed = await made.call()
        done = await made.call(redirects=1)
        posted = await made.call(redirects=1, method="POST")
        looped = await made.call("/loop", redirects=3)

        assert failed.error == posted.error == looped.error == "States.Http.StatusCode.302"
        assert "/end" in failed.cause
        assert done.output["status"] == 200
        assert [one.path for one in made.seen].count("/loop") == 4

    play(bounce, act)


@pytest.mark.parametrize("path", ["/far", "/bad"])
def test_a_redirect_to_what_is_not_allowed_is_refused(path: str) -> None:
    async def act(made: Site) -> None:
        failed = await made.call(path, redirects=5)

        assert failed.error == "Tidegate.AddressRefused"

    play(bounce, act)


def test_credentials_do_not_follow_a_redirect_to_another_place() -> None:
    async def main() -> None:
        async with site(bounce) as there:

            async def away(request: web.Request) -> web.StreamResponse:
                return web.Response(status=307, headers={"Location": f"{there.url}/end"})

            async with site(away) as here:
                done = await here.call(
                    redirects=1, headers={"Authorization": "Bearer x", "X-Team": "data"}
                )

        assert "Authorization" not in done.output["body"]
        assert done.output["body"]["X-Team"] == "data"

    asyncio.run(main())


# ---- whom it may call
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001",
     "[::ffff:127.0.0.1]", "169.254.169.254", "LOCALHOST"],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_link_are_refused(host: str) -> None:
    async def act(made: Site) -> None:
        for allowed in (None, ["*", "example.com"]):
            outbound = Outbound(Noon(), allowed)
            refused = await made.start({"url": f"http://{host}:{made.port}/"}, outbound)
            await outbound.close()

            assert refused.error == "Tidegate.AddressRefused", refused
        assert made.seen == []

    play(answering(), act)


@pytest.mark.parametrize(
    ("allowed", "works"),
    [
        (["localhost"], True),
        (["localhost:{port}"], True),
        (["localhost:1"], False),
        (["local*"], False),
        (["127.0.0.1"], False),
        ([], False),
    ],
)
def test_a_local_host_must_be_allowed_by_its_exact_name(allowed: list[str], works: bool) -> None:
    async def act(made: Site) -> None:
        outbound = Outbound(Noon(), [one.format(port=made.port) for one in allowed])
        result = await made.start({"url": f"http://localhost:{made.port}/"}, outbound)
        await outbound.close()

        assert isinstance(result, Done) == works
        assert len(made.seen) == works

    play(answering(), act)


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.255.0.1", True),
        ("169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("::ffff:169.254.169.254", True),
        ("::127.0.0.1", True),
        ("224.0.0.1", True),
        ("::", True),
        ("10.0.0.1", True),
        ("172.16.7.7", True),
        ("192.168.1.1", True),
        ("100.100.100.200", True),
        ("2002:0a00:0001::1", True),
        ("64:ff9b::a00:1", True),
        ("64:ff9b::5db8:d822", False),
        ("93.184.216.34", False),
        ("2606:2800:220:1::1", False),
        ("fd12:3456::1", True),
    ],
)
def test_what_counts_as_local(address: str, local: bool) -> None:
    assert is_local(address) == local


def test_a_network_may_be_allowed_whatever_the_name_that_leads_into_it() -> None:
    async def act(made: Site) -> None:
        outbound = Outbound(Noon(), ["127.0.0.0/8", "::1/128"])
        result = await made.start({"url": f"http://localhost:{made.port}/"}, outbound)
        await outbound.close()

        assert isinstance(result, Done)

    play(answering(), act)


def test_a_network_that_is_none_is_said_at_once() -> None:
    with pytest.raises(InputError, match=r"10\.1\.0\.0/40") as caught:
        Outbound(Noon(), ["10.1.0.0/40"])

    assert caught.value.code == "config.invalid"


NOBODYS_CERTIFICATE = """\
# Made for this test alone: signed by itself, trusted nowhere.
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtP5mjs8/jHcLjAYF
QcaHZJIm32VHnrV/xBTwVHy/8+6hRANCAARR5/gs73uKgfjFHIa0cF1c0NocI96E
V4tukNoaasj1jaLE9s0KDFAsKzxc+uEYyJfNI0UHuWkCgmxnScKq23oE
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUZ7qG4Faju0QM5GIjQOsQO7O8PCowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE1MjAxMFoYDzIxMjYxMDI4
MTUyMDEwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARR5/gs73uKgfjFHIa0cF1c0NocI96EV4tukNoaasj1jaLE9s0KDFAs
Kzxc+uEYyJfNI0UHuWkCgmxnScKq23oEo1MwUTAdBgNVHQ4EFgQURrGmykWl3evA
qOCgZ1nt2ypKKQUwHwYDVR0jBBgwFoAURrGmykWl3evAqOCgZ1nt2ypKKQUwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAzsXet2cyIbifHt2X55ej
7Fo3SDFip7p5sVi6q96uq2kCIEXzI9OAH1CBTWSGQiHmFdjPPAoWzO4N0sd8oXDf
dWMV
-----END CERTIFICATE-----
"""


def test_a_server_whose_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text(NOBODYS_CERTIFICATE)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)

    async def main() -> None:
        async with site(answering(), tls) as made:
            failed = await made.start({"url": f"https://127.0.0.1:{made.port}/"})

            assert failed.error == "Tidegate.AddressRefused"
            assert "certificate" in failed.cause

    asyncio.run(main())


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"method": "GET"}, "Tidegate.PayloadInvalid"),
        ({"url": "http://127.0.0.1/", "method": "get"}, "Tidegate.PayloadInvalid"),
        ({"url": "http://127.0.0.1/", "timeout": 0}, "Tidegate.PayloadInvalid"),
        ({"url": "http://127.0.0.1/", "redirects": 11}, "Tidegate.PayloadInvalid"),
        ({"url": "http://127.0.0.1/", "headers": {"A b": "x"}}, "Tidegate.PayloadInvalid"),
        ({"url": "http://127.0.0.1/", "headers": {"A": "x\r\nB: y"}}, "Tidegate.PayloadInvalid"),
        ({"url": "http://127.0.0.1/", "retries": 3}, "Tidegate.PayloadInvalid"),
        ({"url": "file:///etc/passwd"}, "Tidegate.AddressRefused"),
        ({"url": "/relative"}, "Tidegate.AddressRefused"),
        ({"url": "http://"}, "Tidegate.AddressRefused"),
        ({"url": "http://[oops/"}, "Tidegate.AddressRefused"),
        ({"url": "http://user:secret@127.0.0.1/"}, "Tidegate.AddressRefused"),
        ({"url": "http://127.0.0.1:99999/"}, "Tidegate.AddressRefused"),
    ],
)
def test_a_payload_that_is_wrong_is_refused_before_anything_is_sent(
    payload: Any, error: str
) -> None:
    async def act(made: Site) -> None:
        failed = await made.start(payload)

        assert isinstance(failed, Failed)
        assert failed.error == error
        assert "secret" not in failed.cause

    play(answering(), act)
