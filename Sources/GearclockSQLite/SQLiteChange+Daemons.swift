internal import GRDB
internal import GearclockCore

/// What daemons tell each other, and operators them.
extension SQLiteChange {
    func beat(_ id: OwnerID, role: MemberRole, now: Timestamp) throws -> [Member] {
        let forget = try PreparedStatement(SQL.forgetMembers, in: self.database)
        try forget.bind(1, now.advanced(by: Limits.memberMemory * -1))
        try forget.run()
        let beat = try PreparedStatement(SQL.beat, in: self.database)
        try beat.bind(1, id)
        try beat.bind(2, Int64(role.rawValue))
        try beat.bind(3, now)
        try beat.run()
        var members: [Member] = []
        try PreparedStatement(SQL.members, in: self.database).forEachRow { row in
            // What nobody of us wrote is no member.
            guard let role = UInt8(exactly: row.integer(1)).flatMap(MemberRole.init(rawValue:)) else { return }
            let id = OwnerID(value: UInt64(bitPattern: row.integer(0)))
            members.append(Member(id: id, role: role, beats: UInt64(clamping: row.integer(2))))
        }
        return members.sorted { $0.id.value < $1.id.value }
    }

    func leave(_ id: OwnerID) throws {
        let leave = try PreparedStatement(SQL.leave, in: self.database)
        try leave.bind(1, id)
        try leave.run()
    }

    func changeFunctions(_ functions: [FunctionName], _ change: FunctionChange) throws -> [FunctionSettings] {
        let present = try SQLiteReading(database: self.database).functionSettings()
        let settings = change.applied(to: functions, in: present)
        let set = try PreparedStatement(SQL.setFunctionSettings, in: self.database)
        let remove = try PreparedStatement(SQL.removeFunctionSettings, in: self.database)
        for setting in settings {
            if setting.isEmpty {
                try remove.bind(1, setting.function.bytes)
                try remove.run()
                continue
            }
            try set.bind(1, setting.function.bytes)
            try set.bind(2, setting.isPaused ? 1 : 0)
            try set.bind(3, setting.inFlight.map { Int64($0) })
            try set.bind(4, setting.perThousandSeconds.map { Int64($0) })
            try set.bind(5, setting.queueWatermark.map { Int64($0) })
            try set.run()
        }
        return settings
    }
}
