/// The jobs that one read brought, as they came: a ``GearmanAssignedJob`` is made of one only when it is asked for.
package struct GearmanAssignedJobs: Sendable {
    let jobs: [WorkerJob]
    /// The place of the server among the worker's.
    let server: Int
    /// Counts the connections to that server.
    let connection: UInt64
    let address: GearmanServerAddress
    let worker: GearmanWorker

    /// Names the job at a position, for its replies, without making it.
    package func id(at position: Int) -> GearmanAssignedJobID {
        GearmanAssignedJobID(server: self.server, connection: self.connection, number: self.jobs[position].number)
    }
}

extension GearmanAssignedJobs: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { self.jobs.count }

    package subscript(position: Int) -> GearmanAssignedJob {
        let job = self.jobs[position]
        return GearmanAssignedJob(
            id: self.id(at: position), function: job.function, unique: job.unique, reducer: job.reducer,
            workload: job.workload, handle: GearmanJobHandle(job.handle, server: self.address), worker: self.worker)
    }
}
