from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core import FileStamp, compact, parse_stamp, parse_time, stamped

UTC = timezone.utc
MOMENT = datetime(2025, 10, 5, 4, 31, 14, tzinfo=UTC)
STYLES = {
    "colons": "%Y-%m-%dT%H:%M:%SZ",
    "underscores": "%Y-%m-%dT%H_%M_%SZ",
    "dashes": "%Y-%m-%dT%H-%M-%SZ",
    "compact": "%Y%m%dT%H%M%SZ",
    "compact without a zone": "%Y%m%dT%H%M%S",
    "a space": "%Y-%m-%d %H:%M:%S",
}
# Years below 1000 are not zero-padded by every C library.
moments = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)).map(lambda when: when.replace(tzinfo=UTC))
seconds = moments.map(lambda when: when.replace(microsecond=0))


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_every_style_names_the_same_moment(style: str) -> None:
    assert parse_time(MOMENT.strftime(style)) == MOMENT


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2025-11-04T19:54:18.905212Z", 905212),
        ("2025-11-04T19:54:18,5Z", 500000),
        ("2025-11-04T19:54:18.123456789Z", 123456),
    ],
)
def test_a_fraction_is_kept_to_the_microsecond(text: str, microsecond: int) -> None:
    assert parse_time(text) == datetime(2025, 11, 4, 19, 54, 18, microsecond, UTC)


@pytest.mark.parametrize(
    "text", ["2025-10-05T06:31:14+02:00", "2025-10-05T04:31:14+0000", "20251004T233114-0500", "2025-10-05t04:31:14z"]
)
def test_an_offset_is_counted_back_to_utc(text: str) -> None:
    assert parse_time(text) == MOMENT


@pytest.mark.parametrize(
    ("text", "session"),
    [
        ("2025-10-05T04:31:14Z", None),
        ("2025-10-05T04:31:14Z-79323873", "79323873"),
        ("20251005T043114Z-4f2a", "4f2a"),
        ("20251005T043114-0500", "0500"),
    ],
)
def test_in_a_name_a_dash_begins_the_session(text: str, session: str | None) -> None:
    assert parse_stamp(text) == FileStamp(MOMENT, session)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "banana",
        "2025-10-05",
        "2025-99-99T04:31:14Z",
        "2025-02-29T04:31:14Z",
        "2025-10-05T24:00:00Z",
        "2025-10-05T23:59:60Z",
        "2025-10-05T04:31_14Z",
        "2025-1005T04:31:14Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2025-10-05T04:31:14+24:00",
        "2025-10-05T04:31:14Zulu",
        "${timestamp_run}",
        "\u0662\u0660\u0662\u0665-10-05T04:31:14Z",
        None,
        1759638674,
        ["2025-10-05T04:31:14Z"],
    ],
)
def test_what_is_no_moment_is_none(text: object) -> None:
    assert parse_time(text) is None
    assert not isinstance(text, str) or parse_stamp(text) is None


def test_no_stamp_is_no_moment() -> None:
    assert parse_stamp(None) is None


@given(seconds, st.sampled_from(list(STYLES.values())))
def test_any_moment_survives_any_style(when: datetime, style: str) -> None:
    assert parse_time(when.strftime(style)) == when


@given(seconds, seconds, st.sampled_from(list(STYLES.values())), st.sampled_from(list(STYLES.values())))
def test_order_never_depends_on_the_style(one: datetime, two: datetime, first: str, second: str) -> None:
    left, right = parse_time(one.strftime(first)), parse_time(two.strftime(second))
    assert left is not None
    assert right is not None
    assert (left < right) == (one < two)


@given(moments, st.integers(-23 * 60, 23 * 60))
def test_any_offset_names_the_same_moment(when: datetime, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    try:
        local = when.astimezone(zone)
    except OverflowError:
        return
    assert parse_time(local.isoformat()) == when


@given(st.text() | st.from_regex(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}T[0-9:_.+-]{0,30}Z?", fullmatch=True))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for when in (parse_time(text), (parse_stamp(text) or FileStamp(MOMENT, None)).when):
        assert when is None or when.utcoffset() == timedelta(0)


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_as_the_same_second(when: datetime) -> None:
    second = when.replace(microsecond=0)
    assert parse_time(stamped(when)) == second
    assert (parse_stamp(compact(when)) or FileStamp(MOMENT, None)).when == second


def test_a_moment_elsewhere_is_written_in_utc() -> None:
    assert stamped(datetime(2025, 10, 5, 6, 31, 14, tzinfo=timezone(timedelta(hours=2)))) == "2025-10-05T04:31:14Z"
