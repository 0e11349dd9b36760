internal import GearclockCore

extension MariaDBConnection {
    /// Remembers a scan for due tasks, see ``ScanBound/scanned(from:head:present:took:now:purgeLag:)``.
    func noteDueScan(
        from start: Timestamp, head: Timestamp, present: Timestamp, took: Duration, now: MonotonicInstant
    ) throws(MariaDBFailure) {
        var scan = self.dueScan
        try scan.scanned(from: start, head: head, present: present, took: took, now: now, purgeLag: self.purgeLag)
        self.dueScan = scan
    }

    /// The same for a scan for ended leases.
    func noteLeaseScan(
        from start: Timestamp, head: Timestamp, present: Timestamp, took: Duration, now: MonotonicInstant
    ) throws(MariaDBFailure) {
        var scan = self.leaseScan
        try scan.scanned(from: start, head: head, present: present, took: took, now: now, purgeLag: self.purgeLag)
        self.leaseScan = scan
    }

    /// How many transactions the server has not purged yet.
    private func purgeLag() throws(MariaDBFailure) -> Int {
        let rows = try self.textRows("SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'")
        return rows.first?.last.flatMap { $0.flatMap { Int($0) } } ?? 0
    }
}
