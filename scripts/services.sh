#!/usr/bin/env bash
# Installs what tests and `make up` need and is missing: build tools, Redis, Prometheus, Alertmanager, and
# Kafka's jars, a schema registry and Python with DuckDB in TARGET/services; with `build`, the build tools alone. Does nothing, and
# needs no network, when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
services=$target/services

# name of a Debian package | test that it is there
packages='
cmake               | command -v cmake
g++                 | command -v g++
make                | command -v make
pkg-config          | command -v pkg-config
libssl-dev          | pkg-config --exists openssl
zlib1g-dev          | pkg-config --exists zlib
libcurl4-openssl-dev | pkg-config --exists libcurl
'
[ "${1:-}" = build ] || packages+='
redis-server        | command -v redis-server
prometheus          | command -v prometheus
prometheus-alertmanager | command -v prometheus-alertmanager && command -v amtool
python3             | command -v python3
python3-venv        | python_is_there || python3 -c "import ensurepip"
tzdata              | test -e /usr/share/zoneinfo/America/Los_Angeles
default-jre-headless | java_is_recent
maven               | { jars_are_there && registry_is_there; } || command -v mvn
'

say() { printf 'services: %s\n' "$*"; }

# Kafka 4 needs Java 17.
java_is_recent() {
  local major
  major=$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p') && [ "${major:-0}" -ge 17 ]
}

# The copy of the pom says which versions lie there.
jars_are_there() { cmp -s deploy/kafka/pom.xml "$services/kafka-libs/pom.xml"; }

registry_version=2.6.13.Final
registry_is_there() { [ -e "$services/registry/$registry_version" ]; }

# The copy of the requirements says which versions lie there.
python_is_there() { cmp -s tests/oracle/requirements.txt "$services/python/requirements.txt"; }

install_packages() {
  local missing=() name check
  while IFS='|' read -r name check; do
    name=${name// /}
    [ -n "$name" ] || continue
    # The part after the first | may hold || itself: it is the rest of the line.
    eval "$check" >/dev/null 2>&1 || missing+=("$name")
  done <<<"$packages"
  [ ${#missing[@]} -gt 0 ] || return 0

  if ! command -v apt-get >/dev/null; then
    say "missing: ${missing[*]} (names of Debian packages); install them and try again" >&2
    return 1
  fi
  local root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  say "installing ${missing[*]}"
  # Debian starts a server when its package is installed; the tests start their own.
  "${root[@]}" sh -c '
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
      printf "#!/bin/sh\nexit 101\n" >$policy && chmod +x $policy
      trap "rm -f $policy" EXIT
    fi
    apt-get update -q && apt-get install -q -y --no-install-recommends "$@"
  ' install "${missing[@]}" </dev/null
}

fetch_jars() {
  jars_are_there && return 0
  say "fetching Kafka's jars"
  # The prepared files belong to the jars.
  rm -rf "$services/kafka-libs" "$services/kafka-formatted" "$services/kafka.jsa"
  mkdir -p "$services/kafka-libs"
  mvn -B -q -f deploy/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$(cd "$services" && pwd)/kafka-libs" </dev/null
  cp deploy/kafka/pom.xml "$services/kafka-libs/pom.xml"
}

# A schema registry with Confluent's interface, whose one archive holds all its jars.
fetch_registry() {
  registry_is_there && return 0
  say "fetching the schema registry"
  local name=apicurio-registry-app
  rm -rf "$services/registry.new" "$services/registry"
  mkdir -p "$services/registry.new"
  mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    -Dartifact="io.apicurio:$name:$registry_version:tar.gz:all" \
    -DoutputDirectory="$(cd "$services" && pwd)/registry.new" </dev/null
  tar -xzf "$services/registry.new/$name-$registry_version-all.tar.gz" -C "$services/registry.new"
  rm "$services/registry.new/$name-$registry_version-all.tar.gz"
  mv "$services/registry.new/$name-$registry_version-runner.jar" "$services/registry.new/runner.jar"
  : >"$services/registry.new/$registry_version"
  mv "$services/registry.new" "$services/registry"
}

# A Python of its own, so that nothing is installed into the system's.
fetch_python() {
  python_is_there && return 0
  say "fetching DuckDB"
  rm -rf "$services/python"
  python3 -m venv "$services/python"
  "$services/python/bin/python3" -m pip install -q --disable-pip-version-check --only-binary :all: \
    -r tests/oracle/requirements.txt </dev/null
  cp tests/oracle/requirements.txt "$services/python/requirements.txt"
}

# As all brokers are started: the archive of classes is tied to the flags and the class path.
java_flags() {
  java_flags=(@deploy/kafka/java.args -cp "$(cd "$services" && pwd)/kafka-libs/*")
}

# A formatted log folder, and the archive of classes that a broker loads. Both are made by running
# the real commands once; a test then copies the one and maps the other.
prepare_broker() {
  [ -d "$services/kafka-formatted" ] && [ -e "$services/kafka.jsa" ] && return 0
  say "preparing the broker"
  local work
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  local settings=$work/server.properties
  local port=$((20000 + RANDOM % 10000))
  cat deploy/kafka/broker.properties - >"$settings" <<END
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
controller.quorum.voters=1@127.0.0.1:$((port + 1))
log.dirs=$work/data
END
  local java_flags id
  java_flags
  id=$(java "${java_flags[@]}" kafka.tools.StorageTool random-uuid 2>/dev/null)
  java "${java_flags[@]}" kafka.tools.StorageTool format -t "$id" -c "$settings" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; return 1; }
  rm -rf "$services/kafka-formatted.new"
  cp -r "$work/data" "$services/kafka-formatted.new"
  rm -rf "$services/kafka-formatted"
  mv "$services/kafka-formatted.new" "$services/kafka-formatted"

  # The archive is written when the broker ends. Without it all works, only slower.
  java "${java_flags[@]}" -XX:ArchiveClassesAtExit="$work/kafka.jsa" kafka.Kafka "$settings" >"$work/log" 2>&1 &
  local broker=$!
  # A client's round trip loads the classes of the network and of topics, too.
  timeout 60 bash -c 'until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do sleep 0.1; done' wait "$port" || true
  timeout 60 java "${java_flags[@]}" org.apache.kafka.tools.TopicCommand \
    --bootstrap-server "127.0.0.1:$port" --create --topic warm-up --partitions 1 >/dev/null 2>&1 || true
  kill "$broker" 2>/dev/null || true
  wait "$broker" || true
  if [ -e "$work/kafka.jsa" ]; then
    mv "$work/kafka.jsa" "$services/kafka.jsa"
  else
    say "no archive of classes: brokers start slower"
    : >"$services/kafka.jsa"
  fi
}

install_packages
[ "${1:-}" = build ] && exit
fetch_jars
fetch_registry
fetch_python
prepare_broker
