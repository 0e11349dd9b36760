package import GearclockCore
internal import GearclockEnvironment

/// What daemons and operators tell each other.
extension MariaDBChange {
    /// Each daemon writes its own row, so beats never conflict. Those who were silent for too long are removed by
    /// whoever sees it first; as long as there are none, nothing is removed and nothing is locked but the own row.
    ///
    /// - Parameter counted: a beat that is made again is made already if the row has counted so many; `nil`: a new one.
    package func beat(
        _ id: OwnerID, role: MemberRole, counted: UInt64? = nil, now: Timestamp
    ) throws(MariaDBFailure) -> [Member] {
        // The first statement waits for what other nodes committed.
        try self.connection.setCausal(true)
        let seenBefore = now.advanced(by: Limits.memberMemory * -1)
        var members: [OwnerID: Member] = [:]
        var forgotten: [OwnerID] = []
        try self.connection.statement(SQL.members).forEachRow { row in
            let member = Member(row)
            if row.timestamp(3) < seenBefore { forgotten.append(member.id) } else { members[member.id] = member }
        }
        for id in forgotten {
            let forget = try self.connection.statement(SQL.forget)
            forget.bind(1, id)
            forget.bind(2, seenBefore)
            try forget.run()
        }
        let beats = members[id]?.beats ?? 0
        if counted.map({ beats < $0 }) ?? true {
            let beat = try self.connection.statement(SQL.beat)
            beat.bind(1, id)
            beat.bind(2, Int64(role.rawValue))
            beat.bind(3, now)
            do {
                try beat.run()
                members[id] = Member(id: id, role: role, beats: beats + 1)
            } catch  where error.meaning == .nodeUnavailable && !error.breaksConnection {
                // A full disk, or read-only: it cannot say that it lives, but it hears who does, and a node that
                // answers questions must not be left alone because of this.
                try self.connection.rollback()
            }
        }
        return members.values.sorted { $0.id.value < $1.id.value }
    }

    package func leave(_ id: OwnerID) throws(MariaDBFailure) {
        let leave = try self.connection.statement(SQL.leave)
        leave.bind(1, id)
        try leave.run()
    }

    /// Two who change one function on one node wait for each other, or find its row there when they insert it; of two
    /// on different nodes the certification of the row refuses one. Who was refused reads again what the other one did.
    package func changeFunctions(
        _ functions: [FunctionName], _ change: FunctionChange
    ) throws(MariaDBFailure) -> [FunctionSettings] {
        try self.connection.setCausal(true)
        let present = try FunctionSettings.all(self.connection.statement(SQL.functionSettingsLocked))
        var known = Set(present.map(\.function))
        let settings = change.applied(to: functions, in: present)
        for setting in settings {
            if setting.isEmpty {
                let remove = try self.connection.statement(SQL.removeFunction)
                remove.bind(1, setting.function.bytes)
                try remove.run()
            } else if !known.insert(setting.function).inserted {
                try self.set(setting, SQL.updateFunction)
            } else {
                do { try self.set(setting, SQL.insertFunction) } catch  where error.meaning == .duplicateKey {
                    throw .conflict(error.step)
                }
            }
        }
        return settings
    }

    /// - Parameter sql: one of the two statements that set all settings of one function.
    private func set(_ setting: FunctionSettings, _ sql: String) throws(MariaDBFailure) {
        let set = try self.connection.statement(sql)
        set.bind(1, setting.isPaused ? 1 : 0)
        set.bind(2, setting.inFlight.map { Int64($0) })
        set.bind(3, setting.perThousandSeconds.map { Int64($0) })
        set.bind(4, setting.queueWatermark.map { Int64($0) })
        set.bind(5, setting.function.bytes)
        try set.run()
    }
}

extension MariaDBReading {
    package func functionSettings() throws(MariaDBFailure) -> [FunctionSettings] {
        try self.connection.setCausal(true)
        return try FunctionSettings.all(self.connection.statement(SQL.functionSettings))
    }

    /// How far the server's clock is from ours: the best of three questions, the one that took the shortest time.
    package func clock(of node: String) throws(MariaDBFailure) -> NodeClock {
        var best: NodeClock?
        for _ in 0..<3 {
            let before = self.clock.now
            // When it is asked for, not when the statement began.
            let time = try self.connection.number("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)")
            let half = before.monotonic.duration(to: self.clock.now.monotonic) / 2
            let offset = before.wall.advanced(by: half).duration(to: Timestamp(microseconds: Int64(time)))
            if best.map({ half < $0.uncertainty }) ?? true {
                best = NodeClock(node: node, offset: offset, uncertainty: half)
            }
        }
        guard let best else { preconditionFailure("It was asked for three times") }
        return best
    }
}

extension Member {
    /// - Parameter row: the columns of ``SQL/members``, in their order.
    fileprivate init(_ row: MariaDBStatement) {
        self.init(
            id: OwnerID(value: UInt64(bitPattern: row.integer(0))),
            role: UInt8(exactly: row.integer(1)).flatMap(MemberRole.init(rawValue:)) ?? .controller,
            beats: UInt64(clamping: row.integer(2)))
    }
}

extension FunctionSettings {
    /// - Parameter statement: ``SQL/functionSettings``, locking or not.
    fileprivate static func all(_ statement: MariaDBStatement) throws(MariaDBFailure) -> [FunctionSettings] {
        var settings: [FunctionSettings] = []
        try statement.forEachRow { row in
            // A row that somebody else wrote may name no function.
            guard let function = FunctionName(row.bytes(0)) else { return }
            settings.append(
                FunctionSettings(
                    function: function, isPaused: row.integer(1) != 0, inFlight: row.limit(2),
                    perThousandSeconds: row.limit(3), queueWatermark: row.limit(4)))
        }
        return settings
    }
}

extension MariaDBStatement {
    /// A limit of an operator, `nil` for NULL.
    fileprivate func limit(_ column: Int) -> UInt32? {
        self.optionalInteger(column).map { UInt32(clamping: $0) }
    }
}
