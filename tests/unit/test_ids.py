from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel.ids import SEGMENT_MAX, digest, parse_public, public, segment

texts = st.text(st.characters(exclude_categories=()), max_size=40)


@given(texts, texts)
def test_two_texts_have_two_segments(one: str, two: str) -> None:
    assert (segment(one) == segment(two)) == (one == two)


@given(st.text(st.characters(exclude_categories=()), max_size=4000))
def test_a_segment_is_short_plain_and_holds_no_separator(text: str) -> None:
    made = segment(text)

    assert len(made) <= SEGMENT_MAX
    assert made.isascii()
    assert not set("/=&\0") & set(made)


def test_long_texts_that_begin_alike_differ() -> None:
    assert segment("x" * 3000 + "a") != segment("x" * 3000 + "b")


@given(st.lists(texts, min_size=1, max_size=4))
def test_a_public_id_comes_back(parts: list[str]) -> None:
    made = public(*parts)

    assert parse_public(made) == tuple(parts)
    assert made.replace("~", "").replace("_", "").replace("-", "").replace(
        ".", ""
    ).isalnum() or not made.strip("~_-.")


def test_a_digest_keeps_its_parts_apart() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
