"""Webhook: signed JSON over HTTP, as standardwebhooks.com says, version 1.

    webhook-id          the same for every try of one notice, so a receiver can drop repeats
    webhook-timestamp   seconds since 1970 of this try
    webhook-signature   v1,base64(HMAC-SHA256(secret, "id.timestamp.body")), one for each secret

Neither a secret nor an address is ever part of a message, a log line or an error.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from tidegate.adapters.outbound import Answer, Outbound, Request
from tidegate.kernel.clock import Clock
from tidegate.kernel.errors import InputError, TransientError
from tidegate.kernel.ids import digest
from tidegate.kernel.step import SendNotice

ANSWER_S = 8.0
"""A receiver has so long; it should answer first and work then."""
SECRET_MIN, SECRET_MAX = 24, 64
"""Bytes of a secret, as the standard has them."""
CAUSE_MAX = 500

_TRANSIENT = {408, 429}
_encode = msgspec.json.Encoder(order="sorted").encode


class Target(Struct, frozen=True):
    """Where one receiver's notices go. While a secret is changed there are two."""

    url: str
    secrets: tuple[bytes, ...]

    def __repr__(self) -> str:
        return "Target(...)"


class WebhookNotify:
    """One channel with its receivers; the receiver `""` is the channel's own address."""

    def __init__(self, outbound: Outbound, clock: Clock, targets: Mapping[str, Target]) -> None:
        self._outbound = outbound
        self._clock = clock
        self._targets = dict(targets)

    async def send(self, notice: SendNotice, key: str) -> str | None:
        target = self._targets.get(notice.receiver) or self._targets.get("")
        if target is None:
            known = ", ".join(sorted(self._targets)) or "none"
            raise InputError(
                "notice.refused",
                f"webhook channel {notice.channel!r} knows no receiver {notice.receiver!r}",
                fix=f"name one of: {known}",
            )
        said = {"type": "tidegate.notice", "receiver": notice.receiver, "data": notice.body}
        body = _encode(said)
        id_ = f"msg_{digest(key.encode()).hex()}"
        seconds = self._clock.now() // 1_000_000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Tidegate",
            "webhook-id": id_,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signatures(target.secrets, id_, seconds, body),
        }
        request = Request(
            method="POST", url=target.url, headers=headers, body=body, timeout_s=ANSWER_S
        )
        try:
            reply = await self._outbound.send(request)
        except TransientError as error:
            raise TransientError("notice.unreachable", error.message) from error
        if not isinstance(reply, Answer):
            raise TransientError(
                "notice.unreachable", f"the webhook's receiver gave no answer: {reply.what}"
            )
        self._judge(reply)
        return id_

    def _judge(self, answer: Answer) -> None:
        status = answer.status
        if 200 <= status < 300:
            return
        said = answer.body[:CAUSE_MAX].decode("utf-8", "replace").strip()
        if status in _TRANSIENT or status >= 500:
            raise TransientError(
                "notice.unreachable",
                f"the webhook's receiver answered {status}: {said}",
                retry_after_s=self._outbound.retry_after_s(answer),
            )
        fix = "it wants no more notices: remove it" if status == 410 else "correct its address"
        raise InputError(
            "notice.refused", f"the webhook's receiver answered {status}: {said}", fix=fix
        )


def signatures(secrets: Sequence[bytes], id_: str, seconds: int, body: bytes) -> str:
    """One for each secret, separated by spaces."""
    content = f"{id_}.{seconds}.".encode() + body
    made = (hmac.digest(secret, content, "sha256") for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(one).decode('ascii')}" for one in made)


def parse_secret(text: str) -> bytes:
    """`whsec_` and base64 to the secret's bytes. Raises InputError `config.invalid`, without the text."""
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith("whsec_") or not SECRET_MIN <= len(secret) <= SECRET_MAX:
        raise InputError(
            "config.invalid",
            "a webhook's secret is not `whsec_` and the base64 of "
            f"{SECRET_MIN} to {SECRET_MAX} bytes",
            fix="make one: echo whsec_$(head -c 32 /dev/urandom | base64)",
        )
    return secret
