"""Counts the listeners of the music log in sliding windows by brute force, as an oracle for the pipeline.

Usage: sliding.py LOG.jsonl.gz TIME...

Prints one JSON object: for every time, in milliseconds since 1970, and every metric and trailing window of minutes or hours,
how many users there were, as {"1543622400000": {"listeners 60m": 7, ...}, ...}. The window ends with the minute or hour in
which the time lies. Uses the standard library only, and shares nothing with the program that it checks.
"""

import gzip
import json
import sys

MINUTE = 60_000
WINDOWS = {"1m": (MINUTE, 1), "60m": (MINUTE, 60), "24h": (60 * MINUTE, 24), "48h": (60 * MINUTE, 48)}


def read(path: str) -> dict[str, list[tuple[int, str]]]:
    """The time and user of every event that counts, by metric."""
    events: dict[str, list[tuple[int, str]]] = {"listeners": [], "paid_listeners": []}
    with gzip.open(path, "rt", encoding="utf-8") as log:
        for line in log:
            event = json.loads(line)
            if event["page"] != "NextSong" or event["auth"] != "Logged In":
                continue
            events["listeners"].append((event["ts"], event["userId"]))
            if event["level"] == "paid":
                events["paid_listeners"].append((event["ts"], event["userId"]))
    return events


def trailing(events: list[tuple[int, str]], time: int, unit: int, length: int) -> int:
    """How many users were active in the window that ends with the unit of the time."""
    end = (time // unit + 1) * unit
    return len({user for at, user in events if end - length * unit <= at < end})


def main() -> None:
    """Reads the arguments, prints the counts."""
    events = read(sys.argv[1])
    counts = {
        time: {
            f"{metric} {window}": trailing(of_metric, int(time), unit, length)
            for metric, of_metric in events.items()
            for window, (unit, length) in WINDOWS.items()
        }
        for time in sys.argv[2:]
    }
    json.dump(counts, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
