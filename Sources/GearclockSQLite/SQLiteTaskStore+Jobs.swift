internal import GRDB
package import GearclockCore

extension SQLiteTaskStore: JobStore {
    package func takeJobServer(_ name: JobServerName) async throws(TaskStoreError) -> JobServerHold {
        try await self.change { change in
            let take = try PreparedStatement(SQL.takeJobServer, in: change.database)
            try take.bind(1, name.bytes)
            var hold = JobServerHold(name: name, generation: 0, lastNumber: 0)
            // To its end: what it returns before is not yet done.
            try take.forEachRow { (hold.generation, hold.lastNumber) = ($0.integer(0), $0.integer(1)) }
            return hold
        }
    }

    package func jobs(of server: JobServerName, after number: Int64) async throws(TaskStoreError) -> [KeptJob] {
        try await self.read(self.connections.scanner) { try $0.jobs(of: server, after: number) }
    }

    package func changeJobs(
        _ change: JobChange, of hold: JobServerHold
    ) async throws(TaskStoreError) -> JobChangeOutcome {
        try await self.change { try $0.changeJobs(change, of: hold) }
    }
}

extension SQLiteChange {
    func changeJobs(_ change: JobChange, of hold: JobServerHold) throws -> JobChangeOutcome {
        let count = try PreparedStatement(SQL.countJobChange, in: self.database)
        try count.bind(1, hold.name.bytes)
        try count.bind(2, hold.generation)
        try count.bind(3, change.lastNumber)
        try count.run()
        guard count.changes == 1 else { return .superseded }
        let forget = try PreparedStatement(SQL.forgetJob, in: self.database)
        try forget.bind(1, hold.name.bytes)
        for number in change.forgotten {
            try forget.bind(2, number)
            try forget.run()
        }
        let keep = try PreparedStatement(SQL.keepJob, in: self.database)
        try keep.bind(1, hold.name.bytes)
        var tooLarge: [Int64] = []
        for job in change.kept {
            guard job.workload.count <= Self.largestWorkloadBytes else {
                tooLarge.append(job.number)
                continue
            }
            try keep.bind(2, job.number)
            try keep.bind(3, Int64(job.priority.rawValue))
            try keep.bind(4, Int64(job.retries))
            try keep.bind(5, job.dueAt)
            try keep.bind(6, job.function)
            try keep.bind(7, job.unique)
            try keep.bind(8, job.reducer)
            try keep.bind(9, job.workload)
            try keep.run()
        }
        return .done(tooLarge: tooLarge)
    }

    /// SQLite's limit for a row is 1,000,000,000 bytes.
    private static let largestWorkloadBytes = 999_000_000
}

extension SQLiteReading {
    func jobs(of server: JobServerName, after number: Int64) throws -> [KeptJob] {
        let sizes = try PreparedStatement(SQL.jobSizes, in: self.database)
        try sizes.bind(1, server.bytes)
        try sizes.bind(2, number)
        try sizes.bind(3, Int64(Limits.jobPage))
        var page = JobPage(after: number)
        try sizes.forEachRow { page.add($0.integer(0), bytes: $0.integer(1)) }
        let read = try PreparedStatement(SQL.jobs, in: self.database)
        try read.bind(1, server.bytes)
        try read.bind(2, number)
        try read.bind(3, page.last)
        var jobs: [KeptJob] = []
        try read.forEachRow { row in
            jobs.append(
                KeptJob(
                    number: row.integer(0),
                    priority: UInt8(exactly: row.integer(1)).flatMap(TaskPriority.init(rawValue:)) ?? .normal,
                    retries: UInt8(clamping: row.integer(2)), dueAt: row.optionalTimestamp(3), function: row.bytes(4),
                    unique: row.bytes(5), reducer: row.bytes(6), workload: row.bytes(7)))
        }
        return jobs
    }
}
