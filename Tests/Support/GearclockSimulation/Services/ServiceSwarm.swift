/// What only worlds of services have; drawn by dice of their own, so that the rest of a seed's world is the same.
struct ServiceSwarm {
    /// How many questions clients ask besides.
    var questions = 0
    /// The share of writes after which the other end takes nothing for a while.
    var jams = 0.0
    /// For how long at most, in microseconds.
    var longestJam: Int64 = 0
    /// Where operators set limits nothing fails, so that it can be told whether they are kept.
    var limitsAreQuiet = false
    /// In half of those worlds jobs are long, and many tasks are cancelled.
    var cancelsLongJobs = false

    init() {}

    init(seed: UInt64) {
        var dice = Dice(seed: seed, .services, 0)
        if dice.chance(0.5) { self.questions = 1 + dice.below(20) }
        if dice.chance(0.4) { self.jams = dice.pick([0.01, 0.1]) }
        self.longestJam = dice.pick([10_000, 1_000_000])
        self.limitsAreQuiet = dice.chance(0.5)
        self.cancelsLongJobs = dice.chance(0.5)
    }
}
