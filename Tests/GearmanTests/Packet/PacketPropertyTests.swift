import Gearman
import Testing

/// A failure names its seed; `SeededRandom(seed:)` repeats it.
@Suite struct PacketPropertyTests {
    private static let limits = GearmanLimits(argumentSizeBytes: 40, payloadSizeBytes: 200)

    private static func packet(using random: inout SeededRandom) throws -> GearmanPacket {
        let type = GearmanPacketType.allCases.randomElement(using: &random) ?? .noop
        let definition = type.definition
        let arguments = (0..<definition.argumentCount).map { index in
            let bytes = random.bytes(upTo: 40)
            return definition.hasData || index < definition.argumentCount - 1 ? bytes.filter { $0 != 0 } : bytes
        }
        let data = definition.hasData ? random.bytes(upTo: 200) : []
        let magic: GearmanPacket.Magic = Bool.random(using: &random) ? .request : .response
        return try GearmanPacket(magic, type, arguments: arguments, data: data, limits: self.limits)
    }

    private static func pieces(of bytes: [UInt8], using random: inout SeededRandom) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...max(1, min(rest.count, 60)), using: &random)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    @Test(arguments: 0..<4)
    func `what is encoded decodes to itself, however it is cut`(shard: UInt64) throws {
        for seed in shard * 1_000..<shard * 1_000 + 500 {
            var random = SeededRandom(seed: seed)
            var encoder = GearmanPacketEncoder(limits: Self.limits)
            let packets = try (0..<Int.random(in: 1...8, using: &random)).map { _ in try Self.packet(using: &random) }
            for packet in packets { encoder.append(packet) }
            let bytes = encoder.take()
            let outcome = PacketDecoderVerifier.decode(Self.pieces(of: bytes, using: &random), limits: Self.limits)
            try #require(outcome == PacketDecoderVerifier.Outcome(packets: packets), "seed \(seed)")
        }
    }

    @Test(arguments: 0..<4)
    func `changed bytes are packets that encode to the same bytes, or a typed error`(shard: UInt64) throws {
        for seed in shard * 1_000..<shard * 1_000 + 500 {
            var random = SeededRandom(seed: seed)
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) { bytes += try encoded(Self.packet(using: &random)) }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                switch Int.random(in: 0...3, using: &random) {
                case 0:
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] ^=
                        1 << UInt8.random(in: 0...7, using: &random)
                case 1:
                    bytes.insert(
                        UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0...bytes.count, using: &random))
                case 2 where bytes.count > 1: bytes.remove(at: Int.random(in: 0..<bytes.count, using: &random))
                case _: bytes += random.bytes(upTo: 20)
                }
            }
            try Self.requireConsistency(of: bytes, "seed \(seed)", using: &random)
        }
    }

    @Test(arguments: 0..<4)
    func `random bytes never trap`(shard: UInt64) throws {
        for seed in shard * 1_000..<shard * 1_000 + 500 {
            var random = SeededRandom(seed: seed)
            let noise = random.bytes(upTo: 300)
            try Self.requireConsistency(of: noise, "seed \(seed)", using: &random)
            // A header that is right up to its numbers gets further.
            let type = UInt8.random(in: 1...42, using: &random)
            let start: [UInt8] = [
                0, 0x52, 0x45, 0x53, 0, 0, 0, type, 0, 0, 0, UInt8.random(in: 0...255, using: &random),
            ]
            try Self.requireConsistency(of: start + noise, "seed \(seed)", using: &random)
        }
    }

    private static func requireConsistency(of bytes: [UInt8], _ seed: Comment, using random: inout SeededRandom) throws
    {
        let whole = PacketDecoderVerifier.decode([bytes], limits: self.limits)
        let cut = PacketDecoderVerifier.decode(self.pieces(of: bytes, using: &random), limits: self.limits)
        try #require(cut.packets == whole.packets, seed)
        var encoder = GearmanPacketEncoder()
        for packet in whole.packets {
            for index in 0..<packet.argumentCount { _ = packet.argument(index).count }
            _ = packet.data.count
            encoder.append(packet)
        }
        let again = encoder.take()
        try #require(again == Array(bytes.prefix(again.count)), seed)
        if whole.error == nil { try #require(again.count + whole.waitingBytes == bytes.count, seed) }
    }
}
