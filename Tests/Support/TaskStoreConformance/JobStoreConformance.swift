package import GearclockCore

/// One thing that every store of kept jobs must do.
package struct JobStoreConformanceCase: Sendable, CustomStringConvertible {
    package let description: String
    /// Gets two connections to one new, empty database.
    package let run: @Sendable (_ store: any JobStore, _ other: any JobStore) async throws -> Void

    init(_ name: String, _ run: @escaping @Sendable (_ store: any JobStore, _ other: any JobStore) async throws -> Void)
    {
        self.description = name
        self.run = run
    }
}

/// The contract of ``JobStore``, sentence by sentence.
package enum JobStoreConformance {
    package static let cases = [
        JobStoreConformanceCase("what is kept is read back as it was, until it is forgotten") { store, _ in
            let hold = try await store.takeJobServer(Self.name("a"))
            var jobs = [Self.job(1), Self.job(2), Self.job(Int64.max)]
            jobs[1].priority = .low
            jobs[1].retries = 255
            jobs[1].dueAt = Sample.now
            jobs[1].function = [UInt8](repeating: 255, count: 8_192)
            jobs[1].unique = [UInt8](repeating: 0, count: 64)
            jobs[1].reducer = [UInt8](repeating: 1, count: 8_192)
            jobs[1].workload = [UInt8](repeating: 7, count: 1_000_000)
            jobs[2].dueAt = .distantFuture
            jobs[2].workload = []
            try await Self.change(store, hold, kept: [jobs[2], jobs[0], jobs[1]])
            try expect(try await store.jobs(of: hold.name, after: 0), is: jobs, "all jobs")
            try expect(try await store.jobs(of: hold.name, after: 1), is: Array(jobs[1...]), "the jobs after one")
            try expect(try await store.jobs(of: hold.name, after: .max), is: [], "the jobs after the last")
            try await Self.change(store, hold, forgotten: [2, 3, 1])
            try expect(try await store.jobs(of: hold.name, after: 0), is: [jobs[2]], "what is left")
        },
        JobStoreConformanceCase("a change may be repeated, and writes the retries of jobs that are there") { store, _ in
            let hold = try await store.takeJobServer(Self.name("a"))
            try await Self.change(store, hold, kept: [Self.job(1), Self.job(2)])
            var retried = Self.job(2)
            retried.retries = 3
            for _ in 0..<2 { try await Self.change(store, hold, forgotten: [1, 77], kept: [retried, Self.job(5)]) }
            try await Self.change(store, hold)
            try expect(try await store.jobs(of: hold.name, after: 0), is: [retried, Self.job(5)], "the jobs")
        },
        JobStoreConformanceCase("who takes a name has the jobs, and whoever had it before can change nothing") {
            store, other in
            let first = try await store.takeJobServer(Self.name("a"))
            try expect(first.lastNumber, is: 0, "the last number at the beginning")
            try await Self.change(store, first, kept: [Self.job(1)], lastNumber: 9)
            let second = try await other.takeJobServer(Self.name("a"))
            try expect(second.generation > first.generation, "who takes a name later has a later generation")
            try expect(second.lastNumber, is: 9, "the last number that the second one is told")
            try expect(try await other.jobs(of: second.name, after: 0), is: [Self.job(1)], "what the second one finds")
            for change in [
                JobChange(forgotten: [1], kept: [], lastNumber: 9),
                JobChange(forgotten: [], kept: [Self.job(2)], lastNumber: 99),
            ] {
                try expect(try await store.changeJobs(change, of: first), is: .superseded, "a change of the first one")
            }
            try await Self.change(other, second, kept: [Self.job(10)], lastNumber: 3)
            try expect(
                try await store.jobs(of: second.name, after: 0), is: [Self.job(1), Self.job(10)], "what stands then")
            try expect(try await store.takeJobServer(Self.name("a")).lastNumber, is: 9, "the last number")
        },
        JobStoreConformanceCase("each name has its own jobs, whatever their numbers are") { store, other in
            let holds = [
                try await store.takeJobServer(Self.name("a")), try await other.takeJobServer(Self.name("ä:4730")),
            ]
            try await Self.change(store, holds[0], kept: [Self.job(1)])
            try await Self.change(other, holds[1], kept: [Self.job(1, workload: [9]), Self.job(2)])
            try await Self.change(store, holds[0], forgotten: [2])
            try expect(try await store.jobs(of: holds[0].name, after: 0), is: [Self.job(1)], "the jobs of one")
            try expect(
                try await store.jobs(of: holds[1].name, after: 0), is: [Self.job(1, workload: [9]), Self.job(2)],
                "the jobs of the other")
        },
        JobStoreConformanceCase("many and large jobs are read in pages, none of them twice") { store, _ in
            let hold = try await store.takeJobServer(Self.name("a"))
            let small = (1...Int64(Limits.jobPage) + 10).map { Self.job($0) }
            let large = (1...5).map { number in
                Self.job(small[small.count - 1].number + number, workload: [UInt8](repeating: 1, count: 7 << 20))
            }
            try await Self.change(store, hold, kept: small)
            for job in large { try await Self.change(store, hold, kept: [job]) }
            var found: [KeptJob] = []
            var pages: [Int] = []
            while true {
                let page = try await store.jobs(of: hold.name, after: found.last?.number ?? 0)
                if page.isEmpty { break }
                found += page
                pages.append(page.count)
            }
            try expect(found == small + large, "all jobs are found, and are as they were")
            try expect(pages, is: [Limits.jobPage, 12, 2, 1], "the pages")
        },
    ]

    private static func name(_ text: String) -> JobServerName {
        guard let name = JobServerName(text) else { preconditionFailure("Not a name: \(text)") }
        return name
    }

    private static func job(_ number: Int64, workload: [UInt8] = [1, 0, 2]) -> KeptJob {
        KeptJob(
            number: number, priority: .high, retries: 0, dueAt: nil, function: Array("f".utf8), unique: [], reducer: [],
            workload: workload)
    }

    private static func change(
        _ store: any JobStore, _ hold: JobServerHold, forgotten: [Int64] = [], kept: [KeptJob] = [],
        lastNumber: Int64 = 0
    ) async throws {
        let outcome = try await store.changeJobs(
            JobChange(forgotten: forgotten, kept: kept, lastNumber: lastNumber), of: hold)
        try expect(outcome, is: .done(tooLarge: []), "the outcome of a change")
    }
}
