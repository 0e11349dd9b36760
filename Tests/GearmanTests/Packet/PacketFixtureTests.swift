import Foundation
import Gearman
import Testing

@Suite struct PacketFixtureTests {
    @Test func `there is one fixture for each type, and it decodes as that type however it is cut`() throws {
        var seen: [GearmanPacketType] = []
        for file in try Fixture.files(in: "packets", withExtension: "hex") {
            let bytes = try Fixture.bytes(ofHex: String(contentsOf: file, encoding: .utf8))
            let outcome = try PacketDecoderVerifier.verify(bytes)
            let packet = try #require(outcome.packets.first, "\(file.lastPathComponent)")
            #expect(outcome.packets.count == 1)
            #expect(packet.type.description == file.deletingPathExtension().lastPathComponent)
            #expect(try encoded(packet) == bytes)
            seen.append(packet.type)
        }
        #expect(seen.count == GearmanPacketType.allCases.count)
        #expect(Set(seen) == Set(GearmanPacketType.allCases))
    }

    @Test func `a packet built from the parts of a fixture is the same bytes`() throws {
        for file in try Fixture.files(in: "packets", withExtension: "hex") {
            let bytes = try Fixture.bytes(ofHex: String(contentsOf: file, encoding: .utf8))
            let packet = try #require(PacketDecoderVerifier.decode([bytes]).packets.first)
            let arguments = (0..<packet.argumentCount).map { packet.argumentBytes($0) }
            let built = try GearmanPacket(packet.magic, packet.type, arguments: arguments, data: packet.dataBytes)
            #expect(built == packet)
            #expect((0..<built.argumentCount).map { built.argumentBytes($0) } == arguments)
            #expect(built.dataBytes == packet.dataBytes)
        }
    }

    @Test func `the table has one name for each number`() {
        let types = GearmanPacketType.allCases
        #expect(types.map(\.rawValue) == Array(1...42))
        #expect(Set(types.map(\.description)).count == 42)
        for type in types {
            #expect(type.definition.argumentCount <= 7)
            #expect(type.definition.type == type)
        }
    }
}
