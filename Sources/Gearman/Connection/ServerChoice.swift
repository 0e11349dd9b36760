/// Chooses the job server for a job. Every process that knows the same servers comes to the same choice, in whatever
/// order they are configured.
///
/// The weight of a server for a unique ID is the 64-bit FNV-1a hash of the text `host:port` followed by the unique ID,
/// mixed by the finalizer of MurmurHash3; the greatest weight comes first. This is a promise to other processes and
/// other versions, and must stay.
package struct ServerChoice: Sendable {
    /// What to do with a job.
    package enum Choice: Equatable {
        case server(Int)
        /// Wait until more is known.
        case wait
        /// No server can be reached.
        case none
    }

    private let seeds: [UInt64]
    private var nextTurn = 0

    package init(servers: [GearmanServerAddress]) {
        self.seeds = servers.map { FNV1a.hash($0.description.utf8) }
    }

    /// The server for a job: by the unique's order, or in turn if it has none.
    package mutating func choose(unique: [UInt8], among conditions: [GearmanServerHealth.Condition]) -> Choice {
        unique.isEmpty ? self.nextInTurn(conditions) : self.first(of: self.order(of: unique), conditions)
    }

    /// The servers in the order in which a unique prefers them (rendezvous hashing: when a server goes, only its own
    /// uniques move).
    package func order(of unique: [UInt8]) -> [Int] {
        guard self.seeds.count > 1 else { return Array(self.seeds.indices) }
        let weights = self.seeds.map { FNV1a.mixed(FNV1a.hash(unique, from: $0)) }
        return self.seeds.indices.sorted { (weights[$0], $0) > (weights[$1], $1) }
    }

    private func first(of order: [Int], _ conditions: [GearmanServerHealth.Condition]) -> Choice {
        for index in order {
            switch conditions[index] {
            case .healthy, .slow: return .server(index)
            case .unknown: return .wait
            case .away: continue
            }
        }
        return .none
    }

    private mutating func nextInTurn(_ conditions: [GearmanServerHealth.Condition]) -> Choice {
        let wanted = conditions.contains(.healthy) ? GearmanServerHealth.Condition.healthy : .slow
        for _ in conditions.indices {
            self.nextTurn = (self.nextTurn + 1) % conditions.count
            if conditions[self.nextTurn] == wanted { return .server(self.nextTurn) }
        }
        return conditions.contains(.unknown) ? .wait : .none
    }
}

/// The hash of Fowler, Noll and Vo with 64 bits: the same in every process and on every machine, unlike Swift's own.
package enum FNV1a {
    package static func hash(_ bytes: some Sequence<UInt8>, from start: UInt64 = 0xcbf2_9ce4_8422_2325) -> UInt64 {
        var hash = start
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash
    }

    /// Spreads the differences between two hashes over all bits, because the last bytes reach the high bits too little
    /// for hashes to be compared by size. (The finalizer of MurmurHash3.)
    package static func mixed(_ hash: UInt64) -> UInt64 {
        var hash = hash
        hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ (hash >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ (hash >> 33)
    }
}
