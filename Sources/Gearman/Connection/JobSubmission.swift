/// How a job is submitted: which packet, and what no server would take.
extension GearmanPacketEncoder {
    /// Adds the packet that submits a job. Nothing is added if it throws.
    mutating func append(_ job: GearmanPipelinedJob, limits: GearmanLimits) throws(GearmanError) {
        let request = job.request
        try Self.check(request, isBackground: job.isBackground, limits: limits)
        do {
            if let seconds = request.startTimeSeconds {
                try self.append(
                    .request, .submitJobEpoch, request.function, request.unique, Array(String(seconds).utf8),
                    data: request.workload)
            } else if !request.reducer.isEmpty {
                // The aggregator, which gearmand expects and ignores, is empty.
                try self.append(
                    .request, job.isBackground ? .submitReduceJobBackground : .submitReduceJob, request.function,
                    request.unique, request.reducer, [], data: request.workload)
            } else {
                try self.append(
                    .request, .submission(request.priority, isBackground: job.isBackground), request.function,
                    request.unique, data: request.workload)
            }
        } catch {
            throw GearmanError(.invalidRequest, "\(error)")
        }
    }

    private static func check(
        _ request: GearmanJobRequest, isBackground: Bool, limits: GearmanLimits
    ) throws(GearmanError) {
        guard !request.function.isEmpty else { throw GearmanError(.invalidRequest, "The function has no name") }
        guard request.unique.count <= limits.uniqueSizeBytes else {
            throw GearmanError(.invalidRequest, "The unique ID has \(request.unique.count) bytes")
        }
        guard request.startTimeSeconds != nil || !request.reducer.isEmpty else { return }
        guard request.priority == .normal else {
            throw GearmanError(.invalidRequest, "A job with a start time or a reducer has normal priority")
        }
        guard request.startTimeSeconds != nil else { return }
        guard isBackground, request.reducer.isEmpty else {
            throw GearmanError(.invalidRequest, "A job with a start time is a background job without a reducer")
        }
    }
}
