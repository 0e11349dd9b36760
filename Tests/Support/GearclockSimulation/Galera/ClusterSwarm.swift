internal import GearclockCore

/// What may go wrong with the nodes of a simulated cluster.
enum ClusterFault: Int, CaseIterable {
    case kill, stop, freeze, isolate, lag
}

/// The shape of one simulated cluster, drawn from the seed.
struct ClusterSwarm {
    var nodes = 3
    var processes = 2
    var isWatched = true
    var copies = CopiesPolicy(copies: 2)
    var callPolicy = ClusterCallPolicy()
    /// One way, in microseconds.
    var network: ClosedRange<Int64> = 50...500
    /// Until another node has applied what was committed.
    var apply: ClosedRange<Int64> = 100...2000
    /// Until a silent node is voted out.
    var suspect: ClosedRange<Int64> = 5_000_000...6_500_000
    var faults = [Double](repeating: 0, count: ClusterFault.allCases.count)
    var faultInterval: Int64 = 2_000_000
    /// The share of messages with which their connection is lost.
    var drops = 0.0
    /// The mean time between two calls of a process.
    var pace: Int64 = 100_000
    var horizon: Int64 = 20_000_000

    init(_ dice: inout Dice) {
        self.nodes = dice.pick([1, 2, 3, 3, 3, 3, 5])
        self.processes = 1 + dice.below(3)
        self.isWatched = dice.chance(0.7)
        self.copies = CopiesPolicy(
            copies: min(self.nodes, dice.pick([1, 2, 2, 2, 3])), acceptsFewer: dice.chance(0.2))
        if dice.chance(0.3) {
            self.callPolicy = ClusterCallPolicy(
                limit: .seconds(4), statementLimit: .seconds(2), lookLimit: .seconds(1))
        }
        self.network = dice.pick([50...500, 50...500, 1000...20_000, 1000...200_000])
        self.apply = dice.pick([100...2000, 100...2000, 1000...100_000, 100_000...2_000_000])
        self.suspect = dice.pick([5_000_000...6_500_000, 700_000...1_200_000])
        for fault in ClusterFault.allCases where dice.chance(0.6) {
            self.faults[fault.rawValue] = dice.pick([0.3, 1, 3])
        }
        self.faultInterval = dice.pick([500_000, 2_000_000, 5_000_000])
        self.drops = dice.pick([0, 0.002, 0.02, 0.1])
        self.pace = dice.pick([20_000, 100_000, 400_000])
        self.horizon = dice.between(3_000_000, 20_000_000)
    }
}
