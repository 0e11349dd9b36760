#!/usr/bin/env perl
# Sums up what submit.pl was answered: how many tasks were stored, the longest time without a task that was stored, and
# every other answer with its number.
#
# Usage: answers.pl [--gap | --count ANSWER] ANSWERS
#   --gap             only the longest time, in milliseconds
#   --count ANSWER    only how often that answer came; it is a regular expression
use v5.36;
use Getopt::Long;
use List::Util qw(max);

GetOptions('gap' => \my $gap, 'count=s' => \my $wanted) or die "usage\n";
my (@stored, %answers, %longest);
while (<>) {
    chomp;
    my ($begin, $end, $answer) = split /\t/;
    $answers{$answer}++;
    $longest{$answer} = max $longest{$answer} // 0, $end - $begin;
    push @stored, $end if $answer eq 'stored';
}
@stored = sort { $a <=> $b } @stored;
my $longest = (max map { $stored[$_] - $stored[$_ - 1] } 1 .. $#stored) // 0;
if ($gap) { printf "%d\n", $longest / 1000; exit }
if (defined $wanted) {
    my $sum = 0;
    $sum += $answers{$_} for grep { /^(?:$wanted)$/ } keys %answers;
    say $sum;
    exit;
}
printf "%d stored, %.1f s without one at most; other answers: %s\n", scalar @stored, $longest / 1e6,
    join(', ', map { sprintf '%d × %s (up to %.1f s)', $answers{$_}, $_, $longest{$_} / 1e6 } grep { $_ ne 'stored' } sort keys %answers)
    || 'none';
