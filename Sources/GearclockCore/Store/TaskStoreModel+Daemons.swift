/// What daemons tell each other through a store.
extension TaskStoreModel {
    package mutating func beat(_ id: OwnerID, role: MemberRole, now: Timestamp) -> [Member] {
        let forgottenBefore = now.advanced(by: Limits.memberMemory * -1)
        self.members = self.members.filter { $0.value.seenAt >= forgottenBefore }
        let beats = (self.members[id]?.member.beats ?? 0) + 1
        self.members[id] = (Member(id: id, role: role, beats: beats), now)
        return self.members.values.map(\.member).sorted { $0.id.value < $1.id.value }
    }

    package mutating func leave(_ id: OwnerID) {
        self.members[id] = nil
    }

    package func functionSettings() -> [FunctionSettings] {
        self.settings.values.sorted { $0.function.bytes.lexicographicallyPrecedes($1.function.bytes) }
    }

    package mutating func changeFunctions(_ functions: [FunctionName], _ change: FunctionChange) -> [FunctionSettings] {
        let settings = change.applied(to: functions, in: self.functionSettings())
        for setting in settings { self.settings[setting.function] = setting.isEmpty ? nil : setting }
        return settings
    }
}
