import Gearman

/// What takes the time that the server's own clock says. It has connections of its own: gearmand has one timer for
/// each, which a later job of the connection would share.
extension DifferentialSession {
    private static let client = 6
    private static let slow = 7
    private static let sleeper = 8
    private static let patient = 9

    /// A worker that is too slow, and a job that becomes due meanwhile.
    ///
    /// - Parameter now: seconds since 1970.
    mutating func planForTheClock(now: Int) {
        let (slow, due) = (self.prefix + "slow", self.prefix + "due")
        let timeout = self.random.element(of: ["1", "999", "1000"])
        self.plan = [
            .schedule(Self.client, [.packet(.submitJobEpoch, [due, "", "\(now + 2)"], data: "due")]),
            .send(Self.patient, [.packet(.canDo, [due], data: ""), .packet(.grabJob, [], data: "")]),
            .send(Self.sleeper, [.packet(.canDo, [slow], data: ""), .packet(.preSleep, [], data: "")]),
            .send(Self.client, [.packet(.submitJob, [slow, ""], data: "x")]),
            .send(Self.slow, [.packet(.canDoTimeout, [slow, timeout], data: ""), .packet(.grabJob, [], data: "")]),
            .send(Self.sleeper, [.packet(.grabJob, [], data: "")]),
            .send(Self.sleeper, [.packet(.preSleep, [], data: "")]),
            .send(Self.client, [.line("status"), .aboutJob(.getStatus, 0, [], data: "")]),
            .awaitIdle(Self.client, slow),
            .send(Self.slow, [.aboutJob(.workComplete, 0, [], data: "late")]),
            .send(Self.client, [.line("show jobs"), .aboutJob(.getStatus, 0, [], data: "")]),
            .send(Self.sleeper, [.packet(.grabJobUnique, [], data: "")]),
            .close(Self.slow),
            .send(Self.sleeper, [.aboutJob(.workComplete, 0, [], data: "done")]),
            .awaitJob(Self.patient),
            .send(Self.patient, [.aboutJob(.getStatus, 1, [], data: ""), .aboutJob(.workComplete, 1, [], data: "")]),
            .send(Self.client, [.line("status"), .line("show jobs")]),
            .close(Self.client), .close(Self.sleeper), .close(Self.patient),
        ]
    }
}
