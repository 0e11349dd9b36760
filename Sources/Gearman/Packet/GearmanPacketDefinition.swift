/// What a type of packet consists of: a line of the protocol's table.
package struct GearmanPacketDefinition: Sendable {
    /// Who may send a packet.
    package struct Senders: OptionSet, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        package static let client = Senders(rawValue: 1)
        package static let worker = Senders(rawValue: 2)
        package static let server = Senders(rawValue: 4)
    }

    package let type: GearmanPacketType
    /// The protocol's name. No `String`: a definition that counts no references is looked up for each packet.
    private let staticName: StaticString
    /// How many arguments there are. Each ends with a NUL, but the last one of a packet without data ends with the
    /// packet.
    package let argumentCount: Int
    /// Whether data of any length and content follows the arguments.
    package let hasData: Bool
    package let senders: Senders

    private init(
        _ type: GearmanPacketType, _ name: StaticString, _ argumentCount: Int, data: Bool, from senders: Senders
    ) {
        self.type = type
        self.staticName = name
        self.argumentCount = argumentCount
        self.hasData = data
        self.senders = senders
    }

    /// The protocol's name.
    package var name: String { self.staticName.description }

    /// The most arguments that any packet has.
    package static let maximumArgumentCount = 7

    /// All types, in the order of their numbers, from 1 without a gap. It says what gearmand does where that is not
    /// what the protocol's text says: the SUBMIT_REDUCE_JOB packets have a fourth argument (the aggregator).
    package static let table: [GearmanPacketDefinition] = [
        .init(.canDo, "CAN_DO", 1, data: false, from: .worker),
        .init(.cantDo, "CANT_DO", 1, data: false, from: .worker),
        .init(.resetAbilities, "RESET_ABILITIES", 0, data: false, from: .worker),
        .init(.preSleep, "PRE_SLEEP", 0, data: false, from: .worker),
        .init(.unused, "UNUSED", 0, data: false, from: []),
        .init(.noop, "NOOP", 0, data: false, from: .server),
        .init(.submitJob, "SUBMIT_JOB", 2, data: true, from: .client),
        .init(.jobCreated, "JOB_CREATED", 1, data: false, from: .server),
        .init(.grabJob, "GRAB_JOB", 0, data: false, from: .worker),
        .init(.noJob, "NO_JOB", 0, data: false, from: .server),
        .init(.jobAssign, "JOB_ASSIGN", 2, data: true, from: .server),
        .init(.workStatus, "WORK_STATUS", 3, data: false, from: [.worker, .server]),
        .init(.workComplete, "WORK_COMPLETE", 1, data: true, from: [.worker, .server]),
        .init(.workFail, "WORK_FAIL", 1, data: false, from: [.worker, .server]),
        .init(.getStatus, "GET_STATUS", 1, data: false, from: .client),
        .init(.echoRequest, "ECHO_REQ", 0, data: true, from: [.client, .worker]),
        .init(.echoResponse, "ECHO_RES", 0, data: true, from: .server),
        .init(.submitJobBackground, "SUBMIT_JOB_BG", 2, data: true, from: .client),
        .init(.error, "ERROR", 2, data: false, from: .server),
        .init(.statusResponse, "STATUS_RES", 5, data: false, from: .server),
        .init(.submitJobHigh, "SUBMIT_JOB_HIGH", 2, data: true, from: .client),
        .init(.setClientID, "SET_CLIENT_ID", 1, data: false, from: .worker),
        .init(.canDoTimeout, "CAN_DO_TIMEOUT", 2, data: false, from: .worker),
        .init(.allYours, "ALL_YOURS", 0, data: false, from: .worker),
        .init(.workException, "WORK_EXCEPTION", 1, data: true, from: [.worker, .server]),
        .init(.optionRequest, "OPTION_REQ", 1, data: false, from: [.client, .worker]),
        .init(.optionResponse, "OPTION_RES", 1, data: false, from: .server),
        .init(.workData, "WORK_DATA", 1, data: true, from: [.worker, .server]),
        .init(.workWarning, "WORK_WARNING", 1, data: true, from: [.worker, .server]),
        .init(.grabJobUnique, "GRAB_JOB_UNIQ", 0, data: false, from: .worker),
        .init(.jobAssignUnique, "JOB_ASSIGN_UNIQ", 3, data: true, from: .server),
        .init(.submitJobHighBackground, "SUBMIT_JOB_HIGH_BG", 2, data: true, from: .client),
        .init(.submitJobLow, "SUBMIT_JOB_LOW", 2, data: true, from: .client),
        .init(.submitJobLowBackground, "SUBMIT_JOB_LOW_BG", 2, data: true, from: .client),
        .init(.submitJobSchedule, "SUBMIT_JOB_SCHED", 7, data: true, from: .client),
        .init(.submitJobEpoch, "SUBMIT_JOB_EPOCH", 3, data: true, from: .client),
        .init(.submitReduceJob, "SUBMIT_REDUCE_JOB", 4, data: true, from: .client),
        .init(.submitReduceJobBackground, "SUBMIT_REDUCE_JOB_BACKGROUND", 4, data: true, from: .client),
        .init(.grabJobAll, "GRAB_JOB_ALL", 0, data: false, from: .worker),
        .init(.jobAssignAll, "JOB_ASSIGN_ALL", 4, data: true, from: .server),
        .init(.getStatusUnique, "GET_STATUS_UNIQUE", 1, data: false, from: .client),
        .init(.statusResponseUnique, "STATUS_RES_UNIQUE", 6, data: false, from: .server),
    ]
}
