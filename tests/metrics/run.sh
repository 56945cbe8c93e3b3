#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Do a node exporter and a Prometheus read the metrics that the live programs write? Prints TAP.
#
#   tests/metrics/run.sh FILE.prom...
set -u
[ $# != 0 ] || {
	echo "usage: tests/metrics/run.sh FILE.prom..." >&2
	exit 2
}
. "$(dirname "$0")/../../scripts/lib/tap.sh"
mapfile -t files < <(realpath "$@")
cd "$(dirname "$0")/../.." || exit 2
scratch=$(mktemp -d) || exit 2
pids=()
# shellcheck disable=SC2317 # by trap
end() {
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$scratch"
}
trap end EXIT

# Tries a command for a minute.
soon() {
	for _ in $(seq 60); do
		! "$@" || return 0
		sleep 1
	done
	return 1
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

get() {
	python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())' "$1"
}

exports() {
	get "http://127.0.0.1:$node/metrics" >"$scratch/page" || return 1
	grep -q '^node_textfile_scrape_error 0' "$scratch/page" && grep -q "^$(sed 's/[{ ].*//;q' "$scratch/wanted")" "$scratch/page"
}

every_sample() {
	python3 - "$scratch/wanted" "$scratch/page" <<-'END'
		import sys
		page = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in open(sys.argv[2]) if line[:4] == "ptw_"}
		wanted = [line.rsplit(" ", 1) for line in open(sys.argv[1])]
		# Labels may come in another order.
		key = lambda name: (name.split("{")[0], frozenset(name.partition("{")[2].rstrip("}").split(",")))
		page = {key(name): value for name, value in page.items()}
		for name, value in wanted:
		    assert page.get(key(name)) == float(value), f"{name}: {value.strip()} was written, {page.get(key(name))} exported"
		assert len(wanted) > 5
	END
}

# $1: a name, of which all samples must have come to the server.
queried() {
	get "http://127.0.0.1:$server/api/v1/query?query=$1" >"$scratch/answer" || return 1
	cat "$scratch/answer"
	python3 -c '
import json, sys
answer = json.load(open(sys.argv[1]))["data"]["result"]
wanted = sum(line.split("{")[0].split(" ")[0] == sys.argv[3] for line in open(sys.argv[2]))
sys.exit(0 if len(answer) == wanted > 0 else 1)' "$scratch/answer" "$scratch/wanted" "$1"
}

# Every metric that the dashboard shows is one of a program's.
dashboard_names() {
	python3 - "$scratch/wanted" examples/metrics/dashboard.json <<-'END'
		import json, re, sys
		have = {re.split(r"[{ ]", line)[0] for line in open(sys.argv[1])}
		board = json.load(open(sys.argv[2]))
		shown = set(re.findall(r"ptw_\w+", json.dumps(board["panels"])))
		programs = {name.split("_")[1] for name in have}
		missing = {name for name in shown if name.split("_")[1] in programs} - have
		assert not missing, f"nobody writes {missing}"
		assert shown & have
	END
}

# Of each family with edges: they rise, and so do the samples; the last edge is the end of all.
edges_rise() {
	python3 - "$scratch/wanted" <<-'END'
		import re, sys
		families = {}
		for line in open(sys.argv[1]):
		    found = re.match(r'(\w+)\{(.*,)?up_to="([^"]+)"\} (\d+)$', line)
		    if found:
		        families.setdefault((found[1], found[2]), []).append((float(found[3]), int(found[4])))
		assert families, "no family has edges"
		for name, samples in families.items():
		    assert samples == sorted(samples) and len(set(samples)) > 2, (name, samples)
		    assert samples[-1][0] == float("inf"), (name, samples)
	END
}

mkdir "$scratch/textfiles"
cp "${files[@]}" "$scratch/textfiles"
cat "${files[@]}" | grep '^ptw_' >"$scratch/wanted"
node=$(free_port)
prometheus-node-exporter --collector.disable-defaults --collector.textfile --collector.textfile.directory="$scratch/textfiles" \
	--web.listen-address="127.0.0.1:$node" >"$scratch/node.log" 2>&1 &
pids+=($!)
server=$(free_port)
cat >"$scratch/prometheus.yml" <<END
global: {scrape_interval: 1s}
scrape_configs:
- job_name: node
  static_configs: [{targets: ['127.0.0.1:$node']}]
END
prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/data" \
	--web.listen-address="127.0.0.1:$server" >"$scratch/server.log" 2>&1 &
pids+=($!)
for file in "${files[@]}"; do
	check "$(basename "$file"): promtool has nothing to say" quiet promtool check metrics <"$file"
done
check "a node exporter reads the files" quiet soon exports
check "every sample comes out as it was written" quiet every_sample
name=$(sed 's/[{ ].*//' "$scratch/wanted" | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
check "a Prometheus collects them ($name)" quiet soon queried "$name"
check "edges of ages rise to +Inf, and so do their samples" quiet edges_rise
check "the dashboard shows metrics that are there" quiet dashboard_names
tap_end
