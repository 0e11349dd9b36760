/// How a job is submitted: which packet, and what no server would take.
extension GearmanPacketEncoder {
    /// Adds the packet that submits one of these jobs. Nothing is added if it throws.
    mutating func append(_ jobs: [GearmanPipelinedJob], at place: Int, limits: GearmanLimits) throws(GearmanError) {
        // Field by field: a copy of the job would count references to all that it holds.
        guard !jobs[place].request.function.isEmpty else {
            throw GearmanError(.invalidRequest, "The function has no name")
        }
        guard jobs[place].request.unique.count <= limits.uniqueSizeBytes else {
            throw GearmanError(.invalidRequest, "The unique ID has \(jobs[place].request.unique.count) bytes")
        }
        guard jobs[place].request.startTimeSeconds == nil, jobs[place].request.reducer.isEmpty else {
            return try self.append(special: jobs[place])
        }
        let type = GearmanPacketType.submission(jobs[place].request.priority, isBackground: jobs[place].isBackground)
        do {
            try self.append(
                .request, type, jobs[place].request.function, jobs[place].request.unique,
                data: jobs[place].request.workload)
        } catch {
            throw GearmanError(.invalidRequest, "\(error)")
        }
    }

    /// A job with a start time or a reducer.
    private mutating func append(special job: GearmanPipelinedJob) throws(GearmanError) {
        let request = job.request
        guard request.priority == .normal else {
            throw GearmanError(.invalidRequest, "A job with a start time or a reducer has normal priority")
        }
        guard request.startTimeSeconds == nil || job.isBackground && request.reducer.isEmpty else {
            throw GearmanError(.invalidRequest, "A job with a start time is a background job without a reducer")
        }
        do {
            if let seconds = request.startTimeSeconds {
                try self.append(
                    .request, .submitJobEpoch, request.function, request.unique, Array(String(seconds).utf8),
                    data: request.workload)
            } else {
                // The aggregator, which gearmand expects and ignores, is empty.
                try self.append(
                    .request, job.isBackground ? .submitReduceJobBackground : .submitReduceJob, request.function,
                    request.unique, request.reducer, [], data: request.workload)
            }
        } catch {
            throw GearmanError(.invalidRequest, "\(error)")
        }
    }
}
