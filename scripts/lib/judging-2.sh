# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154,SC2317 # for and from scripts/record-judging, which calls functions by name
# The second judging set: programs and their inputs.
all=(ruby minisat dot convert pandoc php glpsol)

# Sets command, and input for what is its standard input.
plan() {
	input=/dev/null
	case $1 in
	ruby) command=(ruby --disable-gems "$in/index.rb" "$in/text") ;;
	minisat) command=(minisat -verb=0 "$in/clauses.cnf") ;;
	dot) command=(dot -Tsvg "$in/graph.dot" -o /dev/null) ;;
	convert) command=(convert-im6.q16 -limit thread 1 "$in/picture.ppm" -rotate 17 -blur 0x4 "ppm:/dev/null") ;;
	pandoc) command=(pandoc -f markdown -t html -o /dev/null "$in/book.md") ;;
	php) command=(php -n -d memory_limit=-1 "$in/nested.php") ;;
	glpsol) command=(glpsol --lp "$in/transport.lp") ;;
	*) give_up "there is no '$1' in the second judging set; it is: ${all[*]}" ;;
	esac
}

declare -A package=([ruby]=ruby [minisat]=minisat [dot]=graphviz [convert-im6.q16]=imagemagick-6.q16 [pandoc]=pandoc
	[php]=php-cli [glpsol]=glpk-utils)
declare -A inputs_of=([ruby]='text index.rb' [minisat]='clauses.cnf' [dot]='graph.dot' [convert]='picture.ppm'
	[pandoc]='book.md' [php]='nested.php' [glpsol]='transport.lp')

make_index.rb() {
	cat <<-'END'
		index = Hash.new { |hash, word| hash[word] = [] }
		File.foreach(ARGV[0]).with_index do |line, number|
		  line.split.each { |word| index[word] << number }
		end
		longest = index.sort_by { |word, lines| [-lines.uniq.size, word] }.first(1000)
		longest.first(10).each { |word, lines| puts "#{word} #{lines.size}" }
		puts index.keys.map(&:reverse).sort.each_slice(1000).map(&:first).size
	END
}

# 3.6 clauses for each variable: most such instances have a solution, and take some search.
make_clauses.cnf() {
	awk "$awk_random"'
	BEGIN {
		n = 150000; m = int(n * 3.6)
		print "p cnf", n, m
		for (i = 0; i < m; i++) {
			a = 1 + below(n); b = 1 + below(n); c = 1 + below(n)
			print (u() < .5 ? -a : a), (u() < .5 ? -b : b), (u() < .5 ? -c : c), 0
		}
	}'
}

make_graph.dot() {
	awk "$awk_random"'
	BEGIN {
		print "digraph g {"
		for (i = 1; i < 1500; i++)
			printf "n%d -> n%d;\nn%d -> n%d;\n", below(i), i, (i > 40 ? i - 40 + below(40) : 0), i
		print "}"
	}'
}

make_picture.ppm() {
	awk "$awk_random"'
	BEGIN {
		print "P3\n2000 1500\n255"
		for (y = 0; y < 1500; y++) {
			line = ""
			for (x = 0; x < 2000; x++)
				line = line int((x + y) / 14) % 256 " " int(x * y / 9000) % 256 " " below(256) " "
			print line
		}
	}'
}

make_book.md() {
	make_text | head -n 30000 | awk "$awk_random"'
	NR % 200 == 1 { print "# Chapter " int(NR / 200) "\n" }
	NR % 50 == 1 { print "\n## Section *" int(NR / 50) "*\n" }
	NR % 12 == 0 { print "" }
	NR % 31 == 0 { print "\n- " $1 "\n- **" $2 "** [" $3 "](https://example.org/" $4 ")\n- `" $5 "`\n"; next }
	{ $(1 + below(6)) = "*" $(1 + below(6)) "*"; print }'
}

make_nested.php() {
	cat <<-'END'
		<?php
		mt_srand(20261122);
		$orders = [];
		for ($i = 0; $i < 300000; $i++)
			$orders[] = ['id' => $i, 'who' => mt_rand(0, 40000), 'what' => "item" . mt_rand(0, 9000), 'sum' => mt_rand(1, 999)];
		usort($orders, fn($a, $b) => [$a['who'], $a['sum']] <=> [$b['who'], $b['sum']]);
		$people = [];
		foreach ($orders as $order)
			$people[$order['who']][] = $order;
		$sums = array_map(fn($list) => array_sum(array_column($list, 'sum')), $people);
		arsort($sums);
		for ($round = 0; $round < 5; $round++)
			foreach (array_keys($sums) as $who)
				foreach ($people[$who] as $k => $order)
					$people[$who][$k]['sum'] += strlen($order['what']) + $round;
		echo count($people), ' ', array_sum(array_map(fn($list) => count($list), $people)), "\n";
	END
}

# From 150 places to 250 others at least cost.
make_transport.lp() {
	awk "$awk_random"'
	BEGIN {
		n = 150; m = 250
		print "Minimize\n cost:"
		for (i = 0; i < n; i++) for (j = 0; j < m; j++) printf " + %d x%d_%d\n", 1 + below(100), i, j
		print "Subject To"
		for (i = 0; i < n; i++) { printf " s%d:", i; for (j = 0; j < m; j++) printf " + x%d_%d%s", i, j, j % 10 == 9 ? "\n" : ""; print " <= 500" }
		for (j = 0; j < m; j++) { printf " d%d:", j; for (i = 0; i < n; i++) printf " + x%d_%d%s", i, j, i % 10 == 9 ? "\n" : ""; print " >= " 50 + below(200) }
		print "End"
	}'
}
