import Gearman
import Testing

/// Requires that bytes mean the same packets in whatever pieces they come.
enum PacketDecoderVerifier {
    /// What a decoder makes of a stream: its packets, and the error that ends it.
    struct Outcome: Equatable {
        var packets: [GearmanPacket] = []
        var error: GearmanPacketError?
        var waitingBytes = 0
    }

    /// Feeds the pieces one after the other and takes out what is complete after each.
    static func decode(_ pieces: [[UInt8]], limits: GearmanLimits = GearmanLimits()) -> Outcome {
        var decoder = GearmanPacketDecoder(limits: limits)
        var outcome = Outcome()
        for piece in pieces {
            decoder.append(piece)
            do {
                while let packet = try decoder.next() { outcome.packets.append(packet) }
            } catch {
                outcome.error = error
            }
        }
        outcome.waitingBytes = decoder.bufferedBytes
        return outcome
    }

    /// - Returns: what the bytes mean as a whole, after all ways to cut them were compared with it.
    @discardableResult
    static func verify(
        _ bytes: [UInt8], limits: GearmanLimits = GearmanLimits(), sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Outcome {
        let whole = self.decode([bytes], limits: limits)
        #expect(
            self.decode(bytes.map { [$0] }, limits: limits) == whole, "byte by byte", sourceLocation: sourceLocation)
        for cut in 0...bytes.count {
            let outcome = self.decode([Array(bytes[..<cut]), Array(bytes[cut...])], limits: limits)
            try #require(outcome == whole, "cut at \(cut)", sourceLocation: sourceLocation)
        }
        // Inside a larger buffer: behind a complete packet, and before the start of another.
        let echo = try GearmanPacket(.request, .echoRequest, data: [1, 2, 3])
        let before = try encoded(echo)
        let framed = self.decode([before + bytes], limits: limits)
        #expect(framed.packets == [echo] + whole.packets, "behind another", sourceLocation: sourceLocation)
        #expect(framed.error == whole.error, "behind another", sourceLocation: sourceLocation)
        if whole.error == nil, whole.waitingBytes == 0 {
            let cut = self.decode([bytes + before.dropLast(), before.suffix(1)], limits: limits)
            #expect(cut.packets == whole.packets + [echo], "before another", sourceLocation: sourceLocation)
        }
        return whole
    }
}
