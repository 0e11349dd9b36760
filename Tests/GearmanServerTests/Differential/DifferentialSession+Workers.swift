import Gearman

/// What workers ask for and say.
extension DifferentialSession {
    mutating func workerRequest(of connection: Int) -> DifferentialRequest {
        switch Int.random(in: 0..<40, using: &self.random) {
        case 0..<20: .packet(self.random.element(of: [.grabJob, .grabJobUnique, .grabJobAll]), [], data: "")
        case 20..<28:
            connection == Self.restless
                ? .packet(.canDo, [self.scheduledFunction], data: "")
                : .frame(GearmanPacketType.preSleep.rawValue, self.random.element(of: ["", "", "x\0y"]))
        case 28..<35: .packet(.canDo, [self.function()], data: "")
        case 35: self.registration()
        case 36..<38: .packet(.cantDo, [self.function()], data: "")
        case 38: .packet(.resetAbilities, [], data: "")
        default: self.clientID()
        }
    }

    /// Those that are seldom sent. A timeout that ends within a session has a plan of its own, see
    /// ``planForTheClock(now:)``, and one beyond 64 bits may end gearmand.
    private mutating func registration() -> DifferentialRequest {
        let timeout = self.random.element(of: ["90000000", "0", "-1", "", "abc"])
        let canDo = GearmanPacketType.canDo.rawValue
        return self.random.element(of: [
            .packet(.canDoTimeout, [self.function(), timeout], data: ""),
            .packet(.canDoTimeout, [self.function(), timeout], data: ""),
            .frame(GearmanPacketType.canDoTimeout.rawValue, "\(self.function())\0" + "90000000\0" + "1"),
            .frame(canDo, "\(self.prefix)nul\0x"),
            .frame(GearmanPacketType.cantDo.rawValue, "\(self.prefix)nul" + self.random.element(of: ["", "\0x"])),
            .packet(.canDo, [self.prefix.padded(to: self.random.element(of: [512, 513, 8_180]))], data: ""),
            .packet(.canDo, ["\(self.prefix)two words"], data: ""),
        ])
    }

    private mutating func clientID() -> DifferentialRequest {
        .frame(
            GearmanPacketType.setClientID.rawValue,
            self.random.element(of: [
                self.prefix + "me", self.prefix + "me\0too", self.prefix.padded(to: 127), self.prefix.padded(to: 128),
                self.prefix + "my id", "", "\0",
            ]))
    }

    mutating func result() -> DifferentialRequest {
        let type = self.random.element(of: [
            GearmanPacketType.workComplete, .workComplete, .workComplete, .workFail, .workException, .workData,
            .workWarning, .workStatus,
        ])
        switch type {
        case .workFail: return .aboutJob(type, self.job(), [], data: "")
        case .workStatus:
            // gearmand reads ten digits of a denominator.
            let numerator = self.random.element(of: ["1", "z", "-3", "", "4294967297", "99999999999"])
            let denominator = self.random.element(of: ["7", "", "-1", "4294967295", "x"])
            return .aboutJob(type, self.job(), [numerator, denominator], data: "")
        default: return .aboutJob(type, self.job(), [], data: self.payload())
        }
    }
}
