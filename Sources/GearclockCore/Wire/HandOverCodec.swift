/// The form in which a dispatcher hands tasks to a controller, and in which it is answered: compact, in network byte
/// order, with a version in front. Whatever it decodes is checked; nothing traps.
///
/// ```
/// tasks   = version:u8  count:u32  task*
/// task    = id:16 bytes  owner:u64  attempt:u32  failures:u32  lease:i64  due:i64  created:i64  retain:i64
///           flags:u8  priority:u8  [expires:i64]  [timeout:i64]
///           function:bytes16  retry:bytes16  payload:bytes32  [document:bytes32]  [controller:bytes16]
/// answers = version:u8  count:u32  answer:u8*
/// ```
/// Times and spans are in microseconds; `bytes16` is a length of 16 bits and so many bytes. The flags say which of the
/// optional parts are there.
package enum HandOverCodec {
    /// The Gearman function by which the dispatchers of a cluster reach its controllers. A controller settles where its
    /// tasks stand, so that each cluster has controllers of its own.
    package static func function(cluster: UInt16) -> String {
        cluster == 0 ? "gearclock_hand_over" : "gearclock_hand_over_\(cluster)"
    }

    /// The Gearman function by which those controllers are reached that have a part of the limit in a lane.
    ///
    /// - Parameter function: the one of all controllers of the cluster.
    package static func function(_ function: String, in lane: Lane) -> String {
        "\(function)_lane_\(lane.value)"
    }

    private static let version: UInt8 = 1

    private enum Flag {
        static let expires: UInt8 = 1
        static let timeout: UInt8 = 2
        static let document: UInt8 = 4
        static let controller: UInt8 = 8
        static let all: UInt8 = 15
    }

    package enum DecodingError: Error, Equatable, Sendable {
        /// It ends too early.
        case truncated
        /// It goes on after its end.
        case trailingBytes
        /// Another version of Gearclock wrote it.
        case unknownVersion(UInt8)
        /// More than ``Limits/handOverBatch``.
        case tooMany
        /// A part has a value that it cannot have.
        case invalid(String)
    }

    // MARK: - Tasks

    package static func encode(_ tasks: [ClaimedTask]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(tasks.reduce(64) { $0 + $1.definition.weightBytes })
        bytes.append(Self.version)
        bytes.append(integer: UInt32(clamping: tasks.count))
        // Most tasks of a batch have the same policy.
        var last: (policy: RetryPolicy, text: [UInt8])?
        for task in tasks {
            let policy = task.definition.retry
            let text = last?.policy == policy ? last?.text : nil
            let retry = text ?? [UInt8](policy.text.utf8)
            last = (policy, retry)
            Self.append(task, retry: retry, to: &bytes)
        }
        return bytes
    }

    private static func append(_ task: ClaimedTask, retry: [UInt8], to bytes: inout [UInt8]) {
        let definition = task.definition
        bytes.append(integer: task.claim.id.high)
        bytes.append(integer: task.claim.id.low)
        bytes.append(integer: task.claim.owner.value)
        bytes.append(integer: task.claim.attempt)
        bytes.append(integer: task.failures)
        bytes.append(integer: task.leaseUntil.microseconds)
        bytes.append(integer: definition.dueAt.microseconds)
        bytes.append(integer: definition.createdAt.microseconds)
        bytes.append(integer: definition.retain.microseconds)
        bytes.append(
            (definition.expiresAt == nil ? 0 : Flag.expires) | (definition.timeout == nil ? 0 : Flag.timeout)
                | (definition.gearsloth == nil ? 0 : Flag.document)
                | (definition.gearsloth?.controller == nil ? 0 : Flag.controller))
        bytes.append(definition.priority.rawValue)
        if let expiresAt = definition.expiresAt { bytes.append(integer: expiresAt.microseconds) }
        if let timeout = definition.timeout { bytes.append(integer: timeout.microseconds) }
        bytes.append(field: definition.function.bytes, UInt16.self)
        bytes.append(field: retry, UInt16.self)
        bytes.append(field: definition.payload, UInt32.self)
        if let part = definition.gearsloth {
            bytes.append(field: part.document, UInt32.self)
            if let controller = part.controller { bytes.append(field: controller.bytes, UInt16.self) }
        }
    }

    package static func decodeTasks(_ bytes: [UInt8]) throws(DecodingError) -> [ClaimedTask] {
        var reader = try HandOverReader(bytes, version: Self.version)
        var tasks: [ClaimedTask] = []
        tasks.reserveCapacity(reader.count)
        var last = Last()
        for _ in 0..<reader.count { tasks.append(try Self.task(&reader, &last)) }
        try reader.end()
        return tasks
    }

    /// What the latest task said: most tasks of a batch say the same.
    private struct Last {
        var function: FunctionName?
        var retry: (text: [UInt8], policy: RetryPolicy)?
    }

    private static func task(_ reader: inout HandOverReader, _ last: inout Last) throws(DecodingError) -> ClaimedTask {
        let id = TaskID(high: try reader.integer(), low: try reader.integer())
        let claim = Claim(id: id, owner: OwnerID(value: try reader.integer()), attempt: try reader.integer())
        let failures: UInt32 = try reader.integer()
        let leaseUntil = try reader.timestamp()
        let dueAt = try reader.timestamp()
        let createdAt = try reader.timestamp()
        let retain = try reader.span("retain")
        let flags: UInt8 = try reader.integer()
        guard flags & ~Flag.all == 0, flags & Flag.controller == 0 || flags & Flag.document != 0 else {
            throw .invalid("flags")
        }
        guard let priority = TaskPriority(rawValue: try reader.integer()) else { throw .invalid("priority") }
        let expiresAt = flags & Flag.expires == 0 ? nil : try reader.timestamp()
        let timeout = flags & Flag.timeout == 0 ? nil : try reader.span("timeout")
        let function = try Self.function(&reader, &last)
        let retry = try Self.retry(&reader, &last)
        var definition = TaskDefinition(
            id: id, function: function, payload: try reader.field(UInt32.self, limit: Limits.payloadBytes),
            priority: priority, dueAt: dueAt, createdAt: createdAt, expiresAt: expiresAt, timeout: timeout,
            retry: retry,
            retain: retain)
        if flags & Flag.document != 0 {
            definition.gearsloth = GearslothPart(
                controller: nil, document: try reader.field(UInt32.self, limit: Limits.documentBytes))
        }
        if flags & Flag.controller != 0 {
            guard let controller = FunctionName(try reader.field(UInt16.self, limit: Limits.functionNameBytes)) else {
                throw .invalid("controller")
            }
            definition.gearsloth?.controller = controller
        }
        return ClaimedTask(definition: definition, claim: claim, failures: failures, leaseUntil: leaseUntil)
    }

    private static func function(
        _ reader: inout HandOverReader, _ last: inout Last
    ) throws(DecodingError) -> FunctionName {
        let bytes = try reader.slice(UInt16.self, limit: Limits.functionNameBytes)
        if let function = last.function, function.bytes[...] == bytes { return function }
        guard let function = FunctionName(bytes) else { throw .invalid("function") }
        last.function = function
        return function
    }

    private static func retry(
        _ reader: inout HandOverReader, _ last: inout Last
    ) throws(DecodingError) -> RetryPolicy {
        let text = try reader.slice(UInt16.self, limit: Int(UInt16.max))
        if let retry = last.retry, retry.text[...] == text { return retry.policy }
        guard let policy = RetryPolicy(text: String(decoding: text, as: UTF8.self)) else { throw .invalid("retry") }
        last.retry = ([UInt8](text), policy)
        return policy
    }

    // MARK: - Answers

    package static func encode(_ answers: [HandOverAnswer]) -> [UInt8] {
        var bytes = [Self.version]
        bytes.append(integer: UInt32(clamping: answers.count))
        bytes.append(contentsOf: answers.map(\.rawValue))
        return bytes
    }

    package static func decodeAnswers(_ bytes: [UInt8]) throws(DecodingError) -> [HandOverAnswer] {
        var reader = try HandOverReader(bytes, version: Self.version)
        var answers: [HandOverAnswer] = []
        for _ in 0..<reader.count {
            guard let answer = HandOverAnswer(rawValue: try reader.integer()) else { throw .invalid("answer") }
            answers.append(answer)
        }
        try reader.end()
        return answers
    }
}

