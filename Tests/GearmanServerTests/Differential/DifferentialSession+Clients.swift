import Gearman

/// What clients ask for.
extension DifferentialSession {
    mutating func submission() -> DifferentialRequest {
        let type = self.random.element(of: [
            GearmanPacketType.submitJob, .submitJob, .submitJobHigh, .submitJobLow, .submitJobBackground,
            .submitJobHighBackground, .submitJobLowBackground, .submitReduceJob, .submitReduceJobBackground,
            .submitJobEpoch,
        ])
        let isBackground = ![.submitJob, .submitJobHigh, .submitJobLow, .submitReduceJob].contains(type)
        let function = self.function()
        let usual = self.random.element(of: ["", self.unique(isBackground: isBackground, in: function)])
        switch type {
        case .submitReduceJob, .submitReduceJobBackground:
            // gearmand limits the length of the reducer in place of the unique's.
            let reducer = self.random.element(of: ["", "reducer", self.prefix.padded(to: 64)])
            return .packet(type, [function, usual, reducer, self.random.element(of: ["", "0"])], data: self.payload())
        default: break
        }
        var (unique, payload) = (usual, self.payload())
        switch Int.random(in: 0..<30, using: &self.random) {
        case 0: unique = self.newName().padded(to: 65)
        // gearmand keeps 63 bytes of it, so it never finds it again.
        case 1: unique = self.newName().padded(to: 64)
        case 2: unique = usual.isEmpty ? "" : usual.padded(to: 63)
        case 3..<6:
            // By payload; a unique that is equal to one would be joined by gearmand.
            unique = "-"
            payload = payload.isEmpty ? "" : "-" + self.unique(isBackground: isBackground, in: function)
        default: break
        }
        guard type == .submitJobEpoch else { return .packet(type, [function, unique], data: payload) }
        // Times that gearmand has no answer to are beyond 64 bits.
        let time = self.random.element(of: ["1000000000", "0", "", "-5", "-9223372036854775808", "abc", " 7", "+8x"])
        return .packet(type, [function, unique, time], data: payload)
    }

    /// A job whose time never comes, or one that waits behind such jobs. None of low priority: gearmand would not give
    /// it out before them.
    mutating func scheduledSubmission() -> DifferentialRequest {
        let function = self.scheduledFunction
        let unique = self.random.element(of: ["", self.unique(isBackground: true, in: function)])
        let time = self.random.element(of: ["4000000000", "9223372036854775807", "4000000000x"])
        return self.random.element(of: [
            .packet(.submitJobEpoch, [function, unique, time], data: self.payload()),
            .packet(.submitJobEpoch, [function, unique, time], data: self.payload()),
            .packet(.submitJobBackground, [function, unique], data: self.payload()),
            .packet(.submitJobHighBackground, [function, unique], data: self.payload()),
        ])
    }

    mutating func question() -> DifferentialRequest {
        let function = self.random.element(of: [self.function(), self.scheduledFunction])
        let unique = self.unique(isBackground: Bool.random(using: &self.random), in: function)
        // Longer handles and uniques get no answer from gearmand.
        return self.random.element(of: [
            .aboutJob(.getStatus, self.job(), [], data: ""),
            .aboutJob(.getStatus, self.job(), [], data: ""),
            .aboutJob(.getStatus, self.job(), [], data: ""),
            .packet(.getStatusUnique, [unique], data: ""),
            .packet(.getStatusUnique, [unique], data: ""),
            .packet(.optionRequest, [self.random.element(of: ["exceptions", "EXCEPTIONS", "x", ""])], data: ""),
            .frame(GearmanPacketType.getStatusUnique.rawValue, unique + "\0p"),
            .frame(GearmanPacketType.getStatus.rawValue, self.random.element(of: ["", "H:nowhere:1\0x", "\0"])),
            .packet(.getStatus, [self.prefix.padded(to: 63)], data: ""),
            .packet(.getStatusUnique, [self.prefix.padded(to: 63)], data: ""),
            .frame(GearmanPacketType.optionRequest.rawValue, "exceptions" + self.random.element(of: ["\0", "\0x"])),
            .packet(.optionRequest, ["exceptions".padded(to: self.random.element(of: [63, 64]))], data: ""),
            .packet(.echoRequest, [], data: self.payload()),
        ])
    }
}
