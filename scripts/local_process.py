"""A process that outlives who started it, and is found again by its pid."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

TAIL_LINES = 30


class Trouble(Exception):
    """What the user has to know, and to do."""


def say(text: str) -> None:
    print(text, flush=True)


@dataclass(frozen=True)
class Running:
    """A process, as its pid file knows it.

    A pid alone says little: it may be another process' by now. The time of its start, in ticks since the machine's, tells
    the two apart, and the machine's boot id tells it from one before a reboot.
    """

    pid: int
    started: int
    boot: str
    # What it was told to listen on, by name.
    ports: dict[str, int]

    @staticmethod
    def start(
        command: Sequence[str | pathlib.Path], log: pathlib.Path, pid_file: pathlib.Path, ports: dict[str, int]
    ) -> "Running":
        """Starts a process in a session of its own: the end of this shell, and its Ctrl-C, do not reach it."""
        with open(log, "ab") as out:
            try:
                child = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=log.parent, start_new_session=True
                )
            except OSError as error:
                raise Trouble(f"{command[0]} cannot be started: {error}; `make services` installs it") from error
        found = stat(child.pid)
        running = Running(child.pid, found[1] if found else 0, boot_id(), ports)
        pid_file.write_text(json.dumps(asdict(running)) + "\n")
        return running

    @staticmethod
    def read(pid_file: pathlib.Path) -> "Running | None":
        """The process that the file names, if it lives."""
        try:
            running = Running(**json.loads(pid_file.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise Trouble(f"{pid_file} is damaged ({error}): stop its process by hand, and delete the file") from error
        return running if running.is_alive() else None

    def is_alive(self) -> bool:
        found = stat(self.pid)
        return self.boot == boot_id() and found is not None and found[0] not in "ZX" and found[1] == self.started

    def stop(self, deadline: float) -> bool:
        """Asks it to end, and kills it after the deadline, in seconds. True if that was not needed."""
        self._signal(signal.SIGTERM)
        if self._ends_within(deadline):
            return True
        self._signal(signal.SIGKILL)
        if not self._ends_within(deadline):
            raise Trouble(f"process {self.pid} cannot be killed")
        return False

    def _signal(self, number: signal.Signals) -> None:
        # It may have ended just now.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def _ends_within(self, deadline: float) -> bool:
        end = time.monotonic() + deadline
        while self.is_alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True


def tail(log: pathlib.Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"--- end of {log} ---", *lines])


def stat(pid: int) -> tuple[str, int] | None:
    """A process' state, and when it was started; None if there is none."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in brackets, may hold anything.
    fields = text[text.rindex(")") + 1 :].split()
    return fields[0], int(fields[19])


def boot_id() -> str:
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
