#!/usr/bin/env bash
# Cargo's runner for test programs: runs "$@" if its package belongs to the suite, else does nothing.
#
# TEST_PACKAGES holds the suite's packages, or "all-but" and the others. Choosing here, and not with
# cargo's -p, keeps one selection of packages for all suites: for another one cargo would compute other
# features of dependencies and compile them again.
set -eu
case " $TEST_PACKAGES " in
  " all-but"*" $CARGO_PKG_NAME "*) exit 0 ;;
  " all-but "*) exec "$@" ;;
  *" $CARGO_PKG_NAME "*) exec "$@" ;;
esac
