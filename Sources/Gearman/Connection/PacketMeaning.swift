extension ArraySlice<UInt8> {
    /// The decimal number that these bytes spell; nil if they spell none, or one beyond 64 bits.
    var decimalNumber: UInt64? {
        guard !self.isEmpty else { return nil }
        var number: UInt64 = 0
        for byte in self {
            guard (0x30...0x39).contains(byte) else { return nil }
            let (tenfold, isOverflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, isSumOverflow) = tenfold.addingReportingOverflow(UInt64(byte - 0x30))
            guard !isOverflow, !isSumOverflow else { return nil }
            number = sum
        }
        return number
    }
}

extension GearmanPacketLayout {
    /// The job that a packet of a server is about; its first argument. Nil if that is no handle of any server.
    ///
    /// Without the NULs at its end: gearmand puts one there in a WORK_FAIL that was an exception.
    @inline(__always)
    func handle(in bytes: borrowing [UInt8]) -> HandleBytes? {
        let range = self.argumentRange(0, in: bytes)
        return bytes.withUnsafeBytes { bytes in
            var end = range.upperBound
            while end > range.lowerBound, bytes[end &- 1] == 0 { end &-= 1 }
            return HandleBytes(UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound..<end]))
        }
    }
}

extension GearmanPacket {
    package var handle: HandleBytes? { self.layout.handle(in: self.storage) }

    /// What an ERROR packet says.
    var serverError: GearmanError {
        let code = String(decoding: self.argument(0), as: UTF8.self)
        let text = String(decoding: self.argument(1), as: UTF8.self)
        return GearmanError(.serverError, "The server answered \(code): \(text)")
    }

    /// What a WORK_STATUS packet says.
    var workStatus: GearmanJobEvent {
        .status(numerator: self.argument(1).decimalNumber, denominator: self.argument(2).decimalNumber)
    }

    /// What a STATUS_RES or STATUS_RES_UNIQUE packet says; a number that is none counts as 0.
    var jobStatus: GearmanJobStatus {
        let numbers = (1..<self.argumentCount).map { self.argument($0).decimalNumber ?? 0 }
        return GearmanJobStatus(
            isKnown: numbers[0] != 0, isRunning: numbers[1] != 0, numerator: numbers[2], denominator: numbers[3],
            waitingClients: numbers.count > 4 ? numbers[4] : nil)
    }
}

extension GearmanPacketType {
    /// The packet that submits a job.
    static func submission(_ priority: GearmanPriority, isBackground: Bool) -> GearmanPacketType {
        switch priority {
        case .high: isBackground ? .submitJobHighBackground : .submitJobHigh
        case .normal: isBackground ? .submitJobBackground : .submitJob
        case .low: isBackground ? .submitJobLowBackground : .submitJobLow
        }
    }
}
