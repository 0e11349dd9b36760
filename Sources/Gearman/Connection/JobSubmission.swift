/// How a job is submitted: which packet, and what no server would take.
extension GearmanPacketEncoder {
    /// Adds the packet that submits a job. Nothing is added if it throws.
    mutating func append(_ job: borrowing GearmanPipelinedJob, limits: GearmanLimits) throws(GearmanError) {
        // Field by field: a copy of the request would count references to all that it holds.
        try Self.check(job, limits: limits)
        do {
            if let seconds = job.request.startTimeSeconds {
                try self.append(
                    .request, .submitJobEpoch, job.request.function, job.request.unique, Array(String(seconds).utf8),
                    data: job.request.workload)
            } else if !job.request.reducer.isEmpty {
                // The aggregator, which gearmand expects and ignores, is empty.
                try self.append(
                    .request, job.isBackground ? .submitReduceJobBackground : .submitReduceJob, job.request.function,
                    job.request.unique, job.request.reducer, [], data: job.request.workload)
            } else {
                try self.append(
                    .request, .submission(job.request.priority, isBackground: job.isBackground), job.request.function,
                    job.request.unique, data: job.request.workload)
            }
        } catch {
            throw GearmanError(.invalidRequest, "\(error)")
        }
    }

    private static func check(_ job: borrowing GearmanPipelinedJob, limits: GearmanLimits) throws(GearmanError) {
        guard !job.request.function.isEmpty else { throw GearmanError(.invalidRequest, "The function has no name") }
        guard job.request.unique.count <= limits.uniqueSizeBytes else {
            throw GearmanError(.invalidRequest, "The unique ID has \(job.request.unique.count) bytes")
        }
        guard job.request.startTimeSeconds != nil || !job.request.reducer.isEmpty else { return }
        guard job.request.priority == .normal else {
            throw GearmanError(.invalidRequest, "A job with a start time or a reducer has normal priority")
        }
        guard job.request.startTimeSeconds != nil else { return }
        guard job.isBackground, job.request.reducer.isEmpty else {
            throw GearmanError(.invalidRequest, "A job with a start time is a background job without a reducer")
        }
    }
}
