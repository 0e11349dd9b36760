internal import GearclockCore

/// What the audit of limits has to remember.
struct LimitAudit {
    /// A controller reads once a second, give or take a tenth, and the store takes a while.
    static let pauseMargin: Int64 = 2_200_000
    /// Who is dead is known after three seconds, and looked for once a second.
    static let shareMargin: Int64 = 6_000_000

    /// How a job was submitted that was there for no earlier claim.
    struct Job {
        let function: FunctionName
        let attempt: UInt32?
        let startedAt: Int64
        let node: Int
        let incarnation: Int
        let connection: ConnectionID
    }

    var settingsChangedAt: [FunctionName: Int64] = [:]
    /// A controller started or died, or a worker of tasks' functions was lost.
    var controllersChangedAt: Int64 = 0
    /// How often it was possible to tell whether a limit is kept.
    var checks = 0
    /// The latest job of each task, by its number in the ledger.
    var jobs: [Int: Job] = [:]
    /// When jobs of a function started while all controllers knew what is wanted.
    private var starts: [FunctionName: [Int64]] = [:]

    /// Since when all controllers know what is wanted of a function, and each other; `nil` if one of them may not, or
    /// if nothing is wanted.
    func knownSince(
        _ function: FunctionName, by controllers: [(beats: Regularity, settings: Regularity)], at time: Int64
    ) -> Int64? {
        guard let changedAt = self.settingsChangedAt[function] else { return nil }
        var since = max(changedAt, self.controllersChangedAt)
        for controller in controllers {
            guard controller.beats.isFresh(at: time), controller.settings.isFresh(at: time) else { return nil }
            since = max(since, controller.beats.since, controller.settings.since)
        }
        return since + Self.shareMargin
    }

    /// A job of a function was started.
    ///
    /// In no span may more start than the rate brings in it, and what the controllers hold when it begins: each of them
    /// what its part brings in one second, and at least one.
    ///
    /// - Returns: by what the rate was exceeded; `nil` if it was not.
    mutating func started(
        _ settings: FunctionSettings, controllers: Int, since: Int64, at time: Int64
    ) -> String? {
        guard let rate = settings.perThousandSeconds.map(Int64.init) else { return nil }
        let starts = (self.starts[settings.function] ?? []).filter { $0 >= since } + [time]
        self.starts[settings.function] = starts
        let token: Int64 = 1_000_000_000
        let held = (0..<Int64(controllers)).reduce(0 as Int64) { sum, index in
            let part = rate / Int64(controllers) + (index < rate % Int64(controllers) ? 1 : 0)
            return sum + max(token, part * 1_000_000)
        }
        for (index, first) in starts.enumerated() {
            let count = starts.count - index
            // A clock may be fast by half a percent.
            let span = (time - first) / 100 * 101 + 1000
            if Int64(count) * token > held + rate * span {
                return "\(count) jobs of \(settings.function) start in \(time - first) µs, by \(controllers) "
                    + "controllers, at a rate of \(rate) in a thousand seconds"
            }
        }
        return nil
    }
}

/// Whether something is heard without long gaps.
struct Regularity {
    private static let longestGap: Int64 = 1_500_000

    private(set) var since = Int64.max
    private var latest = Int64.min

    mutating func heard(at time: Int64) {
        if self.latest < time - Self.longestGap { self.since = time }
        self.latest = time
    }

    func isFresh(at time: Int64) -> Bool { self.latest >= time - Self.longestGap }
}
