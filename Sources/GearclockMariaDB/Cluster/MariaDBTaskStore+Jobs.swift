package import GearclockCore

extension MariaDBTaskStore: JobStore {
    package func takeJobServer(_ name: JobServerName) async throws(TaskStoreError) -> JobServerHold {
        try await self.change(RepeatableOperation(.claim(by: nil))) { (_, change) throws(MariaDBFailure) in
            try change.takeJobServer(name)
        }.0
    }

    package func jobs(of server: JobServerName, after number: Int64) async throws(TaskStoreError) -> [KeptJob] {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.jobs(of: server, after: number) }
    }

    package func changeJobs(
        _ change: JobChange, of hold: JobServerHold
    ) async throws(TaskStoreError) -> JobChangeOutcome {
        try await self.change(RepeatableOperation(.claim(by: nil))) { (_, transaction) throws(MariaDBFailure) in
            try transaction.changeJobs(change, of: hold)
        }.0
    }
}
