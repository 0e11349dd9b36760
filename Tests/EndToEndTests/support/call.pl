#!/usr/bin/env perl
# Calls a Gearman function in the foreground, with standard input as its workload, and prints what came:
#   complete DATA | warning DATA | exception DATA | fail
# Usage: call.pl --servers HOST:PORT,… [--timeout SECONDS] [--priority high|low] FUNCTION
use v5.36;
use Gearman::Client;
use Gearman::Task;
use Getopt::Long;

GetOptions('servers=s' => \my $servers, 'timeout=i' => \(my $timeout = 60), 'priority=s' => \(my $priority = ''))
    or die "usage\n";
my $function = shift // die "which function?\n";
binmode STDIN;
binmode STDOUT;
my $workload = do { local $/; <STDIN> } // '';

my $client = Gearman::Client->new(job_servers => [split /,/, $servers], exceptions => 1);
my $ended;
my $task = Gearman::Task->new(
    $function, \$workload,
    {
        on_complete  => sub { say 'complete ', ${$_[0]}; $ended = 1 },
        on_warning   => sub { my $text = shift; say 'warning ', ref $text ? $$text : $text },
        on_exception => sub { say 'exception ', $_[0]; $ended = 1 },
        on_fail      => sub { say 'fail'; $ended = 1 },
        ($priority ? (high_priority => $priority eq 'high') : ()),
    });
my $set = $client->new_task_set;
defined $set->add_task($task) or do { say 'fail'; exit 1 };
$set->wait(timeout => $timeout);
say 'nothing' unless $ended;
