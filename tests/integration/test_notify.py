"""Notices: lines on a console, and signed webhooks to a real server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web

from tidegate.adapters.notify.console import LINE_MAX, ConsoleNotify
from tidegate.adapters.notify.webhook import Target, WebhookNotify, parse_secret, signatures
from tidegate.adapters.outbound import Outbound
from tidegate.adapters.talk import Talk
from tidegate.kernel.clock import Instant, parse_instant
from tidegate.kernel.errors import InputError, TransientError
from tidegate.kernel.step import SendNotice

NOW = parse_instant("2026-11-20T06:00:00.25Z")[0]
SECRET_TEXT = "whsec_" + base64.b64encode(b"s" * 32).decode()
SECRET = b"s" * 32


class Still:
    def now(self) -> Instant:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def notice(body: Any, receiver: str = "ops") -> SendNotice:
    return SendNotice(call="Tell.1", channel="hook", receiver=receiver, body=body)


# ---- console
def line(body: Any, receiver: str = "ops") -> str:
    stream = io.StringIO()
    asyncio.run(ConsoleNotify(Still(), Talk(stream)).send(notice(body, receiver), "k"))
    return stream.getvalue()


def test_a_notice_is_one_line_a_person_can_read() -> None:
    body = {
        "message": "customers did not arrive",
        "severity": "critical",
        "notice": "daily~~2026-11-20~~001/overdue",
        "told_at": "2026-11-20T06:00:00.25Z",
        "data": {"rule": "nightly", "missing": ["customers", "prices"]},
    }

    assert line(body) == ("2026-11-20T06:00:00Z critical to ops: customers did not arrive\n")


def test_a_notice_that_was_meant_for_another_channel_says_so() -> None:
    body = {"message": "x", "severity": "info", "diverted": "meant for slack: it is not configured"}

    assert line(body).endswith("info to ops: x [meant for slack: it is not configured]\n")


@pytest.mark.parametrize(
    ("body", "receiver", "written"),
    [
        ("plain text", "", "notice: plain text"),
        ({"message": "x"}, "", "notice: x"),
        (None, "", "notice: null"),
        ({"message": "a\nb\x1b[31mred\u202e\x07"}, "", r"notice: a b\x1b[31mred\u202e\x07"),
    ],
)
def test_whatever_the_body_is_it_becomes_one_harmless_line(
    body: Any, receiver: str, written: str
) -> None:
    assert line(body, receiver) == f"2026-11-20T06:00:00Z {written}\n"


def test_a_line_that_is_too_long_says_how_much_is_missing() -> None:
    said = line("x" * (LINE_MAX + 500))

    assert said.endswith("[... 515 more characters]\n")


def test_a_console_that_is_gone_is_tried_again() -> None:
    stream = io.StringIO()
    stream.close()

    with pytest.raises(TransientError, match="console"):
        asyncio.run(ConsoleNotify(Still(), Talk(stream)).send(notice("x"), "k"))


# ---- webhook
class Received:
    """A receiver that keeps what came and answers as it is told."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.bodies.append(await request.read())
        return web.Response(**self.answer)


