import Gearman

/// What a server does not take.
extension DifferentialSession {
    /// It says so.
    mutating func unexpected() -> DifferentialRequest {
        let function = self.function()
        return self.random.element(of: [
            .packet(self.random.element(of: [.allYours, .noop, .unused, .noJob]), [], data: ""),
            .frame(GearmanPacketType.allYours.rawValue, "a\0b"),
            .packet(.jobCreated, ["H:nowhere:1"], data: ""),
            .packet(.jobAssign, ["H:nowhere:1", function], data: "x"),
            .packet(.jobAssignUnique, ["H:nowhere:1", function, ""], data: "x"),
            .packet(.jobAssignAll, ["H:nowhere:1", function, "", ""], data: "x"),
            .packet(.echoResponse, [], data: "x"),
            .packet(.error, ["CODE", "text"], data: ""),
            .packet(.optionResponse, ["exceptions"], data: ""),
            .packet(.statusResponse, ["H:nowhere:1", "1", "1", "1", "1"], data: ""),
            .packet(.statusResponseUnique, ["u", "1", "1", "1", "1", "1"], data: ""),
            .packet(.submitJobSchedule, [function, "", "0", "1", "2", "3", "4"], data: "x"),
            .frame(GearmanPacketType.echoRequest.rawValue, "x", magic: .response),
            .frame(GearmanPacketType.submitJob.rawValue, "\(function)\0\0x", magic: .response),
            .frame(GearmanPacketType.canDo.rawValue, function, magic: .response),
            .frame(GearmanPacketType.jobCreated.rawValue, "H:nowhere:1", magic: .response),
            // Handles that nobody has.
            .packet(.workFail, ["".padded(to: self.random.element(of: [0, 63, 64]))], data: ""),
            .packet(.workComplete, ["".padded(to: self.random.element(of: [0, 63, 64, 200]))], data: "x"),
            .frame(GearmanPacketType.workFail.rawValue, "H:nowhere:1\0"),
            // More than there should be.
            .frame(GearmanPacketType.resetAbilities.rawValue, "x"),
        ])
    }

    /// The connection is closed. Left out are numbers of packets beyond 31 bits, which end gearmand, and packets
    /// without data that lack an argument: gearmand waits for the rest.
    mutating func garbage() -> DifferentialRequest {
        let function = self.function()
        let submitJob = GearmanPacketType.submitJob.rawValue
        return self.random.element(of: [
            .raw([0x00, 0x41, 0x42, 0x43, 0, 0, 0, 16, 0, 0, 0, 0]),
            .raw([0x00]),
            .frame(self.random.element(of: [0, 43, 44, 255, 65_536, 0x7fff_ffff]), ""),
            .frame(self.random.element(of: [0, 43, 1_000]), "", magic: .response),
            // Less than there should be.
            .frame(submitJob, self.random.element(of: ["", function, "\(function)\0", "\(function)\0u"])),
            .frame(submitJob, "\(function)\0u\0data", size: self.random.element(of: [1, function.utf8.count + 2])),
            .frame(GearmanPacketType.submitJobEpoch.rawValue, "\(function)\0\0"),
            .frame(GearmanPacketType.submitReduceJob.rawValue, "\(function)\0\0reducer\0x"),
            .frame(GearmanPacketType.submitJobSchedule.rawValue, "\(function)\0\0"),
            .frame(GearmanPacketType.jobAssign.rawValue, "H:nowhere:1"),
            // Too long.
            .frame(GearmanPacketType.canDo.rawValue, self.prefix.padded(to: 9_000)),
            .frame(submitJob, self.prefix.padded(to: 9_000) + "\0\0x"),
            .frame(submitJob, "\(function)\0" + "".padded(to: 9_000) + "\0x"),
            .line("".padded(to: 9_000)),
            .line("a b c d e f"), .line("a b c d e "),
        ])
    }
}
