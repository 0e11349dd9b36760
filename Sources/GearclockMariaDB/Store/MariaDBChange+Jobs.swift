package import GearclockCore

/// What job servers keep.
extension MariaDBChange {
    package func takeJobServer(_ name: JobServerName) throws(MariaDBFailure) -> JobServerHold {
        let take = try self.connection.statement(SQL.takeJobServer)
        take.bind(1, name.bytes)
        try take.run()
        return try self.jobServer(name) ?? JobServerHold(name: name, generation: 1, lastNumber: 0)
    }

    private func jobServer(_ name: JobServerName) throws(MariaDBFailure) -> JobServerHold? {
        let find = try self.connection.statement(SQL.jobServer)
        find.bind(1, name.bytes)
        var hold: JobServerHold?
        try find.forEachRow { row in
            hold = JobServerHold(name: name, generation: row.integer(0), lastNumber: row.integer(1))
        }
        return hold
    }

    package func changeJobs(
        _ change: JobChange, of hold: JobServerHold
    ) throws(MariaDBFailure) -> JobChangeOutcome {
        let count = try self.connection.statement(SQL.countJobChange)
        count.bind(1, change.lastNumber)
        count.bind(2, hold.name.bytes)
        count.bind(3, hold.generation)
        guard try count.run() == 1 else {
            // A node that lags behind does not know yet who took the name: then it is asked again.
            try self.connection.rollback()
            try self.connection.setCausal(true)
            guard try self.jobServer(hold.name)?.generation == hold.generation else { return .superseded }
            throw .conflict(.statement)
        }
        if !change.forgotten.isEmpty {
            let forget = try self.connection.statement(SQL.forgetJob)
            for number in change.forgotten {
                forget.bind(1, hold.name.bytes)
                forget.bind(2, number)
                forget.endRow()
            }
            try forget.runBatch()
        }
        let limit = max(0, self.connection.facts.maximumPacketBytes - Self.jobOverheadBytes)
        let fitting = change.kept.filter { $0.workload.count <= limit }
        if !fitting.isEmpty {
            let keep = try self.connection.statement(SQL.keepJob)
            for job in fitting { Self.bind(job, of: hold.name, to: keep) }
            try keep.runBatch()
        }
        return .done(tooLarge: change.kept.filter { $0.workload.count > limit }.map(\.number))
    }

    private static func bind(_ job: KeptJob, of server: JobServerName, to keep: MariaDBStatement) {
        keep.bind(1, server.bytes)
        keep.bind(2, job.number)
        keep.bind(3, Int64(job.priority.rawValue))
        keep.bind(4, Int64(job.retries))
        keep.bind(5, job.dueAt)
        keep.bind(6, job.function)
        keep.bind(7, job.unique)
        keep.bind(8, job.reducer)
        keep.bind(9, job.workload)
        keep.endRow()
    }

    /// What a job takes in a packet besides its workload, at most: two names of 8,192 bytes, numbers and their frame.
    private static let jobOverheadBytes = 20_000
}

extension MariaDBReading {
    package func jobs(of server: JobServerName, after number: Int64) throws(MariaDBFailure) -> [KeptJob] {
        try self.connection.setCausal(true)
        let sizes = try self.connection.statement(SQL.jobSizes)
        sizes.bind(1, server.bytes)
        sizes.bind(2, number)
        sizes.bind(3, Int64(Limits.jobPage))
        var page = JobPage(after: number)
        try sizes.forEachRow { page.add($0.integer(0), bytes: $0.integer(1)) }
        let read = try self.connection.statement(SQL.jobs)
        read.bind(1, server.bytes)
        read.bind(2, number)
        read.bind(3, page.last)
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
