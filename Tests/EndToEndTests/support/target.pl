#!/usr/bin/env perl
# A worker as users have it. For each run it first writes down a line
#   START-IN-MICROSECONDS <tab> FUNCTION <tab> PAYLOAD <tab> PROCESS
# with one write, so that nothing is lost or mixed when anything is killed. Control characters in payloads are escaped.
#
# Usage: target.pl --servers HOST:PORT,… --record FILE [--ready FILE] --function NAME… [--fail N] [--except N] [--hold FILE]
#                  [--sleep SECONDS] [--ends FILE]
#   --fail N      the first N runs of each payload end with WORK_FAIL
#   --except N    the first N runs of each payload end with WORK_EXCEPTION
#   --hold FILE   a run does not end before the file exists
#   --sleep S     a run takes so many seconds
#   --ends FILE   the same line is written there at the end of a run that has not failed, with the time of its end
#   --eject       the function is a gearsloth controller: runs the task's function, then ejects it with delayedJobDone
use v5.36;
use Fcntl;
use Gearman::Client;
use Gearman::Worker;
use Getopt::Long;
use JSON::PP;
use Time::HiRes qw(clock_gettime CLOCK_REALTIME sleep);

my ($fail, $except, $eject, $sleep, @functions, $ends, $hold, $ready, $record, $servers) = (0, 0, 0, 0);
GetOptions(
    'servers=s' => \$servers, 'record=s' => \$record, 'ready=s' => \$ready, 'function=s' => \@functions,
    'fail=i' => \$fail, 'except=i' => \$except, 'hold=s' => \$hold,
    'sleep=f' => \$sleep, 'ends=s' => \$ends, 'eject' => \$eject)
    or die "usage\n";
my @servers = split /,/, $servers;
sub appending ($path) { sysopen my $file, $path, O_WRONLY | O_APPEND | O_CREAT or die "$path: $!\n"; return $file }
my $log = appending($record);
my $ended = defined $ends ? appending($ends) : undef;

my %seen;

sub now { int(clock_gettime(CLOCK_REALTIME) * 1e6) }

sub run ($function, $job) {
    my $start = now();
    my $payload = $job->arg;
    my $shown = $payload =~ s/([\x00-\x1f\x7f\\])/sprintf '\\x%02x', ord $1/ger;
    syswrite $log, "$start\t$function\t$shown\t$$\n";
    eject($payload) if $eject;
    while (defined $hold && !-e $hold) { sleep 0.01 }
    sleep $sleep if $sleep;
    my $attempt = ++$seen{"$function\t$payload"};
    die "attempt $attempt did not work\n" if $attempt <= $except;
    return undef if $attempt <= $fail;
    if ($ended) { my $end = now(); syswrite $ended, "$end\t$function\t$shown\t$$\n" }
    return "done: $payload";
}

sub eject ($text) {
    my $task = decode_json($text);
    my $client = Gearman::Client->new(job_servers => \@servers);
    my $answer = $client->do_task($task->{func_name}, $task->{payload}) or return;
    $client->do_task(delayedJobDone => encode_json({id => $task->{id}}));
}

# Gearman::Worker dies when gearmand answers a result with an error, as it does after WORK_EXCEPTION.
while (1) {
    my $worker = Gearman::Worker->new(job_servers => \@servers);
    for my $function (@functions) {
        $worker->register_function($function, sub ($job) { run($function, $job) });
    }
    if (defined $ready) {
        # Jobs submitted before it is connected wait for it, so this is early enough.
        open my $file, '>', $ready or die "$ready: $!\n";
        close $file;
    }
    eval { $worker->work };
    warn $@;
}
