"""Counts the listeners of the music log by brute force, as an oracle for the pipeline.

Usage: music.py LOG.jsonl.gz [ZONE]

Prints one JSON object: for every day of the log in the time zone (UTC when none is named), and every
metric and trailing window, how many users there were, as {"2018-11-30": {"listeners 7d": 70, ...}, ...}.
The windows are trailing days, the day itself included. Uses the standard library only, and shares
nothing with the program that it checks.
"""

import gzip
import json
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

WINDOWS = (1, 7, 28)

Active = dict[date, set[str]]


def read(path: str, zone: tzinfo) -> tuple[dict[str, Active], set[date]]:
    """The users by metric and day, and every day that has an event of any kind."""
    active: dict[str, Active] = {"listeners": defaultdict(set), "paid_listeners": defaultdict(set)}
    days = set()
    with gzip.open(path, "rt", encoding="utf-8") as log:
        for line in log:
            event = json.loads(line)
            day = datetime.fromtimestamp(event["ts"] / 1000, timezone.utc).astimezone(zone).date()
            days.add(day)
            if event["page"] != "NextSong" or event["auth"] != "Logged In":
                continue
            active["listeners"][day].add(event["userId"])
            if event["level"] == "paid":
                active["paid_listeners"][day].add(event["userId"])
    return active, days


def trailing(by_day: Active, day: date, window: int) -> int:
    """How many users were active on the day or on one of the window's days before it."""
    users: set[str] = set()
    for back in range(window):
        users |= by_day.get(day - timedelta(days=back), set())
    return len(users)


def main() -> None:
    """Reads the arguments, prints the counts."""
    zone: tzinfo = ZoneInfo(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] != "UTC" else timezone.utc
    active, days = read(sys.argv[1], zone)
    counts: dict[str, dict[str, int]] = {}
    day = min(days)
    while day <= max(days):
        counts[day.isoformat()] = {
            f"{metric} {window}d": trailing(by_day, day, window)
            for metric, by_day in active.items()
            for window in WINDOWS
        }
        day += timedelta(days=1)
    json.dump(counts, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
