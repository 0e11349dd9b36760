import Gearman

/// What a job server owes to a connection that sends whole packets: one answer to each request, in their order, and one
/// end for each submission that waits for its job.
struct OwedAnswers {
    private enum Answer {
        case created(isBackground: Bool)
        case echo(String)
        case packet(GearmanPacketType)
        case jobOrNone
        case option
        case refusal
    }

    private var owed: [Answer] = []
    /// How many ends are still to come, by handle.
    private var unended: [[UInt8]: Int] = [:]
    private var decoder = GearmanPacketDecoder()

    mutating func requested(_ type: GearmanPacketType, data: String) {
        switch type {
        case .submitJob, .submitJobHigh, .submitJobLow, .submitReduceJob:
            self.owed.append(.created(isBackground: false))
        case .submitJobBackground, .submitJobHighBackground, .submitJobLowBackground, .submitReduceJobBackground,
            .submitJobEpoch:
            self.owed.append(.created(isBackground: true))
        case .getStatus: self.owed.append(.packet(.statusResponse))
        case .getStatusUnique: self.owed.append(.packet(.statusResponseUnique))
        case .echoRequest: self.owed.append(.echo(data))
        case .optionRequest: self.owed.append(.option)
        case .grabJob, .grabJobUnique, .grabJobAll: self.owed.append(.jobOrNone)
        case .canDo, .canDoTimeout, .cantDo, .resetAbilities, .setClientID, .preSleep: break
        // Answered only if the job is not in hand.
        case .workData, .workWarning, .workStatus, .workComplete, .workException, .workFail: break
        case .submitJobSchedule, .allYours, .unused, .noop, .jobCreated, .noJob, .jobAssign, .echoResponse, .error,
            .statusResponse, .optionResponse, .jobAssignUnique, .jobAssignAll, .statusResponseUnique:
            self.owed.append(.refusal)
        }
    }

    /// - Parameter mayCancel: whether somebody may have cancelled jobs.
    mutating func received(_ bytes: [UInt8], mayCancel: Bool) throws {
        self.decoder.append(bytes)
        while let packet = try self.decoder.next() {
            guard packet.magic == .response else {
                throw JobServerScript.Violation(description: "a server sends the request \(packet.type)")
            }
            switch packet.type {
            case .noop, .workData, .workWarning, .workStatus: break
            case .workComplete, .workFail, .workException: try self.ended(packet, mayCancel: mayCancel)
            case .error where packet.argument(0).elementsEqual("JOB_NOT_FOUND".utf8): break
            default: try self.answered(packet)
            }
        }
        guard self.decoder.bufferedBytes == 0 else {
            throw JobServerScript.Violation(description: "a part of a packet was sent")
        }
    }

    private mutating func answered(_ packet: GearmanPacket) throws {
        guard !self.owed.isEmpty else {
            throw JobServerScript.Violation(description: "\(packet.type) answers nothing")
        }
        let answer = self.owed.removeFirst()
        let code = packet.type == .error ? String(decoding: packet.argument(0), as: UTF8.self) : ""
        var isRight = false
        switch answer {
        case .created(let isBackground):
            isRight =
                packet.type == .jobCreated || ["QUEUE_ERROR", "ARGUMENT_TOO_LARGE", "JOB_NOT_KEPT"].contains(code)
            if packet.type == .jobCreated, !isBackground { self.unended[packet.argumentBytes(0), default: 0] += 1 }
        case .echo(let text): isRight = packet.type == .echoResponse && packet.data.elementsEqual(text.utf8)
        case .packet(let type): isRight = packet.type == type
        case .jobOrNone:
            isRight = [.jobAssign, .jobAssignUnique, .jobAssignAll, .noJob].contains(packet.type)
        case .option: isRight = packet.type == .optionResponse || code == "UNKNOWN_OPTION"
        case .refusal: isRight = code == "INVALID_COMMAND"
        }
        guard isRight else { throw JobServerScript.Violation(description: "\(packet.type) \(code) for \(answer)") }
    }

    private mutating func ended(_ packet: GearmanPacket, mayCancel: Bool) throws {
        let handle = packet.argumentBytes(0)
        let count = self.unended[handle, default: 0]
        guard count > 0 || mayCancel else {
            let text = String(decoding: handle, as: UTF8.self)
            throw JobServerScript.Violation(description: "\(packet.type) for \(text), which it does not wait for")
        }
        self.unended[handle] = max(count - 1, 0)
    }

    func requireNone() throws {
        guard self.owed.isEmpty else { throw JobServerScript.Violation(description: "no answer: \(self.owed)") }
    }
}
