#!/usr/bin/env bash
# Runs the suites of tests one after another and prints what each took.
#
#   scripts/suites.sh [NAME...]     all suites when none is named; PROFILE is the cargo profile
#
# Fails when a suite fails or takes longer than its budget. Budgets are two to three times what a
# machine with two cores takes: going over one means that something is stuck or has become slow. A suite
# is stopped at twice its budget.
set -uo pipefail
cd "$(dirname "$0")/.."

profile=${PROFILE:-dev}
target=${CARGO_TARGET_DIR:-target}
logs=$target/suites
programs=$target/$([ "$profile" = dev ] && echo debug || echo "$profile")

# All suites build the same selection of packages, and so find everything built by the first.
selection=(--locked --workspace --profile "$profile")

build() { cargo build "${selection[@]}" --all-targets; }

# Runs the tests of the given packages (or, after "all-but", of all others), with cargo's arguments
# after "--".
tests_of() {
  local packages=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do packages+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  TEST_PACKAGES="${packages[*]}" cargo test "${selection[@]}" --no-fail-fast \
    --config "target.'cfg(all())'.runner = ['$PWD/scripts/run-test.sh']" "$@"
}

unit() { tests_of all-but docs services simulation pipeline faults oracle deploy bench; }
docs() { tests_of docs -- --tests; }
services() { tests_of services -- --tests; }
bench() { tests_of bench -- --tests; }
pipeline() { tests_of pipeline -- --tests -- --test-threads=1; }
faults() { tests_of faults -- --tests; }
oracle() { tests_of oracle -- --tests; }
deploy() { tests_of deploy -- --tests; }
simulation() { tests_of simulation -- --tests && "$programs/simulation" --seeds 3000; }

# name | budget in minutes; the function of that name runs it
suites='
build      | 15
unit       | 6
docs       | 1
services   | 4
pipeline   | 15
faults     | 6
oracle     | 8
deploy     | 3
simulation | 8
bench      | 4
'

names=() budgets=()
while IFS=' |' read -r name budget; do
  [ -n "$name" ] || continue
  # The build comes first whatever is asked for: the suites run programs that it builds.
  if [ $# -eq 0 ] || [ "$name" = build ] || [[ " $* " == *" $name "* ]]; then
    names+=("$name") budgets+=("$budget")
  fi
done <<<"$suites"
for name in "$@"; do
  if [[ " ${names[*]} " != *" $name "* ]]; then
    echo "suites: there is no suite $name; there are:" $(awk '{print $1}' <<<"$suites") >&2
    exit 2
  fi
done

# Runs a suite in a process group of its own, which `timeout` stops as a whole: at the end of the time,
# or when this script is interrupted.
run_suite() (
  export profile programs
  export -f build tests_of unit docs services pipeline faults oracle deploy simulation bench
  timeout --kill-after=20 $(($2 * 120)) bash -c "
    set -uo pipefail
    $(declare -p selection)
    $1
  " </dev/null &
  group=$!
  trap 'kill "$group"; wait "$group"; exit 130' INT TERM
  wait "$group"
)
trap 'exit 130' INT TERM

mkdir -p "$logs"
rows=() failed=0
for i in "${!names[@]}"; do
  name=${names[i]} budget=${budgets[i]} log=$logs/${names[i]}.log
  printf '\n=== suite %s (%d of %d, budget %d min)\n' "$name" $((i + 1)) ${#names[@]} "$budget"
  start=$SECONDS
  run_suite "$name" "$budget" 2>&1 | tee -i "$log"
  status=${PIPESTATUS[0]}
  seconds=$((SECONDS - start))
  minutes=$(awk "BEGIN { printf \"%.1f\", $seconds / 60 }")
  verdict=ok
  if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    verdict='stopped at twice its budget'
  elif [ "$status" -ne 0 ]; then
    verdict="failed ($status)"
  elif [ "$seconds" -gt $((budget * 60)) ]; then
    verdict='over its budget'
  fi
  rows+=("$(printf '%-12s %8s %7d  %s' "$name" "$minutes" "$budget" "$verdict")")
  printf '=== suite %s: %s, %s min\n' "$name" "$verdict" "$minutes"
  if [ "$verdict" != ok ]; then
    failed=1
    printf -- '--- the last lines of %s\n' "$log"
    tail -n 60 "$log"
    printf -- '---\n'
    # Nothing runs without it.
    [ "$name" != build ] || [ "$status" -eq 0 ] || break
  fi
done

printf '\n%-12s %8s %7s  %s\n' suite minutes budget verdict
printf '%s\n' "${rows[@]}"
exit "$failed"
