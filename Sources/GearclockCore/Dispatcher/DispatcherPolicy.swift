/// The settings of a dispatcher.
package struct DispatcherPolicy: Equatable, Sendable {
    /// Whether it only hands over what worker daemons of its process stored for it, and leaves all else to others:
    /// it claims nothing, takes nothing back, and is no member. Default no.
    package var isExpressOnly = false
    /// How far ahead of their time tasks are claimed. Default 2 s: longer than a store hiccups, short enough to cancel,
    /// and to leave most of the lease.
    package var lookAhead: Duration = .seconds(2)
    /// How often the store is asked in which lanes something is due. Default 100 ms: what another process stored for
    /// "now" waits so long.
    package var pollInterval: Duration = .milliseconds(100)
    /// A poll may take a tenth of the time. Default 1 s: but not more than so long passes between two.
    package var longestPollInterval: Duration = .seconds(1)
    /// How often leases that ran out are looked for. Default 500 ms.
    package var rescueInterval: Duration = .milliseconds(500)
    /// How often the settings of functions are read. Default 1 s.
    package var settingsInterval: Duration = .seconds(1)
    /// How often the clocks of database nodes are compared with ours. Default 1 min.
    package var clockInterval: Duration = .seconds(60)
    /// Claimed tasks in hand, the handed over but unanswered ones included. Default 65536: a quarter of it is for the
    /// tasks of one function that fall due in the look-ahead, 8,000 a second.
    package var heldTasks = 65_536
    /// Bytes of them. Default 64 MiB.
    package var heldBytes = 64 << 20
    /// Those of one lane that are due, and those of all lanes together whose function was deferred. Default 1024: more
    /// than controllers accept in one round, and few enough that one function's tasks leave room for the others.
    package var laneTasks = 1024
    /// Tasks of a lane that are handed over first after its function was deferred or paused. Default 8.
    package var probeTasks = 8
    /// Where so many tasks of a lane were accepted lately, controllers are not slow, only full. Default 32: 160 to
    /// 320 a second.
    package var flowingTasks = 32
    /// What was accepted so long before the latest counts half. Default 100 ms.
    package var flowHalfLife: Duration = .milliseconds(100)
    /// Between so many deferrals in a row the rest of such a lane becomes longer. Default 6, a tenth of a second: room
    /// comes in bursts, with every batch that is settled.
    package var shortRefusals = 6
    /// After so many they are slow after all. Default 40, 2 s: a store stops for a moment now and then, and tasks that
    /// are given back are more work for it.
    package var flowingRefusals = 40
    /// After so many the pause of one that is slow is the longest. Default 18.
    package var slowRefusals = 18
    /// How long a lane rests after its function was deferred. Default 5 ms while some of its tasks are accepted: so
    /// long may a place that became free stay empty.
    package var laneShortestPause: Duration = .milliseconds(5)
    /// And at most, after many deferrals. Default 5 s: a function is back so long after its workers.
    package var laneLongestPause: Duration = .seconds(5)
    /// Hand-overs under way at once. Default 4: enough to keep controllers busy, few enough to wait in a job server. At
    /// most half of them are for one lane each: however many lanes of limited functions there are, others get through.
    package var handOversAtOnce = 4
    /// So many due tasks have to wait before another one begins beside those under way. Default 128, half of one: what
    /// came meanwhile goes together with the answer, and each costs two job server packets and three processes' time.
    package var handOverCrowd = 128
    /// A hand-over that is unanswered for so long is no reason to wait. Default 10 ms.
    package var handOverRound: Duration = .milliseconds(10)
    /// How long a hand-over may be unanswered before its tasks are given back. Default 5 s: controllers answer at once,
    /// and one that wakes with it later than that knows by the leases that it is old, for even the longest of them has
    /// less left than ``LeasePolicy/startWhenLeft`` then, by a clock that is 2 s behind, too.
    package var handOverPatience: Duration = .seconds(5)
    /// Hand-overs at job servers at once, those that were unanswered for too long included. Default 12: two frozen
    /// controllers hold up nothing, and without any controller no queue grows. Of them, too, half may be for one lane.
    package var handOversUnanswered = 12
    /// The pause after a controller deferred everything, doubled up to 32 times. Default 20 ms.
    package var deferralPause: Duration = .milliseconds(20)
    /// While no controller accepts anything for long, one task is claimed so often to see whether that is over. Default
    /// 1 s.
    package var trialInterval: Duration = .seconds(1)
    /// How long a stop waits for controllers to answer. Default 3 s: they answer at once, if there is one.
    package var drainPatience: Duration = .seconds(3)
    package var lease = LeasePolicy()
    package var membership = MembershipPolicy()

    package init() {}
}
