import Gearman
import Testing

@Suite struct GearmanPacketEncoderTests {
    private let limits = GearmanLimits(argumentSizeBytes: 4, payloadSizeBytes: 6)

    @Test func `parts and packets are encoded alike`() throws {
        var encoder = GearmanPacketEncoder()
        try encoder.append(.request, .submitJob, [0x66], [], data: [1, 0, 2])
        try encoder.append(.request, .grabJobUnique)
        try encoder.append(.request, .workStatus, [0x48], [0x31], [0x32])
        let together = encoder.take()
        #expect(encoder.bytes.isEmpty)
        #expect(
            try together
                == encoded(
                    GearmanPacket(.request, .submitJob, arguments: [[0x66], []], data: [1, 0, 2]),
                    GearmanPacket(.request, .grabJobUnique),
                    GearmanPacket(.request, .workStatus, arguments: [[0x48], [0x31], [0x32]])))
    }

    @Test func `what does not fit its type or a limit is refused and leaves nothing behind`() throws {
        var encoder = GearmanPacketEncoder(limits: self.limits)
        let long = [UInt8](repeating: 0x66, count: 5)
        #expect(throws: GearmanPacketError.wrongArgumentCount(.submitJob, count: 1)) {
            try encoder.append(.request, .submitJob, [0x66])
        }
        #expect(throws: GearmanPacketError.unexpectedData(.grabJob)) {
            try encoder.append(.request, .grabJob, data: [1])
        }
        #expect(throws: GearmanPacketError.argumentTooLarge(.submitJob, index: 0, limitBytes: 4)) {
            try encoder.append(.request, .submitJob, long, [])
        }
        #expect(throws: GearmanPacketError.argumentTooLarge(.submitJob, index: 1, limitBytes: 4)) {
            try encoder.append(.request, .submitJob, [0x66], long)
        }
        #expect(throws: GearmanPacketError.nulInArgument(.submitJob, index: 1)) {
            try encoder.append(.request, .submitJob, [0x66], [0])
        }
        #expect(throws: GearmanPacketError.payloadTooLarge(.submitJob, sizeBytes: 7, limitBytes: 6)) {
            try encoder.append(.request, .submitJob, [0x66], [], data: [UInt8](repeating: 1, count: 7))
        }
        #expect(encoder.bytes.isEmpty)
    }

    @Test func `a packet of wrong parts is not made`() {
        #expect(throws: GearmanPacketError.wrongArgumentCount(.submitJob, count: 3)) {
            try GearmanPacket(.request, .submitJob, arguments: [[], [], []])
        }
        #expect(throws: GearmanPacketError.unexpectedData(.noop)) { try GearmanPacket(.response, .noop, data: [1]) }
        #expect(throws: GearmanPacketError.nulInArgument(.error, index: 0)) {
            try GearmanPacket(.response, .error, arguments: [[0], []])
        }
        #expect(throws: GearmanPacketError.argumentTooLarge(.error, index: 1, limitBytes: 4)) {
            try GearmanPacket(.response, .error, arguments: [[], [1, 2, 3, 4, 5]], limits: self.limits)
        }
        #expect(throws: GearmanPacketError.payloadTooLarge(.echoRequest, sizeBytes: 7, limitBytes: 6)) {
            try GearmanPacket(.request, .echoRequest, data: [UInt8](repeating: 1, count: 7), limits: self.limits)
        }
    }

    @Test func `each error says what is wrong, without a payload`() {
        let errors: [(GearmanPacketError, String)] = [
            (.badMagic(0x41), "no packet starts with 0x41"),
            (.unknownType(43), "packet type 43 does not exist"),
            (.packetTooLarge(.noop, sizeBytes: 9, limitBytes: 8), "NOOP of 9 bytes, at most 8 are allowed"),
            (
                .argumentTooLarge(.canDo, index: 0, limitBytes: 8),
                "argument 1 of CAN_DO has more than the allowed 8 bytes"
            ),
            (
                .payloadTooLarge(.echoRequest, sizeBytes: 9, limitBytes: 8),
                "payload of ECHO_REQ has 9 bytes, at most 8 are allowed"
            ),
            (.missingArgument(.error, index: 1), "ERROR ends before its argument 2 does"),
            (.nulInArgument(.error, index: 0), "argument 1 of ERROR contains a NUL"),
            (.wrongArgumentCount(.error, count: 1), "ERROR does not have 1 arguments"),
            (.unexpectedData(.noop), "NOOP has no data"),
        ]
        for (error, text) in errors { #expect(error.description == text) }
    }
}
