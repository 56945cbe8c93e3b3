# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154,SC2317 # for and from scripts/record-judging, which calls functions by name
# The first judging set: programs and their inputs.
all=(clang perl zstd git-log git-repack mawk lua)

# Sets command, and input for what is its standard input.
plan() {
	input=/dev/null
	case $1 in
	clang) command=(clang-14 -O2 -c "$in/big.c" -o /dev/null) ;;
	perl) command=(perl "$in/count.pl" "$in/text") ;;
	zstd) command=(zstd -19 --long=27 -q -c "$in/headers.tar") ;;
	git-log) command=(git -C "$in/packed" --no-pager log -p) ;;
	git-repack) # what git repack -a -d starts
		command=(git -C "$in/loose" -c pack.threads=1 pack-objects --keep-true-parents
			--honor-pack-keep --non-empty --all --reflog --indexed-objects --delta-base-offset
			-q "$dir/.pack") ;;
	mawk) command=(mawk -f "$in/join.awk" "$in/left" "$in/right") ;;
	lua) command=(lua5.4 "$in/table.lua") ;;
	*) give_up "there is no '$1' in the judging set; it is: ${all[*]}" ;;
	esac
}

declare -A package=([clang-14]=clang-14 [perl]=perl [zstd]=zstd [git]=git [mawk]=mawk [lua5.4]=lua5.4)
declare -A inputs_of=([clang]='big.c' [perl]='text count.pl' [zstd]='headers.tar' [git-log]='packed'
	[git-repack]='loose' [mawk]='left right join.awk' [lua]='table.lua')

make_big.c() {
	awk "$awk_random"'
	BEGIN {
		print "struct node { struct node *next[4]; long key; int count; unsigned char bytes[32]; };"
		for (f = 0; f < 2500; f++) {
			printf "static long table%d[%d];\n", f, 16 + below(200)
			printf "long f%d(struct node *n, long a, long b)\n{\n\tlong r = a * %d;\n", f, 1 + below(99)
			for (s = 3 + below(12); s > 0; s--) {
				k = below(6)
				if (k == 0) printf "\tfor (long i = 0; i < b; i++)\n\t\tr += table%d[(i * %d + a) & 15] ^ i;\n", f, 1 + below(31)
				if (k == 1) printf "\tif (n->key > r && n->next[%d])\n\t\tr -= n->next[%d]->count;\n", below(4), below(4)
				if (k == 2) { print "\tswitch (r & 7) {"; for (c = 0; c < 7; c++) printf "\tcase %d: r = r %s %d; break;\n", c, substr("+-^|", 1 + below(4), 1), below(1000); print "\t}" }
				if (k == 3 && f) printf "\tr += f%d(n, r, b - %d);\n", below(f), 1 + below(9)
				if (k == 4) printf "\twhile (n->next[%d] && n->count-- > %d) {\n\t\tn = n->next[%d];\n\t\tn->bytes[r & 31] += (unsigned char)b;\n\t}\n", below(4), below(50), below(4)
				if (k == 5) printf "\ttable%d[b & 15] = r / (a | %d) + (long)(n->key * %d.5);\n", f, 1 + below(64), below(9)
			}
			print "\treturn r;\n}"
		}
	}'
}

make_count.pl() {
	cat <<-'END'
		while (<>) { $count{lc $_}++ for /\w+/g }
		my @top = (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 99];
		print "$_ $count{$_}\n" for @top;
	END
}

make_headers.tar() {
	tar -C / -c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner usr/include | head -c 100000000
}

make_left() {
	awk "$awk_random"' BEGIN { for (i = 0; i < 400000; i++) printf "%d name%d %d\n", i * 7 % 400009, i, below(1000) }'
}

make_right() {
	awk "$awk_random"' BEGIN { for (i = 0; i < 1500000; i++) { x = u(); printf "%d %d\n", int(x * x * 600000), below(100) } }'
}

make_join.awk() {
	cat <<-'END_OF_FILE'
		NR == FNR { name[$1] = $2; weight[$1] = $3; next }
		$1 in name { sum[name[$1]] += weight[$1] * $2; found++ }
		END { for (n in sum) total += sum[n]; print found, total }
	END_OF_FILE
}

make_table.lua() {
	cat <<-'END'
		local t, order, seed = {}, {}, 20261122
		local function below(n) seed = seed * 16807 % 2147483647 return seed % n + 1 end
		for i = 1, 1000000 do
			local key = "entry" .. i
			t[key] = { i, below(1000) }
			order[i] = key
		end
		local sum = 0
		for key, entry in pairs(t) do sum = sum + entry[2] end
		for round = 1, 3 do
			for i = 1, 1000000 do
				local entry = t[order[below(i)]]
				sum = sum + entry[1] % 7
				entry[2] = round
			end
			for i = 1, #order do sum = sum + t[order[i]][2] end
		end
		print(sum)
	END
}

# 400 commits that change 16 of 4000 headers each.
history() {
	perl -e '
		my ($seed, @file, %lines) = (20261122);
		sub below { $seed = $seed * 16807 % 2147483647; return $seed % $_[0] }
		open my $list, "-|", "find /usr/include -type f -size -100k | sort | head -n 4000" or die;
		chomp(@file = <$list>);
		for my $commit (0 .. 400) {
			my $at = 1700000000 + 3600 * $commit;
			my $text = "commit $commit\n";
			print "commit refs/heads/main\ncommitter A U Thor <author\@example.org> $at +0000\n", "data ", length $text, "\n$text\n";
			for my $name ($commit ? map { $file[below(scalar @file)] } 1 .. 16 : @file) {
				if ($commit) {
					my $lines = $lines{$name};
					for (1 .. 1 + below(4)) {
						my $from = below(@$lines + 1);
						splice @$lines, $from, below(3), "int edit_${commit}_$_;\n";
					}
				} else {
					open my $in, "<", $name or die;
					$lines{$name} = [<$in>];
				}
				my $all = join "", @{$lines{$name}};
				print "M 100644 inline ", substr($name, 13), "\ndata ", length $all, "\n$all\n";
			}
		}'
}

make_packed() { # $1: where to
	git init -q --bare -b main "$1" && history | git -C "$1" fast-import --quiet && git -C "$1" -c pack.threads=1 repack -q -a -d
}

make_loose() {
	git init -q --bare -b main "$1" && history | git -C "$1" -c fastimport.unpackLimit=1000000000 fast-import --quiet
}
