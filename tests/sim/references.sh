# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: the reference policies, by hand, against slow models, and on recorded traces.

check "by hand, arc puts out 1 803 0 1" evicted_by_hand arc 7 1 803 0 1
check "by hand, lirs puts out 803 3 4" evicted_by_hand lirs 6 803 3 4
check "by hand, s3fifo puts out 0 1" evicted_by_hand s3fifo 5 0 1
check "by hand, twolist puts out 0 803 3" evicted_by_hand twolist 6 0 803 3

# in_three POLICY "PAGE..." FAULTS EVICTED...: pages used one after the other, three frames
in_three() {
	local policy=$1 pages=$2 faults=$3 json
	shift 3
	# shellcheck disable=SC2086
	perl -e 'print pack("V*", @ARGV)' $pages > "$scratch/three.u32"
	json=$("$sim" "$scratch/three.u32" --policy "$policy" --memory 3 --json - 2> /dev/null)
	same "$(value faults <<< "$json") $(value eviction_hash <<< "$json")" "$faults $(fnv "$@")"
}

# 1 and 2 come back from the pages used once, 0 from those used often; each moves the target its way.
check "by hand, arc learns which list was too short" in_three arc "0 1 2 0 3 1 4 2 0 5" 9 1 2 0 1 3 2
check "by hand, lirs makes low what comes back soon" in_three lirs "0 1 2 3 2 0 3 1" 6 2 3 0
check "by hand, s3fifo keeps what was used twice more" in_three s3fifo "0 0 0 1 2 3 0 1 4 2 5" 8 1 2 3 4 1
check "by hand, twolist takes from the longer list" in_three twolist "0 1 2 3 1 2 4 2 5" 6 0 1 3

# One line for all, since they are hundreds; the first that differ are shown.
like_the_models() {
	local trace policy frames faults evictions hash json count=0 bad=0
	mkdir "$scratch/models"
	python3 "$here/models.py" "$scratch/models" > "$scratch/models.txt" || return 1
	while read -r trace policy frames faults evictions hash; do
		json=$("$sim" "$scratch/models/$trace" -p "$policy" -m "$frames" --json - 2> /dev/null)
		count=$((count + 1))
		same "$(for key in faults evictions eviction_hash; do value $key <<< "$json"; done | xargs)" \
			"$faults $evictions $hash" && continue
		echo "#   $trace $policy $frames"
		bad=$((bad + 1))
		[ $bad -lt 5 ] || break
	done < "$scratch/models.txt"
	echo "# $count replays"
	[ $bad = 0 ] && [ $count -gt 600 ]
}
if command -v python3 > /dev/null; then
	check "references decide as their slow models do on random traces" like_the_models
else
	skip "references decide as their slow models do on random traces" "python3 is not installed"
fi

bits_are_counted() {
	local json checks
	json=$("$sim" "$redis" -p twolist -m 25% --json -)
	checks=$(value single_checks <<< "$json")
	# A look at least for each eviction, and no entry is read in batches.
	[ "$checks" -ge "$(value evictions <<< "$json")" ] || same "$checks" "a look for each eviction" || return 1
	same "$(value batch_reads <<< "$json")" 0 &&
		same "$(value single_checks < <("$sim" "$redis" -p arc -m 25% --json -))" null
}
check "twolist counts its looks, who sees every access has none" bits_are_counted

# STATED as for redis in run.sh; FAULTS is what we measure.
anchor_is() { # TRACE POLICY MEMORY FAULTS STATED
	local faults
	faults=$("$sim" "$traces/$1.u32.zst" -p "$2" -m "$3" --json - | value faults)
	same "$faults" "$4" || return 1
	perl -e 'exit abs($ARGV[0] / $ARGV[1] - 1) > 0.01' "$faults" "$5" || same "$faults" "a percent around $5"
}

while read -r trace policy memory faults stated; do
	if [ -r "$traces/$trace.u32.zst" ]; then
		check "$trace, $policy at $memory: $faults faults, $stated stated" anchor_is \
			"$trace" "$policy" "$memory" "$faults" "$stated"
	else
		skip "$trace, $policy at $memory: $faults faults, $stated stated" "the trace is not there"
	fi
done << 'FIGURES'
sqlite mglru 10% 388006 387628
sqlite mglru 25% 289458 289658
sqlite mglru 50% 184218 184206
sqlite mglru 75% 104699 104952
sqlite lru 25% 296194 296194
sqlite opt 25% 209745 209745
python mglru 10% 2356840 2358474
python mglru 25% 577308 578436
python mglru 50% 134651 133982
python mglru 75% 29409 29355
python lru 25% 575601 575601
python opt 25% 256321 256321
FIGURES