def play(
    received: Received,
    act: Callable[[WebhookNotify], Coroutine[Any, Any, None]],
    secrets: tuple[bytes, ...] = (SECRET,),
) -> None:
    async def main() -> None:
        app = web.Application()
        app.router.add_post("/hook-with-a-token", received.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        outbound = Outbound(Still(), ["127.0.0.1"])
        url = f"http://127.0.0.1:{port}/hook-with-a-token"
        targets = {"ops": Target(url, secrets), "gone": Target("http://127.0.0.1:1/", secrets)}
        try:
            await act(WebhookNotify(outbound, Still(), targets))
        finally:
            await outbound.close()
            await runner.cleanup()

    asyncio.run(main())


def verified(headers: dict[str, str], body: bytes, secret: bytes) -> bool:
    """What the standard tells a receiver to do, said a second time."""
    content = b".".join(
        (headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body)
    )
    expected = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


def test_a_webhook_is_signed_so_that_its_receiver_can_verify_it() -> None:
    received = Received()

    async def act(notify: WebhookNotify) -> None:
        id_ = await notify.send(notice({"message": "ü", "rows": 3}), "epoch.1.Tell.1")

        (headers,), (body,) = received.headers, received.bodies
        assert headers["webhook-id"] == id_
        assert headers["webhook-timestamp"] == str(NOW // 1_000_000)
        assert headers["content-type"] == "application/json"
        assert json.loads(body) == {
            "type": "tidegate.notice",
            "receiver": "ops",
            "data": {"message": "ü", "rows": 3},
        }
        assert verified(headers, body, SECRET)
        assert not verified(headers, body + b" ", SECRET)
        assert not verified(headers, body, b"another secret of 32 bytes......")

    play(received, act)


def test_the_signature_is_the_one_of_the_standards_own_example() -> None:
    secret = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'

    made = signatures([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_changed_both_sign() -> None:
    received, new = Received(), b"n" * 32

    async def act(notify: WebhookNotify) -> None:
        await notify.send(notice({}), "k")

        (headers,), (body,) = received.headers, received.bodies
        assert verified(headers, body, SECRET)
        assert verified(headers, body, new)

    play(received, act, (SECRET, new))


def test_every_try_of_one_notice_has_one_id_and_another_notice_another() -> None:
    received = Received()

    async def act(notify: WebhookNotify) -> None:
        for key in ("a.1.Tell.1", "a.1.Tell.1", "a.1.Tell.2"):
            await notify.send(notice({}), key)

        ids = [headers["webhook-id"] for headers in received.headers]
        assert ids[0] == ids[1] != ids[2]
        assert "." not in ids[0]

    play(received, act)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_receiver_in_trouble_is_tried_again_when_it_says(status: int) -> None:
    async def act(notify: WebhookNotify) -> None:
        with pytest.raises(TransientError, match=str(status)) as caught:
            await notify.send(notice({}), "k")

        assert caught.value.code == "notice.unreachable"
        assert caught.value.details["retry_after_s"] == 30.0

    play(Received(status=status, headers={"Retry-After": "30"}), act)


@pytest.mark.parametrize(("status", "says"), [(400, "correct"), (302, "correct"), (410, "remove")])
def test_a_receiver_that_refuses_is_not_tried_again(status: int, says: str) -> None:
    async def act(notify: WebhookNotify) -> None:
        with pytest.raises(InputError, match=says):
            await notify.send(notice({}), "k")

    play(Received(status=status, text="no"), act)


def test_a_receiver_that_is_not_there_is_tried_again() -> None:
    async def act(notify: WebhookNotify) -> None:
        with pytest.raises(TransientError, match="could not be reached") as caught:
            await notify.send(notice({}, "gone"), "k")

        assert caught.value.code == "notice.unreachable"

    play(Received(), act)


def test_an_unknown_receiver_is_refused_and_the_known_ones_are_named() -> None:
    async def act(notify: WebhookNotify) -> None:
        with pytest.raises(InputError, match="gone, ops"):
            await notify.send(notice({}, "nobody"), "k")

    play(Received(), act)


def test_neither_secret_nor_address_shows_in_errors_logs_or_what_is_printed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    async def act(notify: WebhookNotify) -> None:
        for receiver in ("ops", "gone", "nobody"):
            with pytest.raises((InputError, TransientError)) as caught:
                await notify.send(notice({}, receiver), "k")
            said.extend((str(caught.value), repr(caught.value.details), repr(vars(notify))))

    play(Received(status=500), act)
    said.append(caplog.text)

    for text in said:
        assert "hook-with-a-token" not in text
        assert SECRET.decode() not in text
        assert SECRET_TEXT not in text


@pytest.mark.parametrize(
    "text",
    ["", "secret", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", base64.b64encode(b"s" * 32).decode(),
     "whsec_" + base64.b64encode(b"s" * 65).decode()],
)  # fmt: skip
def test_a_secret_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_secret(text)

    assert caught.value.code == "config.invalid"
    assert len(text) < 8 or text.removeprefix("whsec_") not in str(caught.value)


def test_a_good_secret_is_its_bytes() -> None:
    assert parse_secret(SECRET_TEXT) == SECRET
