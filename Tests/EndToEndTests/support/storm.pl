#!/usr/bin/env perl
# Submits many tasks, again and again with the same id until each is acknowledged, whatever dies meanwhile. Writes a line
#   ID <tab> DUE-IN-MICROSECONDS
# for each acknowledged task, after its WORK_COMPLETE.
#
# Usage: storm.pl --servers HOST:PORT,… --acknowledged FILE --function NAME --count N --spread SECONDS --seed TEXT
use v5.36;
use Digest::MD5 qw(md5_hex);
use Gearman::Client;
use Gearman::Task;
use Getopt::Long;
use IO::Handle;
use JSON::PP;
use List::Util qw(shuffle);
use Time::HiRes qw(time sleep);

my ($count, $spread, $seed, $deadline, $servers, $file, $function) = (100, 5, 1, 120);
GetOptions(
    'servers=s' => \$servers, 'acknowledged=s' => \$file, 'function=s' => \$function, 'count=i' => \$count,
    'spread=f' => \$spread, 'seed=s' => \$seed, 'deadline=i' => \$deadline)
    or die "usage\n";
srand hex substr md5_hex($seed), 0, 8;
my @servers = split /,/, $servers;
open my $acknowledged, '>>', $file or die "$file: $!\n";
$acknowledged->autoflush(1);

sub uuid { join '-', map { join '', map { sprintf '%x', int rand 16 } 1 .. $_ } 8, 4, 4, 4, 12 }

my $begin = time;
my @waiting = map { {id => uuid(), milliseconds => int(($begin + 1 + rand $spread) * 1000)} } 1 .. $count;

while (@waiting && time < $begin + $deadline) {
    my @round = splice @waiting, 0, 25;
    eval {
        # A new client each time: it forgets which servers it could not reach.
        my $client = Gearman::Client->new(job_servers => [shuffle @servers]);
        my $set = $client->new_task_set;
        for my $task (@round) {
            my $workload = encode_json(
                {id => $task->{id}, func_name => $function, payload => $task->{id}, at => $task->{milliseconds}});
            $set->add_task(
                Gearman::Task->new(
                    'gearclock_submit', \$workload,
                    {
                        on_complete => sub {
                            return if $task->{acknowledged}++;
                            say $acknowledged join "\t", $task->{id}, $task->{milliseconds} * 1000;
                        },
                    }));
        }
        $set->wait(timeout => 3);
    };
    my @again = grep { !$_->{acknowledged} } @round;
    push @waiting, @again;
    # With nobody there to answer, a round ends at once.
    sleep 0.1 if @again == @round;
}
say scalar(@waiting), ' of ', $count, ' tasks were not acknowledged';
exit(@waiting ? 1 : 0);
