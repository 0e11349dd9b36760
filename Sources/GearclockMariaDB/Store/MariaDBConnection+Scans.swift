internal import GearclockCore

extension MariaDBConnection {
    /// Remembers a look at all lanes.
    func noteLanes(
        _ found: [LaneDue], present: Timestamp, took: Duration, now: MonotonicInstant
    ) throws(MariaDBFailure) {
        var scans = self.laneScans
        var lag: Int?
        try scans.scannedAll(found, present: present, took: took, now: now) { () throws(MariaDBFailure) in
            try self.purgeLag(&lag)
        }
        self.laneScans = scans
    }

    /// Remembers a look into some lanes.
    func noteLooks(
        _ looks: [LaneScans.Look], present: Timestamp, took: Duration, now: MonotonicInstant
    ) throws(MariaDBFailure) {
        var scans = self.laneScans
        var lag: Int?
        try scans.scanned(looks, present: present, took: took, now: now) { () throws(MariaDBFailure) in
            try self.purgeLag(&lag)
        }
        self.laneScans = scans
    }

    /// Remembers a scan for ended leases, see ``ScanBound/scanned(from:head:present:took:now:purgeLag:)``.
    func noteLeaseScan(
        from start: Timestamp, head: Timestamp, present: Timestamp, took: Duration, now: MonotonicInstant
    ) throws(MariaDBFailure) {
        var scan = self.leaseScan
        try scan.scanned(from: start, head: head, present: present, took: took, now: now, purgeLag: self.purgeLag)
        self.leaseScan = scan
    }

    /// The same, asked once for many lanes.
    private func purgeLag(_ known: inout Int?) throws(MariaDBFailure) -> Int {
        if let known { return known }
        let lag = try self.purgeLag()
        known = lag
        return lag
    }

    /// How many transactions the server has not purged yet.
    private func purgeLag() throws(MariaDBFailure) -> Int {
        let rows = try self.textRows("SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'")
        return rows.first?.last.flatMap { $0.flatMap { Int($0) } } ?? 0
    }
}
