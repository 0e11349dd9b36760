internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import GearmanServer
internal import Logging

/// Keeps the background jobs of a job server in a store.
actor StoreJournal: GearmanJobJournal {
    private let store: any JobStore
    private let name: JobServerName
    private let clock: any GearclockClock
    private let logger: Logger
    private var hold: JobServerHold?
    private var isAway = false

    /// How often a store that is away is asked while the server starts.
    private static let pause: Duration = .seconds(1)

    init(_ store: any JobStore, name: JobServerName, clock: any GearclockClock, logger: Logger) {
        self.store = store
        self.name = name
        self.clock = clock
        self.logger = logger
    }

    func open() async throws(GearmanJournalError) -> UInt64 {
        let hold = try await self.patiently { () async throws(TaskStoreError) in
            try await self.store.takeJobServer(self.name)
        }
        self.hold = hold
        self.logger.info("Keeping jobs", metadata: ["name": "\(self.name)", "start": "\(hold.generation)"])
        return UInt64(clamping: hold.lastNumber)
    }

    func jobs(after number: UInt64) async throws(GearmanJournalError) -> [GearmanKeptJob] {
        try await self.patiently { () async throws(TaskStoreError) in
            try await self.store.jobs(of: self.name, after: Int64(clamping: number))
        }.map(GearmanKeptJob.init)
    }

    func write(_ change: GearmanJournalChange) async throws(GearmanJournalError) -> Set<UInt64> {
        guard let hold = self.hold else { preconditionFailure("A journal is opened before it is written") }
        let change = JobChange(
            forgotten: change.forgotten.map { Int64(clamping: $0) }, kept: change.kept.map(KeptJob.init),
            lastNumber: Int64(clamping: change.lastNumber))
        let outcome: JobChangeOutcome
        do throws(TaskStoreError) {
            outcome = try await self.store.changeJobs(change, of: hold)
        } catch {
            if !self.isAway {
                self.logger.warning("The store is away; jobs wait for it", metadata: ["error": "\(error.text)"])
            }
            self.isAway = true
            throw .unavailable(error.text)
        }
        if self.isAway { self.logger.info("The store is back") }
        self.isAway = false
        switch outcome {
        case .done(let tooLarge): return Set(tooLarge.map { UInt64(clamping: $0) })
        case .superseded: throw .superseded("Another job server has taken the name \(self.name)")
        }
    }

    /// Asks until the store answers.
    private func patiently<Value: Sendable>(
        _ ask: () async throws(TaskStoreError) -> Value
    ) async throws(GearmanJournalError) -> Value {
        var isReported = false
        while true {
            do throws(TaskStoreError) {
                return try await ask()
            } catch {
                if !isReported {
                    self.logger.warning("The store is away; waiting for it", metadata: ["error": "\(error.text)"])
                    isReported = true
                }
                let next = self.clock.now.monotonic.advanced(by: Self.pause)
                guard (try? await self.clock.sleep(until: next)) != nil else { throw .unavailable(error.text) }
            }
        }
    }
}

extension GearmanKeptJob {
    fileprivate init(_ job: KeptJob) {
        let priority: GearmanPriority =
            switch job.priority {
            case .high: .high
            case .normal: .normal
            case .low: .low
            }
        self.init(
            number: UInt64(clamping: job.number), function: job.function, unique: job.unique, reducer: job.reducer,
            priority: priority, workload: job.workload, epochSeconds: job.dueAt.map { $0.microseconds / 1_000_000 },
            retries: job.retries)
    }
}

extension KeptJob {
    fileprivate init(_ job: GearmanKeptJob) {
        let priority: TaskPriority =
            switch job.priority {
            case .high: .high
            case .normal: .normal
            case .low: .low
            }
        // Seconds beyond what microseconds can tell are as far away as can be told.
        let (microseconds, isBeyond) = (job.epochSeconds ?? 0).multipliedReportingOverflow(by: 1_000_000)
        self.init(
            number: Int64(clamping: job.number), priority: priority, retries: job.retries,
            dueAt: job.epochSeconds.map { Timestamp(microseconds: isBeyond ? ($0 < 0 ? .min : .max) : microseconds) },
            function: job.function, unique: job.unique, reducer: job.reducer, workload: job.workload)
    }
}