/// Reads a hand-over from its start; every read is bounded.
private struct HandOverReader {
    let bytes: [UInt8]
    private(set) var count = 0
    private var position = 0

    init(_ bytes: [UInt8], version: UInt8) throws(HandOverCodec.DecodingError) {
        self.bytes = bytes
        let written: UInt8 = try self.integer()
        guard written == version else { throw .unknownVersion(written) }
        let count: UInt32 = try self.integer()
        guard count <= UInt32(Limits.handOverBatch) else { throw .tooMany }
        self.count = Int(count)
    }

    mutating func integer<Integer: FixedWidthInteger>() throws(HandOverCodec.DecodingError) -> Integer {
        let size = MemoryLayout<Integer>.size
        guard self.bytes.count - self.position >= size else { throw .truncated }
        let value = self.bytes.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: self.position, as: Integer.self)
        }
        self.position += size
        return Integer(bigEndian: value)
    }

    mutating func timestamp() throws(HandOverCodec.DecodingError) -> Timestamp {
        Timestamp(microseconds: try self.integer())
    }

    mutating func span(_ name: String) throws(HandOverCodec.DecodingError) -> Duration {
        let microseconds: Int64 = try self.integer()
        guard microseconds >= 0 else { throw .invalid(name) }
        return .microseconds(microseconds)
    }

    mutating func field<Length: FixedWidthInteger & UnsignedInteger>(
        _ length: Length.Type, limit: Int
    ) throws(HandOverCodec.DecodingError) -> [UInt8] {
        [UInt8](try self.slice(length, limit: limit))
    }

    mutating func slice<Length: FixedWidthInteger & UnsignedInteger>(
        _ length: Length.Type, limit: Int
    ) throws(HandOverCodec.DecodingError) -> ArraySlice<UInt8> {
        let length: Length = try self.integer()
        guard length <= limit else { throw .invalid("length") }
        guard self.bytes.count - self.position >= Int(length) else { throw .truncated }
        defer { self.position += Int(length) }
        return self.bytes[self.position..<self.position + Int(length)]
    }

    func end() throws(HandOverCodec.DecodingError) {
        guard self.position == self.bytes.count else { throw .trailingBytes }
    }
}

extension [UInt8] {
    fileprivate mutating func append(integer: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: integer.bigEndian) { self.append(contentsOf: $0) }
    }

    /// A length and so many bytes. What is longer than its limit was never accepted.
    fileprivate mutating func append<Length: FixedWidthInteger & UnsignedInteger>(
        field: [UInt8], _ length: Length.Type
    ) {
        precondition(field.count <= Length.max)
        self.append(integer: Length(field.count))
        self.append(contentsOf: field)
    }
}
