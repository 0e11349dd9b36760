#!/usr/bin/env perl
# Compares what was acknowledged with what ran: each acknowledged task at least once, none before its time.
#
# Usage: audit.pl [--missing] [--p99 MS] ACKNOWLEDGED RUNS
#   --missing     only counts what has not run yet
#   --p99 MS      of a hundred tasks 99 started at most so late
use v5.36;
use Getopt::Long;

GetOptions('missing' => \my $only_missing, 'p99=f' => \my $p99) or die "usage\n";
my ($acknowledged, $runs) = @ARGV;
my (%due, %starts, @late, @early);
for (lines($acknowledged)) { my ($id, $due) = split /\t/; $due{$id} = $due }
for (lines($runs)) { my ($start, undef, $id) = split /\t/; push @{$starts{$id}}, $start }

my @missing = grep { !$starts{$_} } sort keys %due;
if ($only_missing) { say scalar @missing; exit }
for my $id (keys %due) {
    for my $start (@{$starts{$id} // []}) { push @early, "$id by " . ($due{$id} - $start) . ' µs' if $start < $due{$id} }
    push @late, (sort { $a <=> $b } @{$starts{$id}})[0] - $due{$id} if $starts{$id};
}
my $again = grep { @{$starts{$_} // []} > 1 } keys %due;
@late = sort { $a <=> $b } @late;
printf "%d acknowledged, %d ran, %d of them more than once, %d early; late in ms: p50 %.1f, p99 %.1f, most %.1f\n",
    scalar keys %due, scalar @late, $again, scalar @early, map { ($late[$_ * $#late] // 0) / 1000 } 0.5, 0.99, 1;
say "never ran: $_" for @missing;
say "early: $_" for @early;
my $is_late = defined $p99 && @late && $late[0.99 * $#late] > $p99 * 1000;
say "more than $p99 ms late" if $is_late;
exit($is_late || @missing || @early || !%due ? 1 : 0);

sub lines ($path) {
    open my $file, '<', $path or die "$path: $!\n";
    my @lines = grep { /\S/ } <$file>;
    chomp @lines;
    return @lines;
}
