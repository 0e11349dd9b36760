#!/usr/bin/env perl
# Submits tasks all the time, one after the other in each of a few processes, until a file exists. What is refused or not
# answered is submitted again with the same id. Writes lines
#   ID <tab> DUE-IN-MICROSECONDS                        to ACKNOWLEDGED after each WORK_COMPLETE
#   BEGIN <tab> END (microseconds) <tab> ANSWER         to ANSWERS for each submission; the answer is `stored`, or
#                                                       `CODE stored:no|unknown` as a refusal says, or `nothing`
# and at the end says how many tasks were left without a receipt.
#
# Usage: submit.pl --servers HOST:PORT,… --acknowledged FILE --answers FILE --until FILE --function NAME --seed TEXT
#                  [--processes N] [--delay SECONDS] [--timeout SECONDS] [--without-ids]
#   --without-ids   the tasks get their ids from Gearclock, and ID is their payload. What may be stored is not repeated.
use v5.36;
use Digest::MD5 qw(md5_hex);
use Fcntl;
use Gearman::Client;
use Gearman::Task;
use Getopt::Long;
use JSON::PP;
use Time::HiRes qw(time sleep);

my ($processes, $delay, $timeout, $seed) = (4, 1, 30, 1);
GetOptions(
    'servers=s' => \my $servers, 'acknowledged=s' => \my $acknowledged, 'answers=s' => \my $answers,
    'until=s' => \my $until, 'function=s' => \my $function, 'seed=s' => \$seed, 'processes=i' => \$processes,
    'delay=f' => \$delay, 'timeout=f' => \$timeout, 'without-ids' => \my $without_ids)
    or die "usage\n";
my @servers = split /,/, $servers;

# One write each, so that lines of several processes do not mix.
sub appending ($path) { sysopen my $file, $path, O_WRONLY | O_APPEND | O_CREAT or die "$path: $!\n"; return $file }
sub uuid { join '-', map { join '', map { sprintf '%x', int rand 16 } 1 .. $_ } 8, 4, 4, 4, 12 }

sub submit ($client, $task) {
    my $answer = 'nothing';
    my $workload = encode_json(
        {($without_ids ? () : (id => $task->{id})), func_name => $function, payload => $task->{id}, at => $task->{milliseconds}});
    my $set = $client->new_task_set;
    $set->add_task(
        Gearman::Task->new(
            'gearclock_submit', \$workload,
            {
                on_complete => sub { $answer = 'stored' },
                on_warning => sub ($text, @) {
                    my $said = eval { decode_json(ref $text ? $$text : $text) } // {};
                    $answer = join ' ', $said->{code} // 'warning', 'stored:' . ($said->{stored} // '?');
                },
                on_fail => sub { $answer = 'failed' if $answer eq 'nothing' },
            }));
    $set->wait(timeout => $timeout);
    return $answer;
}

sub work ($number) {
    srand hex substr md5_hex("$seed-$number"), 0, 8;
    my ($receipts, $log) = (appending($acknowledged), appending($answers));
    my ($client, $task);
    while (!-e $until) {
        $client //= Gearman::Client->new(job_servers => [$servers[$number % @servers], @servers]);
        $task //= {id => uuid(), milliseconds => int((time + $delay) * 1000)};
        my $begin = time;
        my $answer = eval { submit($client, $task) } // 'nothing';
        my $end = time;
        if ($answer eq 'stored') {
            syswrite $receipts, sprintf "%s\t%d\n", $task->{id}, $task->{milliseconds} * 1000;
            undef $task;
        } elsif ($without_ids && $answer !~ /stored:no/) {
            undef $task;
            undef $client if $answer eq 'nothing';
        } elsif ($answer eq 'nothing') {
            # Its connection may still have the old question on it.
            undef $client;
        }
        syswrite $log, sprintf "%d\t%d\t%s\n", $begin * 1e6, $end * 1e6, $answer;
        sleep 0.02;
    }
    return defined $task ? 1 : 0;
}

my @children;
for my $number (0 .. $processes - 1) {
    my $child = fork // die "fork: $!\n";
    exit work($number) unless $child;
    push @children, $child;
}
my $left = 0;
for (@children) { waitpid $_, 0; $left += $? >> 8 }
say "$left tasks were left without a receipt";
