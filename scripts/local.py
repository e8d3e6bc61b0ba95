#!/usr/bin/env python3
"""Runs Kafka, Redis, Alertmanager, Prometheus and Northstar as processes of this machine, on loopback, for a trial.

    scripts/local.py up              starts what is down, waits until it is ready, and says where everything is
    scripts/local.py down [--wipe]   stops everything; --wipe deletes the data, too

Data, pids and logs lie in one folder (NORTHSTAR_DIR, by default .northstar). PORTS names the variables of the environment
that overrule ports. NSM_CONFIG names the configuration, by default the example's. `make up` builds what this needs.
"""

import argparse
import fcntl
import json
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from local_process import Running, Trouble, say, tail

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
JARS = TARGET / "services"
PROFILE = os.environ.get("PROFILE", "dev")
NSM = TARGET / ("debug" if PROFILE == "dev" else PROFILE) / "nsm"
FOLDER = pathlib.Path(os.environ.get("NORTHSTAR_DIR", ROOT / ".northstar")).absolute()
CONFIG = pathlib.Path(os.environ.get("NSM_CONFIG", ROOT / "deploy/examples/northstar.yaml")).absolute()
FOLDERS = ["kafka", "redis", "alertmanager", "prometheus", "logs", "pids"]
HOST = "127.0.0.1"

# Everything is up in seconds; the rest is for a machine that is busy.
READY_DEADLINE = 90
# Northstar drains for at most ten seconds; a broker writes its state out.
STOP_DEADLINE = 30

# What listens, in the variable that overrules it, and its default.
PORTS = {
    "kafka": ("NORTHSTAR_KAFKA_PORT", 9092),
    "kafka controller": ("NORTHSTAR_KAFKA_CONTROLLER_PORT", 9192),
    "redis": ("NORTHSTAR_REDIS_PORT", 6379),
    "alertmanager": ("NORTHSTAR_ALERTMANAGER_PORT", 9093),
    "prometheus": ("NORTHSTAR_PROMETHEUS_PORT", 9090),
    "nsm": ("NORTHSTAR_HTTP_PORT", 9464),
}


@dataclass(frozen=True)
class Service:
    """How one process is started, and how one sees that it is ready."""

    name: str
    # The names of its ports in PORTS.
    listens: list[str]
    # Writes what the process needs, and gives its command line.
    command: Callable[[], list[str | pathlib.Path]]
    is_ready: Callable[[], bool]

    @property
    def log(self) -> pathlib.Path:
        return FOLDER / "logs" / f"{self.name}.log"

    @property
    def ports(self) -> dict[str, int]:
        return {name: port(name) for name in self.listens}

    def running(self) -> Running | None:
        return Running.read(FOLDER / "pids" / self.name)


def port(name: str) -> int:
    variable, default = PORTS[name]
    text = os.environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise Trouble(f"{variable}={text}: it is no port; write a number from 1 to 65535, or nothing for {default}")
    return int(text)


def address(name: str) -> str:
    return f"{HOST}:{port(name)}"


