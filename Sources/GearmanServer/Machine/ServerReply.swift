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
    mutating func send(_ type: GearmanPacketType, to slot: Int, _ first: [UInt8], _ others: [UInt8]...) {
        self.send(type, to: slot, body: Array(([first] + others).joined(separator: CollectionOfOne(0)))[...])
    }

    /// Adds a packet that consists of nothing, or of a body that another one had.
    mutating func send(_ type: GearmanPacketType, to slot: Int, body: ArraySlice<UInt8> = []) {
        guard self.mayAddOutput(to: slot) else { return }
        self.countOutput(self.connections[slot].addOutput(type, body: body), of: slot)
    }

    /// Adds a packet that says nothing but which job it is about.
    mutating func send(_ type: GearmanPacketType, to slot: Int, aboutJob number: UInt64) {
        guard self.mayAddOutput(to: slot) else { return }
        let size = self.connections[slot].addOutput(type, JobHandle(number), prefix: self.handlePrefix)
        self.countOutput(size, of: slot)
    }

    /// Adds the packet that gives a job to a worker.
    mutating func sendAssignment(_ type: GearmanPacketType, of place: JobSlot, to slot: Int) {
        guard self.mayAddOutput(to: slot) else { return }
        let size = self.connections[slot].addOutput(
            type, JobHandle(self.jobs[place].number), prefix: self.handlePrefix,
            function: self.functions[self.jobs[place].function].name, text: self.jobs.text(of: place, for: type))
        self.countOutput(size, of: slot)
    }

    mutating func send(_ error: ServerError, to slot: Int) {
        self.counters[.refused] += 1
        self.send(.error, to: slot, Array(error.code.utf8), Array(error.text.utf8))
    }

    /// The job of a handle; nil for anything that this server would not have made.
    func job(handle: ArraySlice<UInt8>) -> JobSlot? {
        JobHandle.number(in: handle, prefix: self.handlePrefix).flatMap { self.jobs.slot(number: $0) }
    }
}

extension ServedConnection {
    /// - Returns: how much it is.
    fileprivate mutating func addOutput(_ type: GearmanPacketType, body: ArraySlice<UInt8>) -> Int {
        self.addOutput(type, sizeBytes: body.count) { $0.write(body) }
    }

    /// A packet whose body begins with a handle. Then come, in one that gives the job away, its function and its text.
    ///
    /// - Returns: how much it is.
    fileprivate mutating func addOutput(
        _ type: GearmanPacketType, _ handle: JobHandle, prefix: [UInt8], function: [UInt8]? = nil,
        text: ArraySlice<UInt8> = []
    ) -> Int {
        let functionSize = function.map { $0.count + 2 } ?? 0
        let sizeBytes = prefix.count + handle.digitCount + functionSize + text.count
        return self.addOutput(type, sizeBytes: sizeBytes) { body in
            body.write(prefix[...])
            body.write(handle)
            guard let function else { return }
            body.writeNUL()
            body.write(function[...])
            body.writeNUL()
            body.write(text)
        }
    }

    @inline(__always)
    private mutating func addOutput(
        _ type: GearmanPacketType, sizeBytes: Int, writing body: (inout GearmanPacketWriter) -> Void
    ) -> Int {
        let total = GearmanPacket.headerSizeBytes + sizeBytes
        self.makeRoomForOutput(total)
        self.output.appendPacket(.response, type, sizeBytes: sizeBytes, writing: body)
        return total
    }
}

extension GearmanPacketWriter {
    fileprivate mutating func write(_ handle: JobHandle) {
        handle.withDigits { self.write($0) }
    }
}
