import Gearman

/// The bytes of packets.
func encoded(_ packets: GearmanPacket...) throws -> [UInt8] {
    var encoder = GearmanPacketEncoder()
    for packet in packets { encoder.append(packet) }
    return encoder.take()
}

/// A packet from the server, its parts as texts.
func response(_ type: GearmanPacketType, _ arguments: String..., data: String = "") throws -> GearmanPacket {
    try GearmanPacket(.response, type, arguments: arguments.map { Array($0.utf8) }, data: Array(data.utf8))
}

extension GearmanJobReply {
    /// For a machine, to which the number alone counts.
    init(job: UInt64, result: Result) {
        self.init(job: GearmanAssignedJobID(server: 0, connection: 0, number: job), result: result)
    }
}

/// The packets in bytes that a machine wrote, each as `TYPE argument|argument|data`.
func shown(_ bytes: [UInt8]) throws -> [String] {
    var decoder = GearmanPacketDecoder()
    decoder.append(bytes)
    var texts: [String] = []
    while let packet = try decoder.next() {
        var parts = (0..<packet.argumentCount).map { String(decoding: packet.argument($0), as: UTF8.self) }
        if packet.type.definition.hasData { parts.append(String(decoding: packet.data, as: UTF8.self)) }
        texts.append(parts.isEmpty ? packet.type.description : "\(packet.type) \(parts.joined(separator: "|"))")
    }
    return texts
}

extension GearmanInstant {
    /// So many milliseconds after the start of a test.
    static func ms(_ milliseconds: Int64) -> GearmanInstant {
        GearmanInstant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000)
    }
}

extension GearmanPipelinedJob {
    init(_ id: UInt64, _ function: String = "f", unique: String = "", isBackground: Bool = false) {
        self.init(
            id: id, request: GearmanJobRequest(function: function, unique: unique, workload: "w\(id)"),
            isBackground: isBackground)
    }
}