def java(*arguments: str | pathlib.Path) -> list[str | pathlib.Path]:
    archive = JARS / "kafka.jsa"
    archived = ["-Xshare:auto", f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
    return ["java", f"@{ROOT}/deploy/kafka/java.args", *archived, "-cp", f"{JARS}/kafka-libs/*", *arguments]


def kafka_command() -> list[str | pathlib.Path]:
    folder = FOLDER / "kafka"
    data = folder / "data"
    if not data.exists():
        shutil.copytree(JARS / "kafka-formatted", data)
    settings = folder / "server.properties"
    settings.write_text(
        (ROOT / "deploy/kafka/broker.properties").read_text()
        + f"listeners=PLAINTEXT://{address('kafka')},CONTROLLER://{address('kafka controller')}\n"
        + f"advertised.listeners=PLAINTEXT://{address('kafka')}\n"
        + f"controller.quorum.voters=1@{address('kafka controller')}\n"
        + f"log.dirs={data}\n"
    )
    return java("kafka.Kafka", settings)


def redis_command() -> list[str | pathlib.Path]:
    keeps = ["--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    listens = ["--bind", HOST, "--port", str(port("redis")), "--daemonize", "no"]
    return ["redis-server", *listens, *keeps, "--dir", FOLDER / "redis"]


def alertmanager_command() -> list[str | pathlib.Path]:
    return [
        "prometheus-alertmanager",
        f"--config.file={ROOT}/deploy/alertmanager/alertmanager.yml",
        f"--storage.path={FOLDER}/alertmanager",
        f"--web.listen-address={address('alertmanager')}",
        # It is alone.
        "--cluster.listen-address=",
    ]


def prometheus_command() -> list[str | pathlib.Path]:
    folder = FOLDER / "prometheus"
    config = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
    for name in ["nsm", "alertmanager", "prometheus"]:
        config = config.replace(f"{HOST}:{PORTS[name][1]}", address(name))
    # The file names the rules relative to its own place.
    config = config.replace("rules/*.yml", f"{ROOT}/deploy/prometheus/rules/*.yml")
    (folder / "prometheus.yml").write_text(config)
    return [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        # The rules look three weeks back.
        "--storage.tsdb.retention.time=30d",
        f"--web.listen-address={address('prometheus')}",
    ]


def nsm_environment() -> dict[str, str]:
    return {
        "NSM__INSTANCE": "local",
        "NSM__KAFKA__BROKERS": address("kafka"),
        "NSM__STATE__REDIS__URL": f"redis://{address('redis')}",
        "NSM__HTTP__LISTEN": address("nsm"),
    }


def nsm_command() -> list[str | pathlib.Path]:
    write_wrapper()
    create_topics()
    return [FOLDER / "nsm", "run"]


def write_wrapper() -> None:
    """`nsm` with the configuration of this trial, for the user's own commands, too."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in nsm_environment().items()]
    start = f'exec {shlex.quote(str(NSM))} --config {shlex.quote(str(CONFIG))} "$@"\n'
    wrapper = FOLDER / "nsm"
    wrapper.write_text("".join(["#!/bin/sh\n", *lines, start]))
    wrapper.chmod(0o755)


def create_topics() -> None:
    """Creates the source topics, which `nsm run` leaves to their owner: with one partition, so that one event shows."""
    check = subprocess.run([FOLDER / "nsm", "check", "--format", "json"], capture_output=True, text=True, check=False)
    if check.returncode:
        raise Trouble(f"{CONFIG}:\n{check.stderr}")
    for topic in sorted({source["topic"] for source in json.loads(check.stdout)["sources"]}):
        say(f"topic {topic}")
        tool = java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", address("kafka"))
        create = [*tool, "--create", "--if-not-exists", "--topic", topic, "--partitions", "1"]
        made = subprocess.run(create, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Trouble(f"topic {topic} cannot be created:\n{made.stdout}{made.stderr}")


def talks(name: str, words: bytes = b"", answer: bytes = b"") -> bool:
    """Whether somebody listens, and gives this answer to these words."""
    try:
        with socket.create_connection((HOST, port(name)), timeout=1) as connection:
            connection.sendall(words)
            return connection.recv(64).startswith(answer) if answer else True
    except OSError:
        return False


def serves(name: str, page: str) -> bool:
    # The server is on this machine, whatever the environment says of proxies.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://{address(name)}{page}", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


# In the order of their start. They are stopped in the opposite order: Northstar drains while its services are there.
SERVICES = [
    Service("kafka", ["kafka", "kafka controller"], kafka_command, lambda: talks("kafka")),
    Service("redis", ["redis"], redis_command, lambda: talks("redis", b"PING\r\n", b"+PONG")),
    Service("alertmanager", ["alertmanager"], alertmanager_command, lambda: serves("alertmanager", "/-/ready")),
    Service("prometheus", ["prometheus"], prometheus_command, lambda: serves("prometheus", "/-/ready")),
    Service("nsm", ["nsm"], nsm_command, lambda: serves("nsm", "/readyz")),
]


def up() -> None:
    missing = [path for path in [JARS / "kafka-libs", JARS / "kafka-formatted", NSM, CONFIG] if not path.exists()]
    if missing:
        raise Trouble("".join(f"{path} is not there\n" for path in missing) + "`make up` builds and fetches them")
    down = [service for service in SERVICES if not service.running()]
    check_ports(down)
    for folder in [FOLDER / name for name in FOLDERS]:
        folder.mkdir(parents=True, exist_ok=True)
    for service in SERVICES:
        if service in down:
            start(service)
        else:
            say(f"{service.name} is up already")
    print(where())


def check_ports(down: list[Service]) -> None:
    """All ports that are in the way are told at once, before anything is started."""
    mistakes = []
    for service in SERVICES:
        running = service.running()
        for name, number in service.ports.items():
            variable = PORTS[name][0]
            if service in down and is_taken(number):
                mistakes.append(
                    f"{name} needs port {number}, but somebody else listens there: stop that "
                    f"(`ss -ltnp 'sport = :{number}'` names it), or choose another port with {variable}"
                )
            if running and running.ports[name] != number:
                mistakes.append(
                    f"{name} runs on port {running.ports[name]}, not on {number}: `make down` first, or set "
                    f"{variable}={running.ports[name]}"
                )
    if mistakes:
        raise Trouble("\n".join(mistakes))


def is_taken(number: int) -> bool:
    with socket.socket() as listener:
        # What is left of closed connections is in nobody's way.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
        except OSError:
            return True
    return False


def start(service: Service) -> None:
    say(f"{service.name} starts")
    command = service.command()
    running = Running.start(command, service.log, FOLDER / "pids" / service.name, service.ports)
    began = time.monotonic()
    while running.is_alive() and not service.is_ready():
        if time.monotonic() - began > READY_DEADLINE:
            raise Trouble(f"{service.name} is not ready after {READY_DEADLINE} s\n{tail(service.log)}")
        time.sleep(0.1)
    # Its end wins: what answered may be somebody else who has the port.
    if not running.is_alive():
        raise Trouble(f"{service.name} ended before it was ready\n{tail(service.log)}")
    say(f"{service.name} is ready after {time.monotonic() - began:.1f} s")


def where() -> str:
    """The table of what is where."""
    home = os.path.relpath(FOLDER)
    rows = [
        ("Kafka", address("kafka"), "kafka"),
        ("Redis", f"redis://{address('redis')}", "redis"),
        ("Alertmanager", f"http://{address('alertmanager')}", "alertmanager"),
        ("Prometheus", f"http://{address('prometheus')}", "prometheus"),
        ("Northstar", f"http://{address('nsm')}/metrics", "nsm"),
    ]
    table = "".join(f"{what:<14}{at:<34}{home}/logs/{log}.log\n" for what, at, log in rows)
    return (
        f"\n{'':<14}{'where':<34}log\n{table}\n"
        f"Configuration: {os.path.relpath(CONFIG)}. With it:\n"
        f"  {home}/nsm produce FILE.jsonl --timestamps event   sends events\n"
        f"  {home}/nsm query                                   shows what was counted\n"
        "`make down` stops everything and keeps the data; `make down WIPE=1` deletes it."
    )


def down(wipe: bool) -> None:
    for service in reversed(SERVICES):
        running = service.running()
        if not running:
            continue
        say(f"{service.name} stops")
        if not running.stop(STOP_DEADLINE):
            say(f"{service.name} did not end within {STOP_DEADLINE} s, and was killed")
    say("everything is down")
    if wipe:
        # What was made here, and nothing else that may lie in a folder that the user chose.
        for name in FOLDERS:
            shutil.rmtree(FOLDER / name, ignore_errors=True)
        (FOLDER / "nsm").unlink(missing_ok=True)
        say(f"the data in {os.path.relpath(FOLDER)} is deleted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start what is down")
    stop = commands.add_parser("down", help="stop everything")
    stop.add_argument("--wipe", action="store_true", help="delete the data")
    arguments = parser.parse_args()
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with open(FOLDER / "lock", "w") as lock:
            # Two at once would start everything twice. The lock ends with this process.
            fcntl.flock(lock, fcntl.LOCK_EX)
            up() if arguments.command == "up" else down(arguments.wipe)
    except Trouble as trouble:
        sys.exit(f"{arguments.command}: {trouble}")
    except KeyboardInterrupt:
        sys.exit(f"{arguments.command}: interrupted; `make down` stops what was started")


if __name__ == "__main__":
    main()
