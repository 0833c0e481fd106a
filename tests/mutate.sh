#!/usr/bin/env bash
# Change the science bit by bit, and list the changes that its unit tests do not notice; see CONTRIBUTING.md.
# Arguments are mutmut's, such as the names to try: tests/mutate.sh '*study.plan*'
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export OMP_NUM_THREADS=1

# mutmut takes a package's name from its path, but for src/
work=$root/build/mutation
rm -rf "$work"
mkdir -p "$work"
cd "$work"
ln -s "$root/workflow" src
ln -s "$root"/{pyproject.toml,tests,config,workflow} .

mutmut run "$@"
mutmut results --all true | sed 's/^ *//' | grep -v ': not checked$' > results
grep -v ': killed$' results || true
awk -F ': ' '
  { module = $1; sub(/\.x[_ǁ].*/, "", module); total[module]++; killed[module] += $2 ~ /^(killed|timeout)$/ }
  END { for (m in total) printf "%s: %d of %d noticed (%.0f %%)\n", m, killed[m], total[m], 100 * killed[m] / total[m] }
' results | sort
