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
    case journalAway
    case jobTooLarge
    case superseded

    var code: String {
        switch self {
        case .responseMagic: "INVALID_MAGIC"
        case .unexpectedCommand: "INVALID_COMMAND"
        case .uniqueTooLarge, .handleTooLarge, .timeTooLarge, .jobTooLarge: "ARGUMENT_TOO_LARGE"
        case .queueFull: "QUEUE_ERROR"
        case .unknownOption: "UNKNOWN_OPTION"
        case .journalAway, .superseded: "JOB_NOT_KEPT"
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
        // gearmand keeps its jobs elsewhere, or not at all.
        case .journalAway: "The store of the job server is away; submit the job again"
        case .jobTooLarge: "The job is too large for the store of the job server"
        case .superseded: "Another job server has taken over; submit the job there"
        case .noJobForException: "An exception was received for a job that does not exist"
        }
    }
}

/// Packets to clients and workers. They are put together of parts that came in a packet or were made here, so that
/// nothing in them can break a rule of the codec; what a worker sent about a job is passed on as it is.
extension JobServerStateMachine {
    /// Adds a packet to what a connection is sent at the end of this event. For packets without data.
    mutating func send(_ type: GearmanPacketType, to slot: Int, _ arguments: [UInt8]...) {
        self.send(type, to: slot) { body in
            for (index, argument) in arguments.enumerated() {
                if index > 0 { body.append(0) }
                body += argument
            }
        }
    }

    /// Adds a packet whose body is made in its place.
    mutating func send(_ type: GearmanPacketType, to slot: Int, making body: (inout [UInt8]) -> Void) {
        self.touch(slot)
        self.connections[slot].output.appendResponse(type, making: body)
    }

    mutating func sendCreated(_ number: UInt64, to slot: Int) {
        let prefix = self.handlePrefix
        self.send(.jobCreated, to: slot) { body in
            body += prefix
            body.appendDecimal(number)
        }
    }

    /// Adds the packet that gives a job to a worker.
    mutating func sendAssignment(_ type: GearmanPacketType, of place: JobSlot, to slot: Int) {
        let job = self.jobs[place]
        let prefix = self.handlePrefix
        let function = self.functions[job.function].name
        self.send(type, to: slot) { body in
            body += prefix
            body.appendDecimal(job.number)
            body.append(0)
            body += function
            body.append(0)
            if type != .jobAssign { body += job.unique + [0] }
            if type == .jobAssignAll { body += job.reducer + [0] }
            body += job.workload
        }
    }

    /// Adds a packet that has the body of another one.
    mutating func send(_ type: GearmanPacketType, to slot: Int, body: ArraySlice<UInt8>) {
        self.send(type, to: slot) { $0 += body }
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
    /// Adds a header, then what `body` adds, and writes its size into the header.
    fileprivate mutating func appendResponse(_ type: GearmanPacketType, making body: (inout [UInt8]) -> Void) {
        let start = self.count
        let head = UInt64(GearmanPacket.Magic.response.rawValue) << 32 | UInt64(type.rawValue)
        Swift.withUnsafeBytes(of: (head.bigEndian, UInt32(0))) { header in
            self.append(contentsOf: header.prefix(GearmanPacket.headerSizeBytes))
        }
        body(&self)
        let size = UInt32(self.count - start - GearmanPacket.headerSizeBytes).bigEndian
        self.withUnsafeMutableBytes { $0.storeBytes(of: size, toByteOffset: start + 8, as: UInt32.self) }
    }
}
