internal import Gearman

/// The ERROR packets of gearmand: its code and its text.
enum ServerError: Sendable {
    case responseMagic
    case unexpectedCommand
    case uniqueTooLarge
    case handleTooLarge
    case timeTooLarge
    case queueFull
    case unknownOption
    case noJobForResult
    case noJobForData
    case noJobForException

    var code: String {
        switch self {
        case .responseMagic: "INVALID_MAGIC"
        case .unexpectedCommand: "INVALID_COMMAND"
        case .uniqueTooLarge, .handleTooLarge, .timeTooLarge: "ARGUMENT_TOO_LARGE"
        case .queueFull: "QUEUE_ERROR"
        case .unknownOption: "UNKNOWN_OPTION"
        case .noJobForResult, .noJobForData, .noJobForException: "JOB_NOT_FOUND"
        }
    }

    var text: String {
        switch self {
        case .responseMagic: "Request magic expected"
        case .unexpectedCommand: "Command not expected"
        case .uniqueTooLarge: "Unique value too large"
        case .handleTooLarge:
            "Error occurred due to GEARMAND_JOB_HANDLE_SIZE being too small from snprintf"
        // gearmand does not answer at all, and its clients wait.
        case .timeTooLarge: "Time value too large"
        case .queueFull: "Job queue is full"
        case .unknownOption: "Server does not recognize given option"
        case .noJobForResult: "Job given in work result not found"
        case .noJobForData: "Job does not exist on server"
        case .noJobForException: "An exception was received for a job that does not exist"
        }
    }
}

/// Packets to clients and workers. They are put together of parts that came in a packet or were made here, so that
/// nothing in them can break a rule of the codec; what a worker sent about a job is passed on as it is.
extension JobServerStateMachine {
    /// Adds a packet to what a connection is sent at the end of this event.
    mutating func send(_ type: GearmanPacketType, to slot: Int, _ arguments: [UInt8]..., data: [UInt8] = []) {
        let definition = type.definition
        let nuls = definition.hasData ? arguments.count : max(arguments.count - 1, 0)
        self.touch(slot)
        self.connections[slot].output.appendResponseHeader(
            type, bodySizeBytes: arguments.reduce(nuls + data.count) { $0 + $1.count })
        for (index, argument) in arguments.enumerated() {
            self.connections[slot].output += argument
            if index < nuls { self.connections[slot].output.append(0) }
        }
        self.connections[slot].output += data
    }

    /// Adds a packet that has the body of another one.
    mutating func send(_ type: GearmanPacketType, to slot: Int, body: ArraySlice<UInt8>) {
        self.touch(slot)
        self.connections[slot].output.appendResponseHeader(type, bodySizeBytes: body.count)
        self.connections[slot].output += body
    }

    mutating func send(_ error: ServerError, to slot: Int) {
        self.send(.error, to: slot, Array(error.code.utf8), Array(error.text.utf8))
    }

    func handle(_ number: UInt64) -> [UInt8] {
        var handle = self.handlePrefix
        handle.appendDecimal(number)
        return handle
    }

    /// The job of a handle; nil for anything that this server would not have made.
    func job(handle: some Collection<UInt8>) -> JobSlot? {
        // What follows a NUL was never a part of the handle, gearmand's C says.
        let text = handle.prefix { $0 != 0 }
        guard text.starts(with: self.handlePrefix) else { return nil }
        let digits = text.dropFirst(self.handlePrefix.count)
        guard let first = digits.first, (0x31...0x39).contains(first), digits.count <= 19 else { return nil }
        var number: UInt64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            number = number * 10 + UInt64(digit - 0x30)
        }
        return self.jobs.slot(number: number)
    }
}

extension [UInt8] {
    mutating func appendResponseHeader(_ type: GearmanPacketType, bodySizeBytes: Int) {
        let head = UInt64(GearmanPacket.Magic.response.rawValue) << 32 | UInt64(type.rawValue)
        Swift.withUnsafeBytes(of: (head.bigEndian, UInt32(bodySizeBytes).bigEndian)) { header in
            self.append(contentsOf: header.prefix(GearmanPacket.headerSizeBytes))
        }
    }
}
