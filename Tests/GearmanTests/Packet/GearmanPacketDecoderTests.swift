import Gearman
import Testing

@Suite struct GearmanPacketDecoderTests {
    private func header(_ magic: String, _ type: UInt32, _ size: UInt32) -> [UInt8] {
        [0] + Array(magic.utf8) + [type, size].flatMap { number in withUnsafeBytes(of: number.bigEndian, Array.init) }
    }

    private func error(_ bytes: [UInt8], limits: GearmanLimits = GearmanLimits()) throws -> GearmanPacketError? {
        try PacketDecoderVerifier.verify(bytes, limits: limits).error
    }

    @Test func `a wrong magic is an error at the first wrong byte`() throws {
        #expect(try self.error([0x41]) == .badMagic(0x41))
        #expect(try self.error([0, 0x51]) == .badMagic(0x51))
        #expect(try PacketDecoderVerifier.verify([0, 0x52, 0x45]).error == nil)
        var decoder = GearmanPacketDecoder()
        decoder.append([0, 0x52, 0x45, 0x52])
        #expect(throws: GearmanPacketError.badMagic(0x0052_4552)) { try decoder.next() }
    }

    @Test(arguments: [0, 43, 0x8000_0000, UInt32.max])
    func `a number that no packet has is an error`(type: UInt32) throws {
        #expect(try self.error(self.header("REQ", type, 0)) == .unknownType(type))
    }

    @Test func `an oversized packet is refused at its header, before its body is there`() throws {
        let limits = GearmanLimits(argumentSizeBytes: 10, payloadSizeBytes: 100)
        #expect(
            try self.error(self.header("REQ", 16, 112), limits: limits)
                == .packetTooLarge(.echoRequest, sizeBytes: 112, limitBytes: 111))
        #expect(
            try self.error(self.header("REQ", 15, UInt32.max), limits: limits)
                == .packetTooLarge(.getStatus, sizeBytes: Int(UInt32.max), limitBytes: 11))
        #expect(
            try self.error(self.header("REQ", 3, 12), limits: limits)
                == .packetTooLarge(.resetAbilities, sizeBytes: 12, limitBytes: 11))
    }

    @Test func `data and arguments are taken up to their limits and no byte further`() throws {
        let limits = GearmanLimits(argumentSizeBytes: 4, payloadSizeBytes: 6)
        func bytes(_ function: Int, _ data: Int) -> [UInt8] {
            let body = [UInt8](repeating: 0x66, count: function) + [0, 0] + [UInt8](repeating: 0x64, count: data)
            return self.header("REQ", 7, UInt32(body.count)) + body
        }
        let whole = try PacketDecoderVerifier.verify(bytes(4, 6), limits: limits)
        #expect(whole.packets.first?.argument(0).count == 4)
        #expect(whole.packets.first?.data.count == 6)
        #expect(try self.error(bytes(5, 6), limits: limits) == .argumentTooLarge(.submitJob, index: 0, limitBytes: 4))
        #expect(
            try self.error(bytes(4, 7), limits: limits)
                == .payloadTooLarge(.submitJob, sizeBytes: 7, limitBytes: 6))
        // The last argument of a packet without data is limited like any other.
        let status = Array("H".utf8) + [0] + Array("1".utf8) + [0] + Array("22222".utf8)
        #expect(
            try self.error(self.header("REQ", 12, UInt32(status.count)) + status, limits: limits)
                == .argumentTooLarge(.workStatus, index: 2, limitBytes: 4))
    }

    @Test func `a packet that ends before its arguments do is an error`() throws {
        // SUBMIT_JOB_BG without its second NUL, without any, and without a body.
        #expect(
            try self.error(self.header("REQ", 18, 7) + Array("fn\0uniq".utf8))
                == .missingArgument(.submitJobBackground, index: 1))
        #expect(
            try self.error(self.header("REQ", 18, 2) + Array("fn".utf8))
                == .missingArgument(.submitJobBackground, index: 0))
        #expect(try self.error(self.header("REQ", 18, 0)) == .missingArgument(.submitJobBackground, index: 0))
        // ERROR with its code alone.
        #expect(try self.error(self.header("RES", 19, 4) + Array("CODE".utf8)) == .missingArgument(.error, index: 0))
    }

    @Test func `an error is final, whatever comes after it`() throws {
        var decoder = GearmanPacketDecoder()
        decoder.append([0x41])
        #expect(throws: GearmanPacketError.badMagic(0x41)) { try decoder.next() }
        decoder.append(try encoded(GearmanPacket(.request, .echoRequest)))
        #expect(throws: GearmanPacketError.badMagic(0x41)) { try decoder.next() }
        #expect(decoder.bufferedBytes == 0)
    }

    @Test func `an empty result of a Perl worker, a handle without its NUL, is an empty result`() throws {
        let bytes = self.header("REQ", 13, 5) + Array("H:x:1".utf8)
        let packet = try #require(try PacketDecoderVerifier.verify(bytes).packets.first)
        #expect(packet.argumentBytes(0) == Array("H:x:1".utf8))
        #expect(packet.data.isEmpty)
        #expect(try encoded(packet) == bytes)
    }

    @Test func `the stray NUL after the handle of a WORK_FAIL is kept in the packet and left out of the handle`() throws
    {
        let bytes = self.header("RES", 14, 6) + Array("H:x:1\0".utf8)
        let packet = try #require(try PacketDecoderVerifier.verify(bytes).packets.first)
        #expect(packet.argumentBytes(0) == Array("H:x:1\0".utf8))
        #expect(packet.handle?.bytes == Array("H:x:1".utf8))
    }

    @Test func `a body of a packet that has none is passed over`() throws {
        let bytes = self.header("REQ", 4, 3) + [1, 2, 3]
        let packet = try #require(try PacketDecoderVerifier.verify(bytes).packets.first)
        #expect(packet.type == .preSleep)
        #expect(packet.data.isEmpty)
        #expect(try encoded(packet) == bytes)
    }

    @Test func `a large payload in many pieces is put together`() throws {
        let payload = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
        let bytes = try encoded(GearmanPacket(.response, .echoResponse, data: payload))
        let pieces = stride(from: 0, to: bytes.count, by: 1_000).map { Array(bytes[$0..<min($0 + 1_000, bytes.count)]) }
        let outcome = PacketDecoderVerifier.decode(pieces)
        #expect(outcome.packets.map(\.dataBytes) == [payload])
        #expect(outcome.waitingBytes == 0)
    }

    @Test func `packets keep their bytes while the decoder goes on`() throws {
        var decoder = GearmanPacketDecoder()
        let first = try GearmanPacket(.request, .echoRequest, data: Array("first".utf8))
        let second = try GearmanPacket(.request, .echoRequest, data: Array("second".utf8))
        let bytes = try encoded(first, second)
        decoder.append(Array(bytes[..<20]))
        let kept = try #require(try decoder.next())
        decoder.append(Array(bytes[20...]))
        #expect(try decoder.next() == second)
        #expect(kept == first)
    }
}
