# Reads what `cargo test -- --show-output` printed, and prints each skipped test with its reason, the
# binaries that died, and as the last line the sum: "N passed, N failed, N skipped".
# Fails if a test failed or if none ran.
#
# A test that cannot run prints a line "skipped: <name>: <reason>" and returns; to libtest it has passed,
# so it is taken off what passed here. One test counts once, however many such lines it prints.

# A test binary begins. One that crashes never prints a result.
/^ +Running .*\)$/ || /^   Doc-tests / { died(); running = $0 }

# libtest's blocks of output: first those of the tests that passed, then those that failed.
/^successes:$/ { in_failures = 0; test = "" }
/^failures:$/  { in_failures = 1; test = "" }
/^---- .* stdout ----$/ { test = $2 }

/^skipped: / && !in_failures {
  name = running SUBSEP (test == "" ? $2 : test)
  if (!(name in seen)) { seen[name] = 1; skips++ }
  reasons = reasons $0 "\n"
}

/^test result: / {
  passed += $4; failed += $6; ignored += $8
  running = ""; in_failures = 0; test = ""
}

function died() {
  if (running == "") return
  sub(/^ +/, "", running)
  dead = dead "died without a result: " running "\n"
  failed++
}

END {
  died()
  total = passed + failed + ignored
  printf "\n%s%s", reasons, dead
  if (total == 0) print "no test ran"
  printf "%d passed, %d failed, %d skipped\n", passed - skips, failed, ignored + skips
  exit (failed > 0 || total == 0)
}
