import Gearman
import Testing

@Suite struct RecordedSessionTests {
    /// What was recorded to show how gearmand takes bytes that are no packets.
    private let malformed: [String: GearmanPacketError] = [
        "bad-magic": .badMagic(0x0041_4243),
        "missing-nul": .missingArgument(.submitJobBackground, index: 1),
        "size-too-small": .missingArgument(.submitJobBackground, index: 0),
        "type-0": .unknownType(0),
        "type-43": .unknownType(43),
    ]

    @Test func `every packet that gearmand sent and took decodes, and encodes to the same bytes`() throws {
        var count = 0
        var errors: [String: GearmanPacketError] = [:]
        for session in try RecordedSession.all() {
            for connection in session.connections {
                let sent = try self.decodeAgain(session, connection, .toServer)
                let received = try self.decodeAgain(session, connection, .fromServer)
                count += sent.count + received.count
                if let error = sent.error { errors[session.name] = error }
                #expect(received.error == nil, "\(session.name)")
            }
        }
        #expect(count > 500)
        #expect(errors == self.malformed)
    }

    /// What starts without a NUL where a packet could start is the text protocol.
    private func decodeAgain(
        _ session: RecordedSession, _ connection: String, _ direction: RecordedSession.Direction
    ) throws -> (count: Int, error: GearmanPacketError?) {
        var decoder = GearmanPacketDecoder()
        var encoder = GearmanPacketEncoder()
        var bytes: [UInt8] = []
        var count = 0
        for piece in session.pieces(connection, direction) where decoder.bufferedBytes > 0 || piece.first == 0 {
            decoder.append(piece)
            bytes += piece
            do {
                while let packet = try decoder.next() {
                    let expected: GearmanPacket.Magic = direction == .toServer ? .request : .response
                    #expect(packet.magic == expected || session.name == "response-magic")
                    encoder.append(packet)
                    count += 1
                }
            } catch {
                return (count, error)
            }
        }
        #expect(encoder.take() == Array(bytes.dropLast(decoder.bufferedBytes)), "\(session.name)")
        #expect(decoder.bufferedBytes == 0, "\(session.name)")
        return (count, nil)
    }
}
