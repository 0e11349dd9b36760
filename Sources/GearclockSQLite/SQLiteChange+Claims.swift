internal import GRDB
internal import GearclockCore

/// Claims. Each lane is a scan of its own, so that the tasks of one cost nothing when those of another are asked for;
/// what the scans find is merged.
extension SQLiteChange {
    func claimDue(_ request: ClaimRequest, now: Timestamp) throws -> [ClaimedTask] {
        let rows = try self.settingForeignRowsAside(now: now) { try self.claim(self.found(by: request), request) }
        let unreadable = rows.filter { $0.defect != nil }
        if !unreadable.isEmpty { try self.quarantine(unreadable, now: now) }
        let tasks = rows.compactMap { row -> ClaimedTask? in
            guard row.defect == nil else { return nil }
            let record = row.record
            return ClaimedTask(
                definition: record.definition,
                claim: Claim(id: record.id, owner: request.owner, attempt: record.attempt),
                failures: record.failures, leaseUntil: request.leaseUntil)
        }
        // RETURNING has no order.
        return tasks.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
    }

    /// A task as the index has it.
    private struct Found {
        let seq: Int64
        let dueAt: Timestamp
        let id: TaskID
    }

    private func found(by request: ClaimRequest) throws -> ArraySlice<Found> {
        let scan = try PreparedStatement(SQL.dueInLane, in: self.database)
        try scan.bind(2, request.dueBy)
        try scan.bind(3, Int64(bitPattern: request.buckets.mask))
        var found: [Found] = []
        for share in try request.lanes ?? self.lanes(dueBy: request.dueBy, limit: request.limit) {
            try scan.bind(1, share.lane)
            try scan.bind(4, Int64(max(0, min(share.limit, request.limit))))
            try scan.forEachRow { row in
                // What has no id is set aside when it is claimed.
                let id = row.taskID(2) ?? TaskID(high: 0, low: 0)
                found.append(Found(seq: row.integer(0), dueAt: row.timestamp(1), id: id))
            }
        }
        found.sort { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
        return try self.cut(found.prefix(max(0, request.limit)), to: request.limitBytes)
    }

    private func lanes(dueBy: Timestamp, limit: Int) throws -> [LaneShare] {
        try SQLiteReading(database: self.database).dueLanes().filter { $0.dueAt <= dueBy }
            .map { LaneShare(lane: $0.lane, limit: limit) }
    }

    private func cut(_ found: ArraySlice<Found>, to limitBytes: Int) throws -> ArraySlice<Found> {
        guard limitBytes < .max else { return found }
        let weight = try PreparedStatement(SQL.weight, in: self.database)
        var bytes = 0
        let end = try found.firstIndex { task in
            try weight.bind(1, task.seq)
            bytes += try weight.firstRow { Int($0.integer(0)) } ?? 0
            return bytes > limitBytes
        }
        return found.prefix(max(1, end ?? found.count))
    }

    private func claim(_ tasks: ArraySlice<Found>, _ request: ClaimRequest) throws -> [TaskRow] {
        guard !tasks.isEmpty else { return [] }
        let claim = try PreparedStatement(SQL.claim, in: self.database)
        try claim.bind(1, request.owner)
        try claim.bind(2, request.leaseUntil)
        try claim.bind(3, text: "[\(tasks.map { String($0.seq) }.joined(separator: ","))]")
        var rows: [TaskRow] = []
        rows.reserveCapacity(tasks.count)
        try claim.forEachRow { rows.append(TaskRow($0)) }
        return rows
    }
}
