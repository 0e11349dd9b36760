internal import GearclockCore

/// A task that is due, as it was read to be claimed: whole, or without payload and document if these are large.
struct ClaimCandidate {
    let row: TaskRow
    /// What the whole task counts for, see ``TaskDefinition/weightBytes``.
    let weight: Int
    /// Payload and document were not read.
    let isCut: Bool

    /// - Parameter row: the columns of ``SQL/weighed(_:)``, in their order.
    init(_ row: MariaDBStatement) {
        self.row = TaskRow(row)
        let definition = self.row.record.definition
        let bytes = Int(row.integer(18))
        self.weight = definition.weightBytes + bytes - TaskRow.largeBytes(of: definition)
        self.isCut = bytes > SQL.largeBytes
    }

    var id: TaskID { self.row.record.id }
    /// The number of the attempt that it is claimed for.
    var attempt: UInt32 { min(self.row.record.attempt, .max - 1) + 1 }

    /// Earliest first. Places are sorted and not the tasks, which are large.
    static func inOrder(_ candidates: [ClaimCandidate]) -> [ClaimCandidate] {
        let keys = candidates.enumerated().map { place, candidate in
            (dueAt: candidate.row.record.definition.dueAt, id: candidate.id, place: place)
        }
        return keys.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }.map { candidates[$0.place] }
    }

    /// The first of them, as many as weigh no more than the limit, but at least one.
    static func light(_ candidates: [ClaimCandidate], limitBytes: Int) -> ArraySlice<ClaimCandidate> {
        var weight = 0
        let end = candidates.firstIndex { candidate in
            weight += candidate.weight
            return weight > limitBytes
        }
        return candidates.prefix(max(1, end ?? candidates.count))
    }
}
